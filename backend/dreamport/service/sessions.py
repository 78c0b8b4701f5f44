"""All sessions of a server: who plays, who may come back, and who is refused."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import grpc
import structlog

from dreamport.errors import DreamportError, SessionLogError, SnapshotError, WorldNotFoundError
from dreamport.generator.types import WorldGenerator
from dreamport.service.kept import KeptSession, SessionKeeper
from dreamport.service.leases import Lease, LeaseDesk
from dreamport.service.negotiation import agree, check_open
from dreamport.service.options import ServerOptions
from dreamport.service.pictures import PictureWriter
from dreamport.service.refusal import Refusal
from dreamport.service.session import Session
from dreamport.service.session_log import SessionLogWriter
from dreamport.service.shared_memory import SharedMemoryError
from dreamport.service.stream import SessionFailed, Stream
from dreamport.service.world_source import WorldSource, world_named
from dreamport.v1 import common_pb2, play_pb2, world_pb2

MAX_PARKED = 8
SHUTTING_DOWN = "The server is shutting down; sessions do not outlive it. Open a new one when it is back."

RESTORED = (
    "The worker that played this session was lost; it goes on from its last snapshot, some seconds back. "
    "States that were saved are gone."
)

_log = structlog.get_logger(__name__)


@dataclass
class Seat:
    """A session, and the client that plays it or the timer that runs while none does."""

    session: Session
    stream: Stream | None = None
    timer: asyncio.TimerHandle | None = None
    heir: bool = False
    """Another stream of the same client takes over: keep the lease for it."""
    kept_lease: Lease | None = None
    restored: bool = False
    """It goes on from another process's snapshot, and its client does not know yet."""
    left: asyncio.Event = field(default_factory=asyncio.Event)


class Places(Protocol):
    """Who may begin a session here, where a gateway says so. A ticket is the resume token of its session."""

    def claim(self, ticket: str, world: str) -> Lease:
        """The lease in ``world`` that waits under this ticket, once. Raises ``Refusal``."""
        ...

    def keeper(self) -> SessionKeeper:
        """What keeps a new session outside this process."""
        ...


@dataclass(frozen=True)
class Departure:
    """Why a stream ended, whether its session may be resumed, and whether its world failed."""

    reason: str
    resumable: bool
    failed: bool = False


