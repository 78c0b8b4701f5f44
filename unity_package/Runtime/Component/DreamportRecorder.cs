#nullable enable
using System;
using System.Collections.Generic;
using Dreamport.Internal;
using Dreamport.Interop;
using UnityEngine;
using UnityEngine.Rendering;
using UnityEngine.Rendering.Universal;
using UnityEngine.SceneManagement;

namespace Dreamport
{
    /// <summary>Records a camera's colour, depth, pose and the player's input as episodes for training. This transform is the origin of the
    /// level's coordinates.</summary>
    [AddComponentMenu("Dreamport/Dreamport Recorder")]
    [DefaultExecutionOrder(200)]
    public sealed partial class DreamportRecorder : MonoBehaviour
    {
        readonly ControlSampler _controls = new ControlSampler();
        readonly Queue<CaptureSlot> _onTheWay = new Queue<CaptureSlot>();
        RecorderSession? _session;
        CapturePass? _pass;
        CaptureSlot[] _slots = Array.Empty<CaptureSlot>();
        WorldInput? _input;
        DpPose[]? _path;
        int _pathAt;
        double _nextTime;
        bool _wanted, _finishing;
        DpPose _lastPose;
        bool _hasLastPose;
        string _problem = "";

        void OnEnable()
        {
            RenderPipelineManager.beginCameraRendering += OnBeginCamera;
            RenderPipelineManager.endCameraRendering += OnEndCamera;
            if (_recordOnEnable)
                Begin();
        }

        void OnDisable()
        {
            RenderPipelineManager.beginCameraRendering -= OnBeginCamera;
            RenderPipelineManager.endCameraRendering -= OnEndCamera;
            Close();
        }

        /// <summary>Begins an episode. Does nothing while one is open.</summary>
        public void Begin()
        {
            var camera = Camera;
            if (IsRecording)
                return;
            try
            {
                if (camera == null)
                    throw new ArgumentException("there is no camera to record: set one in the component, or tag one MainCamera.");
                if (_depth && !CapturePass.DepthWorks)
                    throw new ArgumentException("this graphics device cannot render 16-bit depth: switch depth off in the component.");
                OpenSession(camera);
                _path = _pathKind == RecorderPath.Off ? null : SamplePath();
                _pathAt = 0;
                var status = _session!.Begin(MakeEpisode());
                if (status < 0)
                    throw new NativeException($"the episode could not begin ({status}).");
            }
            catch (Exception error) when (error is NativeException || error is ArgumentException)
            {
                _problem = error.Message;
                Debug.LogError($"Dreamport: {error.Message}", this);
                return;
            }
            _problem = "";
            _hasLastPose = false;
            _nextTime = Time.timeAsDouble;
            IsRecording = true;
            if (_path != null)
                Time.captureDeltaTime = 1f / _frameRate;
        }

        /// <summary>Ends the episode after the frames that are on their way. <paramref name="discard"/> throws it away.</summary>
        public void Finish(bool discard = false)
        {
            if (!IsRecording)
                return;
            IsRecording = false;
            _wanted = false;
            if (_path != null)
                Time.captureDeltaTime = 0f;
            AsyncGPUReadback.WaitAllRequests();
            SubmitArrived();
            _finishing = _session!.Finish(discard) == NativeStatus.Ok;
        }

        /// <summary>A mark at the last frame: kind, and text for people.</summary>
        public void Mark(string kind, string text) => _session?.Mark(kind, text);

        void Update()
        {
            if (_session == null)
                return;
            _session.Update();
            SubmitArrived();
            Watch();
            if (!IsRecording)
                return;
            _input?.Sample(_controls, 0f, false);
            if (!EpisodeIsOpen())
                return;
            if (_path != null)
                FollowPath();
            else
                _wanted = _wanted || IsTime();
        }

