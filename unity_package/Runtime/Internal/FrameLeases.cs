#nullable enable
using System;
using Dreamport.Interop;

namespace Dreamport.Internal
{
    /// <summary>Keeps the frame that is shown, and those before it until the render thread cannot be reading them any more. Allocates nothing.</summary>
    internal sealed unsafe class FrameLeases
    {
        /// <summary>Engine frames that a replaced frame stays lent: the render thread runs at most one behind.</summary>
        const int HeldUpdates = 2;

        struct Retired
        {
            public uint Lease;
            public long Since;
        }

        readonly Retired[] _retired = new Retired[2];
        int _retiredCount;
        DpFrame _current;
        bool _has;
        long _update;

        /// <summary>Whether a frame is held.</summary>
        public bool Has => _has;

        /// <summary>The frame that is shown. Its pixels are valid while it is held.</summary>
        public ref readonly DpFrame Current => ref _current;

        /// <summary>Once an engine frame: gives back what is no longer read.</summary>
        public void Tick(IntPtr client)
        {
            _update++;
            while (_retiredCount > 0 && _update - _retired[0].Since >= HeldUpdates)
                ReleaseOldest(client);
        }

        /// <summary>Takes the newest frame; false when there is no newer one.</summary>
        public bool TryTake(IntPtr client)
        {
            DpFrame frame;
            if (NativeMethods.dp_client_acquire_frame(client, &frame) != (int)NativeStatus.Ok)
                return false;
            if (_has)
            {
                if (_retiredCount == _retired.Length)
                    ReleaseOldest(client);
                _retired[_retiredCount].Lease = _current.Lease;
                _retired[_retiredCount].Since = _update;
                _retiredCount++;
            }
            _current = frame;
            _has = true;
            return true;
        }

        /// <summary>Gives everything back.</summary>
        public void ReleaseAll(IntPtr client)
        {
            while (_retiredCount > 0)
                ReleaseOldest(client);
            if (_has)
                NativeMethods.dp_client_release_frame(client, _current.Lease);
            _has = false;
        }

        /// <summary>Forgets everything: the client is gone, and its frames with it.</summary>
        public void Forget()
        {
            _retiredCount = 0;
            _has = false;
        }

        void ReleaseOldest(IntPtr client)
        {
            NativeMethods.dp_client_release_frame(client, _retired[0].Lease);
            for (var i = 1; i < _retiredCount; i++)
                _retired[i - 1] = _retired[i];
            _retiredCount--;
        }
    }
}
