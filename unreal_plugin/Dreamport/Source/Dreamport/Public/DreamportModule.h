// The module: loads the native library and lets go of it.

#pragma once

#include "CoreMinimal.h"
#include "Modules/ModuleInterface.h"

/** The runtime module. */
class DREAMPORT_API FDreamportModule : public IModuleInterface
{
public:
	static FDreamportModule& Get();

	//~ Begin IModuleInterface
	virtual void StartupModule() override;
	virtual void ShutdownModule() override;
	//~ End IModuleInterface

	/** False when the native library is missing or of another version; Why says what to do. Nothing of it may be called then. */
	bool IsNativeReady() const { return bNativeReady; }
	const FString& Why() const { return Reason; }

private:
	void LoadNative();
	void OnPreExit();

	void* Library = nullptr;
	bool bNativeReady = false;
	FString Reason;
	FDelegateHandle PreExit;
};
