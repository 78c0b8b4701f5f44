from dreamport.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CaptureNoticeCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAPTURE_NOTICE_CODE_UNSPECIFIED: _ClassVar[CaptureNoticeCode]
    CAPTURE_NOTICE_CODE_LOW_SPACE: _ClassVar[CaptureNoticeCode]
    CAPTURE_NOTICE_CODE_SLOW_DISK: _ClassVar[CaptureNoticeCode]
    CAPTURE_NOTICE_CODE_BLACK: _ClassVar[CaptureNoticeCode]
    CAPTURE_NOTICE_CODE_FROZEN: _ClassVar[CaptureNoticeCode]
    CAPTURE_NOTICE_CODE_SHUTTING_DOWN: _ClassVar[CaptureNoticeCode]
CAPTURE_NOTICE_CODE_UNSPECIFIED: CaptureNoticeCode
CAPTURE_NOTICE_CODE_LOW_SPACE: CaptureNoticeCode
CAPTURE_NOTICE_CODE_SLOW_DISK: CaptureNoticeCode
CAPTURE_NOTICE_CODE_BLACK: CaptureNoticeCode
CAPTURE_NOTICE_CODE_FROZEN: CaptureNoticeCode
CAPTURE_NOTICE_CODE_SHUTTING_DOWN: CaptureNoticeCode

class RecordRequest(_message.Message):
    __slots__ = ("begin", "frame", "marker", "finish")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    MARKER_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    begin: BeginEpisode
    frame: CapturedFrame
    marker: Marker
    finish: FinishEpisode
    def __init__(self, begin: _Optional[_Union[BeginEpisode, _Mapping]] = ..., frame: _Optional[_Union[CapturedFrame, _Mapping]] = ..., marker: _Optional[_Union[Marker, _Mapping]] = ..., finish: _Optional[_Union[FinishEpisode, _Mapping]] = ...) -> None: ...

class RecordResponse(_message.Message):
    __slots__ = ("begun", "acknowledged", "finished", "notice")
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    begun: Begun
    acknowledged: Acknowledged
    finished: Finished
    notice: CaptureNotice
    def __init__(self, begun: _Optional[_Union[Begun, _Mapping]] = ..., acknowledged: _Optional[_Union[Acknowledged, _Mapping]] = ..., finished: _Optional[_Union[Finished, _Mapping]] = ..., notice: _Optional[_Union[CaptureNotice, _Mapping]] = ...) -> None: ...

