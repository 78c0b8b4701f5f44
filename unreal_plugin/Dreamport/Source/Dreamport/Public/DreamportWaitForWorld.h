// "Wait For Dreamport World": a Blueprint node that goes on when a world plays.

#pragma once

#include "CoreMinimal.h"
#include "DreamportTypes.h"
#include "Kismet/BlueprintAsyncActionBase.h"
#include "DreamportWaitForWorld.generated.h"

class UDreamportWorldComponent;

DECLARE_DYNAMIC_MULTICAST_DELEGATE_TwoParams(FDreamportWaited, const FDreamportWorldInfo&, World, const FString&, Message);

/** Plays a world component and waits until its world is open, or cannot be. */
UCLASS()
class DREAMPORT_API UDreamportWaitForWorld : public UBlueprintAsyncActionBase
{
	GENERATED_BODY()

public:
	/** The world is open. */
	UPROPERTY(BlueprintAssignable)
	FDreamportWaited Ready;

	/** It will not open until something is changed; Message says what. */
	UPROPERTY(BlueprintAssignable)
	FDreamportWaited Failed;

	/** Play, and wait for the world. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport", meta = (BlueprintInternalUseOnly = "true", DisplayName = "Wait For Dreamport World"))
	static UDreamportWaitForWorld* WaitForDreamportWorld(UDreamportWorldComponent* World);

	//~ Begin UBlueprintAsyncActionBase
	virtual void Activate() override;
	//~ End UBlueprintAsyncActionBase

private:
	UFUNCTION()
	void HandleReady(const FDreamportWorldInfo& Info);

	UFUNCTION()
	void HandleState(EDreamportState State, const FString& Message);

	void Finish();

	UPROPERTY(Transient)
	TObjectPtr<UDreamportWorldComponent> Target;
};
