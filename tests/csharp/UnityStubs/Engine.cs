// Stub of UnityEngine: objects, components, textures, shaders, time, physics. State that tests look at is in members named Stub...
using System;
using System.Collections.Generic;
using Unity.Collections;
using UnityEngine.Experimental.Rendering;

namespace UnityEngine
{
    [Flags]
    public enum HideFlags
    {
        None = 0,
        DontSave = 52,
        HideAndDontSave = 61,
    }

    public enum TextureFormat
    {
        RGBA32 = 4,
        R16 = 9,
    }

    public enum TextureWrapMode
    {
        Repeat = 0,
        Clamp = 1,
    }

    public enum FilterMode
    {
        Point = 0,
        Bilinear = 1,
    }

    public enum CameraType
    {
        Game = 1,
        SceneView = 2,
        Preview = 4,
    }

    public enum ColorSpace
    {
        Gamma = 0,
        Linear = 1,
    }

    public enum CursorLockMode
    {
        None = 0,
        Locked = 1,
    }

    public enum PrimitiveType
    {
        Sphere = 0,
        Capsule = 1,
        Cylinder = 2,
        Cube = 3,
        Plane = 4,
        Quad = 5,
    }

    public enum LightType
    {
        Spot = 0,
        Directional = 1,
    }

    public enum RuntimeInitializeLoadType
    {
        SubsystemRegistration = 4,
    }

    public enum QueryTriggerInteraction
    {
        UseGlobal = 0,
        Ignore = 1,
    }

    public class Object
    {
        public static readonly List<Object> StubDestroyed = new List<Object>();

        public string name { get; set; } = "";
        public HideFlags hideFlags { get; set; }
        public bool StubIsDestroyed { get; private set; }

        public static void Destroy(Object obj)
        {
            if (ReferenceEquals(obj, null))
                return;
            obj.StubIsDestroyed = true;
            StubDestroyed.Add(obj);
        }

        public static void DestroyImmediate(Object obj) => Destroy(obj);

        public static implicit operator bool(Object exists) => !(exists == null);

        public static bool operator ==(Object x, Object y)
        {
            var a = ReferenceEquals(x, null) || x.StubIsDestroyed;
            var b = ReferenceEquals(y, null) || y.StubIsDestroyed;
            return a || b ? a == b : ReferenceEquals(x, y);
        }

        public static bool operator !=(Object x, Object y) => !(x == y);

        public override bool Equals(object other) => this == other as Object;

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
    }

    public class ScriptableObject : Object
    {
        public static T CreateInstance<T>() where T : ScriptableObject, new() => new T();
    }

    public sealed class GameObject : Object
    {
        readonly List<Component> _components = new List<Component>();

        public GameObject(string name = "")
        {
            this.name = name;
            transform = new Transform { gameObject = this };
        }

        public Transform transform { get; }

        public string tag { get; set; } = "Untagged";

        public void SetActive(bool value)
        {
        }

        public T AddComponent<T>() where T : Component, new()
        {
            var component = new T { gameObject = this };
            _components.Add(component);
            return component;
        }

        public Component AddComponent(Type componentType)
        {
            var component = (Component)Activator.CreateInstance(componentType);
            component.gameObject = this;
            _components.Add(component);
            return component;
        }

        public T GetComponent<T>() where T : class
        {
            foreach (var component in _components)
                if (component is T found)
                    return found;
            return null;
        }

        public static GameObject CreatePrimitive(PrimitiveType type)
        {
            var made = new GameObject(type.ToString());
            made.AddComponent<Renderer>();
            return made;
        }
    }

    public class Component : Object
    {
        public GameObject gameObject { get; internal set; } = null;
        public virtual Transform transform => gameObject.transform;

        public T GetComponent<T>() where T : class => gameObject.GetComponent<T>();
    }

    public class Behaviour : Component
    {
        public bool enabled { get; set; } = true;
    }

    public class MonoBehaviour : Behaviour
    {
    }

    public class Transform : Component
    {
        public Vector3 position { get; set; }
        public Quaternion rotation { get; set; } = Quaternion.identity;
        public Vector3 localScale { get; set; } = Vector3.one;
        public override Transform transform => this;

        public void GetPositionAndRotation(out Vector3 position, out Quaternion rotation)
        {
            position = this.position;
            rotation = this.rotation;
        }

        public void SetPositionAndRotation(Vector3 position, Quaternion rotation)
        {
            this.position = position;
            this.rotation = rotation;
        }
    }

    public class Camera : Behaviour
    {
        public static Camera main { get; set; }

        public Matrix4x4 projectionMatrix { get; set; } = Matrix4x4.Perspective(60, 16f / 9f, 0.1f, 100);
        public int pixelWidth { get; set; } = 640;
        public int pixelHeight { get; set; } = 360;
        public float nearClipPlane { get; set; } = 0.1f;
        public float farClipPlane { get; set; } = 100;
        public float fieldOfView { get; set; } = 60;
    }

    public sealed class Light : Behaviour
    {
        public LightType type { get; set; }
        public float intensity { get; set; }
    }

