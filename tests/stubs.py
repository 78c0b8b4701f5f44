"""Stand-ins for a world, its executor and its generator. They say stub, are quick, and fail when a test asks
them to.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dreamport.errors import ExecutorError, SnapshotError, WorldNotFoundError
from dreamport.generator.types import FrameControl, GeneratedFrame
from dreamport.geometry import Intrinsics, Pose
from dreamport.service import PlayClient, PlayServer, ServerOptions, running_server
from dreamport.service.world_source import ExecutorInfo, OpenWorld
from dreamport.v1 import common_pb2, world_pb2

NEAR_M = 0.25
STUB = ExecutorInfo("stub", "CPU", "f32")


def stub_world(
    name: str = "stub",
    frame_rate: float = 100.0,
    size: tuple[int, int] = (64, 48),
    pose: bool = True,
    max_deg_per_frame: float = 12.0,
    digest: str = "ab" * 32,
) -> world_pb2.World:
    """The description of a world that ``StubGenerator`` can play."""
    width, height = size
    return world_pb2.World(
        summary=world_pb2.WorldSummary(
            name=name,
            title=f"Stub world {name}",
            description="Stripes that move.",
            licence="CC0-1.0",
            frame_size=common_pb2.FrameSize(width=width, height=height),
            frame_rate=frame_rate,
        ),
        digest=digest,
        chunk_frames=1,
        control_schema=world_pb2.ControlSchema(
            buttons=[
                world_pb2.Button(name="forward", label="Forward", keys=["KeyW"]),
                world_pb2.Button(name="back", label="Back", keys=["KeyS"]),
                world_pb2.Button(name="jump", label="Jump", keys=["Space"]),
            ],
            look=world_pb2.LookAxes(yaw=True, pitch=False, max_deg_per_frame=max_deg_per_frame),
            pose=pose,
        ),
        intrinsics=common_pb2.Intrinsics(fx=width / 2, fy=width / 2, cx=width / 2, cy=height / 2),
        depth_range=world_pb2.DepthRange(min_m=NEAR_M, max_m=100.0),
        starts=[world_pb2.Start(name="hall", title="Hall"), world_pb2.Start(name="yard", title="Yard")],
        card="# Stub",
        provenance=world_pb2.Provenance(data="none", licence="CC0-1.0", metrics={"psnr.1": 30.0}),
    )


class StubGenerator:
    """Draws stripes from its state. ``controls`` are all that it was ever stepped with, in order."""

    def __init__(
        self, world: world_pb2.World, seed: int, start: str, before_step: Callable[[StubGenerator], None]
    ) -> None:
        size = world.summary.frame_size
        self._shape = (size.height, size.width)
        camera = world.intrinsics
        self._intrinsics = Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy)
        self._before_step = before_step
        self.controls: list[FrameControl] = []
        self.finished = 0
        self.threads: set[int] = set()
        self.seed = seed
        self.start = start
        self.index = 0
        self.z = 0.0
        self.yaw = 0.0
        self.pose: Pose | None = None

    @property
    def start_frame(self) -> GeneratedFrame:
        """Index 0."""
        return self._draw()

    def chunk(self, control: FrameControl) -> tuple[GeneratedFrame, ...]:
        """One frame."""
        return (self.step(control),)

    def step(self, control: FrameControl) -> GeneratedFrame:
        """Walk by the buttons, turn by the look, or stand where the pose says."""
        self._before_step(self)
        self.threads.add(threading.get_ident())
        self.controls.append(control)
        self.index += 1
        self.z += 0.5 * (control.buttons & 1) - 0.5 * (control.buttons >> 1 & 1)
        self.yaw += control.look_deg[0]
        self.pose = control.pose
        return self._draw(control.intrinsics)

    def finish(self) -> None:
        """Count."""
        self.finished += 1

    def reset(self, seed: int | None = None, start: str | None = None) -> GeneratedFrame:
        """Back to index 0."""
        self.seed = self.seed if seed is None else seed
        self.start = start or self.start
        self.index, self.z, self.yaw, self.pose = 0, 0.0, 0.0, None
        return self._draw()

    @property
    def snapshot_bytes(self) -> int:
        """Less than a line."""
        return 100

    def close(self) -> None:
        """Holds nothing."""

    def snapshot(self) -> bytes:
        """The state as JSON."""
        return json.dumps([self.seed, self.start, self.index, self.z, self.yaw]).encode()

    def sketch(self) -> bytes:
        """All of it."""
        return self.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """The state back."""
        try:
            self.seed, self.start, self.index, self.z, self.yaw = json.loads(snapshot)
        except ValueError as error:
            raise SnapshotError("not a snapshot of the stub") from error

    def _draw(self, intrinsics: Intrinsics | None = None) -> GeneratedFrame:
        height, width = self._shape
        phase = self.index + 7 * (self.seed % 1009) + 3 * len(self.start) + int(10 * self.z) + int(self.yaw)
        colour = np.empty((height, width, 3), np.uint8)
        colour[..., 0] = (np.arange(width) * 4 + phase) % 256
        colour[..., 1] = ((np.arange(height) * 5 + phase) % 256)[:, None]
        colour[..., 2] = phase % 256
        depth = np.full((height, width), 1.0 + phase % 16, np.float32)
        depth[0] = np.inf
        pose = self.pose or Pose.from_yaw_pitch((0.0, 0.0, self.z), self.yaw)
        return GeneratedFrame(self.index, colour, depth, pose, intrinsics or self._intrinsics)


class StubOpenWorld:
    """A stub world, open. ``generators``: every one it made; ``before_step`` is called first in each step,
    and may wait or raise.
    """

    def __init__(self, world: world_pb2.World, executor: ExecutorInfo) -> None:
        self._world = world
        self._executor = executor
        self.generators: list[StubGenerator] = []
        self.before_step: Callable[[StubGenerator], None] = lambda generator: None

    @property
    def executor(self) -> ExecutorInfo:
        """A stub too."""
        return self._executor

    def _before_step(self, generator: StubGenerator) -> None:
        self.before_step(generator)

    def generator(self, seed: int, start: str) -> StubGenerator:
        """A new one."""
        generator = StubGenerator(self._world, seed, start, self._before_step)
        self.generators.append(generator)
        return generator


class StubSource:
    """Some stub worlds; ``broken`` ones cannot be opened."""

    def __init__(
        self,
        *worlds: world_pb2.World,
        executor: ExecutorInfo = STUB,
        broken: Sequence[str] = (),
    ) -> None:
        self._worlds = worlds or (stub_world(),)
        self._broken = broken
        self.opened = {world.summary.name: StubOpenWorld(world, executor) for world in self._worlds}

    def worlds(self) -> Sequence[world_pb2.World]:
        """All of them."""
        return self._worlds

    def open(self, name: str) -> OpenWorld:
        """One of them."""
        if name in self._broken:
            raise ExecutorError(f"/secret/path/{name}.onnx does not load")
        if name not in self.opened:
            raise WorldNotFoundError(name)
        return self.opened[name]

    def players(self, name: str = "stub") -> list[StubGenerator]:
        """The generators of sessions, without the one that warmed the executor up."""
        return self.opened[name].generators[1:]


@dataclass
class Serving:
    """A real gRPC server on loopback with stub worlds behind it, and a real client of it."""

    server: PlayServer
    client: PlayClient
    source: StubSource


@contextlib.asynccontextmanager
async def serving(source: StubSource | None = None, **options: Any) -> AsyncIterator[Serving]:
    """Serve stub worlds on a free port; four sessions at a time unless told otherwise."""
    source = source or StubSource()
    settings = ServerOptions(**{"port": 0, "max_sessions": 4, **options})
    async with (
        running_server(settings, source) as server,
        PlayClient(server.address, settings.token) as client,
    ):
        yield Serving(server, client, source)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition that another task brings about; fails after ten seconds."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"waited in vain for {what}")
