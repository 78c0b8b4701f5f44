#nullable enable
using System;
using Dreamport.Interop;
using Unity.Collections;
using Unity.Collections.LowLevel.Unsafe;
using UnityEngine;
using UnityEngine.Rendering;

namespace Dreamport
{
    /// <summary>One frame on its way from the GPU into memory that the native recorder lent. Pooled: a capture allocates nothing.</summary>
    sealed unsafe class CaptureSlot : IDisposable
    {
        readonly Action<AsyncGPUReadbackRequest> _onColour, _onDepth;
        NativeArray<byte> _colour, _depth;
        int _waiting;
#if ENABLE_UNITY_COLLECTIONS_CHECKS
        readonly AtomicSafetyHandle _safety = AtomicSafetyHandle.Create();
#endif

        public CaptureSlot()
        {
            _onColour = request => Arrived(request);
            _onDepth = request => Arrived(request);
        }

        /// <summary>Memory lent by the recorder.</summary>
        public DpCaptureBuffer Buffer;
        /// <summary>What the frame was made for.</summary>
        public DpCaptureFrame Frame;
        /// <summary>Whether the slot is in use.</summary>
        public bool IsBusy { get; private set; }
        /// <summary>Whether all its pixels are there.</summary>
        public bool IsDone => IsBusy && _waiting == 0;
        /// <summary>Whether a readback failed: the frame must be cancelled.</summary>
        public bool HasFailed { get; private set; }

        /// <summary>Begins to read both targets into the lent memory. depth may be null.</summary>
        public void Begin(RenderTexture colour, RenderTexture? depth, int width, int height)
        {
            IsBusy = true;
            HasFailed = false;
            _waiting = depth != null ? 2 : 1;
            _colour = Wrap(Buffer.Colour, width * height * 4);
            AsyncGPUReadback.RequestIntoNativeArray(ref _colour, colour, 0, colour.graphicsFormat, _onColour);
            if (depth == null)
                return;
            _depth = Wrap((byte*)Buffer.Depth, width * height * 2);
            AsyncGPUReadback.RequestIntoNativeArray(ref _depth, depth, 0, depth.graphicsFormat, _onDepth);
        }

        /// <summary>The frame was handed over or cancelled; the slot is free again.</summary>
        public void End() => IsBusy = false;

        public void Dispose()
        {
#if ENABLE_UNITY_COLLECTIONS_CHECKS
            AtomicSafetyHandle.Release(_safety);
#endif
        }

        void Arrived(AsyncGPUReadbackRequest request)
        {
            HasFailed |= request.hasError;
            _waiting--;
        }

        /// <summary>An array over memory that is not Unity's.</summary>
        NativeArray<byte> Wrap(byte* memory, int length)
        {
            var array = NativeArrayUnsafeUtility.ConvertExistingDataToNativeArray<byte>(memory, length, Allocator.None);
#if ENABLE_UNITY_COLLECTIONS_CHECKS
            NativeArrayUnsafeUtility.SetAtomicSafetyHandle(ref array, _safety);
#endif
            return array;
        }
    }
}
