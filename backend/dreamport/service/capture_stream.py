"""One recorder's stream: what it sends is checked and written, what is on disk is acknowledged.

At most a window of frames is in flight; beyond it nothing is read, and HTTP/2 flow control holds the
recorder back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from dreamport.episodes.plan import Progress
from dreamport.errors import DatasetError, DiskFullError, DreamportError
from dreamport.service.capture_checks import check_frame, check_marker
from dreamport.service.capture_desk import CaptureDesk
from dreamport.service.capture_outbox import CaptureOutbox
from dreamport.service.capture_writer import CaptureWriter, News, Remark, Written
from dreamport.service.negotiation import PROTOCOL_VERSION
from dreamport.service.refusal import Refusal
from dreamport.service.uninterrupted import uninterrupted
from dreamport.v1 import capture_pb2

if TYPE_CHECKING:
    from dreamport.episodes.recording import Recording

MAX_WINDOW = 64
MIN_WINDOW = 4
WINDOW_BYTES = 128 * 1024 * 1024
MAX_MARKS = 10_000
HELD_BACK_S, HELD_BACK_OF_S = 1.0, 5.0
FLUSH_S = 1.0
SLOW_DISK = (
    "Frames come faster than this machine codes and writes them, so the recorder is held back: record fewer "
    "frames a second, smaller ones, or onto a faster disk."
)
KEPT = (
    " What was acknowledged is kept: the next start of the server, or `dreamport capture recover`, makes an "
    "episode of it."
)
STOPPING = "The server is about to stop: finish the episode."

Context = grpc.aio.ServicerContext[capture_pb2.RecordRequest, capture_pb2.RecordResponse]


class _OpenEpisode:
    """An episode that is being recorded, and what of it is in flight."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.next_index = 0
        self.received = self.received_bytes = 0
        self.marks = 0
        self.written = Written(0, 0)
        self.safe = Progress(0, 0, 0)
        self.failure: DreamportError | None = None
        self.moved = asyncio.Event()
        info = recording.plan.info
        colour = info.width * info.height * (4 if recording.plan.colour == "rgba" else 1)
        frame_bytes = colour + (0 if info.depth == "none" else info.width * info.height * 2)
        self.window = min(MAX_WINDOW, max(MIN_WINDOW, WINDOW_BYTES // frame_bytes))

    @property
    def full(self) -> bool:
        """True while no more frames may be read."""
        waiting_bytes = self.received_bytes - self.written.pixel_bytes
        return self.received - self.safe.frames >= self.window or waiting_bytes >= WINDOW_BYTES


class CaptureStream:
    """Serves one recorder."""

    def __init__(self, desk: CaptureDesk) -> None:
        self._desk = desk
        self._loop = asyncio.get_running_loop()
        self._outbox = CaptureOutbox()
        self._episode: _OpenEpisode | None = None
        self._writer: CaptureWriter | None = None
        self._told_to_stop: asyncio.Future[Refusal] = self._loop.create_future()
        self._held_s = self._held_since_s = 0.0
        self._told_slow = False
        self._when_finished: Callable[[], None] = lambda: None

    async def run(self, context: Context) -> None:
        """Serve until the recorder leaves. Raises ``Refusal`` for every other end. However it ends, the open
        episode is put in place.
        """
        await context.send_initial_metadata(())  # gRPC loses track of it when the first write is cut off
        hear, send = asyncio.create_task(self._hear(context)), asyncio.create_task(self._send(context))
        stop = asyncio.create_task(self._obey_stop())
        try:
            await asyncio.wait((hear, send, stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            error, kept = await uninterrupted(self._end(context, hear, send, stop))
        if isinstance(error, Refusal):
            raise Refusal(error.code, f"{error}{kept}", error.retry_after_ms)
        if error is not None:
            raise error

    async def _end(
        self, context: Context, hear: asyncio.Task[None], send: asyncio.Task[None], stop: asyncio.Task[None]
    ) -> tuple[BaseException | None, str]:
        """End the tasks and put the open episode in place: why the stream ends, and what was kept. All of it
        is one piece of work, since gRPC may cancel the call at any moment of it.
        """
        try:
            hear.cancel()
            stop.cancel()
            await asyncio.wait((hear, stop))
            error = _error_of(hear) or _error_of(stop)
            return error, await self._keep(self._how_it_ended(error), context if error else None)
        finally:
            await self._flush(send)

    def shut_down(self, within_s: float, reason: Refusal) -> None:
        """Ask the recorder to finish; end the stream with ``reason`` at the latest then."""

        def stop() -> None:
            if not self._told_to_stop.done():
                self._told_to_stop.set_result(reason)

        self._when_finished = stop
        if self._episode is None:
            stop()
            return
        self._notify(capture_pb2.CAPTURE_NOTICE_CODE_SHUTTING_DOWN, STOPPING)
        self._loop.call_later(within_s, stop)

    # --- what the recorder says

    async def _hear(self, context: Context) -> None:
        while True:
            await self._room()
            request = await _read(context)
            if request is None:
                return
            kind = request.WhichOneof("message")
            if kind == "begin":
                await self._begin(request.begin)
            elif kind == "frame":
                self._frame(request.frame)
            elif kind == "marker":
                self._mark(request.marker)
            elif kind == "finish":
                await self._finish(request.finish.discard)
            else:
                raise Refusal(
                    grpc.StatusCode.INVALID_ARGUMENT, "message: none that protocol version 1 knows is set"
                )

    async def _room(self) -> None:
        """Wait until another message may be read. Raises ``Refusal`` when the episode cannot go on."""
        await self._outbox.room()
        episode = self._episode
        if episode is None:
            return
        while episode.full and episode.failure is None:
            begin_s = time.monotonic()
            episode.moved.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(episode.moved.wait(), HELD_BACK_S / 4)
            self._count_held_back(begin_s)
        if episode.failure is not None:
            raise _refusal(episode.failure)

    def _count_held_back(self, begin_s: float) -> None:
        now_s = time.monotonic()
        if now_s - self._held_since_s > HELD_BACK_OF_S:
            self._held_s, self._held_since_s = 0.0, begin_s
        self._held_s += now_s - begin_s
        if self._held_s > HELD_BACK_S and not self._told_slow:
            self._told_slow = True
            self._notify(capture_pb2.CAPTURE_NOTICE_CODE_SLOW_DISK, SLOW_DISK)

    async def _begin(self, begin: capture_pb2.BeginEpisode) -> None:
        if self._episode is not None:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION, "begin: an episode is open already; finish it first."
            )
        beginning = asyncio.ensure_future(self._desk.begin(begin))
        try:
            recording = await uninterrupted(beginning)
        except asyncio.CancelledError:
            if _error_of(beginning) is None:
                await uninterrupted(self._desk.discard(beginning.result()))
            raise
        episode = _OpenEpisode(recording)

        def tell(news: News) -> None:
            self._loop.call_soon_threadsafe(self._hear_of, episode, news)

        self._episode, self._writer = episode, CaptureWriter(recording, tell)
        self._told_slow = False
        begun = capture_pb2.Begun(
            episode_id=recording.plan.episode_id,
            dataset=recording.plan.info.name,
            max_unacknowledged=episode.window,
            protocol_version=PROTOCOL_VERSION,
        )
        self._outbox.put(capture_pb2.RecordResponse(begun=begun))

    def _frame(self, frame: capture_pb2.CapturedFrame) -> None:
        episode, writer = self._open("frame")
        checked = check_frame(frame, episode.recording.plan, episode.next_index)
        episode.next_index = checked.facts.index + 1
        episode.received += 1
        episode.received_bytes += checked.size
        writer.frame(checked)

    def _mark(self, marker: capture_pb2.Marker) -> None:
        episode, writer = self._open("marker")
        mark = check_marker(marker)
        episode.marks += 1
        if episode.marks > MAX_MARKS:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"marker: more than {MAX_MARKS} in one episode; finish it and begin another.",
            )
        writer.mark(*mark)

    async def _finish(self, discard: bool) -> None:
        episode, writer = self._open("finish")
        finished = capture_pb2.Finished(episode_id=episode.recording.plan.episode_id)
        await uninterrupted(asyncio.to_thread(writer.finish))
        await asyncio.sleep(0)  # what the writer told at its end is heard
        if discard:
            self._episode = self._writer = None
            await uninterrupted(self._desk.discard(episode.recording))
        elif episode.failure is not None:
            raise _refusal(episode.failure)
        else:
            self._episode = self._writer = None
            try:
                placed = await uninterrupted(self._desk.place(episode.recording, "finished"))
            except DatasetError as error:
                refusal = _refusal(error)
                raise Refusal(refusal.code, f"{refusal}{KEPT}") from error
            if placed is not None:
                finished.episode_index, finished.frames = placed.index, placed.frames
                finished.missing = placed.missing
        self._outbox.put(capture_pb2.RecordResponse(finished=finished))
        self._when_finished()

    def _open(self, message: str) -> tuple[_OpenEpisode, CaptureWriter]:
        if self._episode is None or self._writer is None:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION, f"{message}: no episode is open; begin one first."
            )
        return self._episode, self._writer

    # --- what the writer tells

    def _hear_of(self, episode: _OpenEpisode, news: News) -> None:
        if isinstance(news, Written):
            episode.written = news
        elif isinstance(news, Progress):
            episode.safe = news
            self._outbox.acknowledge(
                capture_pb2.Acknowledged(frames=news.frames, last_index=news.last_index, bytes=news.bytes)
            )
        elif isinstance(news, Remark):
            self._notify(news.code, news.message)
        elif episode.failure is None:
            episode.failure = news
        episode.moved.set()

    def _notify(self, code: capture_pb2.CaptureNoticeCode, message: str) -> None:
        notice = capture_pb2.CaptureNotice(code=code, message=message)
        self._outbox.put(capture_pb2.RecordResponse(notice=notice))

    # --- what the recorder gets

    async def _send(self, context: Context) -> None:
        while True:
            message = await self._outbox.get()
            try:
                await context.write(message)
            except grpc.aio.BaseError:
                return

    async def _flush(self, send: asyncio.Task[None]) -> None:
        """Give the recorder a moment to take what is queued, then end the sender."""
        until_s = time.monotonic() + FLUSH_S
        while not self._outbox.empty and not send.done() and time.monotonic() < until_s:
            await asyncio.sleep(0.005)
        if not send.done():
            await asyncio.sleep(0)
        send.cancel()
        await asyncio.wait((send,))

    async def _obey_stop(self) -> None:
        raise await asyncio.shield(self._told_to_stop)

    def _how_it_ended(self, error: BaseException | None) -> str:
        if self._told_to_stop.done():
            return "server stopped"
        return "refused" if isinstance(error, Refusal) else "connection lost"

    async def _keep(self, ended: str, refused: Context | None) -> str:
        """Put the open episode in place; gives a sentence that says so, for the status.

        What a recorder that is to be ``refused`` still sends is passed over meanwhile: a write of its that
        waits for room would hide the status from it.
        """
        drain = asyncio.create_task(_drain(refused))
        try:
            return await self._place(ended)
        finally:
            drain.cancel()
            await asyncio.gather(drain, return_exceptions=True)

    async def _place(self, ended: str) -> str:
        episode, writer = self._episode, self._writer
        self._episode = self._writer = None
        if episode is None or writer is None:
            return ""
        await asyncio.to_thread(writer.finish)
        await asyncio.sleep(0)
        if isinstance(episode.failure, DiskFullError):
            ended = "disk full"
        try:
            placed = await self._desk.place(episode.recording, ended)
        except DatasetError:
            return KEPT
        if placed is None:
            return ""
        name = episode.recording.plan.info.name
        return f" The {placed.frames} frames until then are episode {placed.index} of data set {name}."


def _error_of(task: asyncio.Future[Any]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


async def _drain(context: Context | None) -> None:
    while context is not None and await _read(context) is not None:
        pass


async def _read(context: Context) -> capture_pb2.RecordRequest | None:
    try:
        request = await context.read()
    except DecodeError as error:
        raise Refusal(
            grpc.StatusCode.INVALID_ARGUMENT, "message: not a RecordRequest of protocol version 1"
        ) from error
    return request if isinstance(request, capture_pb2.RecordRequest) else None


def _refusal(failure: DreamportError) -> Refusal:
    if isinstance(failure, DiskFullError):
        return Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, f"Recording stopped: {failure}.")
    if isinstance(failure, DatasetError):
        return Refusal(grpc.StatusCode.UNAVAILABLE, f"Recording stopped: {failure}.")
    return Refusal(grpc.StatusCode.INTERNAL, str(failure))
