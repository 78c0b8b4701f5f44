// A world on a mesh: a portal into the level, or a flat screen. Unlit; URP.
Shader "Dreamport/Screen"
{
    Properties
    {
        _DreamportColour ("Colour (set by Dreamport World)", 2D) = "black" {}
        _DreamportDepth ("Depth (set by Dreamport World)", 2D) = "black" {}
    }
    SubShader
    {
        Tags { "RenderType" = "Opaque" "Queue" = "Geometry" "RenderPipeline" = "UniversalPipeline" }
        HLSLINCLUDE
        #include "Packages/com.unity.render-pipelines.universal/ShaderLibrary/Core.hlsl"
        #include "DreamportFrame.hlsl"

        float _DreamportMode;     // 0 portal, 1 flat
        float4 _DreamportOptions; // write depth, reproject

        struct Attributes
        {
            float4 positionOS : POSITION;
            float2 uv : TEXCOORD0;
            UNITY_VERTEX_INPUT_INSTANCE_ID
        };

        struct Varyings
        {
            float4 positionCS : SV_POSITION;
            float2 uv : TEXCOORD0;
            float3 positionWS : TEXCOORD1;
            UNITY_VERTEX_OUTPUT_STEREO
        };

        Varyings ScreenVertex(Attributes input)
        {
            Varyings output = (Varyings)0;
            UNITY_SETUP_INSTANCE_ID(input);
            UNITY_INITIALIZE_VERTEX_OUTPUT_STEREO(output);
            output.positionWS = TransformObjectToWorld(input.positionOS.xyz);
            output.positionCS = TransformWorldToHClip(output.positionWS);
            output.uv = input.uv;
            return output;
        }

        // Colour, and the device depth of what is seen: of the level's surface through a portal, else of the mesh.
        float4 ScreenColour(Varyings input, out float device)
        {
            device = input.positionCS.z;
            if (_DreamportMode > 0.5)
                return DreamportFrameColour(float2(input.uv.x, 1.0 - input.uv.y));
            float3 viewer = DreamportLevelFromWorld(_WorldSpaceCameraPos);
            float3 surface = DreamportLevelFromWorld(input.positionWS);
            float4 seen = DreamportSeen(viewer, surface - viewer, _DreamportOptions.y > 0.5);
            if (seen.w < 0.5)
                return float4(0.0, 0.0, 0.0, 1.0);
            float metres = DreamportFrameMetres(seen.xy);
            if (_DreamportOptions.x > 0.5 && metres < DREAMPORT_SKY_METRES)
            {
                // As far beyond the mesh, along the same ray, as the level's surface lies; never in front of the mesh.
                float reach = dot(DreamportSeenPoint(seen.xy, metres) - viewer, surface - viewer);
                float mesh = max(dot(surface - viewer, surface - viewer), 1.0e-8);
                float3 at = _WorldSpaceCameraPos + (input.positionWS - _WorldSpaceCameraPos) * max(reach / mesh, 1.0);
                float4 clip = TransformWorldToHClip(at);
                device = clip.z / clip.w;
                #if !UNITY_REVERSED_Z
                device = device * 0.5 + 0.5;
                #endif
            }
            return DreamportFrameColour(seen.xy);
        }

        float4 ScreenFragment(Varyings input, out float device : SV_Depth) : SV_Target
        {
            UNITY_SETUP_STEREO_EYE_INDEX_POST_VERTEX(input);
            return ScreenColour(input, device);
        }

        float ScreenDepthFragment(Varyings input, out float device : SV_Depth) : SV_Target
        {
            UNITY_SETUP_STEREO_EYE_INDEX_POST_VERTEX(input);
            ScreenColour(input, device);
            return device;
        }
        ENDHLSL

        Pass
        {
            Name "Forward"
            Tags { "LightMode" = "UniversalForward" }
            ZWrite On
            Cull Back
            HLSLPROGRAM
            #pragma target 3.5
            #pragma vertex ScreenVertex
            #pragma fragment ScreenFragment
            #pragma multi_compile_instancing
            ENDHLSL
        }
        Pass
        {
            Name "DepthOnly"
            Tags { "LightMode" = "DepthOnly" }
            ZWrite On
            ColorMask R
            Cull Back
            HLSLPROGRAM
            #pragma target 3.5
            #pragma vertex ScreenVertex
            #pragma fragment ScreenDepthFragment
            #pragma multi_compile_instancing
            ENDHLSL
        }
    }
}
