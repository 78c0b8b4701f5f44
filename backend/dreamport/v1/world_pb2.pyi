from dreamport.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListWorldsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListWorldsResponse(_message.Message):
    __slots__ = ("worlds",)
    WORLDS_FIELD_NUMBER: _ClassVar[int]
    worlds: _containers.RepeatedCompositeFieldContainer[WorldSummary]
    def __init__(self, worlds: _Optional[_Iterable[_Union[WorldSummary, _Mapping]]] = ...) -> None: ...

class GetWorldRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetWorldResponse(_message.Message):
    __slots__ = ("world",)
    WORLD_FIELD_NUMBER: _ClassVar[int]
    world: World
    def __init__(self, world: _Optional[_Union[World, _Mapping]] = ...) -> None: ...

class WorldSummary(_message.Message):
    __slots__ = ("name", "title", "description", "licence", "frame_size", "frame_rate")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    FRAME_SIZE_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    name: str
    title: str
    description: str
    licence: str
    frame_size: _common_pb2.FrameSize
    frame_rate: float
    def __init__(self, name: _Optional[str] = ..., title: _Optional[str] = ..., description: _Optional[str] = ..., licence: _Optional[str] = ..., frame_size: _Optional[_Union[_common_pb2.FrameSize, _Mapping]] = ..., frame_rate: _Optional[float] = ...) -> None: ...

class World(_message.Message):
    __slots__ = ("summary", "digest", "chunk_frames", "control_schema", "intrinsics", "depth_range", "starts", "card", "provenance")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FRAMES_FIELD_NUMBER: _ClassVar[int]
    CONTROL_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    INTRINSICS_FIELD_NUMBER: _ClassVar[int]
    DEPTH_RANGE_FIELD_NUMBER: _ClassVar[int]
    STARTS_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    summary: WorldSummary
    digest: str
    chunk_frames: int
    control_schema: ControlSchema
    intrinsics: _common_pb2.Intrinsics
    depth_range: DepthRange
    starts: _containers.RepeatedCompositeFieldContainer[Start]
    card: str
    provenance: Provenance
    def __init__(self, summary: _Optional[_Union[WorldSummary, _Mapping]] = ..., digest: _Optional[str] = ..., chunk_frames: _Optional[int] = ..., control_schema: _Optional[_Union[ControlSchema, _Mapping]] = ..., intrinsics: _Optional[_Union[_common_pb2.Intrinsics, _Mapping]] = ..., depth_range: _Optional[_Union[DepthRange, _Mapping]] = ..., starts: _Optional[_Iterable[_Union[Start, _Mapping]]] = ..., card: _Optional[str] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ...) -> None: ...

class DepthRange(_message.Message):
    __slots__ = ("min_m", "max_m")
    MIN_M_FIELD_NUMBER: _ClassVar[int]
    MAX_M_FIELD_NUMBER: _ClassVar[int]
    min_m: float
    max_m: float
    def __init__(self, min_m: _Optional[float] = ..., max_m: _Optional[float] = ...) -> None: ...

class Start(_message.Message):
    __slots__ = ("name", "title")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    title: str
    def __init__(self, name: _Optional[str] = ..., title: _Optional[str] = ...) -> None: ...

class ControlSchema(_message.Message):
    __slots__ = ("buttons", "look", "pose", "prompts", "events")
    BUTTONS_FIELD_NUMBER: _ClassVar[int]
    LOOK_FIELD_NUMBER: _ClassVar[int]
    POSE_FIELD_NUMBER: _ClassVar[int]
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    buttons: _containers.RepeatedCompositeFieldContainer[Button]
    look: LookAxes
    pose: bool
    prompts: bool
    events: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, buttons: _Optional[_Iterable[_Union[Button, _Mapping]]] = ..., look: _Optional[_Union[LookAxes, _Mapping]] = ..., pose: bool = ..., prompts: bool = ..., events: _Optional[_Iterable[str]] = ...) -> None: ...

class Button(_message.Message):
    __slots__ = ("name", "label", "keys")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    name: str
    label: str
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., label: _Optional[str] = ..., keys: _Optional[_Iterable[str]] = ...) -> None: ...

class LookAxes(_message.Message):
    __slots__ = ("yaw", "pitch", "max_deg_per_frame")
    YAW_FIELD_NUMBER: _ClassVar[int]
    PITCH_FIELD_NUMBER: _ClassVar[int]
    MAX_DEG_PER_FRAME_FIELD_NUMBER: _ClassVar[int]
    yaw: bool
    pitch: bool
    max_deg_per_frame: float
    def __init__(self, yaw: bool = ..., pitch: bool = ..., max_deg_per_frame: _Optional[float] = ...) -> None: ...

class Provenance(_message.Message):
    __slots__ = ("data", "licence", "commit", "trained_on", "metrics", "notes")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    DATA_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    TRAINED_ON_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    data: str
    licence: str
    commit: str
    trained_on: str
    metrics: _containers.ScalarMap[str, float]
    notes: str
    def __init__(self, data: _Optional[str] = ..., licence: _Optional[str] = ..., commit: _Optional[str] = ..., trained_on: _Optional[str] = ..., metrics: _Optional[_Mapping[str, float]] = ..., notes: _Optional[str] = ...) -> None: ...