class Sessions:
    """Opens, resumes, parks and ends sessions."""

    def __init__(self, options: ServerOptions, source: WorldSource, places: Places | None = None) -> None:
        self._options = options
        self._places = places
        self.desk = LeaseDesk(source, options.max_sessions)
        self._source = source
        self.worlds = list(source.worlds())
        self._seats: dict[str, Seat] = {}
        self._parked: OrderedDict[str, Seat] = OrderedDict()
        self._closing = False

    async def look_for_worlds(self) -> None:
        """Read again which worlds there are; sessions go on as they are."""
        self.worlds = list(await asyncio.to_thread(self._source.worlds))

    @property
    def playing(self) -> list[Session]:
        """Sessions with a client."""
        return [seat.session for seat in self._seats.values() if seat.stream is not None]

    @property
    def sessions(self) -> list[tuple[Session, bool]]:
        """Every session, and whether a client plays it."""
        return [(seat.session, seat.stream is not None) for seat in self._seats.values()]

    @property
    def parked(self) -> int:
        """Sessions that wait for their client."""
        return len(self._parked)

    def world(self, name: str, field_name: str) -> world_pb2.World:
        """The world of that name, or the default one. Raises ``Refusal`` (NOT_FOUND) with the field named."""
        try:
            return world_named(self.worlds, name or self._options.default_world)
        except WorldNotFoundError as error:
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"{field_name}: {error}") from error

    async def enter(self, wanted: play_pb2.Open, peer: str) -> Stream:
        """Begin or resume a session for the client at ``peer``. Raises ``Refusal``."""
        check_open(wanted)
        if self._closing:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, SHUTTING_DOWN)
        if wanted.resume_token:
            seat, lease = await self._resume(wanted.resume_token)
        else:
            seat, lease = await self._begin(wanted)
        try:
            agreed, remarks = agree(wanted, seat.session.world, peer)
            try:
                pictures = PictureWriter(agreed)
            except SharedMemoryError as error:
                _log.warning("no shared memory", error=str(error))
                remarks.append("This server has no shared memory to give; frames come inline.")
                wanted.transport = common_pb2.TRANSPORT_INLINE
                agreed, _ = agree(wanted, seat.session.world, peer)
                pictures = PictureWriter(agreed)
        except BaseException:
            self.desk.give_back(lease)
            self._park(seat)
            raise
        stream = Stream(
            seat.session, lease, agreed, pictures, wanted.max_frames_in_flight, lambda: self.desk.taken
        )
        stream.greet(bool(wanted.resume_token), self._options.grace_s, remarks)
        if seat.restored:
            seat.restored = False
            stream.notify(play_pb2.NOTICE_CODE_RESTORED, RESTORED)
        seat.stream = stream
        seat.left.clear()
        return stream

    async def go_on(self, kept: KeptSession) -> None:
        """Take over a session that another process lost: it waits, with a lease, for its client to resume.

        Raises ``Refusal``, and ``SnapshotError`` when it is of another version of its world.
        """
        if kept.token in self._seats:
            return
        world = self.world(kept.world, "world")
        if world.digest != kept.digest:
            raise SnapshotError(
                f"session {kept.session_id} played {kept.world} with digest {kept.digest[:12]}, and this "
                f"worker has {world.digest[:12]}: give every worker the same pack"
            )
        lease = await self.desk.take(world)
        made: list[Session] = []

        def restore() -> None:
            with closed_on_failure(lease.loaded.opened.generator(kept.seed, kept.start)) as generator:
                session = Session(
                    world,
                    lease.loaded.executor,
                    generator,
                    kept.seed,
                    kept.start,
                    max_saved_bytes=self._options.max_saved_bytes,
                    session_id=kept.session_id,
                    token=kept.token,
                    keeper=None if self._places is None else self._places.keeper(),
                )
                session.go_on(kept)
                made.append(session)

        try:
            await lease.run(restore)
        except BaseException:
            self.desk.give_back(lease)
            raise
        seat = Seat(made[0], kept_lease=lease, restored=True)
        self._seats[kept.token] = seat
        self._park(seat)
        _log.info("session goes on here", session=kept.session_id, world=kept.world, frame=kept.frame.index)

    async def leave(self, stream: Stream, departure: Departure) -> None:
        """The client of ``stream`` is gone; the session is parked, or over."""
        seat = self._seats[stream.session.token]
        resumable = departure.resumable and self._options.grace_s > 0 and not self._closing
        try:
            if not departure.failed:
                await stream.lease.run(stream.session.settle)
        except Exception:
            _log.exception("session failed while its client left", session=stream.session.id)
            resumable = False
        finally:
            stream.close()
            seat.stream = None
            if seat.heir and resumable:
                seat.kept_lease = stream.lease
            else:
                self.desk.give_back(stream.lease)
                if resumable:
                    self._park(seat)
                else:
                    self._end(seat, departure.reason)
            seat.left.set()
            _log.info("stream ended", session=stream.session.id, reason=departure.reason, resumable=resumable)

    async def close(self) -> None:
        """Refuse new sessions, tell the clients, and wait until they have left or the drain time is over."""
        self._closing = True
        for seat in list(self._parked.values()):
            self._end(seat, "server stopped")
        self._parked.clear()
        waiting = []
        for seat in self._seats.values():
            if seat.stream is not None:
                seat.stream.notify(play_pb2.NOTICE_CODE_SHUTTING_DOWN, SHUTTING_DOWN)
                seat.stream.stop(Refusal(grpc.StatusCode.UNAVAILABLE, SHUTTING_DOWN))
                waiting.append(asyncio.create_task(seat.left.wait()))
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=self._options.drain_s)
            for task in late:
                task.cancel()

    async def _begin(self, wanted: play_pb2.Open) -> tuple[Seat, Lease]:
        world = self.world(wanted.world, "open.world")
        starts = [start.name for start in world.starts]
        start = wanted.start or starts[0]
        if start not in starts:
            raise Refusal(
                grpc.StatusCode.NOT_FOUND,
                f"open.start: world {world.summary.name} has no start {start!r}; it has: "
                f"{', '.join(starts[:20])}",
            )
        seed = wanted.seed if wanted.HasField("seed") else secrets.randbits(63)
        if self._places is None:
            lease = await self.desk.take(world)
        else:
            lease = self._places.claim(wanted.ticket, world.summary.name)
        made: list[Session] = []
        try:
            await lease.run(lambda: made.append(self._new_session(world, lease, seed, start, wanted.ticket)))
        except DreamportError as error:
            self.desk.give_back(lease)
            failed = SessionFailed()
            _log.error(
                "session cannot begin", world=world.summary.name, incident=failed.incident, error=str(error)
            )
            raise failed from error
        except BaseException:
            self.desk.give_back(lease)
            for session in made:
                session.close("client left before it began")
            raise
        (session,) = made
        seat = Seat(session)
        self._seats[session.token] = seat
        _log.info("session opened", session=session.id, world=world.summary.name, start=start)
        return seat, lease

    def _new_session(
        self, world: world_pb2.World, lease: Lease, seed: int, start: str, ticket: str
    ) -> Session:
        session_id = secrets.token_hex(4)
        with closed_on_failure(lease.loaded.opened.generator(seed, start)) as generator:
            return Session(
                world,
                lease.loaded.executor,
                generator,
                seed,
                start,
                self._new_log(world, session_id),
                self._options.max_saved_bytes,
                session_id,
                token=None if self._places is None else ticket,
                keeper=None if self._places is None else self._places.keeper(),
            )

    def _new_log(self, world: world_pb2.World, session_id: str) -> SessionLogWriter | None:
        if self._options.log_folder is None:
            return None
        try:
            return SessionLogWriter.in_folder(
                self._options.log_folder, world.summary.name, session_id, self._options.log_max_bytes
            )
        except SessionLogError as error:
            _log.error("session is not logged", session=session_id, error=str(error))
            return None

    async def _resume(self, token: str) -> tuple[Seat, Lease]:
        seat = self._seats.get(token)
        if seat is None:
            raise Refusal(
                grpc.StatusCode.NOT_FOUND,
                "open.resume_token: no session waits under it; the grace time is over or the server was "
                "restarted. "
                "Open a new session without a token.",
            )
        if seat.stream is not None:
            if seat.heir:
                raise Refusal(grpc.StatusCode.ABORTED, "Another stream is resuming this session.")
            # The old connection may be dead without our knowing: the newest stream wins.
            seat.heir = True
            try:
                seat.stream.stop(Refusal(grpc.StatusCode.ABORTED, "Another stream resumed this session."))
                await seat.left.wait()
            except asyncio.CancelledError:
                if seat.kept_lease is not None:
                    self.desk.give_back(seat.kept_lease)
                    seat.kept_lease = None
                    self._park(seat)
                raise
            finally:
                seat.heir = False
        if seat.kept_lease is not None:
            lease, seat.kept_lease = seat.kept_lease, None
            self._unpark(seat)
            return seat, lease
        if self._seats.get(token) is not seat:
            raise SessionFailed
        lease = await self.desk.take(seat.session.world)
        if not self._unpark(seat):
            self.desk.give_back(lease)
            raise Refusal(
                grpc.StatusCode.NOT_FOUND, "open.resume_token: the grace time is over. Open a new session."
            )
        return seat, lease

    def _park(self, seat: Seat) -> None:
        self._parked[seat.session.token] = seat
        seat.timer = asyncio.get_running_loop().call_later(self._options.grace_s, self._forget, seat)
        idle = [parked for parked in self._parked.values() if parked.kept_lease is None]
        for oldest in idle[: max(0, len(idle) - MAX_PARKED)]:
            self._forget(oldest)

    def _unpark(self, seat: Seat) -> bool:
        """The session waits no more; false when it did not."""
        if seat.timer is not None:
            seat.timer.cancel()
            seat.timer = None
        return self._parked.pop(seat.session.token, None) is not None

    def _forget(self, seat: Seat) -> None:
        if self._parked.pop(seat.session.token, None) is not None:
            self._end(seat, "client did not come back")

    def _end(self, seat: Seat, reason: str) -> None:
        self._unpark(seat)
        if seat.kept_lease is not None:
            self.desk.give_back(seat.kept_lease)
            seat.kept_lease = None
        self._seats.pop(seat.session.token, None)
        seat.session.close(reason)
        _log.info("session over", session=seat.session.id, reason=reason)


@contextmanager
def closed_on_failure(generator: WorldGenerator) -> Iterator[WorldGenerator]:
    """Closes it when what is done with it fails: nobody else would."""
    try:
        yield generator
    except BaseException:
        generator.close()
        raise
