#nullable enable
using System;
using Dreamport.Internal;
using Dreamport.Interop;
using UnityEngine;
using UnityEngine.Events;
using UnityEngine.InputSystem;

namespace Dreamport
{
    /// <summary>What drives the world.</summary>
    public enum InputMode
    {
        /// <summary>Buttons and look: the world moves its own camera, with its own collisions.</summary>
        PlayerInput,
        /// <summary>A camera of the scene, relative to this transform.</summary>
        CameraPose,
        /// <summary>Both: the camera's pose, and the buttons for what else the world does.</summary>
        Both,
        /// <summary>Nothing: scripts call <see cref="DreamportWorld.Controls"/>.</summary>
        None,
    }

    /// <summary>Whether a camera of the scene follows the world.</summary>
    public enum CameraMode
    {
        /// <summary>The scene's camera is left alone.</summary>
        Free,
        /// <summary>The camera is moved to where each frame was made: with player input, the scene is then seen from the world's own player.</summary>
        FollowsFrame,
    }

    /// <summary>How frames reach the GPU.</summary>
    public enum UploadMode
    {
        /// <summary>By the native plugin on the render thread where the graphics API lets it (Direct3D 11, OpenGL, Metal), else by Texture2D.</summary>
        Automatic,
        /// <summary>Always by Texture2D.LoadRawTextureData and Apply.</summary>
        TextureData,
    }

    public sealed partial class DreamportWorld
    {
        [Header("Backend")]
        [SerializeField, Tooltip("host:port. Empty: this machine, port 50700.")] string _address = "";
        [SerializeField, Tooltip("Needed anywhere but on this machine.")] bool _useTls;
        [SerializeField, Tooltip("Environment variable that holds the backend's token; secrets do not belong into scenes.")]
        string _tokenVariable = "DREAMPORT_TOKEN";
        [SerializeField, Tooltip("PEM file of the certificates to trust. Empty: the system's.")] string _caFile = "";
        [SerializeField, Tooltip("Name the certificate must bear. Empty: the address's host.")] string _serverName = "";
        [SerializeField] bool _connectOnEnable = true;

        [Header("World")]
        [SerializeField, Tooltip("Empty: the backend's default world.")] string _world = "";
        [SerializeField, Tooltip("Empty: the world's first start.")] string _start = "";
        [SerializeField, Tooltip("Off: the backend chooses.")] bool _useSeed;
        [SerializeField] uint _seed;
        [SerializeField] FrameTransport _transport = FrameTransport.Automatic;
        [SerializeField] FrameColour _colour = FrameColour.Automatic;
        [SerializeField, Tooltip("Depth lets the level be composed with the scene.")] bool _depth = true;
        [SerializeField] UploadMode _upload = UploadMode.Automatic;

        [Header("Place")]
        [SerializeField, Tooltip("On: the level's start is here, at eye height. Off: the origin of the level's coordinates is here.")]
        bool _startAtTransform;
        [SerializeField, Min(1e-4f), Tooltip("Scene units for one metre of the level.")] float _unitsPerMetre = 1f;

        [Header("Input")]
        [SerializeField] InputMode _input = InputMode.PlayerInput;
        [SerializeField, Tooltip("Actions named like the world's buttons, and one named Look. Empty: the keys and the mouse that the world suggests.")]
        InputActionAsset? _actions;
        [SerializeField, Tooltip("Degrees for one pixel of mouse movement, or per unit of the Look action.")] float _lookDegreesPerPixel = 0.12f;
        [SerializeField, Tooltip("The mouse turns the view only while the cursor is locked or the right button is held.")]
        bool _lookNeedsLockedCursor = true;
        [SerializeField, Tooltip("Camera for the input modes Camera Pose and Both. Empty: the main camera.")] Camera? _poseCamera;
        [SerializeField, Tooltip("Also send the camera's field of view. Only for worlds trained with more than one.")] bool _sendIntrinsics;
        [SerializeField] CameraMode _cameraMode = CameraMode.Free;
        [SerializeField, Tooltip("Camera that follows the world's frames.")] Camera? _followCamera;

