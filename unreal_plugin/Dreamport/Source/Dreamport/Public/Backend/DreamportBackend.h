// The backend process: started when play needs one and none answers, shared by all play sessions of this process.

#pragma once

#include "Containers/Ticker.h"
#include "CoreMinimal.h"
#include "DreamportTypes.h"
#include "HAL/PlatformProcess.h"
#include "Templates/PimplPtr.h"

namespace Dreamport::Core
{
	class BackendPlan;
}

/** A world that a backend offers. */
struct FDreamportBackendWorld
{
	FString Name;
	FString Title;
	FString Licence;
	int32 Width = 0;
	int32 Height = 0;
	double FrameRate = 0.0;
};

/**
 * Starts or attaches. Lives as long as the module, so that Play, Stop and Play again do not load the world's model again. The process ends
 * with this one, even if this one is killed: it is told to by --exit-with.
 */
class DREAMPORT_API FDreamportBackend
{
public:
	static FDreamportBackend& Get();
	~FDreamportBackend();

	/** Play is about to begin: look for a backend at the address of the settings, start one if there is none. Returns at once. */
	void Ensure();
	/** Ends the process that was started here, if there is one. */
	void Stop();
	/** Stop, and Ensure again. */
	void Restart();

	EDreamportBackendState GetState() const;
	/** For people: what is going on and what to do. */
	FString GetStatusText() const;
	/** Executor of the backend that was started here, with device and any fallback; empty when it is not known. */
	FString GetExecutor() const;
	/** Worlds of the last backend that answered. */
	const TArray<FDreamportBackendWorld>& GetWorlds() const { return Worlds; }
	/** What "Copy diagnostics" copies when nothing plays. */
	FString GetDiagnostics() const;
	/** The plan behind it, for diagnostics. */
	const Dreamport::Core::BackendPlan& GetPlan() const;

private:
	FDreamportBackend();
	bool Tick(float DeltaSeconds);
	void Probe();
	void Start();
	void ReadOutput();
	void CloseProcess();

	struct FState;
	TPimplPtr<FState> State;
	TArray<FDreamportBackendWorld> Worlds;
	FTSTicker::FDelegateHandle Ticker;
	FProcHandle Process;
	void* ReadEnd = nullptr;
	void* WriteEnd = nullptr;
	FString PartOfLine;
};
