#nullable enable
using System;
using UnityEngine;
using UnityEngine.Experimental.Rendering;
using UnityEngine.Rendering;
using UnityEngine.Rendering.RenderGraphModule;
using UnityEngine.Rendering.Universal;

namespace Dreamport
{
    /// <summary>Copies a camera's colour and depth into the recorder's own targets: RGBA8 sRGB and the contract's inverse 16-bit depth, first row
    /// at the top, so that a readback needs no further work on the CPU.</summary>
    sealed class CapturePass : ScriptableRenderPass, IDisposable
    {
        static readonly int Options = Shader.PropertyToID("_DreamportCapture");

        readonly Material _material;
        readonly bool _flip;
        readonly float _depthNear;
        RTHandle? _colour, _depth;

        /// <summary>Makes the targets. <paramref name="depthNear"/>: unit of inverse depth, scene units; 0 without depth.</summary>
        public CapturePass(Shader shader, int width, int height, float depthNear, bool flip)
        {
            requiresIntermediateTexture = true;
            renderPassEvent = RenderPassEvent.AfterRenderingPostProcessing;
            ConfigureInput(depthNear > 0f ? ScriptableRenderPassInput.Depth : ScriptableRenderPassInput.None);
            _material = CoreUtils.CreateEngineMaterial(shader);
            _depthNear = depthNear;
            _flip = flip;
            // A linear project's picture is encoded by an sRGB target; a gamma project's is coded already.
            var format = QualitySettings.activeColorSpace == ColorSpace.Linear ? GraphicsFormat.R8G8B8A8_SRGB : GraphicsFormat.R8G8B8A8_UNorm;
            _colour = RTHandles.Alloc(Target(width, height, format, "Dreamport capture colour"));
            if (depthNear > 0f)
                _depth = RTHandles.Alloc(Target(width, height, GraphicsFormat.R16_UNorm, "Dreamport capture depth"));
        }

        /// <summary>Whether 16-bit depth can be rendered here.</summary>
        public static bool DepthWorks => SystemInfo.IsFormatSupported(GraphicsFormat.R16_UNorm, GraphicsFormatUsage.Render);

        /// <summary>The colour target.</summary>
        public RenderTexture? Colour => _colour?.rt;

        /// <summary>The depth target; null without depth.</summary>
        public RenderTexture? Depth => _depth?.rt;

        public void Dispose()
        {
            Release(ref _colour);
            Release(ref _depth);
            CoreUtils.Destroy(_material);
        }

        static RenderTexture Target(int width, int height, GraphicsFormat format, string name)
        {
            var target = new RenderTexture(width, height, 0, format) { name = name, hideFlags = HideFlags.DontSave };
            target.Create();
            return target;
        }

        static void Release(ref RTHandle? handle)
        {
            if (handle == null)
                return;
            var target = handle.rt;
            handle.Release();
            handle = null;
            CoreUtils.Destroy(target);
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
            var camera = frameData.Get<UniversalCameraData>().camera;
            if (_colour == null || resources.isActiveTargetBackBuffer)
                return;
            _material.SetVector(Options, new Vector4(camera.nearClipPlane, camera.farClipPlane, _depthNear, _flip ? 1f : 0f));
            Copy(renderGraph, "Dreamport Capture Colour", resources.activeColorTexture, renderGraph.ImportTexture(_colour), 0);
            if (_depth != null && resources.cameraDepthTexture.IsValid())
                Copy(renderGraph, "Dreamport Capture Depth", resources.cameraDepthTexture, renderGraph.ImportTexture(_depth), 1);
        }

        void Copy(RenderGraph renderGraph, string name, TextureHandle source, TextureHandle target, int pass)
        {
            using (var builder = renderGraph.AddRasterRenderPass<PassData>(name, out var data))
            {
                data.Source = source;
                data.Material = _material;
                data.Pass = pass;
                builder.UseTexture(source, AccessFlags.Read);
                builder.SetRenderAttachment(target, 0, AccessFlags.WriteAll);
                // Nothing in the graph reads the targets: the readback does, afterwards.
                builder.AllowPassCulling(false);
                builder.SetRenderFunc(static (PassData copy, RasterGraphContext context) =>
                    Blitter.BlitTexture(context.cmd, copy.Source, new Vector4(1f, 1f, 0f, 0f), copy.Material!, copy.Pass));
            }
        }
    }
}
