#include "DreamportViewRays.h"

namespace
{
	// Unreal's x forward, y right, z up to the level's x right, y down, z forward.
	FVector3f LevelAxes(const FVector& Engine)
	{
		return FVector3f(static_cast<float>(Engine.Y), static_cast<float>(-Engine.Z), static_cast<float>(Engine.X));
	}
}

FDreamportViewRays FDreamportViewRays::Make(const FMatrix& InvView, const FMatrix& Projection, const FTransform& Anchor, double Scale)
{
	const FQuat Back = Anchor.GetRotation().Inverse();
	const FVector Right = Back.RotateVector(InvView.TransformVector(FVector(1.0, 0.0, 0.0)));
	const FVector Up = Back.RotateVector(InvView.TransformVector(FVector(0.0, 1.0, 0.0)));
	const FVector Forward = Back.RotateVector(InvView.TransformVector(FVector(0.0, 0.0, 1.0)));
	const FVector Position = Back.RotateVector(InvView.GetOrigin() - Anchor.GetLocation()) * (0.01 / Scale);

	// clip.x = x * M00 + z * M20 and w = z: x / z = (ndc.x - M20) / M00, and the same for y.
	const double HalfWidth = 1.0 / Projection.M[0][0];
	const double HalfHeight = 1.0 / Projection.M[1][1];
	FDreamportViewRays Rays;
	Rays.Position = LevelAxes(Position);
	Rays.Forward = LevelAxes(Forward - Right * (Projection.M[2][0] * HalfWidth) - Up * (Projection.M[2][1] * HalfHeight));
	Rays.Right = LevelAxes(Right * HalfWidth);
	Rays.Up = LevelAxes(Up * HalfHeight);
	return Rays;
}
