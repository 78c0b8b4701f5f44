#nullable enable
using System;
using Dreamport.Interop;

namespace Dreamport.Internal
{
    /// <summary>How far a camera turned between two frames.</summary>
    public static unsafe class LookAngles
    {
        const double Degrees = 180 / Math.PI;

        /// <summary>Yaw (right is positive) and pitch (down is positive) from one level pose to the next, degrees, yaw in -180..180.</summary>
        public static void Between(in DpPose from, in DpPose to, out float yawDegrees, out float pitchDegrees)
        {
            Of(from, out var yawBefore, out var pitchBefore);
            Of(to, out var yaw, out var pitch);
            var turned = yaw - yawBefore;
            if (turned > 180)
                turned -= 360;
            if (turned < -180)
                turned += 360;
            yawDegrees = (float)turned;
            pitchDegrees = (float)(pitch - pitchBefore);
        }

        /// <summary>Heading of the camera's forward axis: yaw from level z towards level x, pitch towards level y (down); degrees.</summary>
        public static void Of(in DpPose pose, out double yawDegrees, out double pitchDegrees)
        {
            fixed (DpPose* p = &pose)
            {
                double x = p->Orientation[0], y = p->Orientation[1], z = p->Orientation[2], w = p->Orientation[3];
                var forwardX = 2 * (x * z + w * y);
                var forwardY = 2 * (y * z - w * x);
                var forwardZ = 1 - 2 * (x * x + y * y);
                yawDegrees = Math.Atan2(forwardX, forwardZ) * Degrees;
                pitchDegrees = Math.Asin(Math.Max(-1, Math.Min(1, forwardY))) * Degrees;
            }
        }
    }
}
