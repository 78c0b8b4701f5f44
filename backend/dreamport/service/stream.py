"""One client's connection to a session: hears controls, makes frames on time, sends them.

Data flows one way: control -> session -> generator -> frame -> outbox. Four tasks share the stream; the first
that ends, ends it.
"""

from __future__ import annotations

import asyncio
import enum
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import grpc
import grpc.aio
import psutil
import structlog
from google.protobuf.message import DecodeError

from dreamport.errors import ControlError
from dreamport.generator.types import GeneratedFrame
from dreamport.service.chunk_pacing import ChunkPacer, remarks
from dreamport.service.chunk_show import ChunkShow
from dreamport.service.controls import LatchedControl
from dreamport.service.frame_maker import WAKE_EARLY_S, FrameMaker, MadeFrame
from dreamport.service.leases import Lease
from dreamport.service.outbox import Outbox, Outgoing
from dreamport.service.pacing import Pacer
from dreamport.service.pictures import PictureFormat, PictureWriter
from dreamport.service.refusal import Refusal, invalid
from dreamport.service.session import Generated, Session
from dreamport.service.uninterrupted import uninterrupted
from dreamport.service.wire import opened_message, stats_message
from dreamport.v1 import play_pb2

MAX_COMMANDS = 16
MAX_MESSAGES_A_FRAME = 200
STATS_INTERVAL_S = 1.0
WIND_UP_S = 1.0
SKETCHED = (
    "This world's whole state is larger than this server keeps: the picture, the camera and the words are "
    "saved, and what was seen before is not remembered after a return."
)

Context = grpc.aio.ServicerContext[play_pb2.PlayRequest, Outgoing]
P = ParamSpec("P")
R = TypeVar("R")
Command = play_pb2.Reset | play_pb2.Save | play_pb2.Load

_log = structlog.get_logger(__name__)


class StreamEnd(enum.Enum):
    """How a client left without an error."""

    CLOSED = "closed"
    """It said so: the session is over."""
    LEFT = "left"
    """It closed the stream: the session waits for it."""


class SessionFailed(Refusal):
    """The session's world failed while it ran; this session cannot go on, others can."""

    def __init__(self) -> None:
        self.incident = secrets.token_hex(4)
        super().__init__(
            grpc.StatusCode.UNAVAILABLE,
            f"This session's world failed and the session is over; open a new one. Incident {self.incident} "
            "in the server's log.",
        )


