#nullable enable
using System;
using System.Collections.Generic;
using Dreamport.Internal;
using Dreamport.Interop;
using UnityEngine;

namespace Dreamport
{
    /// <summary>A neural level in the scene. Connects to a backend, sends input, and gives the level's colour and depth as textures together
    /// with the camera each frame was made for. This transform is the origin of the level's coordinates.</summary>
    [AddComponentMenu("Dreamport/Dreamport World")]
    [DefaultExecutionOrder(-50)]
    public sealed partial class DreamportWorld : MonoBehaviour
    {
        static readonly List<DreamportWorld> ActiveWorlds = new List<DreamportWorld>();

        // A secret of a few seconds' life: carries the session over a reload of the scripts in play mode. Emptied as soon as it was read.
        [SerializeField, HideInInspector] string _reloadToken = "";
        // The level's origin relative to this transform, when the start is put here; kept over a reload too.
        [SerializeField, HideInInspector] Vector3 _originPosition;
        [SerializeField, HideInInspector] float _originYaw;
        [SerializeField, HideInInspector] ulong _originSession;

        WorldSession? _session;
        FrameTextures? _textures;
        WorldInput? _playerInput;
        string _problem = "";
        bool _changed;

        void OnEnable()
        {
            if (!ActiveWorlds.Contains(this))
                ActiveWorlds.Add(this);
            if (_connectOnEnable)
                Open();
        }

        void OnDisable()
        {
            ActiveWorlds.Remove(this);
            Close();
        }

        void Update()
        {
            if (_session == null)
                return;
            SampleInput(_session);
            _changed = _session.Update();
            if (_changed)
                ShowFrame(_session);
        }

        /// <summary>Connects to the backend and opens the world. Does nothing while one is open. Never waits: watch <see cref="State"/>.</summary>
        public void Open()
        {
            if (_session != null)
                return;
            var token = _reloadToken;
            _reloadToken = "";
            try
            {
                _session = new WorldSession(MakeSettings(), token);
                _textures = new FrameTextures();
                _problem = "";
            }
            catch (Exception error) when (error is NativeException || error is ArgumentException)
            {
                _problem = error.Message;
                Debug.LogError($"Dreamport: {error.Message}", this);
                StateChanged?.Invoke(this);
                return;
            }
            _session.StateChanged += OnStateChanged;
            _session.Opened += OnOpened;
            _session.Resumed += OnOpened;
            _session.Notice += OnNotice;
            _session.Saved += OnSaved;
        }

        /// <summary>Ends the session and releases everything. Opens again with <see cref="Open"/>.</summary>
        public void Close()
        {
            _session?.Dispose();
            _session = null;
            _textures?.Dispose();
            _textures = null;
            _playerInput?.Dispose();
            _playerInput = null;
        }

        /// <summary>Worlds that are enabled.</summary>
        public static IReadOnlyList<DreamportWorld> Active => ActiveWorlds;

        // Without a domain reload, statics live from play to play.
        [RuntimeInitializeOnLoadMethod(RuntimeInitializeLoadType.SubsystemRegistration)]
        static void ResetStatics()
        {
            ActiveWorlds.Clear();
            NativeCore.EndPlay();
        }

        /// <summary>The scripts are about to be reloaded in play mode: sessions are detached, and go on afterwards.</summary>
        internal static void DetachForReload()
        {
            foreach (var world in ActiveWorlds)
            {
                if (world._session != null)
                    world._reloadToken = world._session.Detach();
                world.Close();
            }
        }

        void ShowFrame(WorldSession session)
        {
            if (_startAtTransform && _originSession != session.Frame.SessionNumber)
                PlaceStart(session);
            _textures!.Show(session, _upload);
            if (_followCamera != null && _cameraMode == CameraMode.FollowsFrame)
            {
                var pose = FrameCameraPose;
                _followCamera.transform.SetPositionAndRotation(pose.position, pose.rotation);
            }
            FrameShown?.Invoke(this);
        }

        /// <summary>Puts the level so that its start, where the session's first frame was made, is at this transform. Levels stay upright.</summary>
        void PlaceStart(WorldSession session)
        {
            var start = Axes.ToPose(LevelAxes.ToEngine(Axes.Identity, _unitsPerMetre, session.Frame.Pose));
            var forward = start.rotation * Vector3.forward;
            _originYaw = -Mathf.Atan2(forward.x, forward.z) * Mathf.Rad2Deg;
            _originPosition = Quaternion.Euler(0f, _originYaw, 0f) * (start.position * -1f);
            _originSession = session.Frame.SessionNumber;
        }

        void SampleInput(WorldSession session)
        {
            var world = session.World;
            // Before the first frame nobody knows where the start is: the camera would be sent to a wrong place, and keys would move it.
            if (world == null || (_startAtTransform && _originSession != session.Format.SessionNumber))
                return;
            _playerInput ??= new WorldInput(world.Buttons, _actions);
            if (_input != InputMode.None && _input != InputMode.CameraPose)
                _playerInput.Sample(session.Controls, _lookDegreesPerPixel, _lookNeedsLockedCursor);
            var source = _input == InputMode.CameraPose || _input == InputMode.Both ? PoseCamera : null;
            if (source == null || !world.TakesPose)
            {
                session.Controls.ClearCamera();
                return;
            }
            var pose = LevelPoseOf(source.transform);
            if (!_sendIntrinsics || session.Format.Width == 0)
                session.Controls.SetCamera(pose);
            else
                session.Controls.SetCamera(pose,
                    Axes.Intrinsics(source.projectionMatrix, (int)session.Format.Width, (int)session.Format.Height));
        }

        void OnStateChanged(WorldSession session)
        {
            if (session.State == ConnectionState.Failed)
                Debug.LogError($"Dreamport: {session.Message}", this);
            StateChanged?.Invoke(this);
            _onStateChanged.Invoke(session.Message);
        }

        void OnOpened(WorldSession session)
        {
            _playerInput?.Dispose();
            _playerInput = null;
            session.Controls.Clear();
            var fallback = session.Executor?.FallbackReason ?? "";
            if (fallback.Length > 0)
                Debug.LogWarning($"Dreamport: the world runs on a fallback: {session.Executor}", this);
            Opened?.Invoke(this);
            _onOpened.Invoke();
        }

        void OnNotice(int code, string message)
        {
            Debug.LogWarning($"Dreamport: {message}", this);
            NoticeReceived?.Invoke(this, message);
            _onNotice.Invoke(message);
        }

        void OnSaved(string handle, ulong frame) => StateSaved?.Invoke(this, handle);
    }
}
