#nullable enable
using System;
using Dreamport.Interop;

namespace Dreamport.Internal
{
    /// <summary>One player's run in a world: drives a client of the native library once an engine frame. Never blocks; after the session
    /// opened, <see cref="Update"/> allocates nothing.</summary>
    public sealed unsafe class WorldSession : IDisposable
    {
        const long StatisticsIntervalNs = 250_000_000;

        readonly FrameLeases _leases = new FrameLeases();
        readonly CachedText _message = new CachedText();
        readonly CachedText _serverMessage = new CachedText();
        ClientHandle? _client;
        DpConnectionStatus _status;
        DpFrameFormat _format;
        DpStatistics _statistics;
        long _nextStatisticsNs;

        /// <summary>Starts connecting in the background; with a resume token, goes on with a session that was detached.</summary>
        /// <exception cref="NativeException">The native library is missing, does not fit, or refused the settings.</exception>
        /// <exception cref="ArgumentException">A text of the settings is too long.</exception>
        public WorldSession(SessionSettings settings, string? resumeToken = null)
        {
            NativeCore.Require();
            DpClientOptions options;
            settings.Write(&options);
            _client = ClientHandle.Create(&options, resumeToken);
            _status.State = (int)ConnectionState.Connecting;
            Settings = settings;
        }

        /// <summary>State or problem changed.</summary>
        public event Action<WorldSession>? StateChanged;
        /// <summary>A new session is open: <see cref="World"/> and <see cref="Format"/> are known.</summary>
        public event Action<WorldSession>? Opened;
        /// <summary>The session went on after a break.</summary>
        public event Action<WorldSession>? Resumed;
        /// <summary>The server wants something known: code of the contract, and the message for people.</summary>
        public event Action<int, string>? Notice;
        /// <summary>A state was kept: its handle for <see cref="Load"/>, and the frame's index.</summary>
        public event Action<string, ulong>? Saved;
        /// <summary>A kept state is back: index of its last frame.</summary>
        public event Action<ulong>? Loaded;

        /// <summary>What the session was opened with.</summary>
        public SessionSettings Settings { get; }
        /// <summary>Input of the player; sampled by <see cref="Update"/>.</summary>
        public ControlSampler Controls { get; } = new ControlSampler();
        /// <summary>Control-to-frame latency and frame intervals of the last seconds, for a plot.</summary>
        public LatencyHistory Latency { get; } = new LatencyHistory(240);
        /// <summary>Where the session stands.</summary>
        public ConnectionState State => _client == null ? ConnectionState.Closed : (ConnectionState)_status.State;
        /// <summary>What is wrong.</summary>
        public ConnectionProblem Problem => (ConnectionProblem)_status.Problem;
        /// <summary>For people: what happened and what to do.</summary>
        public string Message => _message.Value;
        /// <summary>What the server said, unchanged.</summary>
        public string ServerMessage => _serverMessage.Value;
        /// <summary>Attempts since it last worked.</summary>
        public int Attempts => (int)_status.Attempts;
        /// <summary>Times the session went on after a break.</summary>
        public int ResumedCount => (int)_status.Resumed;
        /// <summary>Times a new session had to be opened after a break.</summary>
        public int RestartedCount => (int)_status.Restarted;
        /// <summary>Transport in use; Automatic before that is known.</summary>
        public FrameTransport Transport => (FrameTransport)_status.Transport;
        /// <summary>Seconds until the next attempt; 0 unless waiting.</summary>
        public double SecondsToNextAttempt =>
            State == ConnectionState.Waiting ? Math.Max(0, (_status.NextAttemptNs - NativeCore.NowNs) * 1e-9) : 0;
        /// <summary>The world; null before a session opened.</summary>
        public WorldInfo? World { get; private set; }
        /// <summary>The executor; null before a session opened.</summary>
        public ExecutorInfo? Executor { get; private set; }
        /// <summary>Format of the frames; zeros before a session opened.</summary>
        public ref readonly DpFrameFormat Format => ref _format;
        /// <summary>Statistics, at most a quarter of a second old.</summary>
        public ref readonly DpStatistics Statistics => ref _statistics;
        /// <summary>Whether there is a frame to show.</summary>
        public bool HasFrame => _leases.Has;
        /// <summary>The frame to show. Its pixels are valid until the second <see cref="Update"/> after it was replaced.</summary>
        public ref readonly DpFrame Frame => ref _leases.Current;
        /// <summary>Frames taken so far.</summary>
        public long FramesTaken { get; private set; }

