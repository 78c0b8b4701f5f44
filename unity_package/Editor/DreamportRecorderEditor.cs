#nullable enable
using UnityEditor;
using UnityEngine;

namespace Dreamport.Editor
{
    /// <summary>Inspector of a recorder: its settings, and while playing what is recorded and what is lost.</summary>
    [CustomEditor(typeof(DreamportRecorder))]
    public sealed class DreamportRecorderEditor : UnityEditor.Editor
    {
        /// <summary>Draws the inspector.</summary>
        public override void OnInspectorGUI()
        {
            DrawDefaultInspector();
            var recorder = (DreamportRecorder)target;
            EditorGUILayout.Space();
            if (!Application.isPlaying)
                return;
            if (recorder.IsRecording)
            {
                if (GUILayout.Button("Finish the episode"))
                    recorder.Finish();
                if (GUILayout.Button("Throw the episode away"))
                    recorder.Finish(discard: true);
            }
            else if (GUILayout.Button("Record"))
            {
                recorder.Begin();
            }
            var text = recorder.Message.Length > 0 ? $"{recorder.State}: {recorder.Message}" : recorder.State.ToString();
            EditorGUILayout.HelpBox(text, recorder.State == ConnectionState.Failed ? MessageType.Error : MessageType.Info);
            if (recorder.Warning.Length > 0)
                EditorGUILayout.HelpBox(recorder.Warning, MessageType.Warning);
            var now = recorder.Statistics;
            EditorGUI.ProgressBar(EditorGUILayout.GetControlRect(), Mathf.Clamp01(now.Pressure), $"queue {now.Queued} of {now.QueueFrames}");
            EditorGUILayout.LabelField("Frames", $"{now.EpisodeFrames} in this episode, {now.Acknowledged} safely on disk");
            EditorGUILayout.LabelField("Lost", $"{recorder.Dropped} dropped here, {now.Refused} refused, {now.Lost} lost with a connection");
        }

        /// <summary>The numbers change all the time.</summary>
        public override bool RequiresConstantRepaint() => Application.isPlaying;
    }
}
