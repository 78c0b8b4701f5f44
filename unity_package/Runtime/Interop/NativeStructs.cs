#nullable enable
using System.Runtime.InteropServices;

// The structs of dreamport/core.h, byte for byte. Names are those of the header in Pascal case, so that LayoutCheck
// can compare every field with dp_layout. All are blittable: nothing is marshalled, nothing is allocated.
namespace Dreamport.Interop
{
    /// <summary>Sizes and versions of core.h that the structs below are made of.</summary>
    public static class Limits
    {
        /// <summary>DP_ABI_VERSION this code was written for.</summary>
        public const uint AbiVersion = 1;
        /// <summary>DP_MAX_BUTTONS.</summary>
        public const int Buttons = 32;
        /// <summary>DP_MAX_STARTS.</summary>
        public const int Starts = 32;
        /// <summary>DP_MAX_EVENTS.</summary>
        public const int Events = 16;
        /// <summary>DP_MAX_KEYS.</summary>
        public const int Keys = 4;
        /// <summary>DP_MAX_TAGS.</summary>
        public const int Tags = 16;
    }

    /// <summary>dp_layout_entry: where the library has one field.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpLayoutEntry
    {
        /// <summary>Name of the struct, UTF-8.</summary>
        public fixed byte StructName[48];
        /// <summary>Name of the field; empty for the struct itself.</summary>
        public fixed byte FieldName[48];
        /// <summary>Bytes from the struct's begin.</summary>
        public uint Offset;
        /// <summary>Bytes.</summary>
        public uint Size;
    }

    /// <summary>dp_pose: camera to world in level coordinates, metres, quaternion x, y, z, w.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpPose
    {
        /// <summary>Metres.</summary>
        public fixed double Position[3];
        /// <summary>Unit quaternion x, y, z, w: from camera axes to level axes.</summary>
        public fixed double Orientation[4];
    }

    /// <summary>dp_intrinsics: pixels of the frame they describe.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct DpIntrinsics
    {
        /// <summary>Focal length along x.</summary>
        public double Fx;
        /// <summary>Focal length along y.</summary>
        public double Fy;
        /// <summary>Optical centre from the left.</summary>
        public double Cx;
        /// <summary>Optical centre from the top.</summary>
        public double Cy;
    }

    /// <summary>dp_endpoint: how to reach a backend.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpEndpoint
    {
        /// <summary>sizeof this struct.</summary>
        public uint StructSize;
        /// <summary>0 or 1.</summary>
        public uint UseTls;
        /// <summary>"host:port".</summary>
        public fixed byte Address[256];
        /// <summary>Bearer token; empty for none.</summary>
        public fixed byte Token[256];
        /// <summary>PEM file of trusted certificates; empty takes the system's.</summary>
        public fixed byte CaFile[1024];
        /// <summary>Name the certificate must bear; empty takes the host.</summary>
        public fixed byte ServerName[256];
        /// <summary>One attempt; 0 takes 5000.</summary>
        public uint ConnectTimeoutMs;
        /// <summary>0.</summary>
        public uint Reserved;
    }

    /// <summary>dp_executor_info: what runs the world's graphs.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpExecutorInfo
    {
        /// <summary>"openvino", "torch", ...</summary>
        public fixed byte Name[32];
        /// <summary>As the executor names it.</summary>
        public fixed byte Device[64];
        /// <summary>"f32", "bf16", ...</summary>
        public fixed byte Precision[16];
        /// <summary>Why it is not the preferred one; empty when it is.</summary>
        public fixed byte FallbackReason[256];
    }

