"""A stub level for the page: the stub room behind the real service, walked through by buttons and look."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np

from dreamport.errors import SnapshotError, WorldNotFoundError
from dreamport.generator.types import FrameControl, GeneratedFrame
from dreamport.geometry import Pose
from dreamport.service.world_source import ExecutorInfo, OpenWorld
from dreamport.v1 import common_pb2, world_pb2
from stub_room import HALF, HEIGHT, INTRINSICS, WIDTH, StubRoom

SPEED_M = 0.12
BUTTONS = (
    ("forward", "Forward", ["KeyW", "ArrowUp"]),
    ("back", "Back", ["KeyS", "ArrowDown"]),
    ("left", "Left", ["KeyA"]),
    ("right", "Right", ["KeyD"]),
)
STARTS = {"hall": (0.0, -2.0, 20.0), "corner": (-2.0, 2.0, 130.0)}
"""x and z in metres, yaw in degrees."""


CARD = """# A stub

It *says* so. <img src=x onerror=alert(1)>

| what | dB |
|---|---|
| PSNR | 30 |
"""
STUB_EXECUTOR = ExecutorInfo("stub", "CPU", "f32")


def stub_level(name: str = "stub-room") -> world_pb2.World:
    """The description of a world that ``StubLevelGenerator`` plays."""
    return world_pb2.World(
        summary=world_pb2.WorldSummary(
            name=name,
            title=f"Stub room {name}" if name != "stub-room" else "Stub room",
            description="A box with noise on its walls. It stands in for a level.",
            licence="CC0-1.0",
            frame_size=common_pb2.FrameSize(width=WIDTH, height=HEIGHT),
            frame_rate=20.0,
        ),
        digest="ab" * 32,
        chunk_frames=1,
        control_schema=world_pb2.ControlSchema(
            buttons=[world_pb2.Button(name=name, label=label, keys=keys) for name, label, keys in BUTTONS],
            look=world_pb2.LookAxes(yaw=True, pitch=False, max_deg_per_frame=12.0),
        ),
        intrinsics=common_pb2.Intrinsics(
            fx=INTRINSICS.fx, fy=INTRINSICS.fy, cx=INTRINSICS.cx, cy=INTRINSICS.cy
        ),
        depth_range=world_pb2.DepthRange(min_m=0.25, max_m=20.0),
        starts=[world_pb2.Start(name=start, title=start.title()) for start in STARTS],
        card=CARD,
        provenance=world_pb2.Provenance(
            data="none", licence="CC0-1.0", metrics={"psnr_free_running.1": 30.0}
        ),
    )


class StubLevelGenerator:
    """Walks through the stub room by buttons and look, and shows it from there."""

    def __init__(self, room: StubRoom, start: str) -> None:
        self._room = room
        self._start = start
        self.start_frame = self.reset()

    def reset(self, seed: int | None = None, start: str | None = None) -> GeneratedFrame:
        """Back to a start."""
        self._start = start or self._start
        self._index = 0
        self._x, self._z, self._yaw = STARTS[self._start]
        return self._frame()

    def chunk(self, control: FrameControl) -> tuple[GeneratedFrame, ...]:
        """One frame."""
        return (self.step(control),)

    def step(self, control: FrameControl) -> GeneratedFrame:
        """Turn, then glide; walls are kept a metre away."""
        self._index += 1
        self._yaw += control.look_deg[0]
        yaw = math.radians(self._yaw)
        held = [control.buttons >> bit & 1 for bit in range(4)]
        ahead, aside = SPEED_M * (held[0] - held[1]), SPEED_M * (held[3] - held[2])
        self._x = _inside(self._x + ahead * math.sin(yaw) + aside * math.cos(yaw), HALF[0])
        self._z = _inside(self._z + ahead * math.cos(yaw) - aside * math.sin(yaw), HALF[2])
        return self._frame()

    def finish(self) -> None:
        """Nothing is left to do."""

    @property
    def snapshot_bytes(self) -> int:
        """Less than a line."""
        return 100

    def close(self) -> None:
        """Holds nothing."""

    def snapshot(self) -> bytes:
        """The state as JSON."""
        return json.dumps([self._index, self._x, self._z, self._yaw]).encode()

    def sketch(self) -> bytes:
        """All of it."""
        return self.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """The state back."""
        try:
            self._index, self._x, self._z, self._yaw = json.loads(snapshot)
        except ValueError as error:
            raise SnapshotError("not a snapshot of the stub level") from error

    def _frame(self) -> GeneratedFrame:
        pose = Pose.from_yaw_pitch((self._x, 0.0, self._z), self._yaw)
        colour, depth = self._room.render(pose.matrix())
        return GeneratedFrame(self._index, np.ascontiguousarray(colour), depth, pose, INTRINSICS)


class StubLevel:
    """The stub room, open."""

    def __init__(self, executor: ExecutorInfo) -> None:
        self.executor = executor
        self._room = StubRoom(3)

    def generator(self, seed: int, start: str) -> StubLevelGenerator:
        """A player in it."""
        return StubLevelGenerator(self._room, start)


class StubLevelSource:
    """A catalogue of stub levels, all of them the same room."""

    def __init__(self, *names: str, executor: ExecutorInfo = STUB_EXECUTOR) -> None:
        self._worlds = [stub_level(name) for name in names or ("stub-room",)]
        self._executor = executor

    def worlds(self) -> Sequence[world_pb2.World]:
        """All of them."""
        return self._worlds

    def open(self, name: str) -> OpenWorld:
        """One of them."""
        if name not in [world.summary.name for world in self._worlds]:
            raise WorldNotFoundError(name)
        return StubLevel(self._executor)


def _inside(place: float, half: float) -> float:
    return min(max(place, 1.0 - half), half - 1.0)
