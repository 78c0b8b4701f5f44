#nullable enable
using Dreamport.Internal;
using Dreamport.Interop;
using UnityEngine;

namespace Dreamport
{
    /// <summary>Between Unity's types and those of the native library.</summary>
    static unsafe class Axes
    {
        /// <summary>Place and rotation of a transform; its scale does not count.</summary>
        public static DpEnginePose FromTransform(Transform transform)
        {
            transform.GetPositionAndRotation(out var position, out var rotation);
            return FromPose(new Pose(position, rotation));
        }

        /// <summary>The scene's own origin.</summary>
        public static DpEnginePose Identity => FromPose(new Pose(Vector3.zero, Quaternion.identity));

        public static DpEnginePose FromPose(in Pose place)
        {
            var position = place.position;
            var rotation = place.rotation;
            var pose = new DpEnginePose();
            pose.Position[0] = position.x;
            pose.Position[1] = position.y;
            pose.Position[2] = position.z;
            pose.Rotation[0] = rotation.x;
            pose.Rotation[1] = rotation.y;
            pose.Rotation[2] = rotation.z;
            pose.Rotation[3] = rotation.w;
            return pose;
        }

        public static Pose ToPose(in DpEnginePose pose)
        {
            fixed (DpEnginePose* p = &pose)
                return new Pose(
                    new Vector3((float)p->Position[0], (float)p->Position[1], (float)p->Position[2]),
                    new Quaternion((float)p->Rotation[0], (float)p->Rotation[1], (float)p->Rotation[2], (float)p->Rotation[3]));
        }

        public static Vector4 ToVector(in DpIntrinsics intrinsics) =>
            new Vector4((float)intrinsics.Fx, (float)intrinsics.Fy, (float)intrinsics.Cx, (float)intrinsics.Cy);

        public static Vector4 PositionOf(in DpPose pose)
        {
            fixed (DpPose* p = &pose)
                return new Vector4((float)p->Position[0], (float)p->Position[1], (float)p->Position[2], 1f);
        }

        public static Vector4 OrientationOf(in DpPose pose)
        {
            fixed (DpPose* p = &pose)
                return new Vector4((float)p->Orientation[0], (float)p->Orientation[1], (float)p->Orientation[2], (float)p->Orientation[3]);
        }

        /// <summary>Intrinsics of a camera for a frame of this size, from its projection matrix: off-axis and physical cameras too.</summary>
        public static DpIntrinsics Intrinsics(in Matrix4x4 projection, int width, int height)
        {
            var numbers = stackalloc double[16];
            for (var column = 0; column < 4; column++)
                for (var row = 0; row < 4; row++)
                    numbers[column * 4 + row] = projection[row, column];
            return LevelAxes.Intrinsics(numbers, width, height);
        }
    }
}