    /// <summary>dp_connection_status.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpConnectionStatus
    {
        /// <summary>A <see cref="Dreamport.ConnectionState"/>.</summary>
        public int State;
        /// <summary>A <see cref="Dreamport.ConnectionProblem"/>.</summary>
        public int Problem;
        /// <summary>Last gRPC status code, -1 when none arrived.</summary>
        public int GrpcStatus;
        /// <summary>Attempts since it last worked.</summary>
        public uint Attempts;
        /// <summary>When waiting ends, dp_now_ns; 0 else.</summary>
        public long NextAttemptNs;
        /// <summary>Times a session went on after a break.</summary>
        public uint Resumed;
        /// <summary>Times a new session had to be opened after a break.</summary>
        public uint Restarted;
        /// <summary>A <see cref="Dreamport.FrameTransport"/> in use; 0 before that is known.</summary>
        public uint Transport;
        /// <summary>0.</summary>
        public uint Reserved;
        /// <summary>For people: what happened and what to do.</summary>
        public fixed byte Message[512];
        /// <summary>What the server said.</summary>
        public fixed byte ServerMessage[512];
    }

    /// <summary>dp_button.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpButton
    {
        /// <summary>Name in the control schema.</summary>
        public fixed byte Name[48];
        /// <summary>For people.</summary>
        public fixed byte Label[64];
        /// <summary>Suggested keys, KeyboardEvent.code values of 24 bytes each.</summary>
        public fixed byte Keys[Limits.Keys * 24];
    }

    /// <summary>dp_named.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpNamed
    {
        /// <summary>Name.</summary>
        public fixed byte Name[64];
        /// <summary>For people.</summary>
        public fixed byte Title[128];
    }

    /// <summary>dp_world: everything needed to drive a world.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpWorld
    {
        /// <summary>Name.</summary>
        public fixed byte Name[128];
        /// <summary>For people.</summary>
        public fixed byte Title[128];
        /// <summary>For people.</summary>
        public fixed byte Description[1024];
        /// <summary>Licence.</summary>
        public fixed byte Licence[128];
        /// <summary>Digest of the pack.</summary>
        public fixed byte Digest[72];
        /// <summary>Pixels.</summary>
        public uint Width;
        /// <summary>Pixels.</summary>
        public uint Height;
        /// <summary>Frames a second.</summary>
        public double FrameRate;
        /// <summary>The world's own camera.</summary>
        public DpIntrinsics Intrinsics;
        /// <summary>Metres.</summary>
        public double DepthMinM;
        /// <summary>Metres.</summary>
        public double DepthMaxM;
        /// <summary>Degrees.</summary>
        public double LookMaxDegPerFrame;
        /// <summary>Whether the world hears yaw.</summary>
        public uint LookYaw;
        /// <summary>Whether the world hears pitch.</summary>
        public uint LookPitch;
        /// <summary>Whether a camera pose may drive it.</summary>
        public uint TakesPose;
        /// <summary>Whether it takes prompts.</summary>
        public uint TakesPrompts;
        /// <summary>Used entries of Buttons.</summary>
        public uint ButtonCount;
        /// <summary>Used entries of Starts.</summary>
        public uint StartCount;
        /// <summary>Used entries of Events.</summary>
        public uint EventCount;
        /// <summary>Frames of one causal step.</summary>
        public uint ChunkFrames;
        /// <summary>dp_button[32].</summary>
        public fixed byte Buttons[Limits.Buttons * (48 + 64 + Limits.Keys * 24)];
        /// <summary>dp_named[32]; the first is the default.</summary>
        public fixed byte Starts[Limits.Starts * (64 + 128)];
        /// <summary>char[16][64].</summary>
        public fixed byte Events[Limits.Events * 64];
    }