    public class Renderer : Component
    {
        public Material sharedMaterial { get; set; }
        public MaterialPropertyBlock StubBlock { get; private set; }

        public void SetPropertyBlock(MaterialPropertyBlock properties) => StubBlock = properties;
    }

    public class Shader : Object
    {
        static readonly Dictionary<string, int> Ids = new Dictionary<string, int>();

        public static Shader Find(string name) => new Shader { name = name };

        public static int PropertyToID(string name)
        {
            lock (Ids)
            {
                if (!Ids.TryGetValue(name, out var id))
                    Ids[name] = id = Ids.Count + 1;
                return id;
            }
        }
    }

    public class Material : Object
    {
        public Material(Shader shader) => this.shader = shader;

        public Shader shader { get; set; }
        public Color color { get; set; }
        public Dictionary<int, object> StubValues { get; } = new Dictionary<int, object>();

        public void SetTexture(int nameID, Texture value) => StubValues[nameID] = value;

        public void SetVector(int nameID, Vector4 value) => StubValues[nameID] = value;

        public void SetMatrix(int nameID, Matrix4x4 value) => StubValues[nameID] = value;
    }

    public sealed class MaterialPropertyBlock
    {
        public Dictionary<int, Vector4> StubVectors { get; } = new Dictionary<int, Vector4>();
        public Dictionary<int, Texture> StubTextures { get; } = new Dictionary<int, Texture>();
        public Dictionary<int, float> StubFloats { get; } = new Dictionary<int, float>();
        public Dictionary<int, Matrix4x4> StubMatrices { get; } = new Dictionary<int, Matrix4x4>();

        public void Clear()
        {
            StubVectors.Clear();
            StubTextures.Clear();
            StubFloats.Clear();
            StubMatrices.Clear();
        }

        public void SetTexture(int nameID, Texture value) => StubTextures[nameID] = value;

        public void SetVector(int nameID, Vector4 value) => StubVectors[nameID] = value;

        public void SetFloat(int nameID, float value) => StubFloats[nameID] = value;

        public void SetMatrix(int nameID, Matrix4x4 value) => StubMatrices[nameID] = value;
    }

    public class Texture : Object
    {
        public int width { get; protected set; }
        public int height { get; protected set; }
        public TextureWrapMode wrapMode { get; set; }
        public FilterMode filterMode { get; set; }
        public GraphicsFormat graphicsFormat { get; protected set; }
    }

    public sealed unsafe class Texture2D : Texture
    {
        public static Texture2D blackTexture { get; } = new Texture2D(4, 4, TextureFormat.RGBA32, false, false);

        public Texture2D(int width, int height, TextureFormat textureFormat, bool mipChain, bool linear)
        {
            this.width = width;
            this.height = height;
            StubFormat = textureFormat;
            StubLinear = linear;
            StubBytes = new byte[width * height * (textureFormat == TextureFormat.R16 ? 2 : 4)];
        }

        public byte[] StubBytes { get; }
        public TextureFormat StubFormat { get; }
        public bool StubLinear { get; }
        public int StubApplied { get; private set; }

        public void LoadRawTextureData(IntPtr data, int size)
        {
            if (size != StubBytes.Length)
                throw new ArgumentException("not enough data provided, or too much");
            new Span<byte>((void*)data, size).CopyTo(StubBytes);
        }

        public NativeArray<T> GetRawTextureData<T>() where T : unmanaged => new NativeArray<T>(StubBytes);

        public void Apply(bool updateMipmaps, bool makeNoLongerReadable) => StubApplied++;
    }

    public class RenderTexture : Texture
    {
        public RenderTexture(int width, int height, int depth, GraphicsFormat format)
        {
            this.width = width;
            this.height = height;
            graphicsFormat = format;
        }

        public byte[] StubBytes { get; set; } = Array.Empty<byte>();

        public bool Create() => true;
    }

    public struct LayerMask
    {
        public int value { get; set; }

        public static implicit operator int(LayerMask mask) => mask.value;

        public static implicit operator LayerMask(int intVal) => new LayerMask { value = intVal };
    }

    public struct RaycastHit
    {
        public Vector3 point { get; set; }
        public float distance { get; set; }
    }

    /// <summary>An empty scene with a floor at height 0.</summary>
    public static class Physics
    {
        public static bool CheckSphere(Vector3 position, float radius, int layerMask, QueryTriggerInteraction queryTriggerInteraction) => false;

        public static bool SphereCast(Vector3 origin, float radius, Vector3 direction, out RaycastHit hitInfo, float maxDistance, int layerMask,
            QueryTriggerInteraction queryTriggerInteraction)
        {
            hitInfo = default;
            return false;
        }

        public static bool Raycast(Vector3 origin, Vector3 direction, out RaycastHit hitInfo, float maxDistance, int layerMask,
            QueryTriggerInteraction queryTriggerInteraction)
        {
            hitInfo = new RaycastHit { point = new Vector3(origin.x, 0, origin.z), distance = origin.y };
            return origin.y > 0 && direction.y < 0;
        }
    }

