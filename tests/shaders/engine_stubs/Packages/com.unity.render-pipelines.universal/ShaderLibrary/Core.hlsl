// Stub of URP's Core.hlsl: the few macros and functions that Dreamport's shaders use, as they are on Direct3D 11 and later.
#ifndef STUB_UNITY_CORE
#define STUB_UNITY_CORE

#define TEXTURE2D(name) Texture2D name
#define TEXTURE2D_X(name) Texture2D name
#define SAMPLER(name) SamplerState name
#define SAMPLE_TEXTURE2D(name, state, uv) name.Sample(state, uv)
#define SAMPLE_TEXTURE2D_LOD(name, state, uv, lod) name.SampleLevel(state, uv, lod)
#define SAMPLE_TEXTURE2D_X(name, state, uv) name.Sample(state, uv)
#define SAMPLE_TEXTURE2D_X_LOD(name, state, uv, lod) name.SampleLevel(state, uv, lod)
#define LOAD_TEXTURE2D(name, texel) name.Load(int3(texel, 0))
#define LOAD_TEXTURE2D_X(name, texel) name.Load(int3(texel, 0))
#define CBUFFER_START(name) cbuffer name {
#define CBUFFER_END };

#define UNITY_VERTEX_INPUT_INSTANCE_ID uint instanceID : SV_InstanceID;
#define UNITY_VERTEX_OUTPUT_STEREO
#define UNITY_SETUP_INSTANCE_ID(input)
#define UNITY_INITIALIZE_VERTEX_OUTPUT_STEREO(output)
#define UNITY_SETUP_STEREO_EYE_INDEX_POST_VERTEX(input)

float3 _WorldSpaceCameraPos;
float4x4 unity_ObjectToWorld;
float4x4 unity_MatrixVP;

float3 TransformObjectToWorld(float3 positionOS)
{
    return mul(unity_ObjectToWorld, float4(positionOS, 1.0)).xyz;
}

float4 TransformWorldToHClip(float3 positionWS)
{
    return mul(unity_MatrixVP, float4(positionWS, 1.0));
}

#endif