    /// <summary>dp_client_options.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpClientOptions
    {
        /// <summary>sizeof this struct.</summary>
        public uint StructSize;
        /// <summary>A <see cref="Dreamport.FrameTransport"/>.</summary>
        public uint Transport;
        /// <summary>The backend.</summary>
        public DpEndpoint Endpoint;
        /// <summary>Empty: the server's default.</summary>
        public fixed byte World[128];
        /// <summary>Empty: the world's first.</summary>
        public fixed byte Start[64];
        /// <summary>Seed of the world's noise.</summary>
        public ulong Seed;
        /// <summary>0: the server chooses.</summary>
        public uint HasSeed;
        /// <summary>Wanted, pixels; 0: the world's own.</summary>
        public uint Width;
        /// <summary>Wanted, pixels; 0: the world's own.</summary>
        public uint Height;
        /// <summary>A <see cref="Dreamport.FrameColour"/>.</summary>
        public uint ColourFormat;
        /// <summary>1 to 100, 0 takes 85.</summary>
        public uint JpegQuality;
        /// <summary>0 none, 1 inverse uint16.</summary>
        public uint DepthFormat;
        /// <summary>1 to 64; 0 takes 2.</summary>
        public uint MaxFramesInFlight;
        /// <summary>1: try again after a break.</summary>
        public uint Reconnect;
        /// <summary>0 takes 200.</summary>
        public uint BackoffMinMs;
        /// <summary>0 takes 5000.</summary>
        public uint BackoffMaxMs;
    }

    /// <summary>dp_frame_format: the frames of the open session.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpFrameFormat
    {
        /// <summary>Pixels.</summary>
        public uint Width;
        /// <summary>Pixels.</summary>
        public uint Height;
        /// <summary>Bytes from row to row.</summary>
        public uint ColourStride;
        /// <summary>Bytes from row to row; 0 without depth.</summary>
        public uint DepthStride;
        /// <summary>Unit of inverse depth, metres.</summary>
        public double DepthNearM;
        /// <summary>Frames a second.</summary>
        public double FrameRate;
        /// <summary>Nanoseconds.</summary>
        public long FrameIntervalNs;
        /// <summary>Seed in use.</summary>
        public ulong Seed;
        /// <summary>Grows with every new session, from 1.</summary>
        public ulong SessionNumber;
        /// <summary>Names the session in logs.</summary>
        public fixed byte SessionId[64];
        /// <summary>Start in use.</summary>
        public fixed byte Start[64];
        /// <summary>What runs the world.</summary>
        public DpExecutorInfo Executor;
    }

    /// <summary>dp_control: one sample of input.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct DpControl
    {
        /// <summary>sizeof this struct.</summary>
        public uint StructSize;
        /// <summary>Held now.</summary>
        public uint Buttons;
        /// <summary>Went down since the last sample.</summary>
        public uint Pressed;
        /// <summary>0 none, 1 camera, 2 camera and intrinsics.</summary>
        public uint HasCamera;
        /// <summary>Turned right since the last sample, degrees.</summary>
        public float LookYawDeg;
        /// <summary>Turned down since the last sample, degrees.</summary>
        public float LookPitchDeg;
        /// <summary>dp_now_ns of the input; 0 takes now.</summary>
        public long ClientTimeNs;
        /// <summary>Level coordinates.</summary>
        public DpPose Camera;
        /// <summary>Pixels of the frame format.</summary>
        public DpIntrinsics Intrinsics;
    }

    /// <summary>dp_frame: lent until released.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpFrame
    {
        /// <summary>RGBA8, sRGB, rows from the top.</summary>
        public byte* Colour;
        /// <summary>Inverse depth, or null.</summary>
        public ushort* Depth;
        /// <summary>Grows by one with every frame made.</summary>
        public ulong Id;
        /// <summary>Frames since the start.</summary>
        public ulong Index;
        /// <summary>Session it belongs to.</summary>
        public ulong SessionNumber;
        /// <summary>Resets and loads so far.</summary>
        public uint Epoch;
        /// <summary>For releasing it.</summary>
        public uint Lease;
        /// <summary>Pixels.</summary>
        public uint Width;
        /// <summary>Pixels.</summary>
        public uint Height;
        /// <summary>Bytes.</summary>
        public uint ColourStride;
        /// <summary>Bytes.</summary>
        public uint DepthStride;
        /// <summary>Unit of inverse depth, metres.</summary>
        public double DepthNearM;
        /// <summary>Camera the frame was made for.</summary>
        public DpPose Pose;
        /// <summary>Camera the frame was made for, pixels.</summary>
        public DpIntrinsics Intrinsics;
        /// <summary>Last control applied; 0 before the first.</summary>
        public ulong ControlSequence;
        /// <summary>That control's client time.</summary>
        public long ControlTimeNs;
        /// <summary>Buttons applied.</summary>
        public uint AppliedButtons;
        /// <summary>1: the pose came from the client.</summary>
        public uint AppliedCamera;
        /// <summary>Degrees.</summary>
        public float AppliedYawDeg;
        /// <summary>Degrees.</summary>
        public float AppliedPitchDeg;
        /// <summary>Server's clock: pixels ready.</summary>
        public long ServerGeneratedNs;
        /// <summary>Server's clock: when it is to be shown.</summary>
        public long ServerPresentNs;
        /// <summary>dp_now_ns: in client memory.</summary>
        public long ArrivedNs;
        /// <summary>Milliseconds.</summary>
        public float GenerationMs;
        /// <summary>0.</summary>
        public uint Reserved;
    }

