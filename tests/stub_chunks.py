"""A stub in place of a checkpoint's networks: chunks of stripes, made by numpy, behind the real generator and
the real service.
"""

from __future__ import annotations

import contextlib
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checkpoint_world import stub_checkpoint_world
from dreamport.errors import ExecutorError
from dreamport.service import PlayClient, PlayServer, ServerOptions, running_server
from dreamport.service.world_source import CheckpointWorld, OpenWorld, describe
from dreamport.v1 import world_pb2
from dreamport.worlds import WorldPack
from dreamport.worlds.arrays import AnyArray, take

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]


def chunk_pack(folder: Path, frame_rate: float = 100.0) -> WorldPack:
    """A checkpoint world of 64x32 with stand-in weights, quicker than a real one."""
    pack = stub_checkpoint_world(folder)
    return replace(pack, manifest=pack.manifest.model_copy(update={"frame_rate": frame_rate}))


class StubChunkSession:
    """Draws stripes from what it was given so far. ``poses``, ``prompts`` and ``noises``: all that was."""

    def __init__(self, executor: StubChunkExecutor) -> None:
        self._executor = executor
        self._sum = np.zeros(1, np.float64)
        self.poses: list[Float32] = []
        self.noises: list[Float32] = []
        self.prompts: list[str] = []
        self.chunks = 0
        self.closed = False

    def begin(self, image: UInt8, prompt: str) -> None:
        self._image = image
        self._first = True
        self._sum[:] = 0.0
        self.prompt(prompt)

    def prompt(self, text: str) -> None:
        self.prompts.append(text)
        self._mood = zlib.crc32(text.encode()) % 97

    def chunk(
        self, poses: Float32, intrinsics: Float32, noise: Float32, keys: Float32 | None = None
    ) -> UInt8:
        self.chunks += 1
        self._executor.before_chunk(self)
        self.poses.append(poses.copy())
        self.noises.append(noise.copy())
        self._sum += float(np.abs(poses).sum()) + float(noise[:, 0, 0, 0, 0].sum()) + self._mood
        count = 4 * len(poses) - 3 * self._first
        self._first = False
        phase = int(self._sum[0] * 1000) + 3 * np.arange(count)
        frames = self._image.astype(np.int64)[None] + phase[:, None, None, None]
        return (frames % 251).astype(np.uint8)

    def state(self) -> dict[str, AnyArray]:
        now = {"first": int(self._first), "mood": self._mood}
        return {"sum": self._sum.copy(), **{name: np.array([n], np.int64) for name, n in now.items()}}

    def restore(self, arrays: Mapping[str, AnyArray]) -> None:
        total, first = take(arrays, "sum", np.float64, (1,)), take(arrays, "first", np.int64, (1,))
        self._sum, self._first = total.astype(np.float64), bool(first[0])
        self._mood = int(take(arrays, "mood", np.int64, (1,))[0])

    @property
    def timings(self) -> dict[str, float]:
        return {"denoise": 1.0}

    def close(self) -> None:
        self.closed = True


class StubChunkExecutor:
    """Sessions of stripes. ``before_chunk`` is called first in each chunk, and may take time or wait."""

    name, device, precision, threads = "stub", "CPU", "f32", 1
    fallback_reason: str | None = None

    def __init__(self, before_chunk: Callable[[StubChunkSession], object] = lambda session: None) -> None:
        self.before_chunk = before_chunk
        self.sessions: list[StubChunkSession] = []
        self.room = 1 << 30

    def session(self) -> StubChunkSession:
        if sum(not session.closed for session in self.sessions) >= self.room:
            raise ExecutorError("no memory for one more session; close another")
        self.sessions.append(StubChunkSession(self))
        return self.sessions[-1]

    def close(self) -> None:
        """Holds nothing."""


class ChunkSource:
    """A server's only world: this pack, run by this stub."""

    def __init__(self, pack: WorldPack, executor: StubChunkExecutor) -> None:
        self.pack, self.executor = pack, executor

    def worlds(self) -> Sequence[world_pb2.World]:
        return [describe(self.pack)]

    def open(self, name: str) -> OpenWorld:
        return CheckpointWorld(self.pack, self.executor)

    @property
    def players(self) -> list[StubChunkSession]:
        """The sessions of players, without the one that warmed the executor up."""
        return self.executor.sessions[1:]


@dataclass
class ServingChunks:
    """A real gRPC server on loopback with a stub of chunks behind it, and a real client of it."""

    server: PlayServer
    client: PlayClient


@contextlib.asynccontextmanager
async def serving_chunks(source: ChunkSource, **options: Any) -> AsyncIterator[ServingChunks]:
    """Serve on a free port."""
    settings = ServerOptions(**{"port": 0, "max_sessions": 4, **options})
    async with running_server(settings, source) as server, PlayClient(server.address, None) as client:
        yield ServingChunks(server, client)


class Gate:
    """A ``before_chunk`` that lets the trial through and, once shut, holds every chunk until it is opened."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def __call__(self, session: StubChunkSession) -> None:
        assert self._open.wait(20), "nobody opened the gate"
