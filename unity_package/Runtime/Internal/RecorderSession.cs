#nullable enable
using System;
using System.Collections.Generic;
using Dreamport.Interop;

namespace Dreamport.Internal
{
    /// <summary>What a recording is.</summary>
    public sealed class RecorderSettings
    {
        /// <summary>The backend.</summary>
        public EndpointSettings Endpoint = new EndpointSettings();
        /// <summary>Name of the data set.</summary>
        public string Dataset = "unity-capture";
        /// <summary>Licence of the recording as an SPDX expression, or "proprietary".</summary>
        public string Licence = "proprietary";
        /// <summary>Pixels, even.</summary>
        public int Width = 640;
        /// <summary>Pixels, even.</summary>
        public int Height = 384;
        /// <summary>Frames a second.</summary>
        public double FrameRate = 30;
        /// <summary>Raw or JPEG.</summary>
        public FrameColour Colour = FrameColour.Jpeg;
        /// <summary>1 to 100; 0 takes 92.</summary>
        public int JpegQuality;
        /// <summary>Whether depth is recorded.</summary>
        public bool Depth = true;
        /// <summary>Unit of inverse depth: the nearest depth that is kept, metres.</summary>
        public double DepthNearMetres = 0.1;
        /// <summary>Camera of every frame that names none, pixels.</summary>
        public DpIntrinsics Intrinsics;
        /// <summary>Frames that may wait, 2 to 64.</summary>
        public int QueueFrames = 8;
        /// <summary>Names of the buttons; the index is the bit.</summary>
        public IReadOnlyList<string> Buttons = Array.Empty<string>();
        /// <summary>Largest look angle of a frame that is expected, degrees.</summary>
        public double LookMaxDegrees;
        /// <summary>"Unity".</summary>
        public string EngineName = "Unity";
        /// <summary>Version of the engine.</summary>
        public string EngineVersion = "";
        /// <summary>Name of the game.</summary>
        public string Project = "";

        internal unsafe void Write(DpRecorderOptions* target)
        {
            *target = default;
            target->StructSize = (uint)sizeof(DpRecorderOptions);
            target->Width = (uint)Width;
            target->Height = (uint)Height;
            target->ColourFormat = (uint)Colour;
            target->JpegQuality = (uint)JpegQuality;
            target->DepthFormat = Depth ? 1u : 0u;
            target->DepthNearM = DepthNearMetres;
            target->FrameRate = FrameRate;
            target->Intrinsics = Intrinsics;
            target->QueueFrames = (uint)QueueFrames;
            if (Buttons.Count > Limits.Buttons)
                throw new ArgumentException($"{Buttons.Count} buttons; a recording has at most {Limits.Buttons}.");
            target->ButtonCount = (uint)Buttons.Count;
            for (var i = 0; i < Buttons.Count; i++)
                Utf8.Write(Buttons[i], target->Buttons + i * 48, 48, $"The name of button {i}");
            target->LookMaxDeg = LookMaxDegrees;
            Endpoint.Write(&target->Endpoint);
            Utf8.Write(Dataset, target->Dataset, 65, "The data set's name");
            Utf8.Write(Licence, target->Licence, 63, "The licence");
            Utf8.WriteCut(EngineName, target->EngineName, 64);
            Utf8.WriteCut(EngineVersion, target->EngineVersion, 64);
            Utf8.WriteCut(Project, target->Project, 128);
            Utf8.WriteCut(Diagnostics.PackageVersion, target->PluginVersion, 32);
        }
    }

    /// <summary>What one episode is.</summary>
    public sealed class EpisodeSettings
    {
        /// <summary>Seed of the run.</summary>
        public ulong Seed;
        /// <summary>"train" or "heldout".</summary>
        public string Split = "train";
        /// <summary>Scene.</summary>
        public string Map = "";
        /// <summary>Changes when the scene does.</summary>
        public string MapDigest = "";
        /// <summary>Who or what plays.</summary>
        public string Source = "human";
        /// <summary>Anything else worth keeping; at most 16.</summary>
        public IReadOnlyList<KeyValuePair<string, string>> Tags = Array.Empty<KeyValuePair<string, string>>();

        internal unsafe void Write(DpEpisodeOptions* target)
        {
            *target = default;
            target->StructSize = (uint)sizeof(DpEpisodeOptions);
            target->Seed = Seed;
            Utf8.Write(Split, target->Split, 16, "The split");
            Utf8.WriteCut(Map, target->MapName, 128);
            Utf8.WriteCut(MapDigest, target->MapDigest, 72);
            Utf8.WriteCut(Source, target->Source, 120);
            if (Tags.Count > Limits.Tags)
                throw new ArgumentException($"{Tags.Count} tags; an episode has at most {Limits.Tags}.");
            target->TagCount = (uint)Tags.Count;
            var tag = (DpTag*)target->Tags;
            for (var i = 0; i < Tags.Count; i++, tag++)
            {
                Utf8.Write(Tags[i].Key, tag->Name, 64, "A tag's name");
                Utf8.WriteCut(Tags[i].Value, tag->Value, 256);
            }
        }
    }

    /// <summary>Records episodes through the native library. Never blocks; after the first frames it allocates nothing.</summary>
    public sealed unsafe class RecorderSession : IDisposable
    {
        readonly CachedText _message = new CachedText();
        RecorderHandle? _recorder;
        DpConnectionStatus _status;
        DpRecorderStats _stats;
        DpPose _lastPose;
        bool _hasLastPose;

