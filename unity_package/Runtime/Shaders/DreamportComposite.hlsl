// How a neural frame and an engine's picture become one: depth, order, blending, colour space and the portal's geometry.
//
// Pure functions of numbers, in HLSL that Unity's ShaderLab, Unreal's .ush, DXC, FXC and glslang all take: no textures, no macros of an
// engine, no matrices (mul has two conventions), no vector conditions. The engine's shader fetches texels and calls these.
//
// Words. metres: distance along a camera's optical axis, never along the ray. inverse: the frame's 16-bit depth as a normalised
// texture gives it, 0..1 (R16_UNorm; value / 65535). nearPlane, farPlane: in engine units. unitMetres: metres of one engine unit (Unity
// 1, Unreal 0.01, Godot 1). A pose is position (metres) and orientation (unit quaternion x, y, z, w), camera to level; level and camera
// axes are x right, y down, z forward. intrinsics: fx, fy, cx, cy in pixels of a frame of `size` pixels. uv: 0..1 over the frame, y = 0
// at its first row, which is its top.

#ifndef DREAMPORT_COMPOSITE_HLSL
#define DREAMPORT_COMPOSITE_HLSL

// Metres of what is infinitely far. Finite, so that no difference of two of them is a NaN.
#define DREAMPORT_SKY_METRES 1.0e20

// How far apart two texels' inverse depths may be, as a share of the nearer one's, and still belong to one surface. A wall seen at a
// grazing angle changes by less from texel to texel; steps of the floor plan change by more.
#define DREAMPORT_EDGE 0.1

// ---------------------------------------------------------------- depth

// Metres of an inverse-depth sample. depthNear: dp_frame.depth_near_m, metres. 0 is the sky.
float DreamportMetresFromInverse(float inverse, float depthNear)
{
    float metres = DREAMPORT_SKY_METRES;
    if (inverse > 0.0)
        metres = depthNear / inverse;
    return metres;
}

// The inverse-depth sample of a distance, 0..1. What is nearer than depthNear becomes 1.
float DreamportInverseFromMetres(float metres, float depthNear)
{
    float inverse = 1.0;
    if (metres >= DREAMPORT_SKY_METRES)
        inverse = 0.0;
    else if (metres > depthNear)
        inverse = depthNear / metres;
    return inverse;
}

// How near the device says a pixel is: 1 at the near plane, 0 at the far plane, whichever way round the device counts.
float DreamportNearness(float device, bool reversedZ)
{
    float nearness = reversedZ ? device : 1.0 - device;
    return nearness > 0.0 ? min(nearness, 1.0) : 0.0;
}

// Metres of a device depth 0..1 that a perspective camera wrote. farPlane <= nearPlane: the far plane is at infinity. A pixel at the far
// plane was cleared, not drawn: sky. OpenGL's -1..1 must be brought to 0..1 first.
float DreamportMetresFromDevice(float device, float nearPlane, float farPlane, bool reversedZ, float unitMetres)
{
    float nearness = DreamportNearness(device, reversedZ);
    float inverseFar = farPlane > nearPlane ? 1.0 / farPlane : 0.0;
    float metres = DREAMPORT_SKY_METRES;
    if (nearness > 0.0)
        metres = unitMetres / (inverseFar * (1.0 - nearness) + nearness / nearPlane);
    return metres;
}

// The same for an orthographic camera, whose device depth is linear in the distance. farPlane must be finite.
float DreamportMetresFromLinearDevice(float device, float nearPlane, float farPlane, bool reversedZ, float unitMetres)
{
    float nearness = DreamportNearness(device, reversedZ);
    float metres = DREAMPORT_SKY_METRES;
    if (nearness > 0.0)
        metres = unitMetres * (farPlane * (1.0 - nearness) + nearPlane * nearness);
    return metres;
}

// Metres of an engine's own linear depth in engine units (Unity's LinearEyeDepth, Unreal's SceneDepth). skyUnits: from here on it is
// sky, for engines that clear to a large number.
float DreamportMetresFromEye(float eyeDepth, float unitMetres, float skyUnits)
{
    float metres = DREAMPORT_SKY_METRES;
    if (eyeDepth < skyUnits)
        metres = max(eyeDepth, 0.0) * unitMetres;
    return metres;
}

// ---------------------------------------------------------------- texels of the depth picture

// Where bilinear filtering reads: xy is the upper left of the four texels (load them clamped to the frame), zw how far uv lies towards
// the others, 0..1.
float4 DreamportTexels(float2 uv, float2 size)
{
    float2 at = uv * size - 0.5;
    float2 corner = floor(at);
    return float4(corner, at - corner);
}