class BeginEpisode(_message.Message):
    __slots__ = ("protocol_version", "dataset", "licence", "frame_rate", "frame_size", "colour_format", "depth_format", "depth_near_m", "intrinsics", "buttons", "look_max_deg", "engine", "map", "seed", "split", "source", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    FRAME_SIZE_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FORMAT_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FORMAT_FIELD_NUMBER: _ClassVar[int]
    DEPTH_NEAR_M_FIELD_NUMBER: _ClassVar[int]
    INTRINSICS_FIELD_NUMBER: _ClassVar[int]
    BUTTONS_FIELD_NUMBER: _ClassVar[int]
    LOOK_MAX_DEG_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    MAP_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    dataset: str
    licence: str
    frame_rate: float
    frame_size: _common_pb2.FrameSize
    colour_format: _common_pb2.ColourFormat
    depth_format: _common_pb2.DepthFormat
    depth_near_m: float
    intrinsics: _common_pb2.Intrinsics
    buttons: _containers.RepeatedScalarFieldContainer[str]
    look_max_deg: float
    engine: EngineIdentity
    map: MapIdentity
    seed: int
    split: str
    source: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, protocol_version: _Optional[int] = ..., dataset: _Optional[str] = ..., licence: _Optional[str] = ..., frame_rate: _Optional[float] = ..., frame_size: _Optional[_Union[_common_pb2.FrameSize, _Mapping]] = ..., colour_format: _Optional[_Union[_common_pb2.ColourFormat, str]] = ..., depth_format: _Optional[_Union[_common_pb2.DepthFormat, str]] = ..., depth_near_m: _Optional[float] = ..., intrinsics: _Optional[_Union[_common_pb2.Intrinsics, _Mapping]] = ..., buttons: _Optional[_Iterable[str]] = ..., look_max_deg: _Optional[float] = ..., engine: _Optional[_Union[EngineIdentity, _Mapping]] = ..., map: _Optional[_Union[MapIdentity, _Mapping]] = ..., seed: _Optional[int] = ..., split: _Optional[str] = ..., source: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class EngineIdentity(_message.Message):
    __slots__ = ("name", "version", "project", "plugin_version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    project: str
    plugin_version: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., project: _Optional[str] = ..., plugin_version: _Optional[str] = ...) -> None: ...

class MapIdentity(_message.Message):
    __slots__ = ("name", "digest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class CapturedFrame(_message.Message):
    __slots__ = ("index", "client_time_ns", "colour", "depth", "pose", "intrinsics", "buttons", "look_yaw_deg", "look_pitch_deg", "velocity", "engine_state", "redacted")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    POSE_FIELD_NUMBER: _ClassVar[int]
    INTRINSICS_FIELD_NUMBER: _ClassVar[int]
    BUTTONS_FIELD_NUMBER: _ClassVar[int]
    LOOK_YAW_DEG_FIELD_NUMBER: _ClassVar[int]
    LOOK_PITCH_DEG_FIELD_NUMBER: _ClassVar[int]
    VELOCITY_FIELD_NUMBER: _ClassVar[int]
    ENGINE_STATE_FIELD_NUMBER: _ClassVar[int]
    REDACTED_FIELD_NUMBER: _ClassVar[int]
    index: int
    client_time_ns: int
    colour: bytes
    depth: bytes
    pose: _common_pb2.Pose
    intrinsics: _common_pb2.Intrinsics
    buttons: int
    look_yaw_deg: float
    look_pitch_deg: float
    velocity: _common_pb2.Vector3
    engine_state: _containers.RepeatedScalarFieldContainer[float]
    redacted: bool
    def __init__(self, index: _Optional[int] = ..., client_time_ns: _Optional[int] = ..., colour: _Optional[bytes] = ..., depth: _Optional[bytes] = ..., pose: _Optional[_Union[_common_pb2.Pose, _Mapping]] = ..., intrinsics: _Optional[_Union[_common_pb2.Intrinsics, _Mapping]] = ..., buttons: _Optional[int] = ..., look_yaw_deg: _Optional[float] = ..., look_pitch_deg: _Optional[float] = ..., velocity: _Optional[_Union[_common_pb2.Vector3, _Mapping]] = ..., engine_state: _Optional[_Iterable[float]] = ..., redacted: bool = ...) -> None: ...

class Marker(_message.Message):
    __slots__ = ("name", "text", "client_time_ns")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    client_time_ns: int
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., client_time_ns: _Optional[int] = ...) -> None: ...

class FinishEpisode(_message.Message):
    __slots__ = ("discard",)
    DISCARD_FIELD_NUMBER: _ClassVar[int]
    discard: bool
    def __init__(self, discard: bool = ...) -> None: ...

class Begun(_message.Message):
    __slots__ = ("episode_id", "dataset", "max_unacknowledged", "protocol_version")
    EPISODE_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    MAX_UNACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    episode_id: str
    dataset: str
    max_unacknowledged: int
    protocol_version: int
    def __init__(self, episode_id: _Optional[str] = ..., dataset: _Optional[str] = ..., max_unacknowledged: _Optional[int] = ..., protocol_version: _Optional[int] = ...) -> None: ...

class Acknowledged(_message.Message):
    __slots__ = ("frames", "last_index", "bytes")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    LAST_INDEX_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    frames: int
    last_index: int
    bytes: int
    def __init__(self, frames: _Optional[int] = ..., last_index: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class Finished(_message.Message):
    __slots__ = ("episode_id", "episode_index", "frames", "missing")
    EPISODE_ID_FIELD_NUMBER: _ClassVar[int]
    EPISODE_INDEX_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    episode_id: str
    episode_index: int
    frames: int
    missing: int
    def __init__(self, episode_id: _Optional[str] = ..., episode_index: _Optional[int] = ..., frames: _Optional[int] = ..., missing: _Optional[int] = ...) -> None: ...

class CaptureNotice(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: CaptureNoticeCode
    message: str
    def __init__(self, code: _Optional[_Union[CaptureNoticeCode, str]] = ..., message: _Optional[str] = ...) -> None: ...
