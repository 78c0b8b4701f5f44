// Sample: the neural level and engine objects in one picture, hidden by one another.

#pragma once

#include "CoreMinimal.h"
#include "DreamportTypes.h"
#include "GameFramework/Actor.h"
#include "DreamportDepthSample.generated.h"

class UDreamportWorldComponent;
class UStaticMeshComponent;

/**
 * Drop it into an empty level and press Play. The player walks in the neural level with the keys it suggests; the camera follows. Three
 * cubes stand in the level: those behind a neural wall are hidden by it, those in front hide it.
 */
UCLASS()
class DREAMPORT_API ADreamportDepthSample : public AActor
{
	GENERATED_BODY()

public:
	ADreamportDepthSample(const FObjectInitializer& ObjectInitializer);

	UPROPERTY(VisibleAnywhere, BlueprintReadOnly, Category = "Dreamport")
	TObjectPtr<UDreamportWorldComponent> World;

	UPROPERTY(VisibleAnywhere, BlueprintReadOnly, Category = "Dreamport")
	TArray<TObjectPtr<UStaticMeshComponent>> Cubes;

	//~ Begin AActor
	virtual void BeginPlay() override;
	//~ End AActor

private:
	UFUNCTION()
	void Follow(const FDreamportFrameInfo& Frame);

	bool bPlaced = false;
};
