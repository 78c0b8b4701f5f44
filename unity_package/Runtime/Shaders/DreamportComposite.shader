// The level and the camera's picture as one, over the whole screen. Pass 0 by depth, pass 1 over everything. Drawn by CompositePass.cs.
Shader "Hidden/Dreamport/Composite"
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
        #include "Packages/com.unity.render-pipelines.universal/ShaderLibrary/DeclareDepthTexture.hlsl"
        #include "DreamportFrame.hlsl"

        float4 _DreamportViewerPosition;    // of the camera that renders, level, metres
        float4 _DreamportViewerOrientation; // of the camera that renders
        float4 _DreamportViewerIntrinsics;  // of the camera that renders, pixels of its target
        float4 _DreamportPlanes;            // near, far (scene units), width, height of its target
        float4 _DreamportBlend;             // opacity, soft edge (metres), soft edge (share of the distance)

        // The engine's own distance, metres along its axis.
        float EngineMetres(float2 texcoord)
        {
            #if UNITY_REVERSED_Z
            bool reversed = true;
            #else
            bool reversed = false;
            #endif
            return DreamportMetresFromDevice(SampleSceneDepth(texcoord), _DreamportPlanes.x, _DreamportPlanes.y, reversed,
                                             1.0 / _DreamportSize.w);
        }

        float4 Composed(float2 texcoord, bool byDepth)
        {
            float4 engine = SAMPLE_TEXTURE2D_X_LOD(_BlitTexture, sampler_LinearClamp, texcoord, 0.0);
            // Unity's v runs from the bottom, the frame's from the top.
            float2 uv = float2(texcoord.x, 1.0 - texcoord.y);
            float3 ray = DreamportRotated(_DreamportViewerOrientation,
                                          DreamportUnproject(uv, 1.0, _DreamportViewerIntrinsics, _DreamportPlanes.zw));
            float4 seen = DreamportSeen(_DreamportViewerPosition.xyz, ray, true);
            float4 result = engine;
            if (seen.w > 0.5)
            {
                float4 neural = DreamportFrameColour(seen.xy);
                float inFront = 1.0;
                if (byDepth)
                {
                    float metres = DreamportFrameMetres(seen.xy);
                    if (metres < DREAMPORT_SKY_METRES)
                        metres = DreamportToCamera(DreamportSeenPoint(seen.xy, metres), _DreamportViewerPosition.xyz,
                                                   _DreamportViewerOrientation).z;
                    inFront = DreamportInFront(metres, EngineMetres(texcoord), _DreamportBlend.y, _DreamportBlend.z);
                }
                // The alpha of URP's colour target has no meaning here.
                result = DreamportComposite(float4(engine.rgb, 1.0), neural, inFront, _DreamportBlend.x, true);
                result.a = engine.a;
            }
            return result;
        }

        float4 DepthFragment(Varyings input) : SV_Target
        {
            UNITY_SETUP_STEREO_EYE_INDEX_POST_VERTEX(input);
            return Composed(input.texcoord, true);
        }

        float4 FullScreenFragment(Varyings input) : SV_Target
        {
            UNITY_SETUP_STEREO_EYE_INDEX_POST_VERTEX(input);
            return Composed(input.texcoord, false);
        }
        ENDHLSL

        Pass
        {
            Name "Depth"
            HLSLPROGRAM
            #pragma target 3.5
            #pragma vertex Vert
            #pragma fragment DepthFragment
            ENDHLSL
        }
        Pass
        {
            Name "FullScreen"
            HLSLPROGRAM
            #pragma target 3.5
            #pragma vertex Vert
            #pragma fragment FullScreenFragment
            ENDHLSL
        }
    }
}
