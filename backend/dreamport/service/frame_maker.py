"""Makes the frames of one stream and hands them out when they are due, on the worker thread of its lease."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from dreamport.generator.types import GeneratedFrame
from dreamport.service.controls import LatchedControl
from dreamport.service.pacing import Pacer
from dreamport.service.pictures import PictureWriter
from dreamport.service.session import Session
from dreamport.service.wire import EncodedFrame, encode_frame, frame_timing

WAKE_EARLY_S = 0.002
"""The event loop counts in milliseconds and may be busy: the worker sleeps the rest of a wait, seconds."""


@dataclass(frozen=True)
class MadeFrame:
    """A frame that is ready to be sent, and what the statistics want to know of it."""

    encoded: EncodedFrame
    applied: LatchedControl
    generated_at_ns: int
    generation_ms: float


class FrameMaker:
    """From a session to frames on the wire.

    ``hand_out`` takes each from the worker thread to its stream; ``held`` tells which of them the client may
    be reading; ``wanted_elsewhere`` is true when the stream has something else for the worker to do.
    """

    def __init__(
        self,
        session: Session,
        pictures: PictureWriter,
        hand_out: Callable[[MadeFrame], object],
        held: Callable[[], Collection[int]],
        wanted_elsewhere: Callable[[], bool],
    ) -> None:
        self._session = session
        self._pictures = pictures
        self._hand_out = hand_out
        self._held = held
        self._last_id = 0
        self._wanted_elsewhere = wanted_elsewhere

    def make(self, pacer: Pacer) -> MadeFrame | None:
        """Make the frame that is due next and ``finish`` it, and more of them as long as the pauses between
        them are short. A frame that must wait longer than a worker should sleep is given back, to be finished
        later.
        """
        while True:
            made = self._make_one(pacer)
            if pacer.due_s - time.monotonic() > WAKE_EARLY_S:
                return made
            self.finish(pacer, made)
            if self._wanted_elsewhere() or pacer.latch_at() - time.monotonic() > WAKE_EARLY_S:
                return None

    def _make_one(self, pacer: Pacer) -> MadeFrame:
        sleep_exactly_until(pacer.latch_at())
        latched_at_ns = time.monotonic_ns()
        latched = self._session.inbox.latch()
        begin_ns = time.monotonic_ns()
        frame = self._session.step(latched)
        generation_ms = (time.monotonic_ns() - begin_ns) / 1e6
        made = self.encode(frame, latched, latched_at_ns, pacer.due_s, generation_ms)
        pacer.made((made.generated_at_ns - latched_at_ns) / 1e9)
        return made

    def finish(self, pacer: Pacer, made: MadeFrame) -> None:
        """Hand the frame out when it is due, then do what it did not wait for."""
        sleep_exactly_until(pacer.due_s)
        self._hand_out(made)
        pacer.handed_out(time.monotonic())
        self._session.settle()

    def encode(
        self,
        frame: GeneratedFrame,
        applied: LatchedControl,
        latched_at_ns: int,
        due_s: float,
        generation_ms: float,
    ) -> MadeFrame:
        """A frame with a number of its own, ready to be sent."""
        frame_id = self._session.next_frame_id()
        picture = self._pictures.write(frame, frame_id, (*self._held(), self._last_id))
        self._last_id = frame_id
        generated_at_ns = time.monotonic_ns()
        timing = frame_timing(latched_at_ns, generated_at_ns, due_s, generation_ms)
        encoded = encode_frame(frame, applied, frame_id, self._session.epoch, picture, timing)
        return MadeFrame(encoded, applied, generated_at_ns, generation_ms)


def sleep_exactly_until(time_s: float) -> None:
    """Sleep until this moment of the monotonic clock: some tens of microseconds off."""
    wait_s = time_s - time.monotonic()
    if wait_s > 0:
        time.sleep(wait_s)
