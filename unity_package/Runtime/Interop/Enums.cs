#nullable enable

// The enumerations of dreamport/core.h; values are part of the ABI.
namespace Dreamport
{
    /// <summary>What a call of the native library answers.</summary>
    public enum NativeStatus
    {
        /// <summary>Done.</summary>
        Ok = 0,
        /// <summary>No newer frame, no event, not ready yet: ask again later.</summary>
        NothingNew = 1,
        /// <summary>A pointer is null or a value out of range.</summary>
        ErrorArgument = -1,
        /// <summary>The library and this package are of different versions.</summary>
        ErrorVersion = -2,
        /// <summary>Not now: no session, no episode, nothing lent.</summary>
        ErrorState = -3,
        /// <summary>A bounded queue or pool is full.</summary>
        ErrorFull = -4,
        /// <summary>The system gave no memory or thread.</summary>
        ErrorMemory = -5,
        /// <summary>After the library was shut down.</summary>
        ErrorShutDown = -6,
    }

    /// <summary>Where a world or recorder stands.</summary>
    public enum ConnectionState
    {
        /// <summary>First attempt under way.</summary>
        Connecting = 0,
        /// <summary>Connected; the world is being opened.</summary>
        Opening = 1,
        /// <summary>Playing, or recording.</summary>
        Ready = 2,
        /// <summary>Lost or refused for now; it tries again by itself.</summary>
        Waiting = 3,
        /// <summary>Will not try again: something must be changed first; the message says what.</summary>
        Failed = 4,
        /// <summary>Closed on request, or never opened.</summary>
        Closed = 5,
    }

    /// <summary>What is wrong, for programs; the message says it for people.</summary>
    public enum ConnectionProblem
    {
        /// <summary>Nothing.</summary>
        None = 0,
        /// <summary>Nothing listens at the address.</summary>
        BackendAbsent = 1,
        /// <summary>The address cannot be resolved or reached.</summary>
        Address = 2,
        /// <summary>No answer in time.</summary>
        Timeout = 3,
        /// <summary>It worked and broke.</summary>
        ConnectionLost = 4,
        /// <summary>The backend's certificate has expired.</summary>
        TlsCertificateExpired = 5,
        /// <summary>Nobody trusted signed the backend's certificate.</summary>
        TlsCertificateUntrusted = 6,
        /// <summary>The certificate bears another name.</summary>
        TlsCertificateName = 7,
        /// <summary>Any other failure of the handshake.</summary>
        Tls = 8,
        /// <summary>The token is missing or wrong.</summary>
        Token = 9,
        /// <summary>Package and backend speak different versions.</summary>
        Version = 10,
        /// <summary>World or start is not there.</summary>
        NotFound = 11,
        /// <summary>The server is full; it tries again when the server said.</summary>
        ServerFull = 12,
        /// <summary>The server refused a value.</summary>
        Argument = 13,
        /// <summary>The backend lacks the service.</summary>
        Unsupported = 14,
        /// <summary>The session's model failed.</summary>
        WorldFailed = 15,
        /// <summary>The backend stops.</summary>
        ShuttingDown = 16,
        /// <summary>Another stream resumed this session.</summary>
        TakenOver = 17,
        /// <summary>The other side does not speak gRPC, or breaks the contract.</summary>
        Protocol = 18,
        /// <summary>The recorder's disk is full.</summary>
        NoSpace = 19,
        /// <summary>Any other status.</summary>
        Server = 20,
    }

    /// <summary>How frames travel.</summary>
    public enum FrameTransport
    {
        /// <summary>Shared memory on a loopback address, inline elsewhere or when that fails.</summary>
        Automatic = 0,
        /// <summary>Inside the gRPC messages.</summary>
        Inline = 1,
        /// <summary>A ring in shared memory; same machine and user only.</summary>
        SharedMemory = 2,
    }

    /// <summary>How colour travels.</summary>
    public enum FrameColour
    {
        /// <summary>Raw over shared memory, JPEG inline.</summary>
        Automatic = 0,
        /// <summary>RGBA, 4 bytes a pixel.</summary>
        Raw = 1,
        /// <summary>One JPEG a frame.</summary>
        Jpeg = 2,
    }

    /// <summary>Kinds of events the native library reports.</summary>
    public enum NativeEventKind
    {
        /// <summary>None.</summary>
        None = 0,
        /// <summary>State or problem changed.</summary>
        State = 1,
        /// <summary>A new session.</summary>
        Opened = 2,
        /// <summary>The session went on after a break.</summary>
        Resumed = 3,
        /// <summary>The server wants something known.</summary>
        Notice = 4,
        /// <summary>A state was kept.</summary>
        Saved = 5,
        /// <summary>A kept state is back.</summary>
        Loaded = 6,
        /// <summary>Recorder: the episode is open.</summary>
        EpisodeBegun = 7,
        /// <summary>Recorder: the episode is in the data set.</summary>
        EpisodeFinished = 8,
    }

    /// <summary>Camera paths for capturing data.</summary>
    public enum PathKind
    {
        /// <summary>Walks rectangles.</summary>
        Rectangle = 1,
        /// <summary>Stands and turns 360 degrees at varied speed.</summary>
        Turn = 2,
        /// <summary>Walks through random points, looking ahead and back.</summary>
        Waypoints = 3,
        /// <summary>Circles a landmark.</summary>
        Orbit = 4,
        /// <summary>All of them, one after the other.</summary>
        Mix = 5,
    }
}
