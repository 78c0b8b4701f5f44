#include "DreamportPathProbe.h"

#include "CollisionQueryParams.h"
#include "CollisionShape.h"
#include "Engine/HitResult.h"
#include "Engine/World.h"
#include "NavigationSystem.h"

namespace
{
	/** How far below a point a floor is looked for, centimetres. */
	constexpr double FloorReach = 500.0;
}

dp_path_probe FDreamportPathProbe::Native()
{
	dp_path_probe Probe;
	Probe.sweep = [](void* User, const double From[3], const double To[3], double Radius) -> double
	{ return static_cast<const FDreamportPathProbe*>(User)->Sweep(From, To, Radius); };
	Probe.ground = [](void* User, const double At[3], double* OutHeight) -> int32_t
	{ return static_cast<const FDreamportPathProbe*>(User)->Ground(At, *OutHeight) ? 1 : 0; };
	Probe.user = this;
	return Probe;
}

FVector FDreamportPathProbe::ToScene(const double Level[3]) const
{
	double Scene[3] = {0.0, 0.0, 0.0};
	dp_vector_to_engine(DP_ENGINE_UNREAL, &Anchor, 1.0, Level, 1.0, Scene);
	return FVector(Scene[0], Scene[1], Scene[2]);
}

double FDreamportPathProbe::HeightOf(const FVector& Scene) const
{
	const double At[3] = {Scene.X, Scene.Y, Scene.Z};
	double Level[3] = {0.0, 0.0, 0.0};
	dp_vector_from_engine(DP_ENGINE_UNREAL, &Anchor, 1.0, At, 1.0, Level);
	return Level[1];
}

double FDreamportPathProbe::Sweep(const double From[3], const double To[3], double Radius) const
{
	FHitResult Hit;
	FCollisionQueryParams Parameters(FName(TEXT("DreamportPath")), false, Ignored);
	const bool bHit = World->SweepSingleByChannel(Hit, ToScene(From), ToScene(To), FQuat::Identity, ECC_Visibility, FCollisionShape::MakeSphere(static_cast<float>(Radius * 100.0)), Parameters);
	if (!bHit)
	{
		return 1.0;
	}
	return Hit.bStartPenetrating ? 0.0 : static_cast<double>(Hit.Time);
}

bool FDreamportPathProbe::Ground(const double At[3], double& OutHeight) const
{
	const FVector Point = ToScene(At);
	const UNavigationSystemV1* Navigation = bUseNavigation ? FNavigationSystem::GetCurrent<UNavigationSystemV1>(World) : nullptr;
	if (Navigation != nullptr && Navigation->GetDefaultNavDataInstance() != nullptr)
	{
		FNavLocation Found;
		if (!Navigation->ProjectPointToNavigation(Point, Found, FVector(30.0, 30.0, FloorReach)))
		{
			return false;
		}
		OutHeight = HeightOf(Found.Location);
		return true;
	}
	FHitResult Hit;
	FCollisionQueryParams Parameters(FName(TEXT("DreamportPath")), false, Ignored);
	if (!World->LineTraceSingleByChannel(Hit, Point, Point - FVector(0.0, 0.0, FloorReach), ECC_Visibility, Parameters))
	{
		return false;
	}
	OutHeight = HeightOf(Hit.ImpactPoint);
	return true;
}
