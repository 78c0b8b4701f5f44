#nullable enable
using System;
using System.Collections.Generic;

namespace Dreamport.Interop
{
    /// <summary>Owns one object of the native library. All live ones are known, so that an editor that reloads its scripts or leaves play
    /// mode can release them whatever happened to their owners.</summary>
    internal abstract class NativeHandle : IDisposable
    {
        static readonly HashSet<NativeHandle> Living = new HashSet<NativeHandle>();
        static readonly List<NativeHandle> Releasing = new List<NativeHandle>();

        protected NativeHandle(IntPtr pointer)
        {
            Pointer = pointer;
            lock (Living)
                Living.Add(this);
        }

        /// <summary>The native object; zero once released.</summary>
        public IntPtr Pointer { get; private set; }

        /// <summary>Whether it still owns a native object.</summary>
        public bool IsOpen => Pointer != IntPtr.Zero;

        /// <summary>Native objects alive in this process; tests demand 0 after every Stop.</summary>
        public static int LiveCount
        {
            get
            {
                lock (Living)
                    return Living.Count;
            }
        }

        /// <summary>Whether it belongs to play (clients, recorders) and goes when play ends; the editor's own questions stay.</summary>
        protected abstract bool BelongsToPlay { get; }

        /// <summary>Destroys the native object.</summary>
        protected abstract void Destroy(IntPtr pointer);

        /// <summary>Releases the native object; further calls do nothing.</summary>
        public void Dispose()
        {
            var pointer = Forget();
            if (pointer != IntPtr.Zero)
                Destroy(pointer);
        }

        /// <summary>Gives the pointer up without destroying it: the library has done so already.</summary>
        protected IntPtr Forget()
        {
            lock (Living)
            {
                var pointer = Pointer;
                Pointer = IntPtr.Zero;
                Living.Remove(this);
                return pointer;
            }
        }

        /// <summary>Releases all live objects, or only those that belong to play.</summary>
        public static void ReleaseAll(bool onlyPlay)
        {
            lock (Living)
            {
                foreach (var handle in Living)
                    if (!onlyPlay || handle.BelongsToPlay)
                        Releasing.Add(handle);
                foreach (var handle in Releasing)
                    handle.Dispose();
                Releasing.Clear();
            }
        }
    }

    /// <summary>Owns a dp_client.</summary>
    internal sealed unsafe class ClientHandle : NativeHandle
    {
        ClientHandle(IntPtr pointer) : base(pointer)
        {
        }

        protected override bool BelongsToPlay => true;

        /// <summary>Starts connecting in the background; with a resume token, goes on with a detached session.</summary>
        /// <exception cref="NativeException">The library refused the options.</exception>
        public static ClientHandle Create(DpClientOptions* options, string? resumeToken)
        {
            IntPtr pointer;
            int status;
            if (string.IsNullOrEmpty(resumeToken))
                status = NativeMethods.dp_client_create(options, &pointer);
            else
                fixed (byte* token = Utf8.Bytes(resumeToken))
                    status = NativeMethods.dp_client_create_resumed(options, token, &pointer);
            NativeException.ThrowUnlessOk(status, "open a world");
            return new ClientHandle(pointer);
        }

        /// <summary>Leaves the session resumable on the server and releases the client; its resume token, a secret, or "" without a session.</summary>
        public string Detach()
        {
            const int capacity = 512;
            var token = stackalloc byte[capacity];
            token[0] = 0;
            var pointer = Forget();
            if (pointer == IntPtr.Zero)
                return "";
            if (NativeMethods.dp_client_detach(pointer, token, capacity) == (int)NativeStatus.Ok)
                return Utf8.Read(token, capacity);
            NativeMethods.dp_client_destroy(pointer);
            return "";
        }

        protected override void Destroy(IntPtr pointer) => NativeMethods.dp_client_destroy(pointer);
    }

    /// <summary>Owns a dp_recorder.</summary>
    internal sealed unsafe class RecorderHandle : NativeHandle
    {
        RecorderHandle(IntPtr pointer) : base(pointer)
        {
        }

        protected override bool BelongsToPlay => true;

        /// <summary>Starts connecting in the background.</summary>
        /// <exception cref="NativeException">The library refused the options.</exception>
        public static RecorderHandle Create(DpRecorderOptions* options)
        {
            IntPtr pointer;
            NativeException.ThrowUnlessOk(NativeMethods.dp_recorder_create(options, &pointer), "open a recorder");
            return new RecorderHandle(pointer);
        }

        protected override void Destroy(IntPtr pointer) => NativeMethods.dp_recorder_destroy(pointer);
    }

    /// <summary>Owns a dp_query.</summary>
    internal sealed unsafe class QueryHandle : NativeHandle
    {
        QueryHandle(IntPtr pointer) : base(pointer)
        {
        }

        protected override bool BelongsToPlay => false;

        /// <summary>Asks a backend which worlds it has.</summary>
        /// <exception cref="NativeException">The library refused the endpoint.</exception>
        public static QueryHandle Create(DpEndpoint* endpoint)
        {
            IntPtr pointer;
            NativeException.ThrowUnlessOk(NativeMethods.dp_query_create(endpoint, &pointer), "ask a backend");
            return new QueryHandle(pointer);
        }

        protected override void Destroy(IntPtr pointer) => NativeMethods.dp_query_destroy(pointer);
    }
}
