// Copies a camera's picture into the recorder's targets. Pass 0 colour, pass 1 the contract's inverse 16-bit depth. Drawn by CapturePass.cs.
Shader "Hidden/Dreamport/Capture"
{
    SubShader
    {
        Tags { "RenderPipeline" = "UniversalPipeline" }
        ZWrite Off
        ZTest Always
        Blend Off
        Cull Off
        HLSLINCLUDE
        #include "Packages/com.unity.render-pipelines.universal/ShaderLibrary/Core.hlsl"
        #include "Packages/com.unity.render-pipelines.core/Runtime/Utilities/Blit.hlsl"
        #include "DreamportComposite.hlsl"

        float4 _DreamportCapture; // near, far, unit of inverse depth (scene units), 1 to turn the rows over

        float2 CaptureUv(float2 texcoord)
        {
            return float2(texcoord.x, _DreamportCapture.w > 0.5 ? 1.0 - texcoord.y : texcoord.y);
        }

        float4 ColourFragment(Varyings input) : SV_Target
        {
            UNITY_SETUP_STEREO_EYE_INDEX_POST_VERTEX(input);
            // The target is an sRGB one: in a linear project the device encodes.
            return float4(SAMPLE_TEXTURE2D_X_LOD(_BlitTexture, sampler_LinearClamp, CaptureUv(input.texcoord), 0.0).rgb, 1.0);
        }

        float DepthFragment(Varyings input) : SV_Target
        {
            UNITY_SETUP_STEREO_EYE_INDEX_POST_VERTEX(input);
            #if UNITY_REVERSED_Z
            bool reversed = true;
            #else
            bool reversed = false;
            #endif
            // Point-sampled: an average of two depths is a surface that is not there.
            float device = SAMPLE_TEXTURE2D_X_LOD(_BlitTexture, sampler_PointClamp, CaptureUv(input.texcoord), 0.0).r;
            float distance = DreamportMetresFromDevice(device, _DreamportCapture.x, _DreamportCapture.y, reversed, 1.0);
            return DreamportInverseFromMetres(distance, _DreamportCapture.z);
        }
        ENDHLSL

        Pass
        {
            Name "Colour"
            HLSLPROGRAM
            #pragma target 3.5
            #pragma vertex Vert
            #pragma fragment ColourFragment
            ENDHLSL
        }
        Pass
        {
            Name "InverseDepth"
            HLSLPROGRAM
            #pragma target 3.5
            #pragma vertex Vert
            #pragma fragment DepthFragment
            ENDHLSL
        }
    }
}
