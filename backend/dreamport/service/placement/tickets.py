"""The places that a worker holds for clients on their way to it."""

from __future__ import annotations

import asyncio

import grpc

from dreamport.service.kept import SessionKeeper
from dreamport.service.leases import Lease, LeaseDesk
from dreamport.service.refusal import Refusal
from dreamport.v1 import world_pb2

TICKET_S = 10.0


class Tickets:
    """Leases by ticket, each for one client and ``TICKET_S`` seconds."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Lease, LeaseDesk, asyncio.TimerHandle]] = {}

    @property
    def waiting(self) -> tuple[str, ...]:
        """Tickets that nobody has come with yet."""
        return tuple(self._waiting)

    async def reserve(self, desk: LeaseDesk, world: world_pb2.World, ticket: str) -> None:
        """Hold a lease of ``desk``. Raises ``Refusal`` when it has none to give."""
        lease = await desk.take(world)
        timer = asyncio.get_running_loop().call_later(TICKET_S, self._expire, ticket)
        self._waiting[ticket] = (lease, desk, timer)

    def claim(self, ticket: str, world: str) -> Lease:
        """The lease that waits under this ticket, once. Raises ``Refusal``."""
        held = self._waiting.get(ticket)
        if held is None or held[0].loaded.world.summary.name != world:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                "open.ticket: this worker plays what its gateway sends, and no place is held under this "
                "ticket for this world. Open at the gateway's address.",
            )
        del self._waiting[ticket]
        held[2].cancel()
        return held[0]

    def keeper(self) -> SessionKeeper:
        """One for a new session."""
        return SessionKeeper()

    def close(self) -> None:
        """Nobody is waited for any more."""
        for ticket in self.waiting:
            self._expire(ticket)

    def _expire(self, ticket: str) -> None:
        lease, desk, timer = self._waiting.pop(ticket)
        timer.cancel()
        desk.give_back(lease)
