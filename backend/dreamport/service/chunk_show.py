"""Shows the frames of chunks evenly, on a thread of its own, while the next chunk is generated on another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dreamport.service.chunk_pacing import ChunkPacer

ENCODE_AHEAD_S = 0.004
"""A frame is put into its format this long before it is due: its time stamps stay true, and it is ready."""


class ChunkShow:
    """Hands out what waits in a session, each frame when it is due.

    ``waiting``: how many frames wait. ``show_next``: encodes the first of them and sends it
    at the time it is given. ``on_fault``: told, on the
    thread of the show, what ended it before its time. Methods may be called from any thread but that one.
    """

    def __init__(
        self,
        pacer: ChunkPacer,
        waiting: Callable[[], int],
        show_next: Callable[[float], object],
        on_fault: Callable[[BaseException], object],
    ) -> None:
        self._show_next = show_next
        self._pacer = pacer
        self._waiting = waiting
        self._on_fault = on_fault
        self._turn = threading.Condition()
        self._held = True
        self._showing = False
        self._over = False
        self._thread = threading.Thread(target=self._run, name="show", daemon=True)
        self._thread.start()

    def go_on(self) -> None:
        """Show what waits and what comes, from now on."""
        with self._turn:
            if self._held:
                self._held = False
                self._pacer.restart(time.monotonic())
            self._turn.notify_all()

    def hold(self) -> None:
        """Begin to show no further frame until ``go_on``."""
        with self._turn:
            self._held = True
            self._pacer.restart(time.monotonic())
            self._turn.notify_all()

    def hold_still(self) -> None:
        """``hold``, and wait until no frame is under way: some milliseconds."""
        self.hold()
        with self._turn:
            self._turn.wait_for(lambda: not self._showing)

    def made(self, duration_s: float, frames: int) -> float:
        """A chunk of so many frames waits; it took this long from its controls to its pixels. Gives how late
        it is, seconds, 0 when it is in time.
        """
        with self._turn:
            delay_s = self._pacer.made(time.monotonic(), duration_s, frames)
            self._turn.notify_all()
        return delay_s

    @property
    def frame_rate(self) -> float:
        """Frames a second that are shown while chunks take as long as they do."""
        return self._pacer.frame_rate

    def latch_at(self) -> float:
        """When to take the controls of the next chunk, seconds of the monotonic clock."""
        with self._turn:
            return self._pacer.latch_at(self._waiting())

    def close(self) -> None:
        """Show no more; gives back when the thread has ended."""
        with self._turn:
            self._over = True
            self._turn.notify_all()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._wait_for_next():
                try:
                    self._show_one()
                finally:
                    with self._turn:
                        self._showing = False
                        self._turn.notify_all()
        except BaseException as error:
            self._on_fault(error)

    def _wait_for_next(self) -> bool:
        """Wait until the next frame is nearly due; false when the show is over."""
        with self._turn:
            while not self._over:
                if self._held or not self._waiting():
                    self._turn.wait()
                    continue
                early_s = self._pacer.due_s - ENCODE_AHEAD_S - time.monotonic()
                if early_s <= 0:
                    self._showing = True
                    return True
                self._turn.wait(early_s)
            return False

    def _show_one(self) -> None:
        self._show_next(self._pacer.due_s)
        with self._turn:
            self._pacer.handed_out(time.monotonic())
