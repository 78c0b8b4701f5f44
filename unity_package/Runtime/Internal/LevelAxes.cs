#nullable enable
using Dreamport.Interop;

namespace Dreamport.Internal
{
    /// <summary>Between Unity's axes (left-handed, y up, metres) and the level's, by the native library's one table of conversions.</summary>
    public static unsafe class LevelAxes
    {
        /// <summary>DP_ENGINE_UNITY.</summary>
        public const int Unity = 1;

        /// <summary>A camera's pose in level coordinates. <paramref name="anchor"/>: the level's origin in the scene; <paramref name="scale"/>:
        /// scene units for one level metre.</summary>
        public static DpPose FromEngine(in DpEnginePose anchor, double scale, in DpEnginePose camera)
        {
            DpPose pose;
            fixed (DpEnginePose* a = &anchor, c = &camera)
                NativeException.ThrowUnlessOk(NativeMethods.dp_pose_from_engine(Unity, a, scale, c, &pose), "convert a pose");
            return pose;
        }

        /// <summary>The way back.</summary>
        public static DpEnginePose ToEngine(in DpEnginePose anchor, double scale, in DpPose pose)
        {
            DpEnginePose result;
            fixed (DpEnginePose* a = &anchor)
            fixed (DpPose* p = &pose)
                NativeException.ThrowUnlessOk(NativeMethods.dp_pose_to_engine(Unity, a, scale, p, &result), "convert a pose");
            return result;
        }

        /// <summary>A point (or with <paramref name="w"/> = 0 a direction) of the level in the scene. Both arrays have three numbers.</summary>
        public static void PointToEngine(in DpEnginePose anchor, double scale, double* level, double w, double* result)
        {
            fixed (DpEnginePose* a = &anchor)
                NativeMethods.dp_vector_to_engine(Unity, a, scale, level, w, result);
        }

        /// <summary>A point (or with <paramref name="w"/> = 0 a direction) of the scene in the level. Both arrays have three numbers.</summary>
        public static void PointFromEngine(in DpEnginePose anchor, double scale, double* vector, double w, double* result)
        {
            fixed (DpEnginePose* a = &anchor)
                NativeMethods.dp_vector_from_engine(Unity, a, scale, vector, w, result);
        }

        /// <summary>Intrinsics for a frame of <paramref name="width"/> x <paramref name="height"/> pixels from an OpenGL-style projection matrix,
        /// column-major, sixteen numbers (Camera.projectionMatrix).</summary>
        public static DpIntrinsics Intrinsics(double* projection, int width, int height)
        {
            DpIntrinsics result;
            NativeException.ThrowUnlessOk(
                NativeMethods.dp_intrinsics_from_projection(projection, (uint)width, (uint)height, &result), "read a projection matrix");
            return result;
        }
    }
}