    /// <summary>dp_event.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpEvent
    {
        /// <summary>A <see cref="Dreamport.NativeEventKind"/>.</summary>
        public int Kind;
        /// <summary>Depends on the kind.</summary>
        public int Code;
        /// <summary>State when it happened.</summary>
        public int State;
        /// <summary>Problem when it happened.</summary>
        public int Problem;
        /// <summary>Depends on the kind.</summary>
        public ulong Number;
        /// <summary>dp_now_ns.</summary>
        public long TimeNs;
        /// <summary>Depends on the kind.</summary>
        public fixed byte Text[512];
    }

    /// <summary>dp_statistics. Percentiles over the last 10 s, milliseconds; 0 until there is a sample.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct DpStatistics
    {
        /// <summary>Frames that arrived.</summary>
        public ulong FramesReceived;
        /// <summary>Frames lent.</summary>
        public ulong FramesAcquired;
        /// <summary>Frames that a newer one replaced before they were lent.</summary>
        public ulong FramesReplaced;
        /// <summary>Shared memory: written over while being read.</summary>
        public ulong FramesTorn;
        /// <summary>Dropped by the server.</summary>
        public ulong ServerDropped;
        /// <summary>Bytes.</summary>
        public ulong BytesReceived;
        /// <summary>Bytes.</summary>
        public ulong BytesSent;
        /// <summary>Controls sent.</summary>
        public ulong ControlsSent;
        /// <summary>Controls merged into another.</summary>
        public ulong ControlsMerged;
        /// <summary>Frames received in the last second.</summary>
        public float Fps;
        /// <summary>Frames made in the last second.</summary>
        public float ServerFps;
        /// <summary>Between arrivals, median.</summary>
        public float IntervalMsP50;
        /// <summary>Between arrivals, 95 %.</summary>
        public float IntervalMsP95;
        /// <summary>Between arrivals, 99 %.</summary>
        public float IntervalMsP99;
        /// <summary>Mean absolute difference of successive intervals.</summary>
        public float JitterMs;
        /// <summary>Control's client time to arrival of the first frame that applied it, median.</summary>
        public float ControlToFrameMsP50;
        /// <summary>The same, 95 %.</summary>
        public float ControlToFrameMsP95;
        /// <summary>Same machine only, median.</summary>
        public float GeneratedToArrivedMsP50;
        /// <summary>Same machine only, 99 %.</summary>
        public float GeneratedToArrivedMsP99;
        /// <summary>Generator, median.</summary>
        public float GenerationMsP50;
        /// <summary>Generator, 95 %.</summary>
        public float GenerationMsP95;
        /// <summary>JPEG, or the copy out of shared memory.</summary>
        public float DecodeMsP50;
        /// <summary>HTTP/2 ping.</summary>
        public float RoundTripMs;
        /// <summary>Bytes.</summary>
        public ulong ServerRssBytes;
        /// <summary>Sessions with a lease.</summary>
        public uint ServerSessions;
        /// <summary>Buffers allocated since the session opened.</summary>
        public uint Allocations;
    }

