// Sample: a window into a neural level, with a cube in front of it.

#pragma once

#include "CoreMinimal.h"
#include "DreamportTypes.h"
#include "GameFramework/Actor.h"
#include "DreamportPortalSample.generated.h"

class UDreamportScreenComponent;
class UDreamportWorldComponent;
class UStaticMeshComponent;

/**
 * Drop it into any level and press Play. The player's camera looks through a doorway of 2 x 2.2 m into the level, whose first place is one
 * metre behind the doorway; walk around to see it from other sides. A cube floats in front and hides what is behind it.
 */
UCLASS()
class DREAMPORT_API ADreamportPortalSample : public AActor
{
	GENERATED_BODY()

public:
	ADreamportPortalSample(const FObjectInitializer& ObjectInitializer);

	UPROPERTY(VisibleAnywhere, BlueprintReadOnly, Category = "Dreamport")
	TObjectPtr<UDreamportWorldComponent> World;

	UPROPERTY(VisibleAnywhere, BlueprintReadOnly, Category = "Dreamport")
	TObjectPtr<UDreamportScreenComponent> Portal;

	UPROPERTY(VisibleAnywhere, BlueprintReadOnly, Category = "Dreamport")
	TObjectPtr<UStaticMeshComponent> Cube;

	//~ Begin AActor
	virtual void BeginPlay() override;
	//~ End AActor

private:
	UFUNCTION()
	void AlignLevel(const FDreamportFrameInfo& Frame);

	bool bAligned = false;
};