        /// <summary>Whether frames can be taken. A connection that broke has ended the episode at its last acknowledged frame; another one begins
        /// as soon as the backend is back, and a path goes on in it.</summary>
        bool EpisodeIsOpen()
        {
            if (_session!.Statistics.EpisodeOpen != 0)
                return true;
            _wanted = _hasLastPose = false;
            if (_session.State == ConnectionState.Ready && _session.Begin(MakeEpisode()) == NativeStatus.Ok)
                Debug.LogWarning("Dreamport: the connection to the backend broke. What was acknowledged is an episode; another one begins.", this);
            return false;
        }

        /// <summary>Whether the next frame of the recording is due. When the engine is late, frames are left out, never doubled.</summary>
        bool IsTime()
        {
            var now = Time.timeAsDouble;
            if (now < _nextTime)
                return false;
            var interval = 1.0 / _frameRate;
            _nextTime = Math.Max(_nextTime + interval, now - interval);
            return true;
        }

        void FollowPath()
        {
            // The path waits for memory: a synthetic recording drops nothing.
            if (_session!.Statistics.Pressure >= 1f || _onTheWay.Count == _slots.Length)
                return;
            if (_pathAt == _path!.Length)
            {
                Finish();
                return;
            }
            var pose = Axes.ToPose(LevelAxes.ToEngine(Axes.FromTransform(transform), _unitsPerMetre, _path[_pathAt++]));
            Camera!.transform.SetPositionAndRotation(pose.position, pose.rotation);
            _wanted = true;
        }

        void OnBeginCamera(ScriptableRenderContext context, Camera camera)
        {
            if (!_wanted || _pass == null || camera != Camera)
                return;
            camera.GetUniversalAdditionalCameraData().scriptableRenderer.EnqueuePass(_pass);
        }

        void OnEndCamera(ScriptableRenderContext context, Camera camera)
        {
            if (!_wanted || _pass == null || _session == null || camera != Camera || _pass.Colour == null)
                return;
            _wanted = false;
            var slot = FreeSlot();
            if (slot == null || _session.Acquire(out slot.Buffer) != NativeStatus.Ok)
            {
                if (_path != null)
                    _pathAt--; // Render this pose again.
                else
                    Dropped++;
                return;
            }
            Describe(camera, ref slot.Frame);
            slot.Begin(_pass.Colour, _pass.Depth, _width, _height);
            _onTheWay.Enqueue(slot);
        }

        void Describe(Camera camera, ref DpCaptureFrame frame)
        {
            frame = default;
            frame.ClientTimeNs = NativeCore.NowNs;
            frame.Pose = LevelAxes.FromEngine(Axes.FromTransform(transform), _unitsPerMetre, Axes.FromTransform(camera.transform));
            frame.Intrinsics = Axes.Intrinsics(camera.projectionMatrix, _width, _height);
            frame.HasIntrinsics = 1;
            frame.Buttons = _controls.TakeButtons();
            if (_hasLastPose)
                LookAngles.Between(_lastPose, frame.Pose, out frame.LookYawDeg, out frame.LookPitchDeg);
            _lastPose = frame.Pose;
            _hasLastPose = true;
        }

        /// <summary>Hands over the frames whose pixels have arrived, in the order in which they were rendered.</summary>
        void SubmitArrived()
        {
            while (_onTheWay.Count > 0 && _onTheWay.Peek().IsDone)
            {
                var slot = _onTheWay.Dequeue();
                if (slot.HasFailed)
                {
                    _session!.Cancel(slot.Buffer);
                    Dropped++;
                }
                else
                {
                    _session!.Submit(slot.Buffer, ref slot.Frame);
                }
                slot.End();
            }
        }

        CaptureSlot? FreeSlot()
        {
            foreach (var slot in _slots)
                if (!slot.IsBusy)
                    return slot;
            return null;
        }

