// Functions for Blueprints that belong to no component.

#pragma once

#include "CoreMinimal.h"
#include "DreamportTypes.h"
#include "Kismet/BlueprintFunctionLibrary.h"
#include "DreamportBlueprintLibrary.generated.h"

class UDreamportWorldComponent;

/** Dreamport in Blueprints. */
UCLASS()
class DREAMPORT_API UDreamportBlueprintLibrary : public UBlueprintFunctionLibrary
{
	GENERATED_BODY()

public:
	/** The first world component of an actor; null when it has none. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	static UDreamportWorldComponent* GetDreamportWorld(const AActor* Actor);

	/** Starts a backend on this machine, or finds the one that runs. Play does it by itself. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	static void EnsureBackend();

	/** Metres along the camera's axis of a sampled depth value, 0 to 1. 0 is infinitely far: the answer is then a very large number. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	static double DepthToMetres(double Sample, double DepthNear);

	/** Puts text into the clipboard. */
	UFUNCTION(BlueprintCallable, Category = "Dreamport")
	static void CopyToClipboard(const FString& Text);

	/** Whether the native library is there. */
	UFUNCTION(BlueprintPure, Category = "Dreamport")
	static bool IsDreamportAvailable(FString& Why);
};
