#nullable enable
using UnityEditor;
using UnityEngine;

namespace Dreamport.Editor
{
    /// <summary>Inspector of a world: its settings, and while playing its state and its picture.</summary>
    [CustomEditor(typeof(DreamportWorld))]
    public sealed class DreamportWorldEditor : UnityEditor.Editor
    {
        /// <summary>Draws the inspector.</summary>
        public override void OnInspectorGUI()
        {
            DrawDefaultInspector();
            var world = (DreamportWorld)target;
            EditorGUILayout.Space();
            if (!Application.isPlaying)
            {
                EditorGUILayout.HelpBox("Press Play: the world connects, and the editor starts a backend if none listens " +
                    "(Project Settings > Dreamport).", MessageType.Info);
                return;
            }
            WorldStatus.Draw(world);
            var picture = world.ColourTexture;
            if (picture != null)
            {
                var area = GUILayoutUtility.GetAspectRect((float)picture.width / picture.height);
                // The first row is the top: turn the coordinates over.
                GUI.DrawTextureWithTexCoords(area, picture, new Rect(0f, 1f, 1f, -1f));
            }
            if (GUILayout.Button("Copy diagnostics"))
                EditorBackend.CopyDiagnostics();
        }

        /// <summary>The picture and the numbers change all the time.</summary>
        public override bool RequiresConstantRepaint() => Application.isPlaying;
    }
}
