#nullable enable
using System;
using Dreamport.Internal;
using Dreamport.Interop;
using Unity.Collections.LowLevel.Unsafe;
using UnityEngine;
using UnityEngine.Rendering;

namespace Dreamport
{
    /// <summary>The colour and depth textures of a world. Made once per frame size; filling them allocates nothing.</summary>
    sealed unsafe class FrameTextures : IDisposable
    {
        CommandBuffer? _commands;

        /// <summary>RGBA32, sRGB.</summary>
        public Texture2D? Colour { get; private set; }

        /// <summary>R16, inverse depth; null without depth.</summary>
        public Texture2D? Depth { get; private set; }

        /// <summary>Whether this graphics API takes custom texture updates by a plugin (IUnityRenderingExtensions.h names these).</summary>
        public static bool PluginUpdatesWork
        {
            get
            {
                switch (SystemInfo.graphicsDeviceType)
                {
                    case GraphicsDeviceType.Direct3D11:
                    case GraphicsDeviceType.OpenGLCore:
                    case GraphicsDeviceType.OpenGLES3:
                    case GraphicsDeviceType.Metal:
                        return true;
                    default:
                        return false;
                }
            }
        }

        /// <summary>Puts the session's frame into the textures, on the render thread where that is possible.</summary>
        public void Show(WorldSession session, UploadMode mode)
        {
            ref readonly var frame = ref session.Frame;
            Prepare((int)frame.Width, (int)frame.Height, frame.Depth != null);
            if (mode == UploadMode.Automatic && PluginUpdatesWork)
            {
                _commands ??= new CommandBuffer { name = "Dreamport" };
                _commands.Clear();
                var callback = NativeMethods.dp_unity_texture_update_callback();
                _commands.IssuePluginCustomTextureUpdateV2(callback, Colour, session.TextureUserData(0));
                if (Depth != null)
                    _commands.IssuePluginCustomTextureUpdateV2(callback, Depth, session.TextureUserData(1));
                Graphics.ExecuteCommandBuffer(_commands);
                return;
            }
            Fill(Colour!, frame.Colour, (int)frame.ColourStride, (int)frame.Width * 4, (int)frame.Height);
            if (Depth != null)
                Fill(Depth, (byte*)frame.Depth, (int)frame.DepthStride, (int)frame.Width * 2, (int)frame.Height);
        }

        public void Dispose()
        {
            Release();
            _commands?.Dispose();
            _commands = null;
        }

        static void Fill(Texture2D texture, byte* source, int stride, int rowBytes, int rows)
        {
            if (stride == rowBytes)
            {
                texture.LoadRawTextureData((IntPtr)source, rowBytes * rows);
            }
            else
            {
                var target = (byte*)texture.GetRawTextureData<byte>().GetUnsafePtr();
                UnsafeUtility.MemCpyStride(target, rowBytes, source, stride, rowBytes, rows);
            }
            texture.Apply(false, false);
        }

        void Prepare(int width, int height, bool depth)
        {
            if (Colour != null && Colour.width == width && Colour.height == height && Depth != null == depth)
                return;
            Release();
            // linear: false makes it an sRGB texture: a linear project decodes it when sampling, a gamma project takes it as it is.
            Colour = new Texture2D(width, height, TextureFormat.RGBA32, false, false)
            {
                name = "Dreamport colour",
                wrapMode = TextureWrapMode.Clamp,
                filterMode = FilterMode.Bilinear,
                hideFlags = HideFlags.DontSave,
            };
            if (!depth)
                return;
            Depth = new Texture2D(width, height, TextureFormat.R16, false, true)
            {
                name = "Dreamport depth",
                wrapMode = TextureWrapMode.Clamp,
                filterMode = FilterMode.Point,
                hideFlags = HideFlags.DontSave,
            };
        }

        void Release()
        {
            Destroy(Colour);
            Destroy(Depth);
            Colour = Depth = null;
        }

        static void Destroy(Texture2D? texture)
        {
            if (texture == null)
                return;
            if (Application.isPlaying)
                UnityEngine.Object.Destroy(texture);
            else
                UnityEngine.Object.DestroyImmediate(texture);
        }
    }
}
