"""What a gateway and its workers say to each other: plain data, so that any transport may carry it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import grpc

from dreamport.errors import DreamportError
from dreamport.service.refusal import Refusal
from dreamport.service.world_source import ExecutorInfo


class WorkerLostError(DreamportError):
    """A worker's process is gone, or could not be started."""


@dataclass(frozen=True)
class Refused:
    """A ``Refusal`` between processes. ``code``: name of a gRPC status."""

    code: str
    message: str
    retry_after_ms: int | None = None

    @staticmethod
    def by(refusal: Refusal) -> Refused:
        """What this refusal says."""
        return Refused(refusal.code.name, str(refusal), refusal.retry_after_ms)

    @property
    def full(self) -> bool:
        """There is no room now."""
        return self.code == grpc.StatusCode.RESOURCE_EXHAUSTED.name

    def refusal(self) -> Refusal:
        """It again."""
        return Refusal(grpc.StatusCode[self.code], self.message, self.retry_after_ms)


@dataclass(frozen=True)
class WorkerGreeting:
    """A worker that is ready. ``address``: ``host:port`` of its server; ``worlds``: ``World`` messages, as
    bytes; ``host``: name of its machine.
    """

    address: str
    pid: int
    host: str
    worlds: tuple[bytes, ...]
    executors: Mapping[str, ExecutorInfo]


@dataclass(frozen=True)
class SessionReport:
    """One session of a worker. ``playing``: a client is there. ``number``: how often it was kept so far;
    ``kept``: the newest, when the gateway does not have it. ``reserved``: it is a place whose client has not
    come yet.
    """

    token: str
    playing: bool
    number: int = 0
    kept: bytes | None = None
    reserved: bool = False


@dataclass(frozen=True)
class WorkerReport:
    """What a worker does now. Reserved places are sessions too. ``fps``: frames a second over all of them."""

    sessions: tuple[SessionReport, ...]
    fps: float


class WorkerHandle(Protocol):
    """A worker, from its gateway. Every call raises ``WorkerLostError`` when the worker is gone."""

    async def start(self) -> WorkerGreeting:
        """Load the default world and serve; takes seconds."""
        ...

    async def look(self) -> tuple[bytes, ...]:
        """Look again which worlds there are."""
        ...

    async def reserve(self, ticket: str, world: str) -> Refused | None:
        """Hold a place in ``world`` for the client that comes with this ticket."""
        ...

    async def go_on(self, kept: bytes) -> Refused | None:
        """Take over a session that another worker lost."""
        ...

    async def report(self, known: Mapping[str, int]) -> WorkerReport:
        """All sessions; ``known``: numbers of what is kept already, by token."""
        ...

    async def gone(self) -> str:
        """Wait until the worker is no more; gives why."""
        ...

    async def stop(self, grace_s: float) -> None:
        """Let it end, by force after that time."""
        ...


class Cluster(Protocol):
    """Where workers come from."""

    @property
    def count(self) -> int:
        """How many there are to be."""
        ...

    def worker(self, number: int) -> WorkerHandle:
        """A new worker in that place, not started."""
        ...
