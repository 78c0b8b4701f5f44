"""A stub of a cluster: workers with real servers and stub worlds, all in the test's own event loop.

A worker that is lost has its cable cut: its clients' connections break, and every call of its gateway fails.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dreamport.service import PlayClient, ServerOptions
from dreamport.service.placement import (
    Gateway,
    Refused,
    WorkerGreeting,
    WorkerLostError,
    WorkerReport,
    running_gateway,
)
from dreamport.service.placement.worker import Worker
from native_backend import Cable
from stubs import StubSource


class StubWorker:
    """``WorkerHandle`` of a worker in this process. ``moved``: sessions it was told to take over; it answers
    that while ``may_answer`` is set.
    """

    def __init__(self, worker: Worker, source: StubSource, may_start: asyncio.Event) -> None:
        self.source = source
        self.address = ""
        self.moved = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._worker = worker
        self._may_start = may_start
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._stack = contextlib.AsyncExitStack()
        self._cable: Cable | None = None

    async def start(self) -> WorkerGreeting:
        await self._may_start.wait()
        greeting = await self._worker.start()
        self._stack.push_async_callback(self._worker.stop)
        host, _, port = greeting.address.rpartition(":")
        self._cable = Cable(host, int(port))
        relay = await self._cable.serve()
        self._stack.callback(relay.close)
        self.address = f"127.0.0.1:{self._cable.port}"
        return replace(greeting, address=self.address)

    def lose(self) -> None:
        """As ``kill -9`` does."""
        assert self._cable is not None
        self._cable.out = True
        self._cable.cut()
        self._over.set_result("the test cut its cable")

    async def look(self) -> tuple[bytes, ...]:
        self._there()
        return await self._worker.look()

    async def reserve(self, ticket: str, world: str) -> Refused | None:
        self._there()
        return await self._worker.reserve(ticket, world)

    async def go_on(self, kept: bytes) -> Refused | None:
        self._there()
        self.moved += 1
        refused = await self._worker.go_on(kept)
        await self.may_answer.wait()
        return refused

    async def report(self, known: Mapping[str, int]) -> WorkerReport:
        self._there()
        return await self._worker.report(known)

    async def gone(self) -> str:
        return await asyncio.shield(self._over)

    async def stop(self, grace_s: float) -> None:
        if not self._over.done() or grace_s > 0:
            await self._stack.aclose()

    async def clean_up(self) -> None:
        """Stop what a lost worker still has running in this process."""
        await self._stack.aclose()

    def _there(self) -> None:
        if self._over.done():
            raise WorkerLostError(self._over.result())


class StubCluster:
    """``Cluster`` of such workers. ``may_start`` holds new ones back while it is clear."""

    def __init__(self, options: ServerOptions, count: int) -> None:
        self.count = count
        self.workers: list[StubWorker] = []
        self.may_start = asyncio.Event()
        self.may_start.set()
        self._options = replace(options, port=0)

    def worker(self, number: int) -> StubWorker:
        source = StubSource()
        worker = StubWorker(Worker(self._options, source), source, self.may_start)
        self.workers.append(worker)
        return worker

    def at(self, address: str) -> StubWorker:
        """The worker at this address."""
        return next(worker for worker in self.workers if worker.address == address)


@dataclass
class Placed:
    """A gateway with its workers, and a client of it."""

    gateway: Gateway
    cluster: StubCluster
    client: PlayClient


@contextlib.asynccontextmanager
async def placed(
    count: int = 2, target: str = "", root_certificate: bytes | None = None, **options: Any
) -> AsyncIterator[Placed]:
    """``count`` workers of two sessions each behind one address. ``target``: the client's host."""
    settings = ServerOptions(**{"port": 0, "max_sessions": 2, "drain_s": 0.2, **options})
    cluster = StubCluster(settings, count)
    try:
        async with running_gateway(settings, cluster) as gateway:
            address = f"{target}:{gateway.port}" if target else gateway.address
            async with PlayClient(address, settings.token, root_certificate) as client:
                yield Placed(gateway, cluster, client)
    finally:
        for worker in cluster.workers:
            await worker.clean_up()
