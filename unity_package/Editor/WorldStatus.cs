#nullable enable
using UnityEditor;

namespace Dreamport.Editor
{
    /// <summary>The state of a world, for its inspector and the Backend window.</summary>
    static class WorldStatus
    {
        public static void Draw(DreamportWorld world)
        {
            var state = world.State;
            var kind = state == ConnectionState.Failed ? MessageType.Error
                : state == ConnectionState.Waiting ? MessageType.Warning : MessageType.Info;
            var text = world.Message.Length > 0 ? $"{state}: {world.Message}" : state.ToString();
            if (world.Session != null && state == ConnectionState.Waiting)
                text += $" Next attempt in {world.Session.SecondsToNextAttempt:F0} s.";
            EditorGUILayout.HelpBox(text, kind);
            if (world.World != null)
                EditorGUILayout.LabelField("World", $"{world.World.Title} ({world.World.Name})");
            if (world.Executor != null)
                BackendWindow.DrawExecutor(world.Executor);
            if (!world.HasFrame)
                return;
            var now = world.Statistics;
            EditorGUILayout.LabelField("Frames", $"{now.Fps:F1} fps received, {now.ServerFps:F1} made, {world.Session!.Transport}");
            EditorGUILayout.LabelField("Control to frame", $"p50 {now.ControlToFrameMsP50:F0} ms, p95 {now.ControlToFrameMsP95:F0} ms");
        }
    }
}