    /// <summary>dp_tag.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpTag
    {
        /// <summary>Name.</summary>
        public fixed byte Name[64];
        /// <summary>Value.</summary>
        public fixed byte Value[256];
    }

    /// <summary>dp_recorder_options.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpRecorderOptions
    {
        /// <summary>sizeof this struct.</summary>
        public uint StructSize;
        /// <summary>Pixels, even.</summary>
        public uint Width;
        /// <summary>Pixels, even.</summary>
        public uint Height;
        /// <summary>A <see cref="Dreamport.FrameColour"/>.</summary>
        public uint ColourFormat;
        /// <summary>0 takes 92.</summary>
        public uint JpegQuality;
        /// <summary>0 none, 1 inverse uint16.</summary>
        public uint DepthFormat;
        /// <summary>Unit of inverse depth, metres.</summary>
        public double DepthNearM;
        /// <summary>Frames a second.</summary>
        public double FrameRate;
        /// <summary>Pixels.</summary>
        public DpIntrinsics Intrinsics;
        /// <summary>2 to 64; 0 takes 8.</summary>
        public uint QueueFrames;
        /// <summary>Used entries of Buttons.</summary>
        public uint ButtonCount;
        /// <summary>char[32][48].</summary>
        public fixed byte Buttons[Limits.Buttons * 48];
        /// <summary>Degrees.</summary>
        public double LookMaxDeg;
        /// <summary>The backend.</summary>
        public DpEndpoint Endpoint;
        /// <summary>Data set's name.</summary>
        public fixed byte Dataset[65];
        /// <summary>Licence.</summary>
        public fixed byte Licence[63];
        /// <summary>"Unity".</summary>
        public fixed byte EngineName[64];
        /// <summary>Engine's version.</summary>
        public fixed byte EngineVersion[64];
        /// <summary>Project's name.</summary>
        public fixed byte Project[128];
        /// <summary>This package's version.</summary>
        public fixed byte PluginVersion[32];
    }

    /// <summary>dp_episode_options.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpEpisodeOptions
    {
        /// <summary>sizeof this struct.</summary>
        public uint StructSize;
        /// <summary>Used entries of Tags.</summary>
        public uint TagCount;
        /// <summary>Seed of the run.</summary>
        public ulong Seed;
        /// <summary>"train" or "heldout".</summary>
        public fixed byte Split[16];
        /// <summary>Scene.</summary>
        public fixed byte MapName[128];
        /// <summary>Changes when the scene does.</summary>
        public fixed byte MapDigest[72];
        /// <summary>Who or what played.</summary>
        public fixed byte Source[120];
        /// <summary>dp_tag[16].</summary>
        public fixed byte Tags[Limits.Tags * (64 + 256)];
    }

    /// <summary>dp_capture_buffer: memory lent for one frame.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpCaptureBuffer
    {
        /// <summary>RGBA8, rows from the top.</summary>
        public byte* Colour;
        /// <summary>Inverse depth, or null.</summary>
        public ushort* Depth;
        /// <summary>Bytes.</summary>
        public uint ColourStride;
        /// <summary>Bytes.</summary>
        public uint DepthStride;
        /// <summary>For submitting or cancelling it.</summary>
        public uint Lease;
        /// <summary>0.</summary>
        public uint Reserved;
    }

