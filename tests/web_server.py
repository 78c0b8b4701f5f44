"""The real service and the real page in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from dreamport.service import PlayServer, ServerOptions, running_server
from dreamport.service.world_source import WorldSource
from dreamport.web import running_web


@dataclass(frozen=True)
class ServedPage:
    """``url`` of the page, ``port`` of the page, and the service behind it."""

    url: str
    port: int
    service: PlayServer
    loop: asyncio.AbstractEventLoop

    def sessions(self) -> int:
        """Leases that are taken now."""

        async def taken() -> int:
            return self.service.status().sessions

        return asyncio.run_coroutine_threadsafe(taken(), self.loop).result(10)

    def settles_at(self, sessions: int, limit_s: float = 60.0) -> bool:
        """Wait until so many leases are taken; false when that does not come about."""
        deadline = time.monotonic() + limit_s
        while self.sessions() != sessions:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


@contextlib.contextmanager
def served_page(
    source: WorldSource | None = None, max_sessions: int = 4, grace_s: float = 20.0
) -> Iterator[ServedPage]:
    """Both on free ports of loopback, stopped at the end."""
    started: list[ServedPage] = []
    failed: list[BaseException] = []
    ready = threading.Event()
    stop = asyncio.Event()

    async def main() -> None:
        options = ServerOptions(port=0, max_sessions=max_sessions, grace_s=grace_s, drain_s=0.2)
        async with (
            running_server(options, source) as service,
            running_web(service.address, port=0) as url,
        ):
            port = int(url.rstrip("/").rpartition(":")[2])
            started.append(ServedPage(url, port, service, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # told to the test that waits
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(120)
    if failed:
        raise failed[0]
    try:
        yield started[0]
    finally:
        started[0].loop.call_soon_threadsafe(stop.set)
        thread.join(30)
