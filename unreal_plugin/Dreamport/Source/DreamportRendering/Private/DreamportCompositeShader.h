#pragma once

#include "CoreMinimal.h"
#include "GlobalShader.h"
#include "SceneTexturesConfig.h"
#include "SceneView.h"
#include "ScreenPass.h"
#include "ShaderParameterStruct.h"

/** Shaders/Private/DreamportComposite.usf. */
class FDreamportCompositePS : public FGlobalShader
{
public:
	DECLARE_GLOBAL_SHADER(FDreamportCompositePS);
	SHADER_USE_PARAMETER_STRUCT(FDreamportCompositePS, FGlobalShader);

	BEGIN_SHADER_PARAMETER_STRUCT(FParameters, )
		SHADER_PARAMETER_STRUCT_REF(FViewUniformShaderParameters, View)
		SHADER_PARAMETER_STRUCT_INCLUDE(FSceneTextureShaderParameters, SceneTextures)
		SHADER_PARAMETER_STRUCT(FScreenPassTextureViewportParameters, Input)
		SHADER_PARAMETER_STRUCT(FScreenPassTextureViewportParameters, Output)
		SHADER_PARAMETER_RDG_TEXTURE(Texture2D, SceneColor)
		SHADER_PARAMETER_SAMPLER(SamplerState, SceneColorSampler)
		SHADER_PARAMETER_TEXTURE(Texture2D, NeuralColour)
		SHADER_PARAMETER_SAMPLER(SamplerState, NeuralColourSampler)
		SHADER_PARAMETER_TEXTURE(Texture2D, NeuralDepth)
		SHADER_PARAMETER(FVector3f, ViewerPosition)
		SHADER_PARAMETER(FVector3f, RayForward)
		SHADER_PARAMETER(FVector3f, RayRight)
		SHADER_PARAMETER(FVector3f, RayUp)
		SHADER_PARAMETER(FVector3f, FramePosition)
		SHADER_PARAMETER(FVector4f, FrameOrientation)
		SHADER_PARAMETER(FVector4f, FrameIntrinsics)
		SHADER_PARAMETER(FVector2f, FrameSize)
		SHADER_PARAMETER(float, DepthNear)
		SHADER_PARAMETER(float, LevelMetresPerUnit)
		SHADER_PARAMETER(float, Opacity)
		SHADER_PARAMETER(float, EdgeWidth)
		SHADER_PARAMETER(uint32, bByDepth)
		RENDER_TARGET_BINDING_SLOTS()
	END_SHADER_PARAMETER_STRUCT()

	static bool ShouldCompilePermutation(const FGlobalShaderPermutationParameters& Parameters)
	{
		return IsFeatureLevelSupported(Parameters.Platform, ERHIFeatureLevel::SM5);
	}
};