        /// <summary>Once an engine frame: hears events, sends input that is due, takes the newest frame. True when there is a new frame.</summary>
        public bool Update()
        {
            if (_client == null)
                return false;
            var client = _client.Pointer;
            if (client == IntPtr.Zero)
            {
                // Released from outside: play ended or the scripts were reloaded.
                Forget();
                return false;
            }
            _leases.Tick(client);
            HearEvents(client);
            if (_client == null)
                return false;
            ReadStatus(client);
            var now = NativeMethods.dp_now_ns();
            SendControl(client, now);
            ReadStatistics(client, now);
            if (!_leases.TryTake(client))
                return false;
            // The first frame may be there before its event was heard.
            if (_leases.Current.SessionNumber != _format.SessionNumber)
                ReadWorld(client);
            FramesTaken++;
            return true;
        }

        /// <summary>Ends a pause between two attempts at once.</summary>
        public void RetryNow()
        {
            if (_client != null)
                NativeMethods.dp_client_retry_now(_client.Pointer);
        }

        /// <summary>Words to the world.</summary>
        public NativeStatus Prompt(string text)
        {
            fixed (byte* bytes = Utf8.Bytes(text))
                return Call(NativeMethods.dp_client_prompt(Pointer, bytes));
        }

        /// <summary>Something that happens in the world: one of <see cref="WorldInfo.Events"/>.</summary>
        public NativeStatus Trigger(string name)
        {
            fixed (byte* bytes = Utf8.Bytes(name))
                return Call(NativeMethods.dp_client_event(Pointer, bytes));
        }

        /// <summary>Begins again. Null keeps the present seed or start.</summary>
        public NativeStatus Reset(ulong? seed = null, string? start = null)
        {
            var value = seed ?? 0;
            fixed (byte* bytes = Utf8.Bytes(start))
                return Call(NativeMethods.dp_client_reset(Pointer, seed.HasValue ? &value : null, bytes));
        }

        /// <summary>Keeps the present state on the server; the answer is <see cref="Saved"/>.</summary>
        public NativeStatus Save() => Call(NativeMethods.dp_client_save(Pointer));

        /// <summary>Goes back to a kept state; the answer is <see cref="Loaded"/>.</summary>
        public NativeStatus Load(string handle)
        {
            fixed (byte* bytes = Utf8.Bytes(handle))
                return Call(NativeMethods.dp_client_load(Pointer, bytes));
        }

        /// <summary>Stops or goes on making frames.</summary>
        public NativeStatus Pause(bool paused) => Call(NativeMethods.dp_client_pause(Pointer, paused ? 1u : 0u));

        /// <summary>Value for CommandBuffer.IssuePluginCustomTextureUpdateV2 that names the frame taken last; plane 0 colour, 1 depth.</summary>
        public uint TextureUserData(uint plane) => NativeMethods.dp_client_texture_user_data(Pointer, plane);

        /// <summary>Leaves the session resumable on the server and closes this end; its resume token, a secret, or "".</summary>
        public string Detach()
        {
            var token = _client?.Detach() ?? "";
            Dispose();
            return token;
        }

        /// <summary>Ends the session.</summary>
        public void Dispose()
        {
            if (_client != null && _client.IsOpen)
                _leases.ReleaseAll(_client.Pointer);
            _client?.Dispose();
            Forget();
        }

        IntPtr Pointer => _client?.Pointer ?? IntPtr.Zero;

