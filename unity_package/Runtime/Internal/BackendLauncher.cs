#nullable enable
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;

namespace Dreamport.Internal
{
    /// <summary>Where the start of a backend stands.</summary>
    public enum BackendPhase
    {
        /// <summary>Nothing was asked for.</summary>
        Idle,
        /// <summary>Asking whether a backend listens already.</summary>
        Asking,
        /// <summary>The command was started; waiting until it is ready.</summary>
        Starting,
        /// <summary>A backend listens and answered.</summary>
        Ready,
        /// <summary>It cannot go on; the message says what to do.</summary>
        Failed,
    }

    /// <summary>What the launcher needs to know.</summary>
    public sealed class LauncherSettings
    {
        /// <summary>Where the backend shall listen.</summary>
        public EndpointSettings Endpoint = new EndpointSettings();
        /// <summary>The `dreamport` command, a virtual environment or a checkout; empty searches.</summary>
        public string Command = "";
        /// <summary>Folder beside which virtual environments are searched.</summary>
        public string ProjectFolder = "";
        /// <summary>PATH; null takes the environment's.</summary>
        public string? SearchPath;
        /// <summary>World for clients that ask for none; empty takes the backend's default.</summary>
        public string World = "";
        /// <summary>Folder for recordings; empty leaves the capture service to the backend's default.</summary>
        public string CapturesFolder = "";
        /// <summary>The backend ends with this process.</summary>
        public int ParentProcessId;
        /// <summary>Seconds until a start that did not become ready counts as failed. Compiling for a GPU takes long once.</summary>
        public double StartTimeoutSeconds = 600;
    }

    /// <summary>Attaches to the backend at an address, or starts one there. Never blocks: call <see cref="Update"/> often. The backend it
    /// started is told to end with the editor and is otherwise left running between plays.</summary>
    public sealed class BackendLauncher : IDisposable
    {
        const int KeptLines = 40;

        readonly LauncherSettings _settings;
        readonly Stopwatch _clock = new Stopwatch();
        readonly Queue<string> _log = new Queue<string>();
        BackendQuery? _query;
        BackendProcess? _process;

        /// <summary>Nothing happens before <see cref="Ensure"/>.</summary>
        public BackendLauncher(LauncherSettings settings) => _settings = settings;

        /// <summary>Where it stands.</summary>
        public BackendPhase Phase { get; private set; } = BackendPhase.Idle;
        /// <summary>For people: what happens, or what to do.</summary>
        public string Message { get; private set; } = "";
        /// <summary>Whether the backend was started here; false when it was there already.</summary>
        public bool StartedHere { get; private set; }
        /// <summary>Process id of what was started here; 0 else.</summary>
        public int ProcessId => _process?.ProcessId ?? 0;
        /// <summary>File with the output of what was started here; "" else.</summary>
        public string LogFile => _process?.LogFile ?? "";
        /// <summary>What its line said; null when it was there already.</summary>
        public ServeLine? Line { get; private set; }
        /// <summary>Worlds of the backend that answered.</summary>
        public IReadOnlyList<WorldInfo> Worlds { get; private set; } = Array.Empty<WorldInfo>();
        /// <summary>Seconds in the present phase.</summary>
        public double SecondsInPhase => _clock.Elapsed.TotalSeconds;
        /// <summary>Whether something is under way.</summary>
        public bool IsBusy => Phase == BackendPhase.Asking || Phase == BackendPhase.Starting;
        /// <summary>The last lines the backend wrote.</summary>
        public IReadOnlyCollection<string> Log => _log;

        /// <summary>Attaches to the backend, or starts it. Does nothing while that is under way.</summary>
        public void Ensure()
        {
            if (IsBusy)
                return;
            if (_process != null && _process.HasExited)
            {
                // It was ready once and has died since: another is started.
                ForgetProcess();
                StartedHere = false;
            }
            Ask($"Looking for a backend at {_settings.Endpoint.EffectiveAddress}.");
        }

        /// <summary>Goes on with a backend that was started before the scripts were reloaded, in whatever phase it is now.</summary>
        public void Adopt(int processId, string logFile)
        {
            if (IsBusy || _process != null)
                return;
            _process = BackendProcess.Find(processId, logFile);
            StartedHere = _process != null;
            if (StartedHere)
                Enter(BackendPhase.Starting, "Going on with the backend that is starting.");
            else
                Ensure();
        }

        /// <summary>Once an editor frame.</summary>
        public void Update()
        {
            Listen();
            switch (Phase)
            {
                case BackendPhase.Asking:
                    HearAnswer();
                    break;
                case BackendPhase.Starting:
                    HearProcess();
                    break;
            }
        }

        /// <summary>Gives up what is under way; ends a backend that is only starting.</summary>
        public void Cancel()
        {
            if (!IsBusy)
                return;
            StopStarted();
            Enter(BackendPhase.Idle, "Cancelled.");
        }

