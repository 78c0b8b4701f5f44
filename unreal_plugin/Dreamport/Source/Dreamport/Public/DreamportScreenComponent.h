// A mesh that shows a world: as a picture, or as a window into the level.

#pragma once

#include "Components/StaticMeshComponent.h"
#include "CoreMinimal.h"
#include "DreamportScreenComponent.generated.h"

class UDreamportWorldComponent;
class UMaterialInstanceDynamic;

/** How a screen maps the picture onto its mesh. */
UENUM(BlueprintType)
enum class EDreamportScreenMode : uint8
{
	/** The picture on the mesh's texture coordinates, like a television. */
	Flat,
	/** What the viewer would see through the mesh if it were a hole: the world must be driven by the viewer's camera. */
	Portal,
};

/**
 * Shows a UDreamportWorldComponent on a mesh. Its material takes the texture parameters DreamportColour and DreamportDepth, the scalar
 * DreamportPortal (0 or 1), and the vectors DreamportU, DreamportV and DreamportW: with D = surface point - viewer, both in world space,
 * uv = (dot(D, U), dot(D, V)) / dot(D, W).
 */
UCLASS(ClassGroup = (Dreamport), meta = (BlueprintSpawnableComponent))
class DREAMPORT_API UDreamportScreenComponent : public UStaticMeshComponent
{
	GENERATED_BODY()

public:
	UDreamportScreenComponent(const FObjectInitializer& ObjectInitializer);

	/** The world to show; null takes the one on the same actor, else the first one that plays. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	TObjectPtr<UDreamportWorldComponent> World;

	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport")
	EDreamportScreenMode Mode = EDreamportScreenMode::Portal;

	/** Which material of the mesh is replaced. */
	UPROPERTY(EditAnywhere, BlueprintReadWrite, Category = "Dreamport", meta = (ClampMin = "0"))
	int32 MaterialSlot = 0;

	//~ Begin UActorComponent
	virtual void BeginPlay() override;
	virtual void TickComponent(float DeltaTime, ELevelTick TickType, FActorComponentTickFunction* ThisTickFunction) override;
	//~ End UActorComponent

private:
	UDreamportWorldComponent* FindWorld() const;

	UPROPERTY(Transient)
	TObjectPtr<UMaterialInstanceDynamic> Material;
};
