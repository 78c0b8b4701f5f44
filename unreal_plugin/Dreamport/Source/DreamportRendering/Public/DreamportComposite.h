// The neural picture in the engine's: over the whole screen, or where it is nearer.

#pragma once

#include "CoreMinimal.h"
#include "DreamportEngineVersion.h"
#include "RHI.h"
#include "RHIResources.h"
#include "SceneViewExtension.h"

struct FPostProcessMaterialInputs;
struct FScreenPassTexture;

/** How the neural picture and the engine's become one. */
enum class EDreamportCompositePass : uint8
{
	/** The engine's picture is left alone. */
	Off,
	/** The neural picture over the whole screen. */
	FullScreen,
	/** The nearer of the two, pixel by pixel. */
	Depth,
};

/** What the pass needs to know of one frame. Level coordinates are metres, x right, y down, z forward. */
struct FDreamportCompositeFrame
{
	EDreamportCompositePass Pass = EDreamportCompositePass::Off;
	/** Transform of the level's origin in the scene; its scale is not used. */
	FTransform Anchor;
	/** Engine metres for one level metre. */
	double Scale = 1.0;
	/** Camera that the frame was made for, level coordinates. */
	FVector3f Position = FVector3f::ZeroVector;
	/** x, y, z, w, camera to level. */
	FVector4f Orientation = FVector4f(0.0f, 0.0f, 0.0f, 1.0f);
	/** fx, fy, cx, cy, pixels. */
	FVector4f Intrinsics = FVector4f(1.0f, 1.0f, 0.0f, 0.0f);
	/** Pixels. */
	FVector2f Size = FVector2f(1.0f, 1.0f);
	/** Metres of the largest depth value. */
	float DepthNear = 1.0f;
	/** 0 to 1. */
	float Opacity = 1.0f;
	/** Width of the soft edge where the two surfaces meet, metres. */
	float EdgeWidth = 0.05f;
};

/**
 * Draws after the tonemapper, so that the neural colours, which are display colours, reach the display as they are. One for a world
 * component; made with FSceneViewExtensions::NewExtension.
 */
class DREAMPORTRENDERING_API FDreamportCompositeExtension : public FSceneViewExtensionBase
{
public:
	/** World: only its views are drawn into. */
	FDreamportCompositeExtension(const FAutoRegister& AutoRegister, UWorld* World);

	/** Game thread: what to draw from the next frame on. Null textures switch it off. */
	void SetFrame(const FDreamportCompositeFrame& Frame, UTexture* Colour, UTexture* Depth);

	//~ Begin ISceneViewExtension
	virtual void SetupViewFamily(FSceneViewFamily&) override {}
	virtual void SetupView(FSceneViewFamily&, FSceneView&) override {}
	virtual void BeginRenderViewFamily(FSceneViewFamily&) override {}
	virtual void SubscribeToPostProcessingPass(EPostProcessingPass Pass, const FSceneView& InView, FDreamportPassDelegateArray& InOutPassCallbacks, bool bIsPassEnabled) override;
	//~ End ISceneViewExtension

protected:
	virtual bool IsActiveThisFrame_Internal(const FSceneViewExtensionContext& Context) const override;

private:
	FScreenPassTexture Draw_RenderThread(FRDGBuilder& GraphBuilder, const FSceneView& View, const FPostProcessMaterialInputs& Inputs);

	TWeakObjectPtr<UWorld> World;
	bool bOn = false;

	// Render thread only.
	FDreamportCompositeFrame Frame_RenderThread;
	FTextureRHIRef Colour_RenderThread;
	FTextureRHIRef Depth_RenderThread;
};
