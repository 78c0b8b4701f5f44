#nullable enable
using System;
using System.Diagnostics;
using System.IO;
using Dreamport.Internal;
using Dreamport.Interop;
using UnityEditor;
using UnityEngine;

namespace Dreamport.Editor
{
    /// <summary>The editor's backend: attached or started when Play is pressed, kept between plays, ended with the editor. Also releases the
    /// native objects when scripts are reloaded and when the editor quits.</summary>
    [InitializeOnLoad]
    public static class EditorBackend
    {
        const string StartedKey = "Dreamport.Backend", AttachAgain = "attach";

        static BackendLauncher? _launcher;

        static EditorBackend()
        {
            EditorApplication.update += Update;
            EditorApplication.quitting += Quit;
            EditorApplication.playModeStateChanged += OnPlayMode;
            AssemblyReloadEvents.beforeAssemblyReload += BeforeReload;
            GoOn();
            if (NativeCore.IsUsable)
            {
                var difference = LayoutCheck.Fields();
                if (difference.Length > 0)
                    UnityEngine.Debug.LogError($"Dreamport: {difference}");
            }
            else
            {
                UnityEngine.Debug.LogError($"Dreamport: {NativeCore.Problem}");
            }
        }

        /// <summary>The launcher in use; null before <see cref="Ensure"/>.</summary>
        public static BackendLauncher? Launcher => _launcher;

        /// <summary>Attaches to the backend, or starts it, in the background.</summary>
        public static void Ensure()
        {
            if (_launcher != null && _launcher.IsBusy)
                return;
            if (_launcher == null || !_launcher.StartedHere)
            {
                _launcher?.Dispose();
                _launcher = new BackendLauncher(MakeSettings(DreamportProjectSettings.instance));
            }
            _launcher.Ensure();
        }

        /// <summary>Ends the backend that was started here.</summary>
        public static void Stop()
        {
            _launcher?.StopStarted();
            _launcher?.Dispose();
            _launcher = null;
        }

        /// <summary>Engine and machine, one fact a line, for the diagnostics.</summary>
        public static string HostFacts() =>
            $"editor: Unity {Application.unityVersion}\nsystem: {SystemInfo.operatingSystem}\ngraphics: {SystemInfo.graphicsDeviceName}, " +
            $"{SystemInfo.graphicsDeviceType}\ncolour space: {QualitySettings.activeColorSpace}";

        /// <summary>Puts the diagnostics of the first world (if there is one) on the clipboard and returns them.</summary>
        public static string CopyDiagnostics()
        {
            var session = DreamportWorld.Active.Count > 0 ? DreamportWorld.Active[0].Session : null;
            var text = Diagnostics.Text(HostFacts(), session, _launcher);
            EditorGUIUtility.systemCopyBuffer = text;
            return text;
        }

        internal static LauncherSettings MakeSettings(DreamportProjectSettings settings)
        {
            using (var process = Process.GetCurrentProcess())
                return new LauncherSettings
                {
                    Endpoint = new EndpointSettings { Address = settings.Address },
                    Command = settings.BackendCommand,
                    ProjectFolder = Path.GetDirectoryName(Application.dataPath) ?? "",
                    World = settings.World,
                    CapturesFolder = settings.CapturesFolder,
                    ParentProcessId = process.Id,
                };
        }

        static void Update()
        {
            if (_launcher == null)
                return;
            var before = _launcher.Phase;
            _launcher.Update();
            if (_launcher.Phase == before)
                return;
            if (_launcher.Phase == BackendPhase.Failed)
                UnityEngine.Debug.LogError($"Dreamport: {_launcher.Message}");
            if (_launcher.Phase == BackendPhase.Ready)
                foreach (var world in DreamportWorld.Active)
                    world.RetryNow();
        }

        static void OnPlayMode(PlayModeStateChange change)
        {
            if (change == PlayModeStateChange.ExitingEditMode && DreamportProjectSettings.instance.StartWithPlay)
                Ensure();
            if (change == PlayModeStateChange.EnteredEditMode)
                NativeCore.EndPlay();
        }

        static void BeforeReload()
        {
            DreamportWorld.DetachForReload();
            // A backend that was started goes on, also one that is not ready yet: entering play mode reloads the scripts too.
            if (_launcher != null && _launcher.ProcessId != 0)
                SessionState.SetString(StartedKey, $"{_launcher.ProcessId} {_launcher.LogFile}");
            else if (_launcher != null && _launcher.Phase != BackendPhase.Failed)
                SessionState.SetString(StartedKey, AttachAgain);
            _launcher?.Dispose();
            _launcher = null;
            NativeCore.ReleaseAll();
        }

        /// <summary>After a reload: with the backend that was started or attached to before it.</summary>
        static void GoOn()
        {
            var started = SessionState.GetString(StartedKey, "");
            SessionState.EraseString(StartedKey);
            if (started.Length == 0)
                return;
            _launcher = new BackendLauncher(MakeSettings(DreamportProjectSettings.instance));
            var space = started.IndexOf(' ');
            if (started != AttachAgain && space > 0 && int.TryParse(started.Substring(0, space), out var processId))
                _launcher.Adopt(processId, started.Substring(space + 1));
            else
                _launcher.Ensure();
        }

        static void Quit()
        {
            Stop();
            NativeCore.ShutDown(3000);
        }
    }
}