    public static class Time
    {
        public static double timeAsDouble { get; set; }
        public static float captureDeltaTime { get; set; }
        public static float deltaTime { get; set; }
        public static float time => (float)timeAsDouble;
    }

    public static class Debug
    {
        public static readonly List<string> StubErrors = new List<string>();
        public static readonly List<string> StubWarnings = new List<string>();

        public static void Log(object message)
        {
        }

        public static void LogWarning(object message, Object context = null) => StubWarnings.Add(message.ToString());

        public static void LogError(object message, Object context = null) => StubErrors.Add(message.ToString());
    }

    public static class Application
    {
        public static bool isPlaying { get; set; } = true;
        public static string unityVersion => "6000.0.0stub";
        public static string productName => "Stub";
        public static string dataPath { get; set; } = "/nowhere/Assets";
    }

    public static class SystemInfo
    {
        public static Rendering.GraphicsDeviceType graphicsDeviceType { get; set; } = Rendering.GraphicsDeviceType.Vulkan;
        public static string graphicsDeviceName => "stub";
        public static string operatingSystem => "stub";

        public static bool IsFormatSupported(GraphicsFormat format, GraphicsFormatUsage usage) => true;
    }

    public static class QualitySettings
    {
        public static ColorSpace activeColorSpace { get; set; } = ColorSpace.Linear;
    }

    public static class Cursor
    {
        public static CursorLockMode lockState { get; set; }
        public static bool visible { get; set; } = true;
    }

    public static class Graphics
    {
        public static void ExecuteCommandBuffer(Rendering.CommandBuffer buffer) => buffer.StubExecute();
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class SerializeField : Attribute
    {
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class HideInInspector : Attribute
    {
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class HeaderAttribute : Attribute
    {
        public HeaderAttribute(string header)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class TooltipAttribute : Attribute
    {
        public TooltipAttribute(string tooltip)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class MinAttribute : Attribute
    {
        public MinAttribute(float min)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class RangeAttribute : Attribute
    {
        public RangeAttribute(float min, float max)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public sealed class AddComponentMenu : Attribute
    {
        public AddComponentMenu(string menuName)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public sealed class DefaultExecutionOrder : Attribute
    {
        public DefaultExecutionOrder(int order)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public sealed class RequireComponent : Attribute
    {
        public RequireComponent(Type requiredComponent)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Method)]
    public sealed class RuntimeInitializeOnLoadMethodAttribute : Attribute
    {
        public RuntimeInitializeOnLoadMethodAttribute(RuntimeInitializeLoadType loadType)
        {
        }
    }
}

namespace UnityEngine.SceneManagement
{
    public struct Scene
    {
        public string name => "Stub scene";
    }

    public static class SceneManager
    {
        public static Scene GetActiveScene() => default;
    }
}

namespace UnityEngine.Events
{
    [Serializable]
    public class UnityEvent
    {
        public int StubInvoked { get; private set; }

        public void Invoke() => StubInvoked++;
    }

    [Serializable]
    public class UnityEvent<T0>
    {
        public int StubInvoked { get; private set; }

        public void Invoke(T0 arg0) => StubInvoked++;
    }
}

namespace Unity.Collections
{
    public enum Allocator
    {
        None = 1,
        Persistent = 4,
    }

    public unsafe struct NativeArray<T> where T : unmanaged
    {
        internal void* Pointer;
        internal readonly byte[] Bytes;

        internal NativeArray(byte[] bytes)
        {
            Bytes = bytes;
            Pointer = null;
            Length = bytes.Length / sizeof(T);
        }

        internal NativeArray(void* pointer, int length)
        {
            Bytes = null;
            Pointer = pointer;
            Length = length;
        }

        public int Length { get; }
    }
}

namespace Unity.Collections.LowLevel.Unsafe
{
    public struct AtomicSafetyHandle
    {
        public static int StubLive;

        public static AtomicSafetyHandle Create()
        {
            StubLive++;
            return default;
        }

        public static void Release(AtomicSafetyHandle handle) => StubLive--;
    }

    public static unsafe class NativeArrayUnsafeUtility
    {
        public static NativeArray<T> ConvertExistingDataToNativeArray<T>(void* dataPointer, int length, Allocator allocator) where T : unmanaged =>
            new NativeArray<T>(dataPointer, length);

        public static void SetAtomicSafetyHandle<T>(ref NativeArray<T> array, AtomicSafetyHandle safety) where T : unmanaged
        {
        }

        public static void* GetUnsafePtr<T>(this NativeArray<T> nativeArray) where T : unmanaged =>
            nativeArray.Pointer != null ? nativeArray.Pointer
                : System.Runtime.CompilerServices.Unsafe.AsPointer(ref nativeArray.Bytes[0]);
    }

    public static unsafe class UnsafeUtility
    {
        public static void MemCpyStride(void* destination, int destinationStride, void* source, int sourceStride, int elementSize, int count)
        {
            for (var i = 0; i < count; i++)
                Buffer.MemoryCopy((byte*)source + (long)i * sourceStride, (byte*)destination + (long)i * destinationStride, elementSize, elementSize);
        }
    }
}
