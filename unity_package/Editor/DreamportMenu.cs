#nullable enable
using UnityEditor;
using UnityEngine;
using UnityEngine.Rendering;
using UnityEngine.Rendering.Universal;

namespace Dreamport.Editor
{
    /// <summary>GameObject > Dreamport: the pieces, ready to play.</summary>
    public static class DreamportMenu
    {
        /// <summary>A world driven by the main camera, and a portal into it in front of the camera.</summary>
        [MenuItem("GameObject/Dreamport/Portal", false, 10)]
        public static void CreatePortal()
        {
            var world = CreateWorld(InputMode.CameraPose);
            var portal = GameObject.CreatePrimitive(PrimitiveType.Quad);
            portal.name = "Dreamport Portal";
            var view = ViewPose();
            portal.transform.SetPositionAndRotation(view.position + view.rotation * Vector3.forward * 2f, view.rotation);
            portal.transform.localScale = new Vector3(2f, 1.2f, 1f);
            portal.AddComponent<DreamportScreen>().World = world;
            Finish(portal);
        }

        /// <summary>A world on a flat screen, driven by keys and mouse.</summary>
        [MenuItem("GameObject/Dreamport/Screen", false, 11)]
        public static void CreateScreen()
        {
            var world = CreateWorld(InputMode.PlayerInput);
            var screen = GameObject.CreatePrimitive(PrimitiveType.Quad);
            screen.name = "Dreamport Screen";
            var view = ViewPose();
            screen.transform.SetPositionAndRotation(view.position + view.rotation * Vector3.forward * 2f, view.rotation);
            screen.transform.localScale = new Vector3(2f, 1.2f, 1f);
            var component = screen.AddComponent<DreamportScreen>();
            component.World = world;
            component.Mode = ScreenMode.Flat;
            Finish(screen);
        }

        /// <summary>A world that the main camera walks in, composed with the scene by depth.</summary>
        [MenuItem("GameObject/Dreamport/Depth Composite", false, 12)]
        public static void CreateComposite()
        {
            var world = CreateWorld(InputMode.PlayerInput);
            world.CameraMode = CameraMode.FollowsFrame;
            world.FollowCamera = Camera.main;
            AddCompositeFeature();
            Finish(world.gameObject);
        }

        /// <summary>A recorder of the main camera.</summary>
        [MenuItem("GameObject/Dreamport/Recorder", false, 13)]
        public static void CreateRecorder()
        {
            var recorder = new GameObject("Dreamport Recorder");
            recorder.AddComponent<DreamportRecorder>();
            Finish(recorder);
        }

        /// <summary>Adds the composite to the renderer asset that URP uses, unless it has one.</summary>
        [MenuItem("Tools/Dreamport/Add Composite to the URP Renderer")]
        public static void AddCompositeFeature()
        {
            if (!(GraphicsSettings.currentRenderPipeline is UniversalRenderPipelineAsset asset))
            {
                Debug.LogError("Dreamport: the project does not render with URP. Set a Universal Render Pipeline asset under Project Settings > Graphics.");
                return;
            }
            var list = asset.rendererDataList;
            if (list.Length == 0 || list[0] == null)
            {
                Debug.LogError("Dreamport: the URP asset has no renderer. Add a Universal Renderer to it.");
                return;
            }
            var renderer = list[0];
            foreach (var present in renderer.rendererFeatures)
                if (present is DreamportCompositeFeature)
                    return;
            var feature = ScriptableObject.CreateInstance<DreamportCompositeFeature>();
            feature.name = "Dreamport Composite";
            Undo.RegisterCreatedObjectUndo(feature, "Add Dreamport Composite");
            AssetDatabase.AddObjectToAsset(feature, renderer);
            AssetDatabase.TryGetGUIDAndLocalFileIdentifier(feature, out _, out long fileId);
            // As URP's own inspector does it: the list, and beside it the map of file ids.
            var serialized = new SerializedObject(renderer);
            Append(serialized.FindProperty("m_RendererFeatures")).objectReferenceValue = feature;
            Append(serialized.FindProperty("m_RendererFeatureMap")).longValue = fileId;
            serialized.ApplyModifiedProperties();
            EditorUtility.SetDirty(renderer);
            AssetDatabase.SaveAssets();
        }

        static DreamportWorld CreateWorld(InputMode input)
        {
            var place = new GameObject("Dreamport World");
            var view = ViewPose();
            place.transform.SetPositionAndRotation(view.position, Quaternion.Euler(0f, view.rotation.eulerAngles.y, 0f));
            var world = place.AddComponent<DreamportWorld>();
            // Put the level's start where the camera stands.
            world.StartAtTransform = true;
            world.Input = input;
            Undo.RegisterCreatedObjectUndo(place, "Create Dreamport World");
            return world;
        }

        static Pose ViewPose()
        {
            var camera = Camera.main;
            return camera != null
                ? new Pose(camera.transform.position, camera.transform.rotation) : new Pose(new Vector3(0f, 1.6f, 0f), Quaternion.identity);
        }

        static SerializedProperty Append(SerializedProperty array)
        {
            array.arraySize++;
            return array.GetArrayElementAtIndex(array.arraySize - 1);
        }

        static void Finish(GameObject made)
        {
            Undo.RegisterCreatedObjectUndo(made, $"Create {made.name}");
            Selection.activeGameObject = made;
        }
    }
}
