#nullable enable
using System;
using UnityEditor;
using UnityEngine;

namespace Dreamport.Editor
{
    /// <summary>GameObject > Dreamport > Sample: puts the builder of an imported sample into the open scene.</summary>
    static class SampleMenu
    {
        [MenuItem("GameObject/Dreamport/Sample/Portal", false, 30)]
        static void Portal() => Add("PortalSample");

        [MenuItem("GameObject/Dreamport/Sample/Depth Composite", false, 31)]
        static void DepthComposite()
        {
            DreamportMenu.AddCompositeFeature();
            Add("DepthCompositeSample");
        }

        [MenuItem("GameObject/Dreamport/Sample/Recorder", false, 32)]
        static void Recorder() => Add("RecorderSample");

        static void Add(string name)
        {
            var type = Find(name);
            if (type == null)
            {
                Debug.LogError($"Dreamport: the sample is not imported. Window > Package Manager > Dreamport > Samples > Import, then again.");
                return;
            }
            var made = new GameObject(name);
            made.AddComponent(type);
            Undo.RegisterCreatedObjectUndo(made, $"Create {name}");
            Selection.activeGameObject = made;
        }

        static Type? Find(string name)
        {
            foreach (var assembly in AppDomain.CurrentDomain.GetAssemblies())
                if (assembly.GetType($"Dreamport.Samples.{name}") is Type found && typeof(MonoBehaviour).IsAssignableFrom(found))
                    return found;
            return null;
        }
    }
}