// Weights (they add up to 1) of the four texels, in the order (0,0) (1,0) (0,1) (1,1): bilinear among those that lie on the same surface
// as the nearest texel, 0 for the others. So no depth is made up between a near edge and what is behind it, or the sky. Gather gives
// another order: HLSL's Gather(...).wzxy is this one. For colour that shall not bleed over an edge use the same weights.
float4 DreamportTexelWeights(float4 inverse, float2 fraction, float edge)
{
    float2 here = 1.0 - fraction;
    float4 weights = float4(here.x * here.y, fraction.x * here.y, here.x * fraction.y, fraction.x * fraction.y);
    float top = fraction.x < 0.5 ? inverse.x : inverse.y;
    float bottom = fraction.x < 0.5 ? inverse.z : inverse.w;
    float chosen = fraction.y < 0.5 ? top : bottom;
    float4 apart = abs(inverse - chosen);
    float4 allowed = edge * max(inverse, float4(chosen, chosen, chosen, chosen));
    weights *= step(apart, allowed);
    return weights / (weights.x + weights.y + weights.z + weights.w);
}

// Inverse depth between four texels, without inventing surfaces. Inverse depth is linear over a plane in the picture, metres are not:
// filter this, then turn it into metres.
float DreamportFilterInverse(float4 inverse, float2 fraction, float edge)
{
    return dot(DreamportTexelWeights(inverse, fraction, edge), inverse);
}

// ---------------------------------------------------------------- which is nearer

// How much of the neural surface lies in front, 0..1: 1 where it is nearer than the engine's by half the width or more, 0 where it is
// farther by as much, smooth in between. The width is widthMetres plus relativeWidth times the nearer distance; 0 makes a hard edge, at
// which equal distances show the neural surface. Sky is behind everything, at any width; where both are sky the neural one shows.
float DreamportInFront(float neuralMetres, float engineMetres, float widthMetres, float relativeWidth)
{
    float width = widthMetres + relativeWidth * min(neuralMetres, engineMetres);
    float ahead = engineMetres - neuralMetres;
    float inFront = ahead >= 0.0 ? 1.0 : 0.0;
    if (engineMetres >= DREAMPORT_SKY_METRES)
        inFront = 1.0;
    else if (neuralMetres >= DREAMPORT_SKY_METRES)
        inFront = 0.0;
    else if (abs(ahead) < 0.5 * width)
    {
        float share = ahead / width + 0.5;
        inFront = share * share * (3.0 - 2.0 * share);
    }
    return inFront;
}

// ---------------------------------------------------------------- blending

// Straight alpha to premultiplied.
float4 DreamportPremultiplied(float4 straight)
{
    return float4(straight.rgb * straight.a, straight.a);
}

// Premultiplied alpha to straight; what is fully transparent becomes black.
float4 DreamportStraight(float4 premultiplied)
{
    float4 straight = float4(0.0, 0.0, 0.0, 0.0);
    if (premultiplied.a > 0.0)
        straight = float4(premultiplied.rgb / premultiplied.a, premultiplied.a);
    return straight;
}

// One picture over another, both premultiplied. What is fully covered does not count, not even a NaN.
float4 DreamportOver(float4 front, float4 back)
{
    float4 result = front;
    if (front.a < 1.0)
        result += back * (1.0 - front.a);
    return result;
}

// The two pictures as one, in linear light: the nearer over the farther, mixed where inFront (DreamportInFront) lies between 0 and 1.
// opacity, 0..1, is the neural picture's. premultiplied: how `engine`, `neural` and the result hold their alpha. An engine whose colour
// target has no meaningful alpha passes 1.
float4 DreamportComposite(float4 engine, float4 neural, float inFront, float opacity, bool premultiplied)
{
    float4 ours = neural;
    float4 theirs = engine;
    if (!premultiplied)
    {
        ours = DreamportPremultiplied(neural);
        theirs = DreamportPremultiplied(engine);
    }
    ours *= saturate(opacity);
    float4 result;
    if (inFront >= 1.0)
    {
        result = DreamportOver(ours, theirs);
    }
    else
    {
        result = DreamportOver(theirs, ours);
        if (inFront > 0.0)
            result += (DreamportOver(ours, theirs) - result) * inFront;
    }
    if (!premultiplied)
        result = DreamportStraight(result);
    return result;
}

// The neural picture over the whole screen, whatever the depth.
float4 DreamportFullScreen(float4 engine, float4 neural, float opacity, bool premultiplied)
{
    return DreamportComposite(engine, neural, 1.0, opacity, premultiplied);
}

// ---------------------------------------------------------------- colour space

// One channel, sRGB-coded to linear (IEC 61966-2-1). Not clamped above 1.
float DreamportLinearChannel(float coded)
{
    float linearLight = coded / 12.92;
    if (coded > 0.04045)
        linearLight = pow(abs((coded + 0.055) / 1.055), 2.4);
    return linearLight;
}

