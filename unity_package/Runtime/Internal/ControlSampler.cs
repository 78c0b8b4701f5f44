#nullable enable
using System;
using Dreamport.Interop;

namespace Dreamport.Internal
{
    /// <summary>Collects input between two samples by the contract's rules: held buttons, latest wins; presses and look angles add up and are
    /// handed over exactly once. Allocates nothing.</summary>
    public sealed class ControlSampler
    {
        const float LargestWaitingLook = 180f;
        /// <summary>An unchanged sample is repeated this often, so that latency stays measured.</summary>
        const long HeartbeatNs = 100_000_000;

        uint _held, _pressed, _lastHeld;
        float _yaw, _pitch;
        bool _hasCamera, _hasIntrinsics, _cameraChanged;
        DpPose _camera;
        DpIntrinsics _intrinsics;
        long _lastNs = long.MinValue / 2;

        /// <summary>Buttons that are held, bit i for the world's button i.</summary>
        public uint Held => _held;

        /// <summary>Sets whether a button is held. Going down counts as one press, even if it is up again before the next sample.</summary>
        public void Hold(int bit, bool down)
        {
            if (bit < 0 || bit >= Limits.Buttons)
                return;
            var mask = 1u << bit;
            if (down && (_held & mask) == 0)
                _pressed |= mask;
            _held = down ? _held | mask : _held & ~mask;
        }

        /// <summary>A press that is over already.</summary>
        public void Press(int bit)
        {
            if (bit >= 0 && bit < Limits.Buttons)
                _pressed |= 1u << bit;
        }

        /// <summary>Turned right and down since the last call, degrees. What nobody takes is kept up to half a turn.</summary>
        public void Look(float yawDegrees, float pitchDegrees)
        {
            _yaw = Math.Max(-LargestWaitingLook, Math.Min(LargestWaitingLook, _yaw + yawDegrees));
            _pitch = Math.Max(-LargestWaitingLook, Math.Min(LargestWaitingLook, _pitch + pitchDegrees));
        }

        /// <summary>The camera drives the world from now on: its pose in level coordinates.</summary>
        public unsafe void SetCamera(in DpPose pose)
        {
            fixed (DpPose* a = &_camera, b = &pose)
                _cameraChanged |= !_hasCamera || _hasIntrinsics || !Same((double*)a, (double*)b, sizeof(DpPose) / sizeof(double));
            _camera = pose;
            _hasCamera = true;
            _hasIntrinsics = false;
        }

        /// <summary>The camera drives the world from now on: its pose in level coordinates and its intrinsics, pixels of the frame.</summary>
        public unsafe void SetCamera(in DpPose pose, in DpIntrinsics intrinsics)
        {
            fixed (DpPose* a = &_camera, b = &pose)
            fixed (DpIntrinsics* c = &_intrinsics, d = &intrinsics)
                _cameraChanged |= !_hasCamera || !_hasIntrinsics || !Same((double*)a, (double*)b, sizeof(DpPose) / sizeof(double)) ||
                    !Same((double*)c, (double*)d, sizeof(DpIntrinsics) / sizeof(double));
            _camera = pose;
            _intrinsics = intrinsics;
            _hasCamera = _hasIntrinsics = true;
        }

        /// <summary>The world moves its own camera from now on.</summary>
        public void ClearCamera()
        {
            _cameraChanged |= _hasCamera;
            _hasCamera = _hasIntrinsics = false;
        }

        /// <summary>Lets go of everything: focus was lost, or another world begins.</summary>
        public void Clear()
        {
            _held = _pressed = 0;
            _yaw = _pitch = 0;
        }

        /// <summary>Whether a sample is due at <paramref name="nowNs"/>: something changed, or the heartbeat.</summary>
        public bool IsDue(long nowNs) =>
            _held != _lastHeld || _pressed != 0 || _yaw != 0 || _pitch != 0 || _cameraChanged || nowNs - _lastNs >= HeartbeatNs;

        /// <summary>Writes the sample. Nothing is forgotten until <see cref="Taken"/>.</summary>
        internal unsafe void Write(DpControl* control, long nowNs)
        {
            *control = default;
            control->StructSize = (uint)sizeof(DpControl);
            control->Buttons = _held;
            control->Pressed = _pressed;
            control->HasCamera = !_hasCamera ? 0u : _hasIntrinsics ? 2u : 1u;
            control->LookYawDeg = _yaw;
            control->LookPitchDeg = _pitch;
            control->ClientTimeNs = nowNs;
            control->Camera = _camera;
            control->Intrinsics = _intrinsics;
        }

        /// <summary>The library has the sample: presses and angles will not be handed over again.</summary>
        internal void Taken(long nowNs)
        {
            _lastHeld = _held;
            _pressed = 0;
            _yaw = _pitch = 0;
            _cameraChanged = false;
            _lastNs = nowNs;
        }

        /// <summary>For a recording: what was held or pressed since the last call.</summary>
        public uint TakeButtons()
        {
            var buttons = _held | _pressed;
            _pressed = 0;
            return buttons;
        }

        static unsafe bool Same(double* a, double* b, int count)
        {
            for (var i = 0; i < count; i++)
                if (a[i] != b[i])
                    return false;
            return true;
        }
    }
}
