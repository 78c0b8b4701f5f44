// Stub of UnityEngine.Rendering, the render graph and URP 17: signatures that the passes use. A stub graph runs each pass at once.
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Unity.Collections;
using Unity.Collections.LowLevel.Unsafe;
using UnityEngine.Experimental.Rendering;
using UnityEngine.Rendering.RenderGraphModule;

namespace UnityEngine.Experimental.Rendering
{
    public enum GraphicsFormat
    {
        None = 0,
        R8G8B8A8_SRGB = 4,
        R8G8B8A8_UNorm = 8,
        R16_UNorm = 21,
    }

    [Flags]
    public enum GraphicsFormatUsage
    {
        Render = 1 << 4,
        ReadPixels = 1 << 10,
    }
}

namespace UnityEngine.Rendering
{
    public enum GraphicsDeviceType
    {
        Direct3D11 = 2,
        OpenGLES3 = 11,
        Metal = 16,
        OpenGLCore = 17,
        Direct3D12 = 18,
        Vulkan = 21,
    }

    public enum MSAASamples
    {
        None = 1,
    }

    public enum DepthBits
    {
        None = 0,
    }

    /// <summary>Plays Unity's part of a custom texture update when it is executed.</summary>
    public sealed unsafe class CommandBuffer : IDisposable
    {
        struct Update
        {
            public IntPtr Callback;
            public Texture2D Target;
            public uint UserData;
        }

        readonly List<Update> _updates = new List<Update>();

        public string name { get; set; } = "";
        public bool StubDisposed { get; private set; }

        public void Clear() => _updates.Clear();

        public void IssuePluginCustomTextureUpdateV2(IntPtr callback, Texture targetTexture, uint userData) =>
            _updates.Add(new Update { Callback = callback, Target = (Texture2D)targetTexture, UserData = userData });

        public void Dispose() => StubDisposed = true;

        [StructLayout(LayoutKind.Sequential)]
        struct TextureUpdateParamsV2
        {
            public void* TexData;
            public IntPtr TextureId;
            public uint UserData;
            public int Format;
            public uint Width;
            public uint Height;
            public uint BytesPerPixel;
        }

        internal void StubExecute()
        {
            const int begin = 9, end = 10;
            for (var i = 0; i < _updates.Count; i++)
            {
                var update = _updates[i];
                var parameters = new TextureUpdateParamsV2
                {
                    UserData = update.UserData,
                    Width = (uint)update.Target.width,
                    Height = (uint)update.Target.height,
                    BytesPerPixel = update.Target.StubFormat == TextureFormat.R16 ? 2u : 4u,
                };
                var callback = (delegate* unmanaged<int, void*, void>)update.Callback;
                callback(begin, &parameters);
                if (parameters.TexData != null)
                    new Span<byte>(parameters.TexData, update.Target.StubBytes.Length).CopyTo(update.Target.StubBytes);
                callback(end, &parameters);
            }
        }
    }

    public struct AsyncGPUReadbackRequest
    {
        public bool hasError { get; set; }
        public bool done => true;
    }

    /// <summary>A readback that arrives when somebody waits, or when a test says so.</summary>
    public static unsafe class AsyncGPUReadback
    {
        static readonly Queue<Action> Waiting = new Queue<Action>();

        public static int StubWaiting => Waiting.Count;

        public static AsyncGPUReadbackRequest RequestIntoNativeArray<T>(ref NativeArray<T> output, Texture src, int mipIndex,
            GraphicsFormat dstFormat, Action<AsyncGPUReadbackRequest> callback = null) where T : unmanaged
        {
            var target = new IntPtr(output.GetUnsafePtr());
            var length = output.Length * sizeof(T);
            var source = (RenderTexture)src;
            Waiting.Enqueue(() =>
            {
                var bytes = source.StubBytes;
                new Span<byte>(bytes, 0, Math.Min(bytes.Length, length)).CopyTo(new Span<byte>((void*)target, length));
                callback?.Invoke(default);
            });
            return default;
        }

        public static void WaitAllRequests()
        {
            while (Waiting.Count > 0)
                Waiting.Dequeue()();
        }
    }

    public struct ScriptableRenderContext
    {
    }

    public class RenderPipelineAsset : ScriptableObject
    {
        public Material defaultMaterial => null;
    }

    public static class GraphicsSettings
    {
        public static RenderPipelineAsset currentRenderPipeline { get; set; }
    }

    public static class RenderPipelineManager
    {
        public static event Action<ScriptableRenderContext, Camera> beginCameraRendering;
        public static event Action<ScriptableRenderContext, Camera> endCameraRendering;

        public static void StubRender(Camera camera)
        {
            beginCameraRendering?.Invoke(default, camera);
            endCameraRendering?.Invoke(default, camera);
        }
    }

    public static class CoreUtils
    {
        public static Material CreateEngineMaterial(Shader shader) => new Material(shader);

        public static void Destroy(Object obj) => Object.Destroy(obj);
    }

    public class RTHandle
    {
        internal RTHandle(RenderTexture texture) => rt = texture;

        public RenderTexture rt { get; }

        public void Release()
        {
        }
    }

    public static class RTHandles
    {
        public static RTHandle Alloc(RenderTexture texture, bool transferOwnership = false) => new RTHandle(texture);
    }

    public class RasterCommandBuffer
    {
    }

    public static class Blitter
    {
        public static void BlitTexture(RasterCommandBuffer cmd, RTHandle source, Vector4 scaleBias, Material material, int pass)
        {
        }
    }

    public class ContextItem
    {
    }

    public class ContextContainer
    {
        public readonly Dictionary<Type, ContextItem> StubItems = new Dictionary<Type, ContextItem>();

