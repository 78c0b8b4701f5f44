from dreamport.v1 import common_pb2 as _common_pb2
from dreamport.v1 import world_pb2 as _world_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NoticeCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTICE_CODE_UNSPECIFIED: _ClassVar[NoticeCode]
    NOTICE_CODE_UNSUPPORTED: _ClassVar[NoticeCode]
    NOTICE_CODE_NOT_FOUND: _ClassVar[NoticeCode]
    NOTICE_CODE_NEGOTIATED: _ClassVar[NoticeCode]
    NOTICE_CODE_FALLBACK: _ClassVar[NoticeCode]
    NOTICE_CODE_NO_SPACE: _ClassVar[NoticeCode]
    NOTICE_CODE_SHUTTING_DOWN: _ClassVar[NoticeCode]
    NOTICE_CODE_RESTORED: _ClassVar[NoticeCode]
    NOTICE_CODE_LATE: _ClassVar[NoticeCode]
NOTICE_CODE_UNSPECIFIED: NoticeCode
NOTICE_CODE_UNSUPPORTED: NoticeCode
NOTICE_CODE_NOT_FOUND: NoticeCode
NOTICE_CODE_NEGOTIATED: NoticeCode
NOTICE_CODE_FALLBACK: NoticeCode
NOTICE_CODE_NO_SPACE: NoticeCode
NOTICE_CODE_SHUTTING_DOWN: NoticeCode
NOTICE_CODE_RESTORED: NoticeCode
NOTICE_CODE_LATE: NoticeCode

class PlayRequest(_message.Message):
    __slots__ = ("open", "control", "prompt", "event", "reset", "save", "load", "pause", "presented", "close")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    SAVE_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    PRESENTED_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    open: Open
    control: Control
    prompt: Prompt
    event: Event
    reset: Reset
    save: Save
    load: Load
    pause: Pause
    presented: Presented
    close: Close
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ..., control: _Optional[_Union[Control, _Mapping]] = ..., prompt: _Optional[_Union[Prompt, _Mapping]] = ..., event: _Optional[_Union[Event, _Mapping]] = ..., reset: _Optional[_Union[Reset, _Mapping]] = ..., save: _Optional[_Union[Save, _Mapping]] = ..., load: _Optional[_Union[Load, _Mapping]] = ..., pause: _Optional[_Union[Pause, _Mapping]] = ..., presented: _Optional[_Union[Presented, _Mapping]] = ..., close: _Optional[_Union[Close, _Mapping]] = ...) -> None: ...

