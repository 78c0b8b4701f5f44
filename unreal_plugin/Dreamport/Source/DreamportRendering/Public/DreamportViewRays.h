// Rays of an engine view in level coordinates.

#pragma once

#include "CoreMinimal.h"

/**
 * A pixel's ray is Forward + x * Right + y * Up, x and y from -1 (left, bottom) to 1: its length along the view's axis is one, so that the
 * engine's depth times the ray is the point.
 */
struct DREAMPORTRENDERING_API FDreamportViewRays
{
	/** Where the viewer stands, level metres. */
	FVector3f Position;
	FVector3f Forward;
	FVector3f Right;
	FVector3f Up;

	/**
	 * InvView: view to world (view axes: x right, y up, z forward). Projection: perspective, off-axis allowed. Anchor: the level's origin;
	 * its scale is not used. Scale: engine metres for one level metre.
	 */
	static FDreamportViewRays Make(const FMatrix& InvView, const FMatrix& Projection, const FTransform& Anchor, double Scale);
};
