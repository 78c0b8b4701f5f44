// What a synthetic camera path asks the level: is the way free, where is the floor.

#pragma once

#include "CoreMinimal.h"
#include "dreamport/core.h"

class AActor;
class UWorld;

/** Answers dp_path_sample from a UWorld. For the game thread, for the time of one call. */
struct FDreamportPathProbe
{
	const UWorld* World = nullptr;
	/** Not in the way. */
	const AActor* Ignored = nullptr;
	/** The level's origin in the scene. */
	dp_engine_pose Anchor{};
	bool bUseNavigation = true;

	/** For dp_path_sample; valid as long as this is. */
	dp_path_probe Native();

private:
	FVector ToScene(const double Level[3]) const;
	double HeightOf(const FVector& Scene) const;
	double Sweep(const double From[3], const double To[3], double Radius) const;
	bool Ground(const double At[3], double& OutHeight) const;
};