    /// <summary>dp_capture_frame.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpCaptureFrame
    {
        /// <summary>sizeof this struct.</summary>
        public uint StructSize;
        /// <summary>Of the buffer that holds the pixels.</summary>
        public uint Lease;
        /// <summary>When it was rendered; 0 takes now.</summary>
        public long ClientTimeNs;
        /// <summary>Level coordinates.</summary>
        public DpPose Pose;
        /// <summary>Pixels.</summary>
        public DpIntrinsics Intrinsics;
        /// <summary>0: those of the options.</summary>
        public uint HasIntrinsics;
        /// <summary>Held or pressed since the frame before.</summary>
        public uint Buttons;
        /// <summary>Degrees since the frame before.</summary>
        public float LookYawDeg;
        /// <summary>Degrees since the frame before.</summary>
        public float LookPitchDeg;
        /// <summary>Metres a second, level coordinates.</summary>
        public fixed double Velocity[3];
        /// <summary>0 or 1.</summary>
        public uint HasVelocity;
        /// <summary>At most 8.</summary>
        public uint EngineStateCount;
        /// <summary>The engine's own numbers.</summary>
        public fixed double EngineState[8];
        /// <summary>1: rows run from the bottom.</summary>
        public uint FlipRows;
        /// <summary>1: something was hidden for privacy.</summary>
        public uint Redacted;
    }

    /// <summary>dp_recorder_stats.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct DpRecorderStats
    {
        /// <summary>Frames submitted.</summary>
        public ulong Submitted;
        /// <summary>Frames sent.</summary>
        public ulong Sent;
        /// <summary>Frames safely on disk.</summary>
        public ulong Acknowledged;
        /// <summary>No free buffer.</summary>
        public ulong Refused;
        /// <summary>Submitted, then lost with a broken connection.</summary>
        public ulong Lost;
        /// <summary>Bytes.</summary>
        public ulong BytesSent;
        /// <summary>Frames waiting.</summary>
        public uint Queued;
        /// <summary>Capacity.</summary>
        public uint QueueFrames;
        /// <summary>Queued / QueueFrames.</summary>
        public float Pressure;
        /// <summary>Milliseconds.</summary>
        public float EncodeMsP50;
        /// <summary>Milliseconds, submit to acknowledged.</summary>
        public float AcknowledgeMsP50;
        /// <summary>Milliseconds, submit to acknowledged.</summary>
        public float AcknowledgeMsP95;
        /// <summary>0 or 1.</summary>
        public uint EpisodeOpen;
        /// <summary>0.</summary>
        public uint Reserved;
        /// <summary>Submitted in the open episode.</summary>
        public ulong EpisodeFrames;
    }

    /// <summary>dp_engine_pose: a transform without scale in the engine's own axes and units.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpEnginePose
    {
        /// <summary>Engine units.</summary>
        public fixed double Position[3];
        /// <summary>Quaternion x, y, z, w.</summary>
        public fixed double Rotation[4];
    }

    /// <summary>dp_path_options.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct DpPathOptions
    {
        /// <summary>sizeof this struct.</summary>
        public uint StructSize;
        /// <summary>A <see cref="Dreamport.PathKind"/>.</summary>
        public uint Kind;
        /// <summary>Seed.</summary>
        public ulong Seed;
        /// <summary>Poses to make.</summary>
        public uint Frames;
        /// <summary>0.</summary>
        public uint Reserved;
        /// <summary>Frames a second.</summary>
        public double FrameRate;
        /// <summary>Walking.</summary>
        public double SpeedMS;
        /// <summary>Largest angular speed.</summary>
        public double TurnDegS;
        /// <summary>Of the camera's body.</summary>
        public double RadiusM;
        /// <summary>Level coordinates.</summary>
        public fixed double Minimum[3];
        /// <summary>Level coordinates.</summary>
        public fixed double Maximum[3];
        /// <summary>Above the ground.</summary>
        public double EyeHeightM;
        /// <summary>A point that is free.</summary>
        public fixed double Start[3];
        /// <summary>For orbits.</summary>
        public fixed double Landmark[3];
        /// <summary>Per waypoint, 0 to 1.</summary>
        public double LookBackProbability;
    }

    /// <summary>dp_path_probe: function pointers to the engine's answers.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct DpPathProbe
    {
        /// <summary>double (void*, const double[3], const double[3], double).</summary>
        public System.IntPtr Sweep;
        /// <summary>int32_t (void*, const double[3], double*).</summary>
        public System.IntPtr Ground;
        /// <summary>Handed to both.</summary>
        public System.IntPtr User;
    }
}
