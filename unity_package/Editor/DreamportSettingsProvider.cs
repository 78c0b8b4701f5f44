#nullable enable
using System.Collections.Generic;
using UnityEditor;
using UnityEngine;

namespace Dreamport.Editor
{
    /// <summary>Project Settings > Dreamport.</summary>
    static class DreamportSettingsProvider
    {
        public const string Path = "Project/Dreamport";

        [SettingsProvider]
        static SettingsProvider Create() => new SettingsProvider(Path, SettingsScope.Project)
        {
            label = "Dreamport",
            guiHandler = _ => Draw(DreamportProjectSettings.instance),
            keywords = new HashSet<string> { "Dreamport", "neural", "backend", "world" },
        };

        static void Draw(DreamportProjectSettings settings)
        {
            EditorGUI.BeginChangeCheck();
            settings.StartWithPlay = EditorGUILayout.Toggle(
                new GUIContent("Start with Play", "Pressing Play attaches to the backend, or starts it."), settings.StartWithPlay);
            settings.BackendCommand = EditorGUILayout.TextField(
                new GUIContent("Backend command", "The dreamport command, a virtual environment or a checkout. Empty: searched beside the project and in PATH."),
                settings.BackendCommand);
            settings.Address = EditorGUILayout.TextField(
                new GUIContent("Address", "host:port. Empty: this machine, port 50700."), settings.Address);
            settings.World = EditorGUILayout.TextField(
                new GUIContent("World", "For components that name none. Empty: the backend's default."), settings.World);
            settings.CapturesFolder = EditorGUILayout.TextField(
                new GUIContent("Captures folder", "Where recordings go. Empty: the backend's default."), settings.CapturesFolder);
            if (EditorGUI.EndChangeCheck())
                settings.Write();
            if (GUILayout.Button("Open the Backend window", GUILayout.Width(200)))
                BackendWindow.Open();
        }
    }
}
