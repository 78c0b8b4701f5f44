// Sample: a camera that walks through the level by itself and records it.

#pragma once

#include "CoreMinimal.h"
#include "DreamportTypes.h"
#include "GameFramework/Actor.h"
#include "DreamportRecorderSample.generated.h"

class UDreamportRecorderComponent;

/**
 * Drop it into a level of yours, at a free place above the floor, and press Play. A camera walks, turns and orbits for one minute without
 * touching a wall; the log says how many frames are on disk and the name of the episode.
 */
UCLASS()
class DREAMPORT_API ADreamportRecorderSample : public AActor
{
	GENERATED_BODY()

public:
	ADreamportRecorderSample(const FObjectInitializer& ObjectInitializer);

	UPROPERTY(VisibleAnywhere, BlueprintReadOnly, Category = "Dreamport")
	TObjectPtr<UDreamportRecorderComponent> Recorder;

	//~ Begin AActor
	virtual void BeginPlay() override;
	//~ End AActor

private:
	UFUNCTION()
	void Finished(const FString& Episode, int64 Frames);

	UFUNCTION()
	void StateChanged(EDreamportState State, const FString& Message);
};