class PlayResponse(_message.Message):
    __slots__ = ("opened", "frame", "saved", "loaded", "stats", "notice", "redirect")
    OPENED_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    SAVED_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    STATS_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    REDIRECT_FIELD_NUMBER: _ClassVar[int]
    opened: Opened
    frame: Frame
    saved: Saved
    loaded: Loaded
    stats: Stats
    notice: Notice
    redirect: Redirect
    def __init__(self, opened: _Optional[_Union[Opened, _Mapping]] = ..., frame: _Optional[_Union[Frame, _Mapping]] = ..., saved: _Optional[_Union[Saved, _Mapping]] = ..., loaded: _Optional[_Union[Loaded, _Mapping]] = ..., stats: _Optional[_Union[Stats, _Mapping]] = ..., notice: _Optional[_Union[Notice, _Mapping]] = ..., redirect: _Optional[_Union[Redirect, _Mapping]] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("protocol_version", "world", "seed", "start", "frame_size", "colour_format", "jpeg_quality", "depth_format", "transport", "max_frames_in_flight", "resume_token", "follows_redirect", "ticket")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    WORLD_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    FRAME_SIZE_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FORMAT_FIELD_NUMBER: _ClassVar[int]
    JPEG_QUALITY_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FORMAT_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAMES_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FOLLOWS_REDIRECT_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    world: str
    seed: int
    start: str
    frame_size: _common_pb2.FrameSize
    colour_format: _common_pb2.ColourFormat
    jpeg_quality: int
    depth_format: _common_pb2.DepthFormat
    transport: _common_pb2.Transport
    max_frames_in_flight: int
    resume_token: str
    follows_redirect: bool
    ticket: str
    def __init__(self, protocol_version: _Optional[int] = ..., world: _Optional[str] = ..., seed: _Optional[int] = ..., start: _Optional[str] = ..., frame_size: _Optional[_Union[_common_pb2.FrameSize, _Mapping]] = ..., colour_format: _Optional[_Union[_common_pb2.ColourFormat, str]] = ..., jpeg_quality: _Optional[int] = ..., depth_format: _Optional[_Union[_common_pb2.DepthFormat, str]] = ..., transport: _Optional[_Union[_common_pb2.Transport, str]] = ..., max_frames_in_flight: _Optional[int] = ..., resume_token: _Optional[str] = ..., follows_redirect: bool = ..., ticket: _Optional[str] = ...) -> None: ...

class Redirect(_message.Message):
    __slots__ = ("address", "ticket")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    address: str
    ticket: str
    def __init__(self, address: _Optional[str] = ..., ticket: _Optional[str] = ...) -> None: ...

class Opened(_message.Message):
    __slots__ = ("session_id", "resume_token", "resumed", "protocol_version", "world", "seed", "start", "cadence", "frame_size", "colour_format", "depth_format", "transport", "shared_memory", "executor", "grace_ns", "server_time_ns", "last_control_sequence")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    WORLD_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    CADENCE_FIELD_NUMBER: _ClassVar[int]
    FRAME_SIZE_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FORMAT_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FORMAT_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    SHARED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    GRACE_NS_FIELD_NUMBER: _ClassVar[int]
    SERVER_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    LAST_CONTROL_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    resume_token: str
    resumed: bool
    protocol_version: int
    world: _world_pb2.World
    seed: int
    start: str
    cadence: Cadence
    frame_size: _common_pb2.FrameSize
    colour_format: _common_pb2.ColourFormat
    depth_format: _common_pb2.DepthFormat
    transport: _common_pb2.Transport
    shared_memory: SharedMemory
    executor: Executor
    grace_ns: int
    server_time_ns: int
    last_control_sequence: int
    def __init__(self, session_id: _Optional[str] = ..., resume_token: _Optional[str] = ..., resumed: bool = ..., protocol_version: _Optional[int] = ..., world: _Optional[_Union[_world_pb2.World, _Mapping]] = ..., seed: _Optional[int] = ..., start: _Optional[str] = ..., cadence: _Optional[_Union[Cadence, _Mapping]] = ..., frame_size: _Optional[_Union[_common_pb2.FrameSize, _Mapping]] = ..., colour_format: _Optional[_Union[_common_pb2.ColourFormat, str]] = ..., depth_format: _Optional[_Union[_common_pb2.DepthFormat, str]] = ..., transport: _Optional[_Union[_common_pb2.Transport, str]] = ..., shared_memory: _Optional[_Union[SharedMemory, _Mapping]] = ..., executor: _Optional[_Union[Executor, _Mapping]] = ..., grace_ns: _Optional[int] = ..., server_time_ns: _Optional[int] = ..., last_control_sequence: _Optional[int] = ...) -> None: ...

class Cadence(_message.Message):
    __slots__ = ("frame_rate", "frame_interval_ns", "chunk_frames")
    FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    FRAME_INTERVAL_NS_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FRAMES_FIELD_NUMBER: _ClassVar[int]
    frame_rate: float
    frame_interval_ns: int
    chunk_frames: int
    def __init__(self, frame_rate: _Optional[float] = ..., frame_interval_ns: _Optional[int] = ..., chunk_frames: _Optional[int] = ...) -> None: ...

class SharedMemory(_message.Message):
    __slots__ = ("name", "bytes", "header_bytes", "slots", "slot_bytes", "colour_offset", "colour_bytes", "depth_offset", "depth_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    HEADER_BYTES_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    SLOT_BYTES_FIELD_NUMBER: _ClassVar[int]
    COLOUR_OFFSET_FIELD_NUMBER: _ClassVar[int]
    COLOUR_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEPTH_OFFSET_FIELD_NUMBER: _ClassVar[int]
    DEPTH_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    bytes: int
    header_bytes: int
    slots: int
    slot_bytes: int
    colour_offset: int
    colour_bytes: int
    depth_offset: int
    depth_bytes: int
    def __init__(self, name: _Optional[str] = ..., bytes: _Optional[int] = ..., header_bytes: _Optional[int] = ..., slots: _Optional[int] = ..., slot_bytes: _Optional[int] = ..., colour_offset: _Optional[int] = ..., colour_bytes: _Optional[int] = ..., depth_offset: _Optional[int] = ..., depth_bytes: _Optional[int] = ...) -> None: ...

class Executor(_message.Message):
    __slots__ = ("name", "device", "precision", "fallback_reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    device: str
    precision: str
    fallback_reason: str
    def __init__(self, name: _Optional[str] = ..., device: _Optional[str] = ..., precision: _Optional[str] = ..., fallback_reason: _Optional[str] = ...) -> None: ...

class Control(_message.Message):
    __slots__ = ("sequence", "client_time_ns", "buttons", "pressed", "look_yaw_deg", "look_pitch_deg", "camera")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    BUTTONS_FIELD_NUMBER: _ClassVar[int]
    PRESSED_FIELD_NUMBER: _ClassVar[int]
    LOOK_YAW_DEG_FIELD_NUMBER: _ClassVar[int]
    LOOK_PITCH_DEG_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    client_time_ns: int
    buttons: int
    pressed: int
    look_yaw_deg: float
    look_pitch_deg: float
    camera: Camera
    def __init__(self, sequence: _Optional[int] = ..., client_time_ns: _Optional[int] = ..., buttons: _Optional[int] = ..., pressed: _Optional[int] = ..., look_yaw_deg: _Optional[float] = ..., look_pitch_deg: _Optional[float] = ..., camera: _Optional[_Union[Camera, _Mapping]] = ...) -> None: ...

class Camera(_message.Message):
    __slots__ = ("pose", "intrinsics")
    POSE_FIELD_NUMBER: _ClassVar[int]
    INTRINSICS_FIELD_NUMBER: _ClassVar[int]
    pose: _common_pb2.Pose
    intrinsics: _common_pb2.Intrinsics
    def __init__(self, pose: _Optional[_Union[_common_pb2.Pose, _Mapping]] = ..., intrinsics: _Optional[_Union[_common_pb2.Intrinsics, _Mapping]] = ...) -> None: ...

class Prompt(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Reset(_message.Message):
    __slots__ = ("seed", "start")
    SEED_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    seed: int
    start: str
    def __init__(self, seed: _Optional[int] = ..., start: _Optional[str] = ...) -> None: ...

class Save(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Load(_message.Message):
    __slots__ = ("handle",)
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    handle: str
    def __init__(self, handle: _Optional[str] = ...) -> None: ...

class Pause(_message.Message):
    __slots__ = ("paused",)
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    paused: bool
    def __init__(self, paused: bool = ...) -> None: ...

class Presented(_message.Message):
    __slots__ = ("frame_id", "client_time_ns")
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    frame_id: int
    client_time_ns: int
    def __init__(self, frame_id: _Optional[int] = ..., client_time_ns: _Optional[int] = ...) -> None: ...

class Close(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Frame(_message.Message):
    __slots__ = ("id", "index", "epoch", "colour", "depth", "slot", "control", "pose", "intrinsics", "timing")
    ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    POSE_FIELD_NUMBER: _ClassVar[int]
    INTRINSICS_FIELD_NUMBER: _ClassVar[int]
    TIMING_FIELD_NUMBER: _ClassVar[int]
    id: int
    index: int
    epoch: int
    colour: bytes
    depth: bytes
    slot: SharedMemorySlot
    control: AppliedControl
    pose: _common_pb2.Pose
    intrinsics: _common_pb2.Intrinsics
    timing: FrameTiming
    def __init__(self, id: _Optional[int] = ..., index: _Optional[int] = ..., epoch: _Optional[int] = ..., colour: _Optional[bytes] = ..., depth: _Optional[bytes] = ..., slot: _Optional[_Union[SharedMemorySlot, _Mapping]] = ..., control: _Optional[_Union[AppliedControl, _Mapping]] = ..., pose: _Optional[_Union[_common_pb2.Pose, _Mapping]] = ..., intrinsics: _Optional[_Union[_common_pb2.Intrinsics, _Mapping]] = ..., timing: _Optional[_Union[FrameTiming, _Mapping]] = ...) -> None: ...

class SharedMemorySlot(_message.Message):
    __slots__ = ("slot", "version")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    slot: int
    version: int
    def __init__(self, slot: _Optional[int] = ..., version: _Optional[int] = ...) -> None: ...

class AppliedControl(_message.Message):
    __slots__ = ("sequence", "client_time_ns", "buttons", "look_yaw_deg", "look_pitch_deg", "camera")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    BUTTONS_FIELD_NUMBER: _ClassVar[int]
    LOOK_YAW_DEG_FIELD_NUMBER: _ClassVar[int]
    LOOK_PITCH_DEG_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    client_time_ns: int
    buttons: int
    look_yaw_deg: float
    look_pitch_deg: float
    camera: bool
    def __init__(self, sequence: _Optional[int] = ..., client_time_ns: _Optional[int] = ..., buttons: _Optional[int] = ..., look_yaw_deg: _Optional[float] = ..., look_pitch_deg: _Optional[float] = ..., camera: bool = ...) -> None: ...

class FrameTiming(_message.Message):
    __slots__ = ("latched_at_ns", "generated_at_ns", "present_at_ns", "generation_ms")
    LATCHED_AT_NS_FIELD_NUMBER: _ClassVar[int]
    GENERATED_AT_NS_FIELD_NUMBER: _ClassVar[int]
    PRESENT_AT_NS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_MS_FIELD_NUMBER: _ClassVar[int]
    latched_at_ns: int
    generated_at_ns: int
    present_at_ns: int
    generation_ms: float
    def __init__(self, latched_at_ns: _Optional[int] = ..., generated_at_ns: _Optional[int] = ..., present_at_ns: _Optional[int] = ..., generation_ms: _Optional[float] = ...) -> None: ...

class Saved(_message.Message):
    __slots__ = ("handle", "frame_index", "bytes")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    FRAME_INDEX_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    handle: str
    frame_index: int
    bytes: int
    def __init__(self, handle: _Optional[str] = ..., frame_index: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class Loaded(_message.Message):
    __slots__ = ("handle", "frame_index", "epoch")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    FRAME_INDEX_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    handle: str
    frame_index: int
    epoch: int
    def __init__(self, handle: _Optional[str] = ..., frame_index: _Optional[int] = ..., epoch: _Optional[int] = ...) -> None: ...

class Stats(_message.Message):
    __slots__ = ("fps", "generation_ms_p50", "generation_ms_p95", "control_to_frame_ms_p50", "control_to_frame_ms_p95", "control_to_presented_ms_p50", "control_to_presented_ms_p95", "frames", "dropped", "rss_bytes", "executor", "sessions", "late")
    FPS_FIELD_NUMBER: _ClassVar[int]
    GENERATION_MS_P50_FIELD_NUMBER: _ClassVar[int]
    GENERATION_MS_P95_FIELD_NUMBER: _ClassVar[int]
    CONTROL_TO_FRAME_MS_P50_FIELD_NUMBER: _ClassVar[int]
    CONTROL_TO_FRAME_MS_P95_FIELD_NUMBER: _ClassVar[int]
    CONTROL_TO_PRESENTED_MS_P50_FIELD_NUMBER: _ClassVar[int]
    CONTROL_TO_PRESENTED_MS_P95_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    fps: float
    generation_ms_p50: float
    generation_ms_p95: float
    control_to_frame_ms_p50: float
    control_to_frame_ms_p95: float
    control_to_presented_ms_p50: float
    control_to_presented_ms_p95: float
    frames: int
    dropped: int
    rss_bytes: int
    executor: Executor
    sessions: int
    late: int
    def __init__(self, fps: _Optional[float] = ..., generation_ms_p50: _Optional[float] = ..., generation_ms_p95: _Optional[float] = ..., control_to_frame_ms_p50: _Optional[float] = ..., control_to_frame_ms_p95: _Optional[float] = ..., control_to_presented_ms_p50: _Optional[float] = ..., control_to_presented_ms_p95: _Optional[float] = ..., frames: _Optional[int] = ..., dropped: _Optional[int] = ..., rss_bytes: _Optional[int] = ..., executor: _Optional[_Union[Executor, _Mapping]] = ..., sessions: _Optional[int] = ..., late: _Optional[int] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: NoticeCode
    message: str
    def __init__(self, code: _Optional[_Union[NoticeCode, str]] = ..., message: _Optional[str] = ...) -> None: ...