        /// <summary>Starts connecting in the background.</summary>
        /// <exception cref="NativeException">The native library is missing, does not fit, or refused the settings.</exception>
        /// <exception cref="ArgumentException">A text of the settings is too long.</exception>
        public RecorderSession(RecorderSettings settings)
        {
            NativeCore.Require();
            DpRecorderOptions options;
            settings.Write(&options);
            _recorder = RecorderHandle.Create(&options);
            Settings = settings;
        }

        /// <summary>The episode is open: its id.</summary>
        public event Action<string>? EpisodeBegun;
        /// <summary>The episode is in the data set: its index and its frames.</summary>
        public event Action<ulong, int>? EpisodeFinished;
        /// <summary>The server wants something known: code of the contract, and the message for people.</summary>
        public event Action<int, string>? Notice;

        /// <summary>What is recorded.</summary>
        public RecorderSettings Settings { get; }
        /// <summary>Whether the pictures are black or frozen.</summary>
        public PictureWatch Pictures { get; } = new PictureWatch();
        /// <summary>Where it stands.</summary>
        public ConnectionState State => _recorder == null ? ConnectionState.Closed : (ConnectionState)_status.State;
        /// <summary>What is wrong.</summary>
        public ConnectionProblem Problem => (ConnectionProblem)_status.Problem;
        /// <summary>For people: what happened and what to do.</summary>
        public string Message => _message.Value;
        /// <summary>Counters and pressure, of the last <see cref="Update"/>.</summary>
        public ref readonly DpRecorderStats Statistics => ref _stats;

        /// <summary>Once an engine frame: hears events, reads state and counters.</summary>
        public void Update()
        {
            if (_recorder == null)
                return;
            var recorder = _recorder.Pointer;
            if (recorder == IntPtr.Zero)
            {
                _recorder = null;
                return;
            }
            DpEvent found;
            while (_recorder != null && NativeMethods.dp_recorder_poll_event(recorder, &found) == (int)NativeStatus.Ok)
            {
                switch ((NativeEventKind)found.Kind)
                {
                    case NativeEventKind.EpisodeBegun:
                        EpisodeBegun?.Invoke(Utf8.Read(found.Text, 512));
                        break;
                    case NativeEventKind.EpisodeFinished:
                        EpisodeFinished?.Invoke(found.Number, found.Code);
                        break;
                    case NativeEventKind.Notice:
                        Notice?.Invoke(found.Code, Utf8.Read(found.Text, 512));
                        break;
                }
            }
            fixed (DpConnectionStatus* status = &_status)
                if (NativeMethods.dp_recorder_status(recorder, status) == (int)NativeStatus.Ok)
                    _message.Update(status->Message, 512);
            fixed (DpRecorderStats* stats = &_stats)
                NativeMethods.dp_recorder_statistics(recorder, stats);
        }

        /// <summary>Begins an episode.</summary>
        public NativeStatus Begin(EpisodeSettings episode)
        {
            DpEpisodeOptions options;
            episode.Write(&options);
            Pictures.Clear();
            _hasLastPose = false;
            return (NativeStatus)NativeMethods.dp_recorder_begin(Pointer, &options);
        }

        /// <summary>Lends memory for the next frame; ErrorFull when the engine is faster than the link or the disk: that frame is dropped.</summary>
        public NativeStatus Acquire(out DpCaptureBuffer buffer)
        {
            DpCaptureBuffer lent;
            var status = (NativeStatus)NativeMethods.dp_recorder_acquire(Pointer, &lent);
            buffer = status == NativeStatus.Ok ? lent : default;
            return status;
        }

        /// <summary>Hands a filled frame over. Looks at its picture first.</summary>
        public NativeStatus Submit(in DpCaptureBuffer buffer, ref DpCaptureFrame frame)
        {
            frame.StructSize = (uint)sizeof(DpCaptureFrame);
            frame.Lease = buffer.Lease;
            Pictures.Look(buffer.Colour, Settings.Width, Settings.Height, (int)buffer.ColourStride, Moved(frame.Pose));
            fixed (DpCaptureFrame* pointer = &frame)
                return (NativeStatus)NativeMethods.dp_recorder_submit(Pointer, pointer);
        }

        /// <summary>Gives lent memory back without a frame.</summary>
        public void Cancel(in DpCaptureBuffer buffer) => NativeMethods.dp_recorder_cancel(Pointer, buffer.Lease);

        /// <summary>A mark at the last frame submitted: kind, and text for people.</summary>
        public NativeStatus Mark(string name, string text)
        {
            fixed (byte* a = Utf8.Bytes(name), b = Utf8.Bytes(text))
                return (NativeStatus)NativeMethods.dp_recorder_marker(Pointer, a, b);
        }

        /// <summary>Ends the episode after the frames submitted so far; the answer is <see cref="EpisodeFinished"/>.</summary>
        public NativeStatus Finish(bool discard) => (NativeStatus)NativeMethods.dp_recorder_finish(Pointer, discard ? 1u : 0u);

        /// <summary>Finishes the open episode, sends what waits and closes, all in the background.</summary>
        public void Dispose()
        {
            _recorder?.Dispose();
            _recorder = null;
        }

        IntPtr Pointer => _recorder?.Pointer ?? IntPtr.Zero;

        bool Moved(in DpPose pose)
        {
            var moved = false;
            fixed (DpPose* a = &_lastPose, b = &pose)
                for (var i = 0; _hasLastPose && i < sizeof(DpPose) / sizeof(double); i++)
                    moved |= Math.Abs(((double*)a)[i] - ((double*)b)[i]) > 1e-4;
            _lastPose = pose;
            _hasLastPose = true;
            return moved;
        }
    }
}
