#nullable enable
using System;
using System.Runtime.InteropServices;
using Dreamport.Interop;

namespace Dreamport.Internal
{
    /// <summary>The engine's answers for a path: what is in the way, and where the floor is. Level coordinates, metres.</summary>
    public interface IPathSpace
    {
        /// <summary>How far a sphere gets from a to b, 0 to 1 (1: all the way).</summary>
        unsafe double Sweep(double* from, double* to, double radiusMetres);

        /// <summary>Height (level y, down) of the floor below the point; false when there is none.</summary>
        unsafe bool Ground(double* at, out double y);
    }

    /// <summary>Makes synthetic camera paths for capturing data: rectangles, turns, waypoints, orbits; free of collisions.</summary>
    public static unsafe class PathSampler
    {
        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        delegate double SweepFunction(IntPtr user, double* from, double* to, double radius);

        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
        delegate int GroundFunction(IntPtr user, double* at, double* y);

        // Kept alive for native code. IL2CPP calls static methods only.
        static readonly SweepFunction SweepCallback = Sweep;
        static readonly GroundFunction GroundCallback = Ground;

        /// <summary>The poses, one a frame; the same for the same options and answers. <paramref name="options"/>.StructSize is set here.</summary>
        /// <exception cref="NativeException">The start is not free, or a value is out of range.</exception>
        public static DpPose[] Sample(DpPathOptions options, IPathSpace? space)
        {
            NativeCore.Require();
            options.StructSize = (uint)sizeof(DpPathOptions);
            var poses = new DpPose[options.Frames];
            var handle = space == null ? default : GCHandle.Alloc(space);
            try
            {
                var probe = new DpPathProbe();
                if (space != null)
                {
                    probe.Sweep = Marshal.GetFunctionPointerForDelegate(SweepCallback);
                    probe.Ground = Marshal.GetFunctionPointerForDelegate(GroundCallback);
                    probe.User = GCHandle.ToIntPtr(handle);
                }
                fixed (DpPose* target = poses)
                {
                    var status = NativeMethods.dp_path_sample(&options, space == null ? null : &probe, target, null, options.Frames);
                    if (status == (int)NativeStatus.ErrorState)
                        throw new NativeException("The path's start is not free: move it away from walls, or make the radius smaller.");
                    NativeException.ThrowUnlessOk(status, "sample a path");
                }
            }
            finally
            {
                if (handle.IsAllocated)
                    handle.Free();
            }
            return poses;
        }

        [MonoPInvokeCallback(typeof(SweepFunction))]
        static double Sweep(IntPtr user, double* from, double* to, double radius)
        {
            try
            {
                return ((IPathSpace)GCHandle.FromIntPtr(user).Target!).Sweep(from, to, radius);
            }
            catch (Exception)
            {
                // No exception may pass through native code: nothing is free.
                return 0;
            }
        }

        [MonoPInvokeCallback(typeof(GroundFunction))]
        static int Ground(IntPtr user, double* at, double* y)
        {
            try
            {
                if (!((IPathSpace)GCHandle.FromIntPtr(user).Target!).Ground(at, out var height))
                    return 0;
                *y = height;
                return 1;
            }
            catch (Exception)
            {
                return 0;
            }
        }
    }

    /// <summary>Tells IL2CPP that native code calls a method; it looks for an attribute of this name.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    sealed class MonoPInvokeCallbackAttribute : Attribute
    {
        public MonoPInvokeCallbackAttribute(Type type) => Type = type;

        public Type Type { get; }
    }
}