class Stream:
    """Drives one session for one client."""

    def __init__(
        self,
        session: Session,
        lease: Lease,
        agreed: PictureFormat,
        pictures: PictureWriter,
        max_frames_in_flight: int,
        count_sessions: Callable[[], int],
    ) -> None:
        self.session = session
        self.lease = lease
        self.outbox = Outbox(max_frames_in_flight)
        self._agreed = agreed
        self._pictures = pictures
        self._count_sessions = count_sessions
        self._commands: deque[Command] = deque()
        self._paused = False
        loop = asyncio.get_running_loop()
        self._maker = FrameMaker(
            session,
            pictures,
            hand_out=lambda made: loop.call_soon_threadsafe(self._hand_out, made),
            held=self.outbox.held,
            wanted_elsewhere=lambda: self._over or self._paused or bool(self._commands),
        )
        self._wake = asyncio.Event()
        self._told_to_stop: asyncio.Future[Refusal] = loop.create_future()
        self._remarked: set[str] = set()
        self._writing: asyncio.Future[None] | None = None
        self._over = False
        self._show: ChunkShow | None = None

    def greet(self, resumed: bool, grace_s: float, remarks: list[str]) -> None:
        """Queue ``Opened``, and a notice for everything the client may not have expected."""
        executor = self.session.executor
        opened = opened_message(self.session, self._agreed, self._pictures.ring)
        opened.resumed = resumed
        opened.grace_ns = round(grace_s * 1e9)
        opened.server_time_ns = time.monotonic_ns()
        self.outbox.put(play_pb2.PlayResponse(opened=opened))
        for remark in remarks:
            self.notify(play_pb2.NOTICE_CODE_NEGOTIATED, remark)
        if executor.fallback_reason:
            self.notify(
                play_pb2.NOTICE_CODE_FALLBACK, f"Running on {executor.name}: {executor.fallback_reason}"
            )

    def notify(self, code: play_pb2.NoticeCode, message: str) -> None:
        """Queue a notice."""
        self.outbox.put(play_pb2.PlayResponse(notice=play_pb2.Notice(code=code, message=message)))

    def stop(self, reason: Refusal) -> None:
        """End the stream with a status as soon as what is queued has been sent, a second at most."""
        if not self._told_to_stop.done():
            self._told_to_stop.set_result(reason)

    async def run(self, context: Context) -> StreamEnd:
        """Serve until the client leaves. Raises ``Refusal`` for every other end, ``CancelledError`` when the
        connection breaks.
        """
        await context.send_initial_metadata(())  # gRPC loses track of it when the first write is cut off
        hear, send = asyncio.create_task(self._hear(context)), asyncio.create_task(self._send(context))
        others = [asyncio.create_task(work) for work in (self._play(), self._report(), self._obey_stop())]
        try:
            done, _ = await asyncio.wait((hear, send, *others), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # The call is gone, so what it has under way fails by itself.
            await asyncio.wait((hear,), timeout=WIND_UP_S)
            raise
        finally:
            await uninterrupted(self._wind_up(hear, send, *others))
        for task in done:
            error = task.exception()
            if error is not None:
                raise error
        return hear.result() if hear in done else StreamEnd.LEFT

    async def _wind_up(self, *tasks: asyncio.Task[Any]) -> None:
        """End all tasks. A write under way is waited for: cancelling it would lose gRPC's account of what was
        sent, and the memory of the message.
        """
        self._over = True
        if self._writing is not None:
            await asyncio.wait((self._writing,), timeout=WIND_UP_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Give back what belongs to this connection alone."""
        self.session.statistics.dropped += self.outbox.dropped
        self.session.inbox.let_go()
        self._pictures.close()

    # --- what the client says

    async def _hear(self, context: Context) -> StreamEnd:
        interval_s = 1.0 / self.session.world.summary.frame_rate
        begin_s, heard = time.monotonic(), 0
        while True:
            request = await read_request(context)
            if request is None:
                return StreamEnd.LEFT
            if request.WhichOneof("message") == "close":
                return StreamEnd.CLOSED
            self._obey(request)
            heard += 1
            if heard >= MAX_MESSAGES_A_FRAME:
                # A flood: read no faster than this, and let HTTP/2 flow control hold the client back.
                await asyncio.sleep(begin_s + interval_s - time.monotonic())
            if time.monotonic() >= begin_s + interval_s:
                begin_s, heard = time.monotonic(), 0

    def _obey(self, request: play_pb2.PlayRequest) -> None:
        session = self.session
        kind = request.WhichOneof("message")
        if kind == "control":
            session.inbox.add(request.control, time.monotonic_ns())
            if session.inbox.cameras_ignored:
                self._remark_once(
                    play_pb2.NOTICE_CODE_UNSUPPORTED, "This world moves its own camera; poses are ignored."
                )
        elif kind == "presented":
            shown = request.presented
            self.outbox.presented(shown.frame_id)
            session.statistics.frame_presented(shown.frame_id, shown.client_time_ns, time.monotonic())
        elif kind == "pause":
            self._paused = session.inbox.paused = request.pause.paused
            if self._paused:
                session.inbox.drop_pending()
                if self._show is not None:
                    self._show.hold()
            self._wake.set()
        elif kind == "reset":
            if request.reset.start and request.reset.start not in [
                start.name for start in session.world.starts
            ]:
                self.notify(
                    play_pb2.NOTICE_CODE_NOT_FOUND,
                    "This world has no start of that name; see its list of starts.",
                )
            else:
                self._command(request.reset)
        elif kind == "save":
            self._command(request.save)
        elif kind == "load":
            self._command(request.load)
        elif kind == "prompt":
            refused = session.inbox.add_prompt(request.prompt)
            if refused is not None:
                self.notify(play_pb2.NOTICE_CODE_UNSUPPORTED, refused)
        elif kind == "event":
            refused = session.inbox.add_event(request.event)
            if refused is not None:
                self.notify(play_pb2.NOTICE_CODE_UNSUPPORTED, refused)
        elif kind == "open":
            raise invalid("open", "the session is open already; begin another stream for another session")
        else:
            raise invalid("message", "none that protocol version 1 knows is set")

    def _command(self, command: Command) -> None:
        if len(self._commands) >= MAX_COMMANDS:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"More than {MAX_COMMANDS} resets, saves and loads wait; await the answers, then resume.",
            )
        if not isinstance(command, play_pb2.Save):
            self.session.inbox.restart_heard()
        self._commands.append(command)
        self._wake.set()

    # --- what the client gets

    async def _send(self, context: Context) -> None:
        """Send what the outbox holds, until the client is gone."""
        while not self._over:
            message = await self.outbox.get()
            self._writing = asyncio.ensure_future(context.write(message))
            try:
                await asyncio.shield(self._writing)
            except grpc.aio.BaseError:
                return
            self._writing = None

    async def _play(self) -> None:
        await self._show_again(self.session.frame, self.session.applied)
        if self.session.world.chunk_frames > 1:
            await self._play_chunks()
        else:
            await self._play_frames()

    async def _play_frames(self) -> None:
        pacer = Pacer(1.0 / self.session.world.summary.frame_rate, time.monotonic())
        while True:
            if self._paused or self._commands:
                await self._run_commands()
                pacer.restart(time.monotonic())
            await sleep_until(pacer.latch_at() - WAKE_EARLY_S)
            made = await self._work(self._maker.make, pacer)
            if made is not None:
                await sleep_until(pacer.due_s - WAKE_EARLY_S)
                await self._work(self._maker.finish, pacer, made)

    async def _play_chunks(self) -> None:
        """One chunk is generated while the one before it is shown; commands are obeyed between two chunks."""
        world, loop = self.session.world, asyncio.get_running_loop()
        interval_s = 1.0 / world.summary.frame_rate
        expected_s = self.lease.loaded.chunk_s
        show = self._show = ChunkShow(
            ChunkPacer(interval_s, expected_s, world.chunk_frames, time.monotonic()),
            waiting=lambda: len(self.session.waiting),
            show_next=self._maker.show_next,
            on_fault=lambda error: loop.call_soon_threadsafe(self.stop, self._failed(error)),
        )
        try:
            while True:
                if self._paused or self._commands:
                    await asyncio.to_thread(show.hold_still)
                    await self._run_commands()
                show.go_on()
                if await self._undisturbed_until(show.latch_at()):
                    late_s = await self._work(self._maker.make_chunk, show)
                    self.session.statistics.late += late_s > 0
                    for about, message in remarks(late_s, show.frame_rate, world.summary.frame_rate):
                        self._remark_once(play_pb2.NOTICE_CODE_LATE, message, about)
        finally:
            await uninterrupted(asyncio.to_thread(show.close))

    async def _undisturbed_until(self, time_s: float) -> bool:
        """Wait until this moment; false at once when a pause or a command comes."""
        self._wake.clear()
        if self._paused or self._commands:
            return False
        try:
            await asyncio.wait_for(self._wake.wait(), time_s - time.monotonic())
        except TimeoutError:
            return True
        return False

    def _hand_out(self, made: MadeFrame) -> None:
        self.outbox.put_frame(made.encoded)
        self.session.statistics.frame_handed_out(
            made.encoded.id,
            made.applied.client_time_ns,
            made.applied.arrivals_ns,
            made.generation_ms,
            time.monotonic(),
        )

    async def _run_commands(self) -> None:
        """Do what waits; while paused, wait for more."""
        while self._paused or self._commands:
            if not self._commands:
                self._wake.clear()
                await self._wake.wait()
                continue
            command = self._commands.popleft()
            if isinstance(command, play_pb2.Save):
                await self._save()
                continue
            try:
                if isinstance(command, play_pb2.Load):
                    await self._load(command.handle)
                else:
                    await self._reset(command)
            finally:
                self.session.inbox.restart_done()

    async def _reset(self, command: play_pb2.Reset) -> None:
        seed = command.seed if command.HasField("seed") else None
        self.session.inbox.drop_pending()
        frame = await self._work(self.session.reset, seed, command.start)
        await self._show_again(frame, self.session.applied)

    async def _save(self) -> None:
        kept = await self._work(self.session.save)
        if kept is None:
            self.notify(
                play_pb2.NOTICE_CODE_NO_SPACE, "The state is larger than this server keeps; it was not saved."
            )
            return
        if not kept.whole:
            self.notify(play_pb2.NOTICE_CODE_NO_SPACE, SKETCHED)
        saved = play_pb2.Saved(handle=kept.handle, bytes=kept.bytes, frame_index=kept.frame_index)
        self.outbox.put(play_pb2.PlayResponse(saved=saved))

    async def _load(self, handle: str) -> None:
        frame = await self._work(self.session.load, handle)
        if frame is None:
            self.notify(
                play_pb2.NOTICE_CODE_NOT_FOUND,
                "No such state is kept in this session; the oldest are forgotten.",
            )
            return
        self.session.inbox.drop_pending()
        self.outbox.drop_frame()
        loaded = play_pb2.Loaded(handle=handle, frame_index=frame.index, epoch=self.session.epoch)
        self.outbox.put(play_pb2.PlayResponse(loaded=loaded))
        await self._show_again(frame, self.session.applied)

    async def _show_again(self, frame: GeneratedFrame, applied: LatchedControl) -> None:
        """Send a frame that was not generated just now: a start, a kept state, the last one before a break.

        It answers something, so no newer frame replaces it.
        """
        now_s = time.monotonic()
        shown = Generated(frame, applied, round(now_s * 1e9), 0.0)
        made = await self._work(self._maker.encode, shown, now_s)
        self.outbox.drop_frame()
        self.outbox.put(made.encoded)

    async def _report(self) -> None:
        process = psutil.Process()
        due_s = time.monotonic()
        while True:
            due_s += STATS_INTERVAL_S
            await sleep_until(due_s)
            now_s = time.monotonic()
            stats = stats_message(self.session.statistics, self.session.executor, now_s)
            stats.dropped += self.outbox.dropped
            stats.rss_bytes = process.memory_info().rss
            stats.sessions = self._count_sessions()
            self.outbox.put_stats(play_pb2.PlayResponse(stats=stats))
            if self.session.log is not None and self.session.log.trouble is not None:
                self._remark_once(play_pb2.NOTICE_CODE_NO_SPACE, self.session.log.trouble)

    async def _obey_stop(self) -> None:
        reason = await self._told_to_stop
        for _ in range(100):
            if self.outbox.empty:
                break
            await asyncio.sleep(0.01)
        raise reason

    async def _work(self, work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Run on the lease's thread. A fault there ends this session, and only this one."""
        try:
            return await self.lease.run(work, *arguments, **named)
        except ControlError as error:
            _log.warning("control refused by the world", session=self.session.id, error=str(error))
            raise invalid("control", "the world refused it; see its control schema") from error
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: BaseException) -> SessionFailed:
        failed = SessionFailed()
        _log.error("session failed", session=self.session.id, incident=failed.incident, exc_info=error)
        return failed

    def _remark_once(self, code: play_pb2.NoticeCode, message: str, about: str = "") -> None:
        """Notify once of what it is ``about``, which is the message unless it holds numbers."""
        if (about or message) not in self._remarked:
            self._remarked.add(about or message)
            self.notify(code, message)


async def read_request(context: Context) -> play_pb2.PlayRequest | None:
    """The client's next message; ``None`` when it sends no more. Raises ``Refusal`` for bytes that are no
    message.
    """
    try:
        request = await context.read()
    except DecodeError as error:
        raise Refusal(
            grpc.StatusCode.INVALID_ARGUMENT, "message: not a PlayRequest of protocol version 1"
        ) from error
    return request if isinstance(request, play_pb2.PlayRequest) else None


async def sleep_until(time_s: float) -> None:
    """Sleep until this moment of the monotonic clock, on the event loop: some milliseconds off."""
    wait_s = time_s - time.monotonic()
    if wait_s > 0:
        await asyncio.sleep(wait_s)