        /// <summary>Ends the backend if it was started here. Others are left alone.</summary>
        public void StopStarted()
        {
            _query?.Dispose();
            _query = null;
            if (_process == null)
                return;
            _process.Kill();
            ForgetProcess();
            StartedHere = false;
            Enter(BackendPhase.Idle, "The backend was stopped.");
        }

        /// <summary>Lets go of everything. A backend that was started goes on, also one that is not ready yet: it ends with the editor.</summary>
        public void Dispose()
        {
            _query?.Dispose();
            _query = null;
            ForgetProcess();
        }

        void Ask(string message)
        {
            try
            {
                _query = new BackendQuery(_settings.Endpoint);
                Enter(BackendPhase.Asking, message);
            }
            catch (Exception error) when (error is InvalidOperationException || error is ArgumentException)
            {
                Enter(BackendPhase.Failed, error.Message);
            }
        }

        void HearAnswer()
        {
            var query = _query!;
            if (!query.Update())
                return;
            _query = null;
            query.Dispose();
            if (query.Succeeded)
            {
                Worlds = query.Worlds;
                Enter(BackendPhase.Ready, StartedHere
                    ? $"Started the backend at {_settings.Endpoint.EffectiveAddress}; it ends with the editor."
                    : $"Attached to the backend at {_settings.Endpoint.EffectiveAddress}.");
            }
            else if (query.Problem == ConnectionProblem.BackendAbsent && _settings.Endpoint.IsLoopback && _process == null)
                Start();
            else
                Enter(BackendPhase.Failed, query.Message);
        }

        void Start()
        {
            var command = BackendSearch.Find(_settings.Command, _settings.ProjectFolder,
                _settings.SearchPath ?? Environment.GetEnvironmentVariable("PATH"));
            if (command == null)
            {
                Enter(BackendPhase.Failed, string.IsNullOrWhiteSpace(_settings.Command)
                    ? "No backend listens and the `dreamport` command was not found. Install it in a checkout of Dreamport (python -m venv " +
                      ".venv, then .venv/bin/pip install .) and name that folder under Project Settings > Dreamport > Backend command."
                    : $"No backend listens and there is no `dreamport` command at {_settings.Command}: correct Project Settings > Dreamport > " +
                      "Backend command.");
                return;
            }
            try
            {
                _process = BackendProcess.Start(command, Arguments());
                StartedHere = true;
                Line = null;
                Enter(BackendPhase.Starting, $"Starting {command}.");
            }
            catch (Exception error) when (error is InvalidOperationException || error is System.ComponentModel.Win32Exception)
            {
                ForgetProcess();
                Enter(BackendPhase.Failed, $"Could not start {command}: {error.Message}");
            }
        }

        List<string> Arguments()
        {
            var arguments = new List<string> { "serve" };
            if (_settings.World.Length > 0)
                arguments.Add(_settings.World);
            arguments.Add("--json");
            arguments.Add("--host");
            arguments.Add(_settings.Endpoint.Host == "localhost" ? "127.0.0.1" : _settings.Endpoint.Host);
            arguments.Add("--port");
            arguments.Add(_settings.Endpoint.Port.ToString(CultureInfo.InvariantCulture));
            if (_settings.CapturesFolder.Length > 0)
            {
                arguments.Add("--captures");
                arguments.Add(_settings.CapturesFolder);
            }
            if (_settings.ParentProcessId > 0)
            {
                arguments.Add("--exit-with");
                arguments.Add(_settings.ParentProcessId.ToString(CultureInfo.InvariantCulture));
            }
            return arguments;
        }

        /// <summary>Takes what the backend wrote: its ready line, and the last of everything else.</summary>
        void Listen()
        {
            if (_process == null)
                return;
            foreach (var line in _process.NewLines())
            {
                if (ServeLine.TryParse(line) is ServeLine ready)
                {
                    Line = ready;
                    continue;
                }
                _log.Enqueue(line);
                if (_log.Count > KeptLines)
                    _log.Dequeue();
            }
        }

        void HearProcess()
        {
            if (Line != null)
            {
                Ask("The backend is up; asking for its worlds.");
            }
            else if (_process!.HasExited)
            {
                Listen();
                ForgetProcess();
                StartedHere = false;
                Enter(BackendPhase.Failed, $"The backend ended before it was ready: {LastError()}");
            }
            else if (SecondsInPhase > _settings.StartTimeoutSeconds)
            {
                StopStarted();
                StartedHere = false;
                Enter(BackendPhase.Failed,
                    $"The backend was not ready after {_settings.StartTimeoutSeconds:F0} s and was stopped. {LastError()}");
            }
            else
            {
                Message = $"Starting the backend ({SecondsInPhase:F0} s). {LastError()}".Trim();
            }
        }

        string LastError()
        {
            var last = "";
            foreach (var line in _log)
                if (!string.IsNullOrWhiteSpace(line))
                    last = line.Trim();
            return last;
        }

        void Enter(BackendPhase phase, string message)
        {
            Phase = phase;
            Message = message;
            _clock.Restart();
        }

        void ForgetProcess()
        {
            _process?.Dispose();
            _process = null;
        }
    }
}
