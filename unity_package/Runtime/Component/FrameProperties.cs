#nullable enable
using UnityEngine;

namespace Dreamport
{
    /// <summary>Names of what Dreamport's shaders read, and how a world fills them. See Shaders/DreamportFrame.hlsl.</summary>
    static class FrameProperties
    {
        static readonly int Colour = Shader.PropertyToID("_DreamportColour");
        static readonly int Depth = Shader.PropertyToID("_DreamportDepth");
        static readonly int Position = Shader.PropertyToID("_DreamportPosition");
        static readonly int Orientation = Shader.PropertyToID("_DreamportOrientation");
        static readonly int Intrinsics = Shader.PropertyToID("_DreamportIntrinsics");
        static readonly int Size = Shader.PropertyToID("_DreamportSize");
        static readonly int LevelFromWorld = Shader.PropertyToID("_DreamportAnchorFromWorld");

        /// <summary>Fills a property block (a renderer's) with the shown frame.</summary>
        public static void Fill(MaterialPropertyBlock target, DreamportWorld world)
        {
            var pose = world.FrameLevelPose;
            target.SetTexture(Colour, world.ColourTexture!);
            target.SetTexture(Depth, world.DepthTexture != null ? world.DepthTexture : Texture2D.blackTexture);
            target.SetVector(Position, Axes.PositionOf(pose));
            target.SetVector(Orientation, Axes.OrientationOf(pose));
            target.SetVector(Intrinsics, world.FrameIntrinsics);
            target.SetVector(Size, SizeOf(world));
            target.SetMatrix(LevelFromWorld, AnchorFromWorld(world));
        }

        /// <summary>Fills a material (the composite's) with the shown frame.</summary>
        public static void Fill(Material target, DreamportWorld world)
        {
            var pose = world.FrameLevelPose;
            target.SetTexture(Colour, world.ColourTexture!);
            target.SetTexture(Depth, world.DepthTexture != null ? world.DepthTexture : Texture2D.blackTexture);
            target.SetVector(Position, Axes.PositionOf(pose));
            target.SetVector(Orientation, Axes.OrientationOf(pose));
            target.SetVector(Intrinsics, world.FrameIntrinsics);
            target.SetVector(Size, SizeOf(world));
            target.SetMatrix(LevelFromWorld, AnchorFromWorld(world));
        }

        /// <summary>Width, height, metres at the depth value 1, scene units a metre.</summary>
        static Vector4 SizeOf(DreamportWorld world)
        {
            var size = world.FrameSize;
            return new Vector4(size.x, size.y, world.DepthTexture != null ? world.FrameDepthNear : 0f, world.UnitsPerMetre);
        }

        /// <summary>From the scene to the anchor's space without its scale, in metres; Unity's axes.</summary>
        static Matrix4x4 AnchorFromWorld(DreamportWorld world)
        {
            var anchor = world.Origin;
            return Matrix4x4.TRS(anchor.position, anchor.rotation, Vector3.one * world.UnitsPerMetre).inverse;
        }
    }
}
