// What DreamportWorld gives to the shaders (FrameProperties.cs), and reading a neural frame with it: which texel a viewer's ray meets, its
// colour and its distance.

#ifndef DREAMPORT_FRAME_HLSL
#define DREAMPORT_FRAME_HLSL

#include "DreamportComposite.hlsl"

TEXTURE2D(_DreamportColour);
SAMPLER(sampler_DreamportColour);
TEXTURE2D(_DreamportDepth);

// Filled by FrameProperties.Fill.
float4 _DreamportPosition;         // of the frame's camera, level, metres
float4 _DreamportOrientation;      // of the frame's camera, quaternion
float4 _DreamportIntrinsics;       // fx, fy, cx, cy, pixels of the frame
float4 _DreamportSize;             // width, height, metres at the depth value 1 (0: no depth), scene units a metre
float4x4 _DreamportAnchorFromWorld; // scene to the anchor's space, metres, Unity's axes

// A point of the scene in level coordinates.
float3 DreamportLevelFromWorld(float3 positionWS)
{
    return DreamportLevelFromUnity(mul(_DreamportAnchorFromWorld, float4(positionWS, 1.0)).xyz);
}

// Inverse depth of one texel, clamped to the frame.
float DreamportTexel(float2 texel)
{
    float2 inside = clamp(texel, float2(0.0, 0.0), _DreamportSize.xy - 1.0);
    return LOAD_TEXTURE2D(_DreamportDepth, int2(inside)).r;
}

// Metres of the frame at uv (y = 0 at the top), without surfaces that are not there. Without depth everything is sky.
float DreamportFrameMetres(float2 uv)
{
    float metres = DREAMPORT_SKY_METRES;
    if (_DreamportSize.z > 0.0)
    {
        float4 at = DreamportTexels(uv, _DreamportSize.xy);
        float4 inverse = float4(DreamportTexel(at.xy), DreamportTexel(at.xy + float2(1.0, 0.0)),
                                DreamportTexel(at.xy + float2(0.0, 1.0)), DreamportTexel(at.xy + float2(1.0, 1.0)));
        metres = DreamportMetresFromInverse(DreamportFilterInverse(inverse, at.zw, DREAMPORT_EDGE), _DreamportSize.z);
    }
    return metres;
}

// Colour of the frame at uv (y = 0 at the top). The texture's first row is the picture's top and Unity's v = 0 is a texture's first row:
// no flip.
float4 DreamportFrameColour(float2 uv)
{
    return float4(SAMPLE_TEXTURE2D_LOD(_DreamportColour, sampler_DreamportColour, uv, 0.0).rgb, 1.0);
}

// What a viewer sees of the frame along a ray: uv, metres along the frame's axis, and 1 when the frame shows it. viewer, ray: level
// coordinates. reproject: three steps towards where the frame shows it if its camera stood elsewhere.
float4 DreamportSeen(float3 viewer, float3 ray, bool reproject)
{
    float4 seen = DreamportPortal(viewer, viewer + ray, _DreamportOrientation, _DreamportIntrinsics, _DreamportSize.xy);
    if (reproject)
    {
        float3 direction = normalize(ray);
        [unroll] for (int i = 0; i < 3; i++)
        {
            float metres = DreamportFrameMetres(saturate(seen.xy));
            seen = DreamportReprojected(seen, metres, viewer, direction, _DreamportPosition.xyz, _DreamportOrientation,
                                        _DreamportIntrinsics, _DreamportSize.xy);
        }
    }
    return seen;
}

// The level's point that the frame shows at uv.
float3 DreamportSeenPoint(float2 uv, float metres)
{
    return DreamportLevelPoint(uv, metres, _DreamportPosition.xyz, _DreamportOrientation, _DreamportIntrinsics, _DreamportSize.xy);
}

#endif
