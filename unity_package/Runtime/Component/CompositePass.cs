#nullable enable
using Dreamport.Interop;
using UnityEngine;
using UnityEngine.Rendering;
using UnityEngine.Rendering.RenderGraphModule;
using UnityEngine.Rendering.Universal;

namespace Dreamport
{
    /// <summary>Draws the composite of the camera's colour and the level into a new colour target, which becomes the camera's.</summary>
    sealed class CompositePass : ScriptableRenderPass
    {
        static readonly int ViewerPosition = Shader.PropertyToID("_DreamportViewerPosition");
        static readonly int ViewerOrientation = Shader.PropertyToID("_DreamportViewerOrientation");
        static readonly int ViewerIntrinsics = Shader.PropertyToID("_DreamportViewerIntrinsics");
        static readonly int Planes = Shader.PropertyToID("_DreamportPlanes");
        static readonly int Blend = Shader.PropertyToID("_DreamportBlend");

        Material? _material;
        DreamportWorld? _world;
        CompositeMode _mode;
        Vector4 _blend;

        public CompositePass() => requiresIntermediateTexture = true;

        public void Prepare(Material material, DreamportWorld world, CompositeMode mode, float opacity, float softEdge, float softEdgeShare)
        {
            _material = material;
            _world = world;
            _mode = mode;
            _blend = new Vector4(opacity, softEdge, softEdgeShare, 0f);
        }

        sealed class PassData
        {
            public TextureHandle Source;
            public Material? Material;
            public int Pass;
        }

        public override void RecordRenderGraph(RenderGraph renderGraph, ContextContainer frameData)
        {
            var resources = frameData.Get<UniversalResourceData>();
            var cameraData = frameData.Get<UniversalCameraData>();
            if (_material == null || _world == null || resources.isActiveTargetBackBuffer)
                return;
            SetCamera(cameraData.camera);

            var source = resources.activeColorTexture;
            var description = renderGraph.GetTextureDesc(source);
            description.name = "_DreamportComposite";
            description.clearBuffer = false;
            description.msaaSamples = MSAASamples.None;
            var destination = renderGraph.CreateTexture(description);

            using (var builder = renderGraph.AddRasterRenderPass<PassData>("Dreamport Composite", out var data))
            {
                data.Source = source;
                data.Material = _material;
                data.Pass = _mode == CompositeMode.Depth ? 0 : 1;
                builder.UseTexture(source, AccessFlags.Read);
                if (_mode == CompositeMode.Depth && resources.cameraDepthTexture.IsValid())
                    builder.UseTexture(resources.cameraDepthTexture, AccessFlags.Read);
                builder.SetRenderAttachment(destination, 0, AccessFlags.Write);
                builder.SetRenderFunc(static (PassData pass, RasterGraphContext context) =>
                    Blitter.BlitTexture(context.cmd, pass.Source, new Vector4(1f, 1f, 0f, 0f), pass.Material!, pass.Pass));
            }
            resources.cameraColor = destination;
        }

        /// <summary>The camera in level coordinates: the shader needs no matrix of URP, whose conventions differ from platform to platform.</summary>
        void SetCamera(Camera camera)
        {
            DpPose viewer = _world!.LevelPoseOf(camera.transform);
            _material!.SetVector(ViewerPosition, Axes.PositionOf(viewer));
            _material.SetVector(ViewerOrientation, Axes.OrientationOf(viewer));
            _material.SetVector(ViewerIntrinsics,
                Axes.ToVector(Axes.Intrinsics(camera.projectionMatrix, camera.pixelWidth, camera.pixelHeight)));
            _material.SetVector(Planes, new Vector4(camera.nearClipPlane, camera.farClipPlane, camera.pixelWidth, camera.pixelHeight));
            _material.SetVector(Blend, _blend);
        }
    }
}