        [Header("Events")]
        [SerializeField] UnityEvent _onOpened = new UnityEvent();
        [SerializeField] UnityEvent<string> _onStateChanged = new UnityEvent<string>();
        [SerializeField] UnityEvent<string> _onNotice = new UnityEvent<string>();

        /// <summary>State or problem changed.</summary>
        public event Action<DreamportWorld>? StateChanged;
        /// <summary>A session opened, or went on after a break.</summary>
        public event Action<DreamportWorld>? Opened;
        /// <summary>A new frame is in the textures.</summary>
        public event Action<DreamportWorld>? FrameShown;
        /// <summary>The backend wants something known.</summary>
        public event Action<DreamportWorld, string>? NoticeReceived;
        /// <summary>A state was kept: its handle for <see cref="Load"/>.</summary>
        public event Action<DreamportWorld, string>? StateSaved;

        /// <summary>"host:port"; empty for this machine. Takes effect at the next <see cref="Open"/>.</summary>
        public string Address { get => _address; set => _address = value; }
        /// <summary>Name of the world; empty for the backend's default. Takes effect at the next <see cref="Open"/>.</summary>
        public string WorldName { get => _world; set => _world = value; }
        /// <summary>Name of the start; empty for the world's first. Takes effect at the next <see cref="Open"/>.</summary>
        public string StartName { get => _start; set => _start = value; }
        /// <summary>Seed of the world's noise; null lets the backend choose. Takes effect at the next <see cref="Open"/>.</summary>
        public uint? Seed
        {
            get => _useSeed ? _seed : (uint?)null;
            set
            {
                _useSeed = value.HasValue;
                _seed = value ?? 0;
            }
        }
        /// <summary>What drives the world.</summary>
        public InputMode Input { get => _input; set => _input = value; }
        /// <summary>Whether <see cref="FollowCamera"/> is moved to where each frame was made.</summary>
        public CameraMode CameraMode { get => _cameraMode; set => _cameraMode = value; }
        /// <summary>Camera that follows the world's frames.</summary>
        public Camera? FollowCamera { get => _followCamera; set => _followCamera = value; }
        /// <summary>Camera whose pose drives the world; the main camera when none was set.</summary>
        public Camera? PoseCamera { get => _poseCamera != null ? _poseCamera : Camera.main; set => _poseCamera = value; }
        /// <summary>Whether the level's start, at eye height, is at this transform; otherwise the origin of the level's coordinates is.</summary>
        public bool StartAtTransform { get => _startAtTransform; set => _startAtTransform = value; }
        /// <summary>The origin of the level's coordinates in the scene.</summary>
        public Pose Origin
        {
            get
            {
                transform.GetPositionAndRotation(out var position, out var rotation);
                return _startAtTransform && _originSession != 0
                    ? new Pose(position + rotation * _originPosition, rotation * Quaternion.Euler(0f, _originYaw, 0f))
                    : new Pose(position, rotation);
            }
        }
        /// <summary>Scene units for one metre of the level.</summary>
        public float UnitsPerMetre { get => _unitsPerMetre; set => _unitsPerMetre = Mathf.Max(1e-4f, value); }

        /// <summary>Where the connection stands; Failed when the native library cannot be used.</summary>
        public ConnectionState State => _problem.Length > 0 ? ConnectionState.Failed : _session?.State ?? ConnectionState.Closed;
        /// <summary>What is wrong, for programs.</summary>
        public ConnectionProblem Problem => _session?.Problem ?? ConnectionProblem.None;
        /// <summary>What happened and what to do, for people.</summary>
        public string Message => _problem.Length > 0 ? _problem : _session?.Message ?? "";
        /// <summary>The world; null before it opened.</summary>
        public WorldInfo? World => _session?.World;
        /// <summary>What runs it; null before it opened.</summary>
        public ExecutorInfo? Executor => _session?.Executor;
        /// <summary>Rates and latencies, at most a quarter of a second old.</summary>
        public DpStatistics Statistics => _session?.Statistics ?? default;
        /// <summary>Input for scripts: bits are those of <see cref="WorldInfo.ButtonBit"/>. Null before <see cref="Open"/>.</summary>
        public ControlSampler? Controls => _session?.Controls;

