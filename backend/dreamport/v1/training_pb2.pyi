from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RUN_STATE_UNSPECIFIED: _ClassVar[RunState]
    RUN_STATE_STARTING: _ClassVar[RunState]
    RUN_STATE_RUNNING: _ClassVar[RunState]
    RUN_STATE_STOPPING: _ClassVar[RunState]
    RUN_STATE_STOPPED: _ClassVar[RunState]
    RUN_STATE_INTERRUPTED: _ClassVar[RunState]
    RUN_STATE_FAILED: _ClassVar[RunState]
    RUN_STATE_DONE: _ClassVar[RunState]

class StageState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_STATE_UNSPECIFIED: _ClassVar[StageState]
    STAGE_STATE_DONE: _ClassVar[StageState]
    STAGE_STATE_SKIPPED: _ClassVar[StageState]
RUN_STATE_UNSPECIFIED: RunState
RUN_STATE_STARTING: RunState
RUN_STATE_RUNNING: RunState
RUN_STATE_STOPPING: RunState
RUN_STATE_STOPPED: RunState
RUN_STATE_INTERRUPTED: RunState
RUN_STATE_FAILED: RunState
RUN_STATE_DONE: RunState
STAGE_STATE_UNSPECIFIED: StageState
STAGE_STATE_DONE: StageState
STAGE_STATE_SKIPPED: StageState

class StartRequest(_message.Message):
    __slots__ = ("protocol_version", "world", "dataset", "preset", "seed", "device", "steps", "skip", "title")
    class StepsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    WORLD_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    world: str
    dataset: str
    preset: str
    seed: int
    device: str
    steps: _containers.ScalarMap[str, int]
    skip: _containers.RepeatedScalarFieldContainer[str]
    title: str
    def __init__(self, protocol_version: _Optional[int] = ..., world: _Optional[str] = ..., dataset: _Optional[str] = ..., preset: _Optional[str] = ..., seed: _Optional[int] = ..., device: _Optional[str] = ..., steps: _Optional[_Mapping[str, int]] = ..., skip: _Optional[_Iterable[str]] = ..., title: _Optional[str] = ...) -> None: ...

class StartResponse(_message.Message):
    __slots__ = ("run", "resumed")
    RUN_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    run: TrainingRun
    resumed: bool
    def __init__(self, run: _Optional[_Union[TrainingRun, _Mapping]] = ..., resumed: bool = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("world", "history", "samples")
    WORLD_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    world: str
    history: bool
    samples: bool
    def __init__(self, world: _Optional[str] = ..., history: bool = ..., samples: bool = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("run", "metrics", "sample")
    RUN_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    run: TrainingRun
    metrics: MetricRows
    sample: Sample
    def __init__(self, run: _Optional[_Union[TrainingRun, _Mapping]] = ..., metrics: _Optional[_Union[MetricRows, _Mapping]] = ..., sample: _Optional[_Union[Sample, _Mapping]] = ...) -> None: ...

class StopRequest(_message.Message):
    __slots__ = ("world", "force")
    WORLD_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    world: str
    force: bool
    def __init__(self, world: _Optional[str] = ..., force: bool = ...) -> None: ...

class StopResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: TrainingRun
    def __init__(self, run: _Optional[_Union[TrainingRun, _Mapping]] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs",)
    RUNS_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[TrainingRun]
    def __init__(self, runs: _Optional[_Iterable[_Union[TrainingRun, _Mapping]]] = ...) -> None: ...

class TrainingRun(_message.Message):
    __slots__ = ("world", "dataset", "preset", "state", "stage", "step", "steps", "loss", "seconds", "seconds_left", "message", "stages", "plan", "started_at", "playable")
    WORLD_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    PLAYABLE_FIELD_NUMBER: _ClassVar[int]
    world: str
    dataset: str
    preset: str
    state: RunState
    stage: str
    step: int
    steps: int
    loss: float
    seconds: float
    seconds_left: float
    message: str
    stages: _containers.RepeatedCompositeFieldContainer[TrainingStage]
    plan: str
    started_at: float
    playable: bool
    def __init__(self, world: _Optional[str] = ..., dataset: _Optional[str] = ..., preset: _Optional[str] = ..., state: _Optional[_Union[RunState, str]] = ..., stage: _Optional[str] = ..., step: _Optional[int] = ..., steps: _Optional[int] = ..., loss: _Optional[float] = ..., seconds: _Optional[float] = ..., seconds_left: _Optional[float] = ..., message: _Optional[str] = ..., stages: _Optional[_Iterable[_Union[TrainingStage, _Mapping]]] = ..., plan: _Optional[str] = ..., started_at: _Optional[float] = ..., playable: bool = ...) -> None: ...

class TrainingStage(_message.Message):
    __slots__ = ("name", "state", "seconds", "message")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: StageState
    seconds: float
    message: str
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[StageState, str]] = ..., seconds: _Optional[float] = ..., message: _Optional[str] = ...) -> None: ...

class MetricRows(_message.Message):
    __slots__ = ("stage", "rows")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    stage: str
    rows: _containers.RepeatedCompositeFieldContainer[MetricRow]
    def __init__(self, stage: _Optional[str] = ..., rows: _Optional[_Iterable[_Union[MetricRow, _Mapping]]] = ...) -> None: ...

class MetricRow(_message.Message):
    __slots__ = ("step", "values")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    STEP_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    step: int
    values: _containers.ScalarMap[str, float]
    def __init__(self, step: _Optional[int] = ..., values: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Sample(_message.Message):
    __slots__ = ("stage", "step", "png")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    stage: str
    step: int
    png: bytes
    def __init__(self, stage: _Optional[str] = ..., step: _Optional[int] = ..., png: _Optional[bytes] = ...) -> None: ...
