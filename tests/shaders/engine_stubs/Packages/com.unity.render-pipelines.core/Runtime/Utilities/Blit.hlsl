// Stub of the core package's Blit.hlsl: a triangle over the whole screen.
TEXTURE2D_X(_BlitTexture);
SAMPLER(sampler_LinearClamp);
SAMPLER(sampler_PointClamp);

struct Attributes
{
    uint vertexID : SV_VertexID;
};

struct Varyings
{
    float4 positionCS : SV_POSITION;
    float2 texcoord : TEXCOORD0;
};

Varyings Vert(Attributes input)
{
    Varyings output;
    output.texcoord = float2((input.vertexID << 1) & 2, input.vertexID & 2);
    output.positionCS = float4(output.texcoord * float2(2.0, -2.0) + float2(-1.0, 1.0), 0.0, 1.0);
    return output;
}