        /// <summary>Whether the textures hold a frame.</summary>
        public bool HasFrame => _session != null && _session.HasFrame && ColourTexture != null;
        /// <summary>The level's picture, sRGB, first row at the top (v = 0 is the top). Null before the first frame; another object after a change of size.</summary>
        public Texture2D? ColourTexture => _textures?.Colour;
        /// <summary>Inverse depth as R16: metres = <see cref="FrameDepthNear"/> / value; 0 is infinitely far. Null without depth.</summary>
        public Texture2D? DepthTexture => _textures?.Depth;
        /// <summary>Camera the shown frame was made for, in the scene.</summary>
        public Pose FrameCameraPose
        {
            get
            {
                if (_session == null || !_session.HasFrame)
                    return new Pose(transform.position, transform.rotation);
                return Axes.ToPose(LevelAxes.ToEngine(Axes.FromPose(Origin), _unitsPerMetre, _session.Frame.Pose));
            }
        }
        /// <summary>The same in level coordinates.</summary>
        public DpPose FrameLevelPose => _session != null && _session.HasFrame ? _session.Frame.Pose : default;
        /// <summary>fx, fy, cx, cy of the shown frame, pixels of <see cref="FrameSize"/>.</summary>
        public Vector4 FrameIntrinsics => _session != null && _session.HasFrame ? Axes.ToVector(_session.Frame.Intrinsics) : default;
        /// <summary>Size of the shown frame, pixels.</summary>
        public Vector2Int FrameSize => _session != null && _session.HasFrame
            ? new Vector2Int((int)_session.Frame.Width, (int)_session.Frame.Height) : default;
        /// <summary>Unit of the depth texture: metres at the value 1.</summary>
        public float FrameDepthNear => _session != null && _session.HasFrame ? (float)_session.Frame.DepthNearM : 0f;
        /// <summary>Id of the shown frame; 0 before the first.</summary>
        public ulong FrameId => _session != null && _session.HasFrame ? _session.Frame.Id : 0;

        internal WorldSession? Session => _session;

        /// <summary>Pose of something in the scene, in level coordinates.</summary>
        public DpPose LevelPoseOf(Transform other) =>
            LevelAxes.FromEngine(Axes.FromPose(Origin), _unitsPerMetre, Axes.FromTransform(other));

        /// <summary>Begins again from the start.</summary>
        public void ResetWorld() => _session?.Reset();

        /// <summary>Keeps the present state; the answer is <see cref="StateSaved"/>.</summary>
        public void Save() => _session?.Save();

        /// <summary>Goes back to a kept state.</summary>
        public void Load(string handle) => _session?.Load(handle);

        /// <summary>Stops or goes on making frames.</summary>
        public void Pause(bool paused) => _session?.Pause(paused);

        /// <summary>Words to the world.</summary>
        public void Prompt(string text) => _session?.Prompt(text);

        /// <summary>Something that happens in the world: one of <see cref="WorldInfo.Events"/>.</summary>
        public void Trigger(string eventName) => _session?.Trigger(eventName);

        /// <summary>Tries to connect at once instead of at the end of the pause.</summary>
        public void RetryNow() => _session?.RetryNow();

        SessionSettings MakeSettings() => new SessionSettings
        {
            Endpoint = MakeEndpoint(),
            World = _world,
            Start = _start,
            Seed = _useSeed ? _seed : (ulong?)null,
            Transport = _transport,
            Colour = _colour,
            Depth = _depth,
        };

        internal EndpointSettings MakeEndpoint() => new EndpointSettings
        {
            Address = _address,
            UseTls = _useTls,
            Token = string.IsNullOrEmpty(_tokenVariable) ? "" : Environment.GetEnvironmentVariable(_tokenVariable) ?? "",
            CaFile = _caFile,
            ServerName = _serverName,
        };
    }
}
