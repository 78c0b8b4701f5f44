#nullable enable
using UnityEngine;
using UnityEngine.Rendering;
using UnityEngine.Rendering.Universal;

namespace Dreamport
{
    /// <summary>How the level covers the screen.</summary>
    public enum CompositeMode
    {
        /// <summary>The level behind and in front of the scene's objects, pixel by pixel, by depth.</summary>
        Depth,
        /// <summary>The level over everything.</summary>
        FullScreen,
    }

    /// <summary>Renderer feature that composes a world with what a camera renders. Add it to the URP renderer asset.</summary>
    [DisallowMultipleRendererFeature("Dreamport Composite")]
    public sealed class DreamportCompositeFeature : ScriptableRendererFeature
    {
        [SerializeField] CompositeMode _mode = CompositeMode.Depth;
        [SerializeField, Range(0f, 1f)] float _opacity = 1f;
        [SerializeField, Min(0f), Tooltip("Metres over which the nearer surface fades into the farther one.")] float _softEdge = 0.02f;
        [SerializeField, Range(0f, 0.2f), Tooltip("The same as a share of the distance.")] float _softEdgeShare = 0.01f;
        [SerializeField] RenderPassEvent _when = RenderPassEvent.BeforeRenderingPostProcessing;
        [SerializeField, Tooltip("Compose in the Scene view too.")] bool _inSceneView;
        [SerializeField] Shader? _shader;

        CompositePass? _pass;
        Material? _material;

        /// <summary>How the level covers the screen.</summary>
        public CompositeMode Mode { get => _mode; set => _mode = value; }
        /// <summary>How much of the level is seen, 0 to 1.</summary>
        public float Opacity { get => _opacity; set => _opacity = Mathf.Clamp01(value); }
        /// <summary>World that is composed; the first in the scene when none was set.</summary>
        public DreamportWorld? World { get; set; }

        /// <summary>URP: makes the pass.</summary>
        public override void Create() => _pass = new CompositePass();

        /// <summary>URP: adds the pass to a camera's frame when there is something to compose.</summary>
        public override void AddRenderPasses(ScriptableRenderer renderer, ref RenderingData renderingData)
        {
            var world = World != null ? World : DreamportWorld.Active.Count > 0 ? DreamportWorld.Active[0] : null;
            if (_pass == null || world == null || !world.HasFrame || !Wants(renderingData.cameraData.cameraType))
                return;
            if (_material == null)
            {
                var shader = _shader != null ? _shader : Shader.Find("Hidden/Dreamport/Composite");
                if (shader == null)
                    return;
                _material = CoreUtils.CreateEngineMaterial(shader);
            }
            FrameProperties.Fill(_material, world);
            _pass.renderPassEvent = _when;
            _pass.ConfigureInput(_mode == CompositeMode.Depth ? ScriptableRenderPassInput.Depth : ScriptableRenderPassInput.None);
            _pass.Prepare(_material, world, _mode, _opacity, _softEdge, _softEdgeShare);
            renderer.EnqueuePass(_pass);
        }

        /// <summary>URP: releases the material.</summary>
        protected override void Dispose(bool disposing)
        {
            CoreUtils.Destroy(_material);
            _material = null;
        }

        bool Wants(CameraType type) => type == CameraType.Game || (_inSceneView && type == CameraType.SceneView);
    }
}
