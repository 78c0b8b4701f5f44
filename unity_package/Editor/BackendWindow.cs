#nullable enable
using Dreamport.Internal;
using UnityEditor;
using UnityEngine;

namespace Dreamport.Editor
{
    /// <summary>Window > Dreamport > Backend: start or attach, worlds, connection, executor and fallback, latency, diagnostics.</summary>
    public sealed class BackendWindow : EditorWindow
    {
        const double ShowProgressAfterSeconds = 2;

        readonly LatencyPlot _plot = new LatencyPlot();
        Vector2 _scroll;
        bool _copied;

        /// <summary>Opens the window.</summary>
        [MenuItem("Window/Dreamport/Backend")]
        public static void Open() => GetWindow<BackendWindow>("Dreamport");

        void OnInspectorUpdate() => Repaint();

        void OnGUI()
        {
            _scroll = EditorGUILayout.BeginScrollView(_scroll);
            DrawNative();
            DrawBackend(EditorBackend.Launcher);
            foreach (var world in DreamportWorld.Active)
                DrawWorld(world);
            EditorGUILayout.Space();
            if (GUILayout.Button(_copied ? "Copied" : "Copy diagnostics"))
            {
                EditorBackend.CopyDiagnostics();
                _copied = true;
            }
            EditorGUILayout.EndScrollView();
        }

        static void DrawNative()
        {
            if (Interop.NativeCore.IsUsable)
                return;
            EditorGUILayout.HelpBox(Interop.NativeCore.Problem, MessageType.Error);
            if (GUILayout.Button("Look again"))
                Interop.NativeCore.Restart();
        }

        static void DrawBackend(BackendLauncher? launcher)
        {
            EditorGUILayout.LabelField("Backend", EditorStyles.boldLabel);
            if (launcher == null)
                EditorGUILayout.HelpBox("Not asked yet. Pressing Play attaches to the backend or starts it.", MessageType.Info);
            else
            {
                EditorGUILayout.HelpBox(launcher.Message, launcher.Phase == BackendPhase.Failed ? MessageType.Error : MessageType.Info);
                if (launcher.IsBusy && launcher.SecondsInPhase > ShowProgressAfterSeconds)
                    EditorGUI.ProgressBar(EditorGUILayout.GetControlRect(), (float)(launcher.SecondsInPhase % 4 / 4),
                        $"{launcher.Phase}, {launcher.SecondsInPhase:F0} s");
                if (launcher.Line != null)
                    DrawExecutor(launcher.Line.Executor);
            }
            EditorGUILayout.BeginHorizontal();
            if (launcher != null && launcher.IsBusy)
            {
                if (GUILayout.Button("Cancel"))
                    launcher.Cancel();
            }
            else
            {
                if (GUILayout.Button("Start or attach"))
                    EditorBackend.Ensure();
                if (launcher != null && launcher.ProcessId != 0 && GUILayout.Button("Stop"))
                    EditorBackend.Stop();
            }
            if (GUILayout.Button("Settings"))
                SettingsService.OpenProjectSettings(DreamportSettingsProvider.Path);
            EditorGUILayout.EndHorizontal();
            if (launcher != null)
                foreach (var world in launcher.Worlds)
                    EditorGUILayout.LabelField(world.Name, $"{world.Title}, {world.Width}x{world.Height}, {world.FrameRate:F0} fps, {world.Licence}");
        }

        void DrawWorld(DreamportWorld world)
        {
            EditorGUILayout.Space();
            EditorGUILayout.LabelField(world.name, EditorStyles.boldLabel);
            WorldStatus.Draw(world);
            if (world.Session != null)
                _plot.Draw(world.Session.Latency);
        }

        internal static void DrawExecutor(ExecutorInfo executor)
        {
            EditorGUILayout.LabelField("Executor", $"{executor.Name} on {executor.Device}, {executor.Precision}");
            if (executor.FallbackReason.Length > 0)
                EditorGUILayout.HelpBox($"Fallback: {executor.FallbackReason}", MessageType.Warning);
        }
    }
}
