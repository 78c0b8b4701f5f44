"""A backend of stub worlds on a thread of its own, for tests of the native core, and a cable to it that can
be cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from stubs import Serving, StubSource, serving


class Cable:
    """A TCP relay to a server. ``cut`` breaks every connection through it; while ``out`` it takes none."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.out = False

    async def serve(self) -> asyncio.Server:
        """Begin to listen."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.out:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        both = (self._copy(reader, far_writer), self._copy(far_reader, writer))
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(*both)
        finally:
            self._writers -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@dataclass
class Backend:
    """A server and its cable, run by another thread."""

    serving: Serving
    cable: Cable
    loop: asyncio.AbstractEventLoop

    @property
    def address(self) -> str:
        """The server itself."""
        return self.serving.server.address

    @property
    def cable_address(self) -> str:
        """The server through its cable."""
        return f"127.0.0.1:{self.cable.port}"

    @property
    def source(self) -> StubSource:
        """Its worlds."""
        return self.serving.source

    def cut(self) -> None:
        """Break the connections through the cable."""
        self.loop.call_soon_threadsafe(self.cable.cut)


@contextlib.contextmanager
def backend(source: StubSource | None = None, **options: Any) -> Iterator[Backend]:
    """Serve stub worlds until the block ends."""
    started = threading.Event()
    found: list[Backend] = []
    failed: list[BaseException] = []
    stop: list[Callable[[], object]] = []

    async def run() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(ended.set))
        async with serving(source, **options) as here:
            cable = Cable("127.0.0.1", here.server.port)
            relay = await cable.serve()
            found.append(Backend(here, cable, loop))
            started.set()
            await ended.wait()
            relay.close()
            cable.cut()

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # shown by the test that started it
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=main, name="backend")
    thread.start()
    started.wait()
    if failed:
        raise failed[0]
    try:
        yield found[0]
    finally:
        stop[0]()
        thread.join(30)
        assert not thread.is_alive(), "the backend did not stop"
        if failed:
            raise failed[0]


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    """Wait for something that another thread brings about."""
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, f"waited in vain for {what}"
        time.sleep(0.002)
