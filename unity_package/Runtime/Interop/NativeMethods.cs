#nullable enable
using System;
using System.Runtime.InteropServices;

// The functions of dreamport/core.h that the package calls. Pointers only, so that no call marshals or allocates.
namespace Dreamport.Interop
{
    internal static unsafe class NativeMethods
    {
        const string Library = "dreamport_core";
        const CallingConvention C = CallingConvention.Cdecl;

        [DllImport(Library, CallingConvention = C)] public static extern uint dp_abi_version();
        [DllImport(Library, CallingConvention = C)] public static extern byte* dp_version();
        [DllImport(Library, CallingConvention = C)] public static extern byte* dp_components();
        [DllImport(Library, CallingConvention = C)] public static extern byte* dp_status_text(int status);
        [DllImport(Library, CallingConvention = C)] public static extern long dp_now_ns();
        [DllImport(Library, CallingConvention = C)] public static extern int dp_shutdown(uint timeoutMs);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_restart();
        [DllImport(Library, CallingConvention = C)] public static extern uint dp_layout_count();
        [DllImport(Library, CallingConvention = C)] public static extern int dp_layout(uint index, DpLayoutEntry* result);

        [DllImport(Library, CallingConvention = C)] public static extern int dp_query_create(DpEndpoint* endpoint, IntPtr* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_query_poll(IntPtr query, DpConnectionStatus* status);
        [DllImport(Library, CallingConvention = C)] public static extern uint dp_query_world_count(IntPtr query);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_query_world(IntPtr query, uint index, DpWorld* result);
        [DllImport(Library, CallingConvention = C)] public static extern void dp_query_destroy(IntPtr query);

        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_create(DpClientOptions* options, IntPtr* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_create_resumed(DpClientOptions* options, byte* resumeToken, IntPtr* result);
        [DllImport(Library, CallingConvention = C)] public static extern void dp_client_destroy(IntPtr client);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_detach(IntPtr client, byte* resumeToken, uint capacity);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_status(IntPtr client, DpConnectionStatus* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_retry_now(IntPtr client);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_world(IntPtr client, DpWorld* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_frame_format(IntPtr client, DpFrameFormat* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_poll_event(IntPtr client, DpEvent* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_control(IntPtr client, DpControl* control);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_prompt(IntPtr client, byte* text);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_event(IntPtr client, byte* name);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_reset(IntPtr client, ulong* seed, byte* start);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_save(IntPtr client);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_load(IntPtr client, byte* handle);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_pause(IntPtr client, uint paused);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_acquire_frame(IntPtr client, DpFrame* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_release_frame(IntPtr client, uint lease);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_presented(IntPtr client, ulong frameId, long clientTimeNs);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_client_statistics(IntPtr client, DpStatistics* result);
        [DllImport(Library, CallingConvention = C)] public static extern IntPtr dp_unity_texture_update_callback();
        [DllImport(Library, CallingConvention = C)] public static extern uint dp_client_texture_user_data(IntPtr client, uint plane);

        [DllImport(Library, CallingConvention = C)] public static extern int dp_recorder_create(DpRecorderOptions* options, IntPtr* result);
        [DllImport(Library, CallingConvention = C)] public static extern void dp_recorder_destroy(IntPtr recorder);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_recorder_status(IntPtr recorder, DpConnectionStatus* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_recorder_poll_event(IntPtr recorder, DpEvent* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_recorder_begin(IntPtr recorder, DpEpisodeOptions* episode);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_recorder_acquire(IntPtr recorder, DpCaptureBuffer* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_recorder_submit(IntPtr recorder, DpCaptureFrame* frame);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_recorder_cancel(IntPtr recorder, uint lease);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_recorder_marker(IntPtr recorder, byte* name, byte* text);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_recorder_finish(IntPtr recorder, uint discard);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_recorder_statistics(IntPtr recorder, DpRecorderStats* result);

        [DllImport(Library, CallingConvention = C)] public static extern int dp_pose_from_engine(int engine, DpEnginePose* anchor, double scale, DpEnginePose* camera, DpPose* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_pose_to_engine(int engine, DpEnginePose* anchor, double scale, DpPose* pose, DpEnginePose* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_vector_to_engine(int engine, DpEnginePose* anchor, double scale, double* level, double w, double* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_vector_from_engine(int engine, DpEnginePose* anchor, double scale, double* vector, double w, double* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_intrinsics_from_projection(double* matrix, uint width, uint height, DpIntrinsics* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_projection_from_intrinsics(DpIntrinsics* intrinsics, uint width, uint height, double nearM, double farM, double* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_intrinsics_scaled(DpIntrinsics* intrinsics, uint fromWidth, uint fromHeight, uint toWidth, uint toHeight, DpIntrinsics* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_depth_from_device(float* values, ulong count, uint reversed, double cameraNear, double cameraFar, double unitM, double nearM, ushort* result);
        [DllImport(Library, CallingConvention = C)] public static extern int dp_path_sample(DpPathOptions* options, DpPathProbe* probe, DpPose* poses, uint* flags, uint capacity);
    }
}
