"""A server in this process, with the page beside it and a record of it for ``dreamport ps``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dreamport import __version__
from dreamport.errors import DreamportError
from dreamport.running import ServerRecord, process_started, publish, runtime_folder, withdraw
from dreamport.service import PlayServer, ServerOptions, ServerOptionsError, running_server
from dreamport.service.logs import log_to_stderr
from dreamport.service.placement import Cluster, Gateway, WorkerGreeting, running_gateway
from dreamport.web import running_web

__all__ = ["Listening", "listening", "log_to_stderr", "stop_signal", "stop_with_process"]

if TYPE_CHECKING:
    from dreamport.service.world_source import ExecutorInfo

RECORD_INTERVAL_S = 2.0
EXIT_WITH_INTERVAL_S = 0.5


class ProcessGoneError(DreamportError):
    """The process whose end a server should wait for is not there."""


@dataclass(frozen=True)
class Listening:
    """What listens. ``web_url`` is ``None`` without the page."""

    server: PlayServer | Gateway
    web_url: str | None

    @property
    def address(self) -> str:
        """``host:port`` of the gRPC service."""
        return self.server.address

    @property
    def executor(self) -> ExecutorInfo:
        """What runs the default world."""
        return next(iter(self.server.status().executors.values()))

    @property
    def workers(self) -> list[WorkerGreeting]:
        """The workers behind a gateway; none of a server that plays itself."""
        return self.server.workers() if isinstance(self.server, Gateway) else []

    def as_json(self) -> dict[str, object]:
        """The line by which a program learns that the server is ready."""
        executor = self.executor
        return {
            "address": self.address,
            "web_url": self.web_url,
            "pid": os.getpid(),
            "worlds": list(self.server.status().worlds),
            "executor": executor.name,
            "device": executor.device,
            "precision": executor.precision,
            "fallback_reason": executor.fallback_reason,
            "workers": [{"address": one.address, "pid": one.pid, "host": one.host} for one in self.workers],
        }


@contextlib.asynccontextmanager
async def listening(
    options: ServerOptions, web_port: int | None, cluster: Cluster | None = None
) -> AsyncIterator[Listening]:
    """Serve while the block runs; the page too, unless ``web_port`` is ``None`` (0 takes a free one). With a
    ``cluster``, its workers play and this process only places.

    Raises ``DreamportError`` when something cannot start.
    """
    if web_port is not None and options.tls_certificate is not None:
        raise ServerOptionsError(
            "the page is for this machine and needs a server without TLS: leave --page out"
        )
    folder = runtime_folder()
    async with contextlib.AsyncExitStack() as stack:
        server: PlayServer | Gateway
        if cluster is None:
            server = await stack.enter_async_context(running_server(options))
        else:
            server = await stack.enter_async_context(running_gateway(options, cluster))
        web_url = None
        if web_port is not None:
            web_url = await stack.enter_async_context(
                running_web(server.address, port=web_port, token=options.token)
            )
        now = Listening(server, web_url)
        over = asyncio.Event()
        record = asyncio.create_task(_keep_record(now, folder, over))
        try:
            yield now
        finally:
            # Not cancelled: a write that goes on in its thread would bring the record back.
            over.set()
            await asyncio.gather(record, return_exceptions=True)
            withdraw(os.getpid(), folder)


async def _keep_record(now: Listening, folder: Path, over: asyncio.Event) -> None:
    """Write the record of this server again and again until ``over``, so that ``ps`` shows what it does."""
    started = process_started(os.getpid()) or time.time()
    while not over.is_set():
        status = now.server.status()
        record = ServerRecord(
            pid=os.getpid(),
            process_started=started,
            address=now.address,
            web_url=now.web_url,
            worlds=status.worlds,
            executor=now.executor.name,
            fallback_reason=now.executor.fallback_reason,
            sessions=status.sessions,
            fps=round(status.fps, 2),
            updated_at=time.time(),
            version=__version__,
        )
        await asyncio.to_thread(publish, record, folder)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), RECORD_INTERVAL_S)


@contextlib.contextmanager
def stop_signal() -> Iterator[asyncio.Event]:
    """An event that Ctrl+C or SIGTERM sets, for the time of the block."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        for number in numbers:
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl+C raises KeyboardInterrupt instead
                loop.add_signal_handler(number, stop.set)
        yield stop
    finally:
        for number in numbers:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)


@contextlib.contextmanager
def stop_with_process(pid: int | None, stop: asyncio.Event) -> Iterator[None]:
    """Set ``stop`` when process ``pid`` ends, for the time of the block; for editors that start a server.

    Raises ``ProcessGoneError`` when there is no such process. ``None`` does nothing.
    """
    if pid is None:
        yield
        return
    started = process_started(pid)
    if started is None:
        raise ProcessGoneError(f"--exit-with {pid}: no process has that number; give that of a running one")

    async def watch() -> None:
        while process_started(pid) == started:
            await asyncio.sleep(EXIT_WITH_INTERVAL_S)
        stop.set()

    watching = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