        public T Get<T>() where T : ContextItem, new() => (T)StubItems[typeof(T)];
    }
}

namespace UnityEngine.Rendering.RenderGraphModule
{
    [Flags]
    public enum AccessFlags
    {
        None = 0,
        Read = 1,
        Write = 2,
        WriteAll = 6,
    }

    public struct TextureHandle
    {
        public int StubId;

        public bool IsValid() => StubId != 0;

        public static implicit operator RTHandle(TextureHandle texture) => null;
    }

    public struct TextureDesc
    {
        public string name;
        public bool clearBuffer;
        public MSAASamples msaaSamples;
        public DepthBits depthBufferBits;
    }

    public struct RasterGraphContext
    {
        public RasterCommandBuffer cmd;
    }

    public delegate void BaseRenderFunc<PassData, ContextType>(PassData data, ContextType renderGraphContext) where PassData : class, new();

    public interface IRasterRenderGraphBuilder : IDisposable
    {
        void UseTexture(in TextureHandle input, AccessFlags flags = AccessFlags.Read);

        void SetRenderAttachment(TextureHandle tex, int index, AccessFlags flags = AccessFlags.Write);

        void AllowPassCulling(bool value);

        void SetRenderFunc<PassData>(BaseRenderFunc<PassData, RasterGraphContext> renderFunc) where PassData : class, new();
    }

    public class RenderGraph
    {
        int _made = 100;

        /// <summary>Names of the passes recorded, in order.</summary>
        public List<string> StubPasses { get; } = new List<string>();

        public TextureDesc GetTextureDesc(in TextureHandle texture) => default;

        public TextureHandle CreateTexture(in TextureDesc desc) => new TextureHandle { StubId = ++_made };

        public TextureHandle ImportTexture(RTHandle rt) => new TextureHandle { StubId = ++_made };

        public IRasterRenderGraphBuilder AddRasterRenderPass<PassData>(string passName, out PassData passData)
            where PassData : class, new()
        {
            StubPasses.Add(passName);
            passData = new PassData();
            return new Builder(passData);
        }

        sealed class Builder : IRasterRenderGraphBuilder
        {
            readonly object _data;
            Action _run;

            public Builder(object data) => _data = data;

            public void UseTexture(in TextureHandle input, AccessFlags flags)
            {
            }

            public void SetRenderAttachment(TextureHandle tex, int index, AccessFlags flags)
            {
            }

            public void AllowPassCulling(bool value)
            {
            }

            public void SetRenderFunc<PassData>(BaseRenderFunc<PassData, RasterGraphContext> renderFunc) where PassData : class, new() =>
                _run = () => renderFunc((PassData)_data, default);

            public void Dispose() => _run?.Invoke();
        }
    }
}

namespace UnityEngine.Rendering.Universal
{
    public enum RenderPassEvent
    {
        BeforeRenderingPostProcessing = 550,
        AfterRenderingPostProcessing = 600,
    }

    [Flags]
    public enum ScriptableRenderPassInput
    {
        None = 0,
        Depth = 1,
    }

    public abstract class ScriptableRenderPass
    {
        public RenderPassEvent renderPassEvent { get; set; }
        public bool requiresIntermediateTexture { get; set; }
        public ScriptableRenderPassInput StubInput { get; private set; }

        public void ConfigureInput(ScriptableRenderPassInput passInput) => StubInput = passInput;

        public virtual void RecordRenderGraph(RenderGraph renderGraph, ContextContainer frameData)
        {
        }
    }

    public abstract class ScriptableRenderer
    {
        public readonly List<ScriptableRenderPass> StubPasses = new List<ScriptableRenderPass>();

        public void EnqueuePass(ScriptableRenderPass pass) => StubPasses.Add(pass);
    }

    public sealed class StubRenderer : ScriptableRenderer
    {
    }

    public struct CameraData
    {
        public CameraType cameraType;
        public Camera camera;
    }

    public struct RenderingData
    {
        public CameraData cameraData;
    }

    public abstract class ScriptableRendererFeature : ScriptableObject, IDisposable
    {
        public abstract void Create();

        public abstract void AddRenderPasses(ScriptableRenderer renderer, ref RenderingData renderingData);

        public void Dispose() => Dispose(true);

        protected virtual void Dispose(bool disposing)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public class DisallowMultipleRendererFeature : Attribute
    {
        public DisallowMultipleRendererFeature(string customTitle = null)
        {
        }
    }

    public class ScriptableRendererData : ScriptableObject
    {
        public List<ScriptableRendererFeature> rendererFeatures { get; } = new List<ScriptableRendererFeature>();
    }

    public class UniversalRenderPipelineAsset : RenderPipelineAsset
    {
        public ReadOnlySpan<ScriptableRendererData> rendererDataList => Array.Empty<ScriptableRendererData>();
    }

    public class UniversalAdditionalCameraData : MonoBehaviour
    {
        public ScriptableRenderer scriptableRenderer { get; } = new StubRenderer();
    }

    public static class CameraExtensions
    {
        public static UniversalAdditionalCameraData GetUniversalAdditionalCameraData(this Camera camera) =>
            camera.GetComponent<UniversalAdditionalCameraData>() ?? camera.gameObject.AddComponent<UniversalAdditionalCameraData>();
    }

    public class UniversalResourceData : ContextItem
    {
        public bool isActiveTargetBackBuffer { get; set; }
        public TextureHandle activeColorTexture { get; set; }
        public TextureHandle cameraDepthTexture { get; set; }
        public TextureHandle cameraColor { get; set; }
    }

    public class UniversalCameraData : ContextItem
    {
        public Camera camera;
    }
}
