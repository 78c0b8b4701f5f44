"""A session as it is kept outside its process: what another one needs to go on with it.

The bytes are one ``.npz`` without pickle: a JSON header, the last frame, and the generator's own snapshot.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dreamport.errors import SnapshotError
from dreamport.generator.types import GeneratedFrame
from dreamport.geometry import Intrinsics, Pose
from dreamport.worlds.arrays import AnyArray, ArraysError, read_arrays, write_arrays

FORMAT = "dreamport-kept-session"
VERSION = 1
MAX_HEADER_BYTES = 1 << 16
INTERVAL_S = 2.0
MOST_OF_THE_TIME = 0.05
MOST_SNAPSHOT_BYTES = 64 << 20
"""Writing a snapshot holds its session's frames up by about a millisecond a megabyte."""


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: str = FORMAT
    version: int = VERSION
    token: str = Field(min_length=16, max_length=128)
    session_id: str = Field(max_length=64)
    world: str = Field(max_length=64)
    digest: str = Field(max_length=64)
    seed: int = Field(ge=0, lt=1 << 64)
    start: str = Field(max_length=64)
    epoch: int = Field(ge=0, lt=1 << 31)
    frame_id: int = Field(ge=0, lt=1 << 62)
    heard: int = Field(ge=0, lt=1 << 64)
    client_time_ns: int = Field(ge=-(1 << 63), lt=1 << 63)
    index: int = Field(ge=0, lt=1 << 48)


@dataclass(frozen=True)
class KeptSession:
    """One session at one frame.

    ``token`` resumes it, and is a secret. ``heard``: sequence of the last control that is in ``frame``, and
    ``client_time_ns`` its client time. ``frame_id``: the last number given to a frame. ``snapshot``: the
    generator's.
    """

    token: str
    session_id: str
    world: str
    digest: str
    seed: int
    start: str
    epoch: int
    frame_id: int
    heard: int
    client_time_ns: int
    frame: GeneratedFrame
    snapshot: bytes

    def to_bytes(self) -> bytes:
        """As ``read_kept`` takes it."""
        header = _Header(
            **{name: getattr(self, name) for name in _Header.model_fields if hasattr(self, name)},
            index=self.frame.index,
        )
        camera, pose = self.frame.intrinsics, self.frame.pose
        arrays: dict[str, AnyArray] = {
            "header": np.frombuffer(header.model_dump_json().encode(), np.uint8),
            "camera": np.array(
                [*pose.position, *pose.orientation, camera.fx, camera.fy, camera.cx, camera.cy], np.float64
            ),
            "colour": self.frame.colour,
            "snapshot": np.frombuffer(self.snapshot, np.uint8),
        }
        if self.frame.depth is not None:
            arrays["depth"] = self.frame.depth
        return write_arrays(arrays)


def read_kept(data: bytes) -> KeptSession:
    """The session in these bytes. Raises ``SnapshotError`` when there is none."""
    try:
        arrays = read_arrays(data)
        text = arrays["header"].tobytes()
        if len(text) > MAX_HEADER_BYTES:
            raise ArraysError("its header is too long")
        header = _Header.model_validate_json(text)
        if header.format != FORMAT or header.version != VERSION:
            raise ArraysError("it is something else, or of another version")
        camera, colour, depth = arrays["camera"], arrays["colour"], arrays.get("depth")
        if camera.shape != (11,) or colour.ndim != 3 or colour.dtype != np.uint8:
            raise ArraysError("its frame is damaged")
        x, y, z, qx, qy, qz, qw, fx, fy, cx, cy = (float(value) for value in camera)
    except (ArraysError, KeyError, ValidationError) as error:
        raise SnapshotError(f"this is no kept session ({type(error).__name__}); begin a new one") from error
    frame = GeneratedFrame(
        index=header.index,
        colour=colour.astype(np.uint8, copy=False),
        depth=None if depth is None else depth.astype(np.float32, copy=False),
        pose=Pose((x, y, z), (qx, qy, qz, qw)),
        intrinsics=Intrinsics(fx, fy, cx, cy),
    )
    fields = header.model_dump(exclude={"format", "version", "index"})
    return KeptSession(frame=frame, snapshot=arrays["snapshot"].tobytes(), **fields)


class SessionKeeper:
    """The newest kept bytes of one session, made anew every ``interval_s``, or less often where making them
    would take more than 5 % of its time. ``clock``: seconds, monotonic.

    Made on the session's thread and read on any: ``newest`` is replaced whole.
    """

    def __init__(self, interval_s: float = INTERVAL_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.newest: tuple[int, bytes] = (0, b"")
        """How many were made so far, and the last."""
        self._interval_s = interval_s
        self._clock = clock
        self._due_s = clock()

    def keep_when_due(self, state: Callable[[], KeptSession]) -> None:
        """After a frame: keep the session if it is time to."""
        if self._clock() >= self._due_s:
            self.keep(state)

    def keep(self, state: Callable[[], KeptSession]) -> None:
        """Keep it now."""
        begin_s = self._clock()
        self.newest = (self.newest[0] + 1, state().to_bytes())
        took_s = self._clock() - begin_s
        self._due_s = begin_s + max(self._interval_s, took_s / MOST_OF_THE_TIME)
