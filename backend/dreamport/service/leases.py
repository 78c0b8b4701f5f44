"""Leases: a session's right to an executor's time. A full server refuses at once; it never slows everybody
down.
"""

from __future__ import annotations

import asyncio
import functools
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import grpc
import structlog

from dreamport.errors import DreamportError
from dreamport.generator.types import FrameControl
from dreamport.service.refusal import Refusal
from dreamport.service.uninterrupted import uninterrupted
from dreamport.service.world_source import ExecutorInfo, OpenWorld, WorldSource
from dreamport.v1 import world_pb2

P = ParamSpec("P")
R = TypeVar("R")

TRIAL_FRAMES = 5
TRIAL_CHUNKS = 6
"""LingBot-World's window of 18 latent frames is full in the fifth chunk of four: each size of the cache runs
once (and is compiled) before anybody plays, the last one twice.
"""
RETRY_AFTER_MS = 2000
FULL_LOAD = 1.0

_log = structlog.get_logger(__name__)


class LoadedWorld:
    """A world whose graphs are loaded. ``chunk_s``: seconds that one chunk takes; ``share``: the share of
    this machine's time that one session of it takes (0 to 1 and beyond).
    """

    def __init__(self, world: world_pb2.World, opened: OpenWorld) -> None:
        self.world = world
        self.opened = opened
        self.chunk_s = trial(opened, world)
        self.share = self.chunk_s * world.summary.frame_rate / max(1, world.chunk_frames)

    @property
    def executor(self) -> ExecutorInfo:
        """What runs it."""
        return self.opened.executor


class Lease:
    """One session's right to a worker thread and its share of the executor."""

    def __init__(self, loaded: LoadedWorld) -> None:
        self.loaded = loaded
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="session")

    async def run(self, work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Run ``work`` on the lease's thread. When the caller is cancelled, the work is still completed
        first.
        """
        return await uninterrupted(
            asyncio.get_running_loop().run_in_executor(
                self._worker, functools.partial(work, *arguments, **named)
            )
        )

    def close(self) -> None:
        """Let the thread end."""
        self._worker.shutdown(wait=False)


class LeaseDesk:
    """Loads worlds once and hands out leases.

    ``max_sessions``: how many at a time; ``None`` goes by measured load: sessions are taken as long as the
    frames of all of them can be generated in time.
    """

    def __init__(self, source: WorldSource, max_sessions: int | None) -> None:
        self._source = source
        self._max_sessions = max_sessions
        self._loaded: dict[str, LoadedWorld] = {}
        self._loading = asyncio.Lock()
        self._leases: set[Lease] = set()

    @property
    def taken(self) -> int:
        """How many leases are out."""
        return len(self._leases)

    @property
    def loaded(self) -> tuple[LoadedWorld, ...]:
        """The worlds that have been loaded so far."""
        return tuple(self._loaded.values())

    async def load(self, world: world_pb2.World) -> LoadedWorld:
        """Load a world, or find it loaded. Raises ``Refusal`` (UNAVAILABLE) when it cannot be loaded."""
        name = world.summary.name
        async with self._loading:
            if name not in self._loaded:
                try:
                    self._loaded[name] = await asyncio.to_thread(self._load, world)
                except DreamportError as error:
                    _log.error("world cannot be loaded", world=name, error=str(error))
                    raise Refusal(
                        grpc.StatusCode.UNAVAILABLE,
                        f"World {name} cannot be loaded; on the server, `dreamport worlds show {name}` "
                        "tells why.",
                    ) from error
                loaded = self._loaded[name]
                _log.info(
                    "world loaded", world=name, executor=loaded.executor.name, share=round(loaded.share, 3)
                )
            return self._loaded[name]

    async def take(self, world: world_pb2.World) -> Lease:
        """A lease for one session of ``world``. Raises ``Refusal`` (RESOURCE_EXHAUSTED) when the server is
        full.
        """
        self._refuse_when_full(self._loaded.get(world.summary.name))
        loaded = await self.load(world)
        self._refuse_when_full(loaded)
        lease = Lease(loaded)
        self._leases.add(lease)
        return lease

    def give_back(self, lease: Lease) -> None:
        """The session is over, or waits for its client."""
        self._leases.discard(lease)
        lease.close()

    def _load(self, world: world_pb2.World) -> LoadedWorld:
        return LoadedWorld(world, self._source.open(world.summary.name))

    def _refuse_when_full(self, wanted: LoadedWorld | None) -> None:
        if self._max_sessions is not None:
            full = len(self._leases) >= self._max_sessions
        else:
            load = sum(lease.loaded.share for lease in self._leases)
            full = bool(self._leases) and load + (wanted.share if wanted else 0.0) > FULL_LOAD
        if full:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"This server is full: it carries {len(self._leases)} session(s) at full frame rate. Try "
                "again in "
                f"{RETRY_AFTER_MS // 1000} seconds, or close another session.",
                retry_after_ms=RETRY_AFTER_MS,
            )


def trial(opened: OpenWorld, world: world_pb2.World) -> float:
    """How long one chunk takes, seconds, once the cache is full. Also warms the executor up.

    In a small world the median of a few frames; elsewhere the longer of the last two chunks, since one that
    is expected too early comes late.
    """
    generator = opened.generator(0, world.starts[0].name)
    chunked = world.chunk_frames > 1
    times_s = []
    try:
        for _ in range(TRIAL_CHUNKS if chunked else TRIAL_FRAMES):
            begin = time.perf_counter()
            generator.chunk(FrameControl())
            generator.finish()
            times_s.append(time.perf_counter() - begin)
    finally:
        generator.close()
    return max(times_s[-2:]) if chunked else statistics.median(times_s[1:])