        void Watch()
        {
            var warning = _session!.Pictures.Message;
            if (warning.Length > 0 && warning != Warning)
                Debug.LogWarning($"Dreamport: {warning}", this);
            Warning = warning;
            if (_session.State == ConnectionState.Failed && _problem.Length == 0)
            {
                _problem = _session.Message;
                Debug.LogError($"Dreamport: {_problem}", this);
            }
        }

        void OpenSession(Camera camera)
        {
            if (_session != null && _session.State == ConnectionState.Failed)
                Close(); // What it was refused for may have been changed since.
            if (_session != null)
                return;
            var shader = _shader != null ? _shader : Shader.Find("Hidden/Dreamport/Capture");
            if (shader == null)
                throw new ArgumentException("the shader Hidden/Dreamport/Capture is not in this build: set it in the component's Shader field.");
            _session = new RecorderSession(MakeSettings(camera));
            _session.Notice += (_, message) => Debug.LogWarning($"Dreamport: {message}", this);
            _session.EpisodeFinished += (index, frames) =>
            {
                _finishing = false;
                EpisodeFinished?.Invoke(this, index, frames);
            };
            _pass = new CapturePass(shader, _width, _height, _depth ? _depthNearMetres * _unitsPerMetre : 0f, _flip);
            _slots = new CaptureSlot[4];
            for (var i = 0; i < _slots.Length; i++)
                _slots[i] = new CaptureSlot();
            _input = new WorldInput(MakeButtons(), _actions);
        }

        void Close()
        {
            if (IsRecording)
                Finish();
            // The GPU must not write into memory that is about to be given back.
            if (_onTheWay.Count > 0)
                AsyncGPUReadback.WaitAllRequests();
            while (_onTheWay.Count > 0)
            {
                var slot = _onTheWay.Dequeue();
                _session?.Cancel(slot.Buffer);
                slot.End();
            }
            _session?.Dispose();
            _session = null;
            _pass?.Dispose();
            _pass = null;
            foreach (var slot in _slots)
                slot.Dispose();
            _slots = Array.Empty<CaptureSlot>();
            _input?.Dispose();
            _input = null;
        }

        DpPose[] SamplePath()
        {
            var options = new DpPathOptions
            {
                Kind = (uint)_pathKind,
                Seed = _pathSeed,
                Frames = (uint)Mathf.Max(1, Mathf.RoundToInt(_pathSeconds * _frameRate)),
                FrameRate = _frameRate,
                SpeedMS = _pathSpeed,
                TurnDegS = _pathTurn,
                RadiusM = _pathRadius,
                EyeHeightM = _pathEyeHeight,
                LookBackProbability = 0.2,
            };
            WritePlaces(ref options);
            var space = new ScenePathSpace(transform, _unitsPerMetre, _pathObstacles, 100f * _unitsPerMetre);
            return PathSampler.Sample(options, space);
        }

        /// <summary>The area around this transform, the camera's place as the start, the landmark; in level coordinates.</summary>
        unsafe void WritePlaces(ref DpPathOptions options)
        {
            var start = LevelAxes.FromEngine(Axes.FromTransform(transform), _unitsPerMetre, Axes.FromTransform(Camera!.transform));
            var mark = _pathLandmark != null
                ? LevelAxes.FromEngine(Axes.FromTransform(transform), _unitsPerMetre, Axes.FromTransform(_pathLandmark)) : start;
            for (var i = 0; i < 3; i++)
            {
                options.Minimum[i] = start.Position[i] - _pathArea[i] * 0.5;
                options.Maximum[i] = start.Position[i] + _pathArea[i] * 0.5;
                options.Start[i] = start.Position[i];
                options.Landmark[i] = mark.Position[i];
            }
        }

        EpisodeSettings MakeEpisode() => new EpisodeSettings
        {
            Seed = _pathSeed,
            Split = _heldOut ? "heldout" : "train",
            Map = SceneManager.GetActiveScene().name,
            Source = _path != null ? $"path sampler: {_pathKind}" : _source,
        };
    }
}
