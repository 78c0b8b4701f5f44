#nullable enable
using System;
using System.Collections.Generic;
using Dreamport.Internal;
using Dreamport.Interop;
using UnityEngine;
using UnityEngine.InputSystem;

namespace Dreamport
{
    /// <summary>Synthetic camera paths of a recorder.</summary>
    public enum RecorderPath
    {
        /// <summary>The camera is moved by the game.</summary>
        Off = 0,
        /// <summary>Walks rectangles.</summary>
        Rectangle = 1,
        /// <summary>Stands and turns.</summary>
        Turn = 2,
        /// <summary>Walks through random points.</summary>
        Waypoints = 3,
        /// <summary>Circles the landmark.</summary>
        Orbit = 4,
        /// <summary>All of them.</summary>
        Mix = 5,
    }

    /// <summary>A button of a recording.</summary>
    [Serializable]
    public struct RecordedButton
    {
        /// <summary>Name in the data set; also that of the input action.</summary>
        public string name;
        /// <summary>Keys as KeyboardEvent.code values where there is no action, for instance "KeyW".</summary>
        public string[] keys;
    }

    public sealed partial class DreamportRecorder
    {
        [Header("Backend")]
        [SerializeField, Tooltip("host:port. Empty: this machine, port 50700.")] string _address = "";
        [SerializeField] bool _useTls;
        [SerializeField, Tooltip("Environment variable that holds the backend's token.")] string _tokenVariable = "DREAMPORT_TOKEN";
        [SerializeField] string _caFile = "";
        [SerializeField] string _serverName = "";

        [Header("Recording")]
        [SerializeField, Tooltip("Empty: the main camera.")] Camera? _camera;
        [SerializeField] string _dataset = "unity-capture";
        [SerializeField, Tooltip("SPDX expression, or proprietary.")] string _licence = "proprietary";
        [SerializeField, Tooltip("Who plays; is written into the episode.")] string _source = "human";
        [SerializeField] bool _heldOut;
        [SerializeField, Tooltip("Pixels, even.")] int _width = 640;
        [SerializeField, Tooltip("Pixels, even.")] int _height = 384;
        [SerializeField, Range(1, 240)] int _frameRate = 30;
        [SerializeField] FrameColour _colour = FrameColour.Jpeg;
        [SerializeField] bool _depth = true;
        [SerializeField, Min(0.001f), Tooltip("Nearest depth that is kept, metres.")] float _depthNearMetres = 0.1f;
        [SerializeField, Min(1e-4f), Tooltip("Scene units for one metre.")] float _unitsPerMetre = 1f;
        [SerializeField] bool _recordOnEnable;
        [SerializeField, Tooltip("Turn the pictures over if a recording stands on its head.")] bool _flip = true;
        [SerializeField] Shader? _shader;

        [Header("Input")]
        [SerializeField] InputActionAsset? _actions;
        [SerializeField] RecordedButton[] _buttons =
        {
            new RecordedButton { name = "forward", keys = new[] { "KeyW", "ArrowUp" } },
            new RecordedButton { name = "backward", keys = new[] { "KeyS", "ArrowDown" } },
            new RecordedButton { name = "left", keys = new[] { "KeyA" } },
            new RecordedButton { name = "right", keys = new[] { "KeyD" } },
        };

        [Header("Synthetic path")]
        [SerializeField] RecorderPath _pathKind = RecorderPath.Off;
        [SerializeField, Min(1f)] float _pathSeconds = 60f;
        [SerializeField] uint _pathSeed = 1;
        [SerializeField, Tooltip("Metres a second.")] float _pathSpeed = 1.5f;
        [SerializeField, Tooltip("Degrees a second.")] float _pathTurn = 90f;
        [SerializeField, Tooltip("Of the camera's body, metres.")] float _pathRadius = 0.3f;
        [SerializeField, Tooltip("Metres above the floor.")] float _pathEyeHeight = 1.6f;
        [SerializeField, Tooltip("Box around the camera's place that the path stays in, metres.")] Vector3 _pathArea = new Vector3(20f, 4f, 20f);
        [SerializeField] Transform? _pathLandmark;
        [SerializeField] LayerMask _pathObstacles = ~0;

        /// <summary>An episode is in the data set: its index and its frames.</summary>
        public event Action<DreamportRecorder, ulong, int>? EpisodeFinished;

        /// <summary>The camera that is recorded; the main camera when none was set.</summary>
        public Camera? Camera { get => _camera != null ? _camera : Camera.main; set => _camera = value; }
        /// <summary>"host:port"; empty for this machine. Takes effect with the next session.</summary>
        public string Address { get => _address; set => _address = value; }
        /// <summary>Name of the data set. Takes effect with the next session.</summary>
        public string Dataset { get => _dataset; set => _dataset = value; }
        /// <summary>Synthetic path of the next episode.</summary>
        public RecorderPath Path { get => _pathKind; set => _pathKind = value; }
        /// <summary>Length of a synthetic path, seconds.</summary>
        public float PathSeconds { get => _pathSeconds; set => _pathSeconds = Mathf.Max(1f, value); }

        /// <summary>Whether an episode is being recorded.</summary>
        public bool IsRecording { get; private set; }
        /// <summary>Whether the last episode is still being written.</summary>
        public bool IsFinishing => _finishing;
        /// <summary>Frames that were due and could not be kept: the link, the disk or the GPU was too slow.</summary>
        public long Dropped { get; private set; }
        /// <summary>What is suspicious about the pictures (black, frozen); "" when nothing is.</summary>
        public string Warning { get; private set; } = "";
        /// <summary>Where the connection stands.</summary>
        public ConnectionState State => _problem.Length > 0 ? ConnectionState.Failed : _session?.State ?? ConnectionState.Closed;
        /// <summary>What happened and what to do, for people.</summary>
        public string Message => _problem.Length > 0 ? _problem : _session?.Message ?? "";
        /// <summary>Counters; Pressure near 1 means that frames are about to be dropped.</summary>
        public DpRecorderStats Statistics => _session?.Statistics ?? default;

        RecorderSettings MakeSettings(Camera camera)
        {
            if (_width % 2 != 0 || _height % 2 != 0 || _width < 2 || _height < 2)
                throw new ArgumentException("the recording's width and height must be even.");
            var names = new string[_buttons.Length];
            for (var i = 0; i < names.Length; i++)
                names[i] = _buttons[i].name;
            return new RecorderSettings
            {
                Endpoint = new EndpointSettings
                {
                    Address = _address,
                    UseTls = _useTls,
                    Token = string.IsNullOrEmpty(_tokenVariable) ? "" : Environment.GetEnvironmentVariable(_tokenVariable) ?? "",
                    CaFile = _caFile,
                    ServerName = _serverName,
                },
                Dataset = _dataset,
                Licence = _licence,
                Width = _width,
                Height = _height,
                FrameRate = _frameRate,
                Colour = _colour,
                Depth = _depth,
                DepthNearMetres = _depthNearMetres,
                Intrinsics = Axes.Intrinsics(camera.projectionMatrix, _width, _height),
                Buttons = names,
                EngineVersion = Application.unityVersion,
                Project = Application.productName,
            };
        }

        IReadOnlyList<WorldButton> MakeButtons()
        {
            var buttons = new WorldButton[_buttons.Length];
            for (var i = 0; i < buttons.Length; i++)
                buttons[i] = new WorldButton(_buttons[i].name, _buttons[i].name, _buttons[i].keys ?? Array.Empty<string>());
            return buttons;
        }
    }
}
