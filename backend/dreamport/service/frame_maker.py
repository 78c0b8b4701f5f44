"""Makes the frames of one stream and hands them out when they are due, on the worker thread of its lease; the
frames of chunks are handed out on the thread of a ``ChunkShow`` instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from dreamport.service.chunk_show import ChunkShow
from dreamport.service.controls import LatchedControl
from dreamport.service.pacing import Pacer
from dreamport.service.pictures import PictureWriter
from dreamport.service.session import Generated, Session
from dreamport.service.wire import EncodedFrame, encode_frame, frame_timing

WAKE_EARLY_S = 0.002
"""The event loop counts in milliseconds and may be busy: the worker sleeps the rest of a wait, seconds."""

PRESENT_LATER_S = 0.05
"""What a client has in hand, seconds, against delays on the way: in a chunked world a twentieth of a second
more does not count, and an uneven picture does.
"""


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
        self._session.chunk(self._session.inbox.latch(), latched_at_ns)
        made = self.encode(self._session.show(), pacer.due_s)
        pacer.made((made.generated_at_ns - latched_at_ns) / 1e9)
        return made

    def finish(self, pacer: Pacer, made: MadeFrame) -> None:
        """Hand the frame out when it is due, then do what it did not wait for."""
        sleep_exactly_until(pacer.due_s)
        self._hand_out(made)
        pacer.handed_out(time.monotonic())
        self._session.settle()

    def make_chunk(self, show: ChunkShow) -> float:
        """Generate the next chunk, for ``show`` to show; gives how late it is, seconds, 0 when in time."""
        latched_at_ns = time.monotonic_ns()
        frames = self._session.chunk(self._session.inbox.latch(), latched_at_ns)
        late_s = show.made((time.monotonic_ns() - latched_at_ns) / 1e9, frames)
        self._session.settle()
        return late_s

    def show_next(self, due_s: float) -> None:
        """Encode the frame that waits first; hand it out when it is due, to be presented a little later."""
        made = self.encode(self._session.show(), due_s + PRESENT_LATER_S)
        sleep_exactly_until(due_s)
        self._hand_out(made)

    def encode(self, made: Generated, due_s: float) -> MadeFrame:
        """A frame with a number of its own, ready to be sent."""
        frame_id = self._session.next_frame_id()
        picture = self._pictures.write(made.frame, frame_id, (*self._held(), self._last_id))
        self._last_id = frame_id
        generated_at_ns = time.monotonic_ns()
        timing = frame_timing(made.latched_at_ns, generated_at_ns, due_s, made.generation_ms)
        encoded = encode_frame(made.frame, made.applied, frame_id, self._session.epoch, picture, timing)
        return MadeFrame(encoded, made.applied, generated_at_ns, made.generation_ms)


def sleep_exactly_until(time_s: float) -> None:
    """Sleep until this moment of the monotonic clock: some tens of microseconds off."""
    wait_s = time_s - time.monotonic()
    if wait_s > 0:
        time.sleep(wait_s)
