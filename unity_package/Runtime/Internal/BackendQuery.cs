#nullable enable
using System;
using System.Collections.Generic;
using Dreamport.Interop;

namespace Dreamport.Internal
{
    /// <summary>Asks a backend once which worlds it has, in the background.</summary>
    public sealed unsafe class BackendQuery : IDisposable
    {
        readonly QueryHandle _query;
        readonly List<WorldInfo> _worlds = new List<WorldInfo>();
        DpConnectionStatus _status;

        /// <summary>Begins to ask.</summary>
        /// <exception cref="NativeException">The native library is missing, does not fit, or refused the endpoint.</exception>
        public BackendQuery(EndpointSettings endpoint)
        {
            NativeCore.Require();
            DpEndpoint target;
            endpoint.Write(&target);
            _query = QueryHandle.Create(&target);
            Endpoint = endpoint;
        }

        /// <summary>Who is asked.</summary>
        public EndpointSettings Endpoint { get; }
        /// <summary>Whether the answer, or the failure, is there.</summary>
        public bool IsDone { get; private set; }
        /// <summary>Whether the backend answered.</summary>
        public bool Succeeded { get; private set; }
        /// <summary>What went wrong.</summary>
        public ConnectionProblem Problem => (ConnectionProblem)_status.Problem;
        /// <summary>For people: what went wrong and what to do.</summary>
        public string Message { get; private set; } = "";
        /// <summary>The worlds, in the server's order; empty before the answer.</summary>
        public IReadOnlyList<WorldInfo> Worlds => _worlds;

        /// <summary>Looks for the answer; true when it is done.</summary>
        public bool Update()
        {
            if (IsDone)
                return true;
            int answer;
            fixed (DpConnectionStatus* status = &_status)
            {
                answer = NativeMethods.dp_query_poll(_query.Pointer, status);
                if (answer == (int)NativeStatus.NothingNew)
                    return false;
                Message = Utf8.Read(status->Message, 512);
            }
            IsDone = true;
            Succeeded = answer == (int)NativeStatus.Ok;
            if (!Succeeded && Message.Length == 0)
                Message = $"The question to {Endpoint.EffectiveAddress} ended with {(NativeStatus)answer}.";
            var count = Succeeded ? NativeMethods.dp_query_world_count(_query.Pointer) : 0;
            DpWorld world;
            for (uint i = 0; i < count; i++)
                if (NativeMethods.dp_query_world(_query.Pointer, i, &world) == (int)NativeStatus.Ok)
                    _worlds.Add(new WorldInfo(&world));
            _query.Dispose();
            return true;
        }

        /// <summary>Stops asking.</summary>
        public void Dispose() => _query.Dispose();
    }
}
