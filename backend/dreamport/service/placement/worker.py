"""One worker: a server of its own that plays what a gateway sends it. Knows nothing of Ray."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
from collections.abc import Mapping

from dreamport.errors import DreamportError, SnapshotError
from dreamport.service.kept import read_kept
from dreamport.service.options import ServerOptions
from dreamport.service.placement.tickets import Tickets
from dreamport.service.placement.workers import Refused, SessionReport, WorkerGreeting, WorkerReport
from dreamport.service.refusal import Refusal
from dreamport.service.server import PlayServer, running_server
from dreamport.service.world_source import WorldSource


class Worker:
    """The calls of ``WorkerHandle``, on the worker's side."""

    def __init__(self, options: ServerOptions, source: WorldSource | None = None) -> None:
        self._options = options
        self._source = source
        self._tickets = Tickets()
        self._stack = contextlib.AsyncExitStack()
        self._server: PlayServer | None = None
        self._over = asyncio.Event()

    async def start(self) -> WorkerGreeting:
        """Serve. Raises what ``running_server`` raises."""
        self._server = await self._stack.enter_async_context(
            running_server(self._options, self._source, self._tickets)
        )
        self._stack.callback(self._tickets.close)
        return WorkerGreeting(
            self._server.address,
            os.getpid(),
            platform.node(),
            self._worlds(),
            self._server.status().executors,
        )

    async def look(self) -> tuple[bytes, ...]:
        """Look again which worlds there are."""
        await self._serving.sessions.look_for_worlds()
        return self._worlds()

    async def reserve(self, ticket: str, world: str) -> Refused | None:
        """Hold a place."""
        sessions = self._serving.sessions
        try:
            await self._tickets.reserve(sessions.desk, sessions.world(world, "open.world"), ticket)
        except Refusal as refusal:
            return Refused.by(refusal)
        return None

    async def go_on(self, kept: bytes) -> Refused | None:
        """Take over a lost session."""
        try:
            await self._serving.sessions.go_on(await asyncio.to_thread(read_kept, kept))
        except Refusal as refusal:
            return Refused.by(refusal)
        except SnapshotError as error:
            return Refused("NOT_FOUND", str(error))
        except DreamportError as error:
            return Refused("UNAVAILABLE", str(error))
        return None

    async def report(self, known: Mapping[str, int]) -> WorkerReport:
        """All sessions, and what was kept since."""
        sessions = []
        for session, playing in self._serving.sessions.sessions:
            number, kept = (0, b"") if session.keeper is None else session.keeper.newest
            newer = number > known.get(session.token, 0)
            sessions.append(SessionReport(session.token, playing, number, kept if newer else None))
        sessions += [SessionReport(ticket, playing=False, reserved=True) for ticket in self._tickets.waiting]
        return WorkerReport(tuple(sessions), self._serving.status().fps)

    async def wait(self) -> None:
        """Return when the worker has been stopped."""
        await self._over.wait()

    async def stop(self) -> None:
        """Drain and end."""
        await self._stack.aclose()
        self._over.set()

    @property
    def _serving(self) -> PlayServer:
        if self._server is None:
            raise RuntimeError("the worker was asked before it was started")
        return self._server

    def _worlds(self) -> tuple[bytes, ...]:
        return tuple(world.SerializeToString() for world in self._serving.sessions.worlds)
