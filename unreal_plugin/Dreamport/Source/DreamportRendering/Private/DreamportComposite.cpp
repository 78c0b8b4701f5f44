#include "DreamportComposite.h"

#include "DreamportCompositeShader.h"
#include "DreamportViewRays.h"
#include "Engine/Texture.h"
#include "Engine/World.h"
#include "PostProcess/PostProcessMaterialInputs.h"
#include "RenderGraphBuilder.h"
#include "RenderingThread.h"
#include "SceneInterface.h"
#include "SceneView.h"
#include "ScreenPass.h"
#include "TextureResource.h"

IMPLEMENT_GLOBAL_SHADER(FDreamportCompositePS, "/Plugin/Dreamport/Private/DreamportComposite.usf", "MainPS", SF_Pixel);

FDreamportCompositeExtension::FDreamportCompositeExtension(const FAutoRegister& AutoRegister, UWorld* InWorld)
	: FSceneViewExtensionBase(AutoRegister)
	, World(InWorld)
{
}

void FDreamportCompositeExtension::SetFrame(const FDreamportCompositeFrame& Frame, UTexture* Colour, UTexture* Depth)
{
	check(IsInGameThread());
	const FTextureResource* ColourResource = Colour != nullptr ? Colour->GetResource() : nullptr;
	const FTextureResource* DepthResource = Depth != nullptr ? Depth->GetResource() : nullptr;
	bOn = Frame.Pass != EDreamportCompositePass::Off && ColourResource != nullptr;
	if (Frame.Pass == EDreamportCompositePass::Depth && DepthResource == nullptr)
	{
		bOn = false;
	}
	// Resources are released by later render commands, so they live when this one runs.
	ENQUEUE_RENDER_COMMAND(DreamportCompositeFrame)(
		[Self = StaticCastSharedRef<FDreamportCompositeExtension>(AsShared()), Frame, ColourResource, DepthResource](FRHICommandListImmediate&)
		{
			Self->Frame_RenderThread = Frame;
			Self->Colour_RenderThread = ColourResource != nullptr ? ColourResource->TextureRHI : nullptr;
			Self->Depth_RenderThread = DepthResource != nullptr ? DepthResource->TextureRHI : nullptr;
		});
}

bool FDreamportCompositeExtension::IsActiveThisFrame_Internal(const FSceneViewExtensionContext& Context) const
{
	return bOn && World.IsValid() && Context.GetWorld() == World.Get();
}

void FDreamportCompositeExtension::SubscribeToPostProcessingPass(EPostProcessingPass Pass, const FSceneView& InView, FDreamportPassDelegateArray& InOutPassCallbacks, bool bIsPassEnabled)
{
	// Reflection captures and the recorder's own cameras see the engine's picture alone.
	if (Pass == EPostProcessingPass::Tonemap && bIsPassEnabled && !InView.bIsSceneCapture && !InView.bIsReflectionCapture)
	{
		InOutPassCallbacks.Add(FDreamportPassDelegate::CreateRaw(this, &FDreamportCompositeExtension::Draw_RenderThread));
	}
}

FScreenPassTexture FDreamportCompositeExtension::Draw_RenderThread(FRDGBuilder& GraphBuilder, const FSceneView& View, const FPostProcessMaterialInputs& Inputs)
{
	const FDreamportCompositeFrame& Frame = Frame_RenderThread;
	const bool bByDepth = Frame.Pass == EDreamportCompositePass::Depth;
	const FScreenPassTexture SceneColor = FScreenPassTexture::CopyFromSlice(GraphBuilder, Inputs.GetInput(EPostProcessMaterialInput::SceneColor));
	if (Frame.Pass == EDreamportCompositePass::Off || !Colour_RenderThread.IsValid() || (bByDepth && !Depth_RenderThread.IsValid()) || !SceneColor.IsValid())
	{
		return Inputs.ReturnUntouchedSceneColorForPostProcessing(GraphBuilder);
	}

	FScreenPassRenderTarget Output = Inputs.OverrideOutput;
	if (!Output.IsValid())
	{
		Output = FScreenPassRenderTarget::CreateFromInput(GraphBuilder, SceneColor, ERenderTargetLoadAction::ENoAction, TEXT("Dreamport.Composite"));
	}
	const FScreenPassTextureViewport InputViewport(SceneColor);
	const FScreenPassTextureViewport OutputViewport(Output);
	const FDreamportViewRays Rays = FDreamportViewRays::Make(View.ViewMatrices.GetInvViewMatrix(), View.ViewMatrices.GetProjectionMatrix(), Frame.Anchor, Frame.Scale);

	FDreamportCompositePS::FParameters* Parameters = GraphBuilder.AllocParameters<FDreamportCompositePS::FParameters>();
	Parameters->View = View.ViewUniformBuffer;
	Parameters->SceneTextures = Inputs.SceneTextures;
	Parameters->Input = GetScreenPassTextureViewportParameters(InputViewport);
	Parameters->Output = GetScreenPassTextureViewportParameters(OutputViewport);
	Parameters->SceneColor = SceneColor.Texture;
	Parameters->SceneColorSampler = TStaticSamplerState<SF_Point, AM_Clamp, AM_Clamp, AM_Clamp>::GetRHI();
	Parameters->NeuralColour = Colour_RenderThread;
	Parameters->NeuralColourSampler = TStaticSamplerState<SF_Bilinear, AM_Clamp, AM_Clamp, AM_Clamp>::GetRHI();
	Parameters->NeuralDepth = Depth_RenderThread.IsValid() ? Depth_RenderThread : Colour_RenderThread;
	Parameters->ViewerPosition = Rays.Position;
	Parameters->RayForward = Rays.Forward;
	Parameters->RayRight = Rays.Right;
	Parameters->RayUp = Rays.Up;
	Parameters->FramePosition = Frame.Position;
	Parameters->FrameOrientation = Frame.Orientation;
	Parameters->FrameIntrinsics = Frame.Intrinsics;
	Parameters->FrameSize = Frame.Size;
	Parameters->DepthNear = Frame.DepthNear;
	Parameters->LevelMetresPerUnit = static_cast<float>(0.01 / Frame.Scale);
	Parameters->Opacity = Frame.Opacity;
	Parameters->EdgeWidth = Frame.EdgeWidth;
	Parameters->bByDepth = bByDepth ? 1 : 0;
	Parameters->RenderTargets[0] = Output.GetRenderTargetBinding();

	const TShaderMapRef<FDreamportCompositePS> PixelShader(GetGlobalShaderMap(View.GetFeatureLevel()));
	AddDrawScreenPass(GraphBuilder, RDG_EVENT_NAME("DreamportComposite"), View, OutputViewport, InputViewport, PixelShader, Parameters);
	return FScreenPassTexture(Output);
}
