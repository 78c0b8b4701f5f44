// Stub of UnityEditor and of immediate-mode GUI: signatures, and the events by which an editor drives the package.
using System;
using System.Collections.Generic;
using UnityEngine;

namespace UnityEngine
{
    public class GUIContent
    {
        public GUIContent(string text, string tooltip)
        {
        }
    }

    public class GUIStyle
    {
    }

    public class GUILayoutOption
    {
    }

    public static class GUI
    {
        public static void Label(Rect position, string text)
        {
        }

        public static void DrawTextureWithTexCoords(Rect position, Texture image, Rect texCoords)
        {
        }
    }

    public static class GUILayout
    {
        public static bool Button(string text, params GUILayoutOption[] options) => false;

        public static GUILayoutOption Width(float width) => new GUILayoutOption();

        public static GUILayoutOption ExpandWidth(bool expand) => new GUILayoutOption();
    }

    public static class GUILayoutUtility
    {
        public static Rect GetRect(float width, float height, params GUILayoutOption[] options) => new Rect(0, 0, width, height);

        public static Rect GetAspectRect(float aspect) => new Rect(0, 0, 100, 100 / aspect);
    }
}

namespace UnityEditor
{
    public enum MessageType
    {
        None = 0,
        Info = 1,
        Warning = 2,
        Error = 3,
    }

    public enum PlayModeStateChange
    {
        EnteredEditMode = 0,
        ExitingEditMode = 1,
        EnteredPlayMode = 2,
        ExitingPlayMode = 3,
    }

    public enum SettingsScope
    {
        User = 0,
        Project = 1,
    }

    public static class EditorApplication
    {
        public delegate void CallbackFunction();

        public static CallbackFunction update;
        public static event Action quitting;
        public static event Action<PlayModeStateChange> playModeStateChanged;

        public static void StubQuit() => quitting?.Invoke();

        public static void StubPlayMode(PlayModeStateChange change) => playModeStateChanged?.Invoke(change);
    }

    public static class AssemblyReloadEvents
    {
        public delegate void AssemblyReloadCallback();

        public static event AssemblyReloadCallback beforeAssemblyReload;

        public static void StubReload() => beforeAssemblyReload?.Invoke();
    }

    [AttributeUsage(AttributeTargets.Class)]
    public sealed class InitializeOnLoadAttribute : Attribute
    {
    }

    [AttributeUsage(AttributeTargets.Method)]
    public sealed class MenuItem : Attribute
    {
        public MenuItem(string itemName)
        {
        }

        public MenuItem(string itemName, bool isValidateFunction, int priority)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public sealed class CustomEditor : Attribute
    {
        public CustomEditor(Type inspectedType)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Method)]
    public sealed class SettingsProviderAttribute : Attribute
    {
    }

    [AttributeUsage(AttributeTargets.Class)]
    public sealed class FilePathAttribute : Attribute
    {
        public enum Location
        {
            PreferencesFolder = 0,
            ProjectFolder = 1,
        }

        public FilePathAttribute(string relativePath, Location location)
        {
        }
    }

    public class ScriptableSingleton<T> : ScriptableObject where T : ScriptableObject, new()
    {
        static T s_instance;

        public static T instance => s_instance ??= new T();

        protected virtual void Save(bool saveAsText)
        {
        }
    }

    public class SettingsProvider
    {
        public SettingsProvider(string path, SettingsScope scopes, IEnumerable<string> keywords = null)
        {
        }

        public string label { get; set; }
        public Action<string> guiHandler { get; set; }
        public IEnumerable<string> keywords { get; set; }
    }

    public static class SessionState
    {
        static readonly Dictionary<string, string> Values = new Dictionary<string, string>();

        public static void SetString(string key, string value) => Values[key] = value;

        public static string GetString(string key, string defaultValue) => Values.TryGetValue(key, out var value) ? value : defaultValue;

        public static void EraseString(string key) => Values.Remove(key);
    }

    public static class SettingsService
    {
        public static EditorWindow OpenProjectSettings(string settingsPath) => null;
    }

    public class Editor : ScriptableObject
    {
        public UnityEngine.Object target { get; set; }

        public virtual void OnInspectorGUI()
        {
        }

        public virtual bool RequiresConstantRepaint() => false;

        public bool DrawDefaultInspector() => false;
    }

    public class EditorWindow : ScriptableObject
    {
        public static T GetWindow<T>(string title) where T : EditorWindow, new() => new T();

        public void Repaint()
        {
        }
    }

    public static class EditorStyles
    {
        public static GUIStyle boldLabel { get; } = new GUIStyle();
    }

    public static class EditorGUIUtility
    {
        public static string systemCopyBuffer { get; set; } = "";
    }

    public static class EditorGUI
    {
        public static void BeginChangeCheck()
        {
        }

        public static bool EndChangeCheck() => false;

        public static void DrawRect(Rect rect, Color color)
        {
        }

        public static void ProgressBar(Rect position, float value, string text)
        {
        }
    }

    public static class EditorGUILayout
    {
        public static readonly List<string> StubTexts = new List<string>();

        public static Vector2 BeginScrollView(Vector2 scrollPosition, params GUILayoutOption[] options) => scrollPosition;

        public static void EndScrollView()
        {
        }

        public static Rect BeginHorizontal(params GUILayoutOption[] options) => default;

        public static void EndHorizontal()
        {
        }

        public static void Space()
        {
        }

        public static void HelpBox(string message, MessageType type) => StubTexts.Add(message);

        public static void LabelField(string label, GUIStyle style, params GUILayoutOption[] options) => StubTexts.Add(label);

        public static void LabelField(string label, string label2, params GUILayoutOption[] options) => StubTexts.Add($"{label}: {label2}");

        public static bool Toggle(GUIContent label, bool value, params GUILayoutOption[] options) => value;

        public static string TextField(GUIContent label, string text, params GUILayoutOption[] options) => text;

        public static Rect GetControlRect(params GUILayoutOption[] options) => default;
    }

    public static class Handles
    {
        public static Color color { get; set; }

        public static void DrawAAPolyLine(float width, int actualNumberOfPoints, params Vector3[] points)
        {
        }
    }

    public static class Undo
    {
        public static void RegisterCreatedObjectUndo(UnityEngine.Object objectToUndo, string name)
        {
        }
    }

    public static class Selection
    {
        public static GameObject activeGameObject { get; set; }
    }

    public static class AssetDatabase
    {
        public static void AddObjectToAsset(UnityEngine.Object objectToAdd, UnityEngine.Object assetObject)
        {
        }

        public static bool TryGetGUIDAndLocalFileIdentifier(UnityEngine.Object obj, out string guid, out long localId)
        {
            guid = "";
            localId = 0;
            return true;
        }

        public static void SaveAssets()
        {
        }
    }

    public static class EditorUtility
    {
        public static void SetDirty(UnityEngine.Object target)
        {
        }
    }

    public class SerializedProperty
    {
        public int arraySize { get; set; }
        public UnityEngine.Object objectReferenceValue { get; set; }
        public long longValue { get; set; }

        public SerializedProperty GetArrayElementAtIndex(int index) => new SerializedProperty();
    }

    public class SerializedObject
    {
        public SerializedObject(UnityEngine.Object obj)
        {
        }

        public SerializedProperty FindProperty(string propertyPath) => new SerializedProperty();

        public bool ApplyModifiedProperties() => true;
    }
}