        static NativeStatus Call(int status) => (NativeStatus)status;

        void Forget()
        {
            _leases.Forget();
            _client = null;
        }

        void HearEvents(IntPtr client)
        {
            DpEvent found;
            while (_client != null && NativeMethods.dp_client_poll_event(client, &found) == (int)NativeStatus.Ok)
            {
                switch ((NativeEventKind)found.Kind)
                {
                    case NativeEventKind.State:
                        ReadStatus(client);
                        StateChanged?.Invoke(this);
                        break;
                    case NativeEventKind.Opened:
                        ReadStatus(client);
                        ReadWorld(client);
                        Opened?.Invoke(this);
                        break;
                    case NativeEventKind.Resumed:
                        ReadWorld(client);
                        Resumed?.Invoke(this);
                        break;
                    case NativeEventKind.Notice:
                        Notice?.Invoke(found.Code, Utf8.Read(found.Text, 512));
                        break;
                    case NativeEventKind.Saved:
                        Saved?.Invoke(Utf8.Read(found.Text, 512), found.Number);
                        break;
                    case NativeEventKind.Loaded:
                        Loaded?.Invoke(found.Number);
                        break;
                }
            }
        }

        void ReadStatus(IntPtr client)
        {
            fixed (DpConnectionStatus* status = &_status)
            {
                if (NativeMethods.dp_client_status(client, status) != (int)NativeStatus.Ok)
                    return;
                _message.Update(status->Message, 512);
                _serverMessage.Update(status->ServerMessage, 512);
            }
        }

        void ReadWorld(IntPtr client)
        {
            DpWorld world;
            if (NativeMethods.dp_client_world(client, &world) == (int)NativeStatus.Ok)
                World = new WorldInfo(&world);
            fixed (DpFrameFormat* format = &_format)
                if (NativeMethods.dp_client_frame_format(client, format) == (int)NativeStatus.Ok)
                    Executor = new ExecutorInfo(&format->Executor);
        }

        void SendControl(IntPtr client, long now)
        {
            if (!Controls.IsDue(now))
                return;
            DpControl control;
            Controls.Write(&control, now);
            if (NativeMethods.dp_client_control(client, &control) == (int)NativeStatus.Ok)
                Controls.Taken(now);
        }

        void ReadStatistics(IntPtr client, long now)
        {
            if (now < _nextStatisticsNs)
                return;
            _nextStatisticsNs = now + StatisticsIntervalNs;
            fixed (DpStatistics* statistics = &_statistics)
                if (NativeMethods.dp_client_statistics(client, statistics) == (int)NativeStatus.Ok && State == ConnectionState.Ready)
                    Latency.Add(statistics->ControlToFrameMsP50, statistics->ControlToFrameMsP95, statistics->IntervalMsP95);
        }
    }

    /// <summary>What runs a world.</summary>
    public sealed class ExecutorInfo
    {
        internal unsafe ExecutorInfo(DpExecutorInfo* executor)
        {
            Name = Utf8.Read(executor->Name, 32);
            Device = Utf8.Read(executor->Device, 64);
            Precision = Utf8.Read(executor->Precision, 16);
            FallbackReason = Utf8.Read(executor->FallbackReason, 256);
        }

        internal ExecutorInfo(string name, string device, string precision, string fallbackReason)
        {
            Name = name;
            Device = device;
            Precision = precision;
            FallbackReason = fallbackReason;
        }

        /// <summary>"openvino", "torch", ...</summary>
        public string Name { get; }
        /// <summary>Device as the executor names it.</summary>
        public string Device { get; }
        /// <summary>Arithmetic.</summary>
        public string Precision { get; }
        /// <summary>Why it is not the preferred one; "" when it is.</summary>
        public string FallbackReason { get; }

        /// <summary>One line for people.</summary>
        public override string ToString() =>
            FallbackReason.Length == 0 ? $"{Name} on {Device}, {Precision}" : $"{Name} on {Device}, {Precision} (fallback: {FallbackReason})";
    }
}