// One channel, linear to sRGB-coded.
float DreamportCodedChannel(float linearLight)
{
    float coded = linearLight * 12.92;
    if (linearLight > 0.0031308)
        coded = 1.055 * pow(abs(linearLight), 1.0 / 2.4) - 0.055;
    return coded;
}

// A frame's colour to linear light. Needed where the texture is not an sRGB one, which decodes by itself.
float3 DreamportLinear(float3 coded)
{
    return float3(DreamportLinearChannel(coded.r), DreamportLinearChannel(coded.g), DreamportLinearChannel(coded.b));
}

// Linear light to sRGB codes: for a target that is neither linear nor converted by the device.
float3 DreamportCoded(float3 linearLight)
{
    return float3(DreamportCodedChannel(linearLight.r), DreamportCodedChannel(linearLight.g),
                  DreamportCodedChannel(linearLight.b));
}

// ---------------------------------------------------------------- geometry of the portal

// A vector or point of the anchor's space (the component's transform without scale), in the engine's axes and units, in level axes and
// metres.
float3 DreamportLevelFromUnity(float3 local)
{
    return float3(local.x, -local.y, local.z);
}

float3 DreamportLevelFromUnreal(float3 localCentimetres)
{
    return float3(localCentimetres.y, -localCentimetres.z, localCentimetres.x) * 0.01;
}

float3 DreamportLevelFromGodot(float3 local)
{
    return float3(local.x, -local.y, -local.z);
}

// A camera's vector in level axes.
float3 DreamportRotated(float4 orientation, float3 vector3)
{
    return vector3 + 2.0 * cross(orientation.xyz, cross(orientation.xyz, vector3) + orientation.w * vector3);
}

// A vector of the level in a camera's axes.
float3 DreamportRotatedBack(float4 orientation, float3 vector3)
{
    return DreamportRotated(float4(-orientation.xyz, orientation.w), vector3);
}

// A point of the level in a camera's axes, metres: z is its distance along the axis.
float3 DreamportToCamera(float3 levelPoint, float3 position, float4 orientation)
{
    return DreamportRotatedBack(orientation, levelPoint - position);
}

// Where a point in camera axes falls in the frame: uv, metres along the axis, and 1 when it is in front and inside the frame, else 0
// (uv is then not to be used). A direction does as well as a point.
float4 DreamportProject(float3 cameraPoint, float4 intrinsics, float2 size)
{
    float4 result = float4(0.0, 0.0, 0.0, 0.0);
    if (cameraPoint.z > 1.0e-6)
    {
        float2 uv = (cameraPoint.xy / cameraPoint.z * intrinsics.xy + intrinsics.zw) / size;
        float inside = uv.x >= 0.0 && uv.x <= 1.0 && uv.y >= 0.0 && uv.y <= 1.0 ? 1.0 : 0.0;
        result = float4(uv, cameraPoint.z, inside);
    }
    return result;
}

// The point in camera axes that a frame shows at uv, metres along the axis away.
float3 DreamportUnproject(float2 uv, float metres, float4 intrinsics, float2 size)
{
    float2 pixel = uv * size;
    return float3((pixel - intrinsics.zw) / intrinsics.xy * metres, metres);
}

// The same point in level coordinates.
float3 DreamportLevelPoint(float2 uv, float metres, float3 position, float4 orientation, float4 intrinsics, float2 size)
{
    return position + DreamportRotated(orientation, DreamportUnproject(uv, metres, intrinsics, size));
}

// What a portal shows at a point of its surface: the frame's picture in the direction in which the viewer looks through that point.
// Right for any depth while the frame's camera stands where the viewer stands (a frame that is late by a turn is still right), and as
// DreamportProject says when not. viewer, surfacePoint: level coordinates, metres.
float4 DreamportPortal(float3 viewer, float3 surfacePoint, float4 orientation, float4 intrinsics, float2 size)
{
    return DreamportProject(DreamportRotatedBack(orientation, surfacePoint - viewer), intrinsics, size);
}

// One step towards where a late frame, whose camera stood elsewhere, shows what the viewer sees along a ray: read the depth at the last
// uv, and look where the ray passes nearest to that point. Begin with DreamportPortal; three steps settle unless a near edge lies between.
// ray: unit length, level axes. metres: the frame's depth at uv; for sky the first answer stands.
float4 DreamportReprojected(float4 last, float metres, float3 viewer, float3 ray, float3 position, float4 orientation,
                            float4 intrinsics, float2 size)
{
    float4 result = last;
    if (last.w > 0.0 && metres < DREAMPORT_SKY_METRES)
    {
        float3 shown = DreamportLevelPoint(last.xy, metres, position, orientation, intrinsics, size);
        float along = max(dot(shown - viewer, ray), 0.0);
        result = DreamportProject(DreamportToCamera(viewer + ray * along, position, orientation), intrinsics, size);
    }
    return result;
}

#endif
