// Names the functions of the shared composite that neural.shader calls, so that the test translates these.
#include "DreamportComposite.hlsl"

float4 main(float4 a : A, float4 b : B, float4 c : C) : SV_Target
{
    float3 level = DreamportLevelFromGodot(a.xyz);
    float4 found = DreamportPortal(level, b.xyz, a, b, c.xy);
    found = DreamportReprojected(found, DreamportMetresFromInverse(a.x, b.x), level, b.xyz, c.xyz, a, b, c.xy);
    found += DreamportTexelWeights(a, DreamportTexels(b.xy, c.xy).zw, a.x);
    found.xyz += DreamportLevelPoint(a.xy, b.x, a.xyz, a, b, c.xy) + DreamportLinear(c.rgb);
    float inFront = DreamportInFront(a.x, DreamportMetresFromDevice(a.x, b.x, c.x, false, 1.0), a.y, a.z);
    return DreamportComposite(found, a, inFront, 1.0, true);
}
