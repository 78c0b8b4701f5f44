"""Which session is where, and what is kept of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dreamport.service.placement.workers import WorkerGreeting, WorkerHandle, WorkerReport

SETTLE_S = 60.0
"""How long a session may take from its client's arrival at a worker to the worker's first report of it: a
large world encodes a picture and words first, and waits for the turns of others.
"""


@dataclass(eq=False)
class Post:
    """A place for one worker; ``worker`` is ``None`` while a new one is started. ``fps``: frames a second
    over all its sessions.
    """

    number: int
    worker: WorkerHandle | None = None
    greeting: WorkerGreeting | None = None
    takes_new: bool = False
    """It is up, and whatever lost sessions it could take it has."""
    fps: float = 0.0

    @property
    def address(self) -> str:
        """``host:port``; empty without a worker."""
        return "" if self.greeting is None else self.greeting.address


@dataclass(eq=False)
class Placement:
    """One session. ``post`` is ``None`` after its worker was lost, at ``since_s``, until another takes it
    over. ``since_s`` is infinite while its place is not reserved yet: a worker may have to load the world.
    """

    token: str
    world: str
    post: Post | None
    since_s: float
    seen: bool = False
    playing: bool = False
    number: int = 0
    kept: bytes | None = None
    moving: asyncio.Lock = field(default_factory=asyncio.Lock)


class Roll:
    """All placements of a gateway, by resume token. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._placements: dict[str, Placement] = {}

    def __iter__(self) -> Iterator[Placement]:
        return iter(list(self._placements.values()))

    def find(self, token: str) -> Placement | None:
        """The session of that token."""
        return self._placements.get(token)

    def place(self, token: str, world: str, post: Post, now_s: float) -> Placement:
        """A new session."""
        placement = self._placements[token] = Placement(token, world, post, now_s)
        return placement

    def remove(self, placement: Placement) -> None:
        """It is over."""
        self._placements.pop(placement.token, None)

    def at(self, post: Post) -> list[Placement]:
        """The sessions of one worker."""
        return [placement for placement in self if placement.post is post]

    def lost(self) -> list[Placement]:
        """Sessions without a worker: those that were played first, then the longest lost."""
        homeless = [placement for placement in self if placement.post is None]
        return sorted(homeless, key=lambda placement: (not placement.playing, placement.since_s))

    def known(self, post: Post) -> Mapping[str, int]:
        """What is kept of the sessions of one worker, for its next report."""
        return {placement.token: placement.number for placement in self.at(post)}

    def note(self, post: Post, report: WorkerReport, asked_s: float) -> None:
        """Take in what a worker said of its sessions; ``asked_s``: when it was asked."""
        post.fps = report.fps
        told = {session.token: session for session in report.sessions}
        for placement in self.at(post):
            session = told.get(placement.token)
            if session is None:
                if placement.since_s < asked_s - (0.0 if placement.seen else SETTLE_S):
                    self.remove(placement)
                continue
            if session.reserved:
                placement.since_s = asked_s
                continue
            placement.seen, placement.playing = True, session.playing
            if session.kept is not None:
                placement.number, placement.kept = session.number, session.kept

    def lose(self, post: Post, now_s: float) -> list[Placement]:
        """Its worker is gone; gives the sessions that it had."""
        gone = self.at(post)
        for placement in gone:
            placement.post, placement.since_s = None, now_s
        return gone

    def moved(self, placement: Placement, post: Post, now_s: float) -> None:
        """It goes on there, and is kept there from the beginning."""
        placement.post, placement.since_s, placement.seen, placement.number = post, now_s, False, 0

    def forget_before(self, time_s: float) -> None:
        """Sessions that were lost before that time are over."""
        for placement in self.lost():
            if placement.since_s < time_s:
                self.remove(placement)
