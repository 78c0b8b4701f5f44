#nullable enable
using UnityEngine;

namespace Dreamport
{
    /// <summary>How a screen shows its world.</summary>
    public enum ScreenMode
    {
        /// <summary>A window into the level: what lies behind the mesh as seen by the viewer. Right when a camera's pose drives the world.</summary>
        Portal,
        /// <summary>A flat picture by the mesh's texture coordinates, like a television.</summary>
        Flat,
    }

    /// <summary>Shows a world on this object's mesh, as a portal or as a screen.</summary>
    [AddComponentMenu("Dreamport/Dreamport Screen")]
    [RequireComponent(typeof(Renderer))]
    [DefaultExecutionOrder(100)]
    public sealed class DreamportScreen : MonoBehaviour
    {
        static readonly int ModeId = Shader.PropertyToID("_DreamportMode");
        static readonly int OptionsId = Shader.PropertyToID("_DreamportOptions");

        [SerializeField, Tooltip("Empty: the first world in the scene.")] DreamportWorld? _world;
        [SerializeField] ScreenMode _mode = ScreenMode.Portal;
        [SerializeField, Tooltip("Portal only: write the level's depth, so that objects behind the mesh's plane are hidden by the level's walls, and those in front of the walls are seen.")]
        bool _writeDepth = true;
        [SerializeField, Tooltip("Portal only: correct for a viewer that moved since the frame was made, by its depth.")] bool _reproject = true;
        [SerializeField] Shader? _shader;

        Renderer? _renderer;
        Material? _material, _original;
        MaterialPropertyBlock? _block;

        /// <summary>The world shown; the first in the scene when none was set.</summary>
        public DreamportWorld? World
        {
            get => _world != null ? _world : DreamportWorld.Active.Count > 0 ? DreamportWorld.Active[0] : null;
            set => _world = value;
        }

        /// <summary>How it is shown.</summary>
        public ScreenMode Mode { get => _mode; set => _mode = value; }

        void OnEnable()
        {
            _renderer = GetComponent<Renderer>();
            _block ??= new MaterialPropertyBlock();
            var shader = _shader != null ? _shader : Shader.Find("Dreamport/Screen");
            if (shader == null)
            {
                Debug.LogError("Dreamport: the shader Dreamport/Screen is not in this build. Set it in the component's Shader field.", this);
                return;
            }
            _material = new Material(shader) { hideFlags = HideFlags.DontSave };
            _original = _renderer.sharedMaterial;
            _renderer.sharedMaterial = _material;
        }

        void OnDisable()
        {
            if (_renderer != null && _material != null)
            {
                _renderer.SetPropertyBlock(null);
                _renderer.sharedMaterial = _original;
            }
            if (_material != null)
                Destroy(_material);
            _material = null;
        }

        void LateUpdate()
        {
            var world = World;
            if (_material == null || _renderer == null || world == null || !world.HasFrame)
                return;
            _block!.Clear();
            FrameProperties.Fill(_block, world);
            _block.SetFloat(ModeId, _mode == ScreenMode.Portal ? 0f : 1f);
            _block.SetVector(OptionsId, new Vector4(_writeDepth ? 1f : 0f, _reproject ? 1f : 0f, 0f, 0f));
            _renderer.SetPropertyBlock(_block);
        }
    }
}
