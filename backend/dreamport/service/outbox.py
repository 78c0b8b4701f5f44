"""What waits to be sent to one client: every message, but only the newest frame."""

from __future__ import annotations

import asyncio
from collections import deque

import grpc

from dreamport.service.refusal import Refusal
from dreamport.service.wire import EncodedFrame
from dreamport.v1 import play_pb2

MAX_MESSAGES = 64

Outgoing = play_pb2.PlayResponse | EncodedFrame


class Outbox:
    """Bounded; newest wins for frames and stats, everything else is delivered in order and goes first.

    ``max_in_flight``: frames that may be sent before the client names one of them as presented; 0 for no
    limit.
    """

    def __init__(self, max_in_flight: int = 0) -> None:
        self._max_in_flight = max_in_flight
        self._messages: deque[Outgoing] = deque()
        self._frame: EncodedFrame | None = None
        self._stats: play_pb2.PlayResponse | None = None
        self._sent_frames: deque[int] = deque()
        self._filled = asyncio.Event()
        self.dropped = 0

    def put(self, message: Outgoing) -> None:
        """A message that must arrive. Raises ``Refusal`` (RESOURCE_EXHAUSTED) when the client reads none of
        them.
        """
        if len(self._messages) >= MAX_MESSAGES:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{MAX_MESSAGES} answers wait unread: read the stream while you write to it, then resume.",
            )
        self._messages.append(message)
        self._filled.set()

    def put_frame(self, frame: EncodedFrame) -> None:
        """A frame; the one that still waits is dropped and counted."""
        self.drop_frame()
        self._frame = frame
        self._filled.set()

    def drop_frame(self) -> None:
        """Drop the frame that waits, if there is one."""
        if self._frame is not None:
            self._frame = None
            self.dropped += 1

    def put_stats(self, message: play_pb2.PlayResponse) -> None:
        """Statistics; those that still wait are replaced."""
        self._stats = message
        self._filled.set()

    def presented(self, frame_id: int) -> None:
        """The client showed this frame, so it and all before it are no longer in flight."""
        while self._sent_frames and self._sent_frames[0] <= frame_id:
            self._sent_frames.popleft()
        self._filled.set()

    def held(self) -> tuple[int, ...]:
        """Frames that wait to be sent, or were sent and not yet presented. Safe to ask from any thread."""
        frame = self._frame
        waiting = (*self._messages.copy(), *(() if frame is None else (frame,)))
        return (*self._sent_frames.copy(), *(each.id for each in waiting if isinstance(each, EncodedFrame)))

    @property
    def empty(self) -> bool:
        """True when every message has been taken (frames and stats do not count)."""
        return not self._messages

    async def get(self) -> Outgoing:
        """What to send next; waits until there is something."""
        while True:
            message = self._next()
            if message is not None:
                return message
            self._filled.clear()
            await self._filled.wait()

    def _next(self) -> Outgoing | None:
        if self._messages:
            return self._messages.popleft()
        if self._frame is not None and (
            not self._max_in_flight or len(self._sent_frames) < self._max_in_flight
        ):
            frame = self._frame
            if self._max_in_flight:
                self._sent_frames.append(frame.id)
            self._frame = None  # only now: ``held`` must find it in one place or the other
            return frame
        stats, self._stats = self._stats, None
        return stats
