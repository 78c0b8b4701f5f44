"""When to show the frames of chunks, and when to take the controls of the next chunk.

The next chunk is generated while the present one is shown. Its controls are taken as late as it can still be
ready when its first frame is due. Frames are spread evenly at the world's frame rate, or, on a machine that
makes them more slowly, at the rate at which it makes them.
"""

from __future__ import annotations

from collections import deque

from dreamport.service.pacing import MIN_GAP

REMEMBERED = 8
"""Chunks whose durations tell how long the next will take: the longest of them, since a late one is seen."""

MARGIN_SHARE = 0.1
"""Slack between the expected end of a chunk and the moment it is due, in its expected duration."""

UNSURE_SHARE = 0.5
"""More slack while little is known: this, divided by the number of chunks whose durations are."""

MARGIN_S = 0.01
"""The same, at least, seconds."""

SLACK = 1.1
"""A machine that is slower than the world shows a chunk this much longer than it takes to make the next (the
slowest but one counts), so that chunks that take a little longer are still in time.
"""

LATE_SHARE = 0.5
"""A chunk is late, and not just a little behind, from this delay on, in frame intervals."""

SLOW_SHARE = 0.97
"""Share of a world's frame rate below which a client is told that it is not reached."""


class ChunkPacer:
    """The schedule of one session of a chunked world. Times are seconds of one monotonic clock, passed in.

    ``interval_s``: between two frames as the world wants them; ``expected_s``: what a chunk of ``frames``
    took in a trial. ``due_s``: when the next frame is to be shown. ``late``: chunks that were late so far.
    """

    def __init__(self, interval_s: float, expected_s: float, frames: int, now_s: float) -> None:
        self._wanted_s = interval_s
        self._frames = self._newest = frames
        self._durations_s: deque[float] = deque([expected_s], maxlen=REMEMBERED)
        self.late = 0
        self.interval_s = self._paced()
        self.restart(now_s)

    def restart(self, now_s: float) -> None:
        """Begin the schedule anew, for instance after a pause: the next frame is due an interval from now, or
        when there is one.
        """
        self._scheduled_s = self.due_s = now_s + self.interval_s
        self._fresh = True

    def latch_at(self, waiting: int) -> float:
        """When to take the controls of the next chunk while ``waiting`` frames are still to be shown: never
        before the chunk before it has begun to be shown.
        """
        longest_s = max(self._durations_s)
        share = MARGIN_SHARE + UNSURE_SHARE / len(self._durations_s)
        needed_s = longest_s + max(MARGIN_S, share * longest_s)
        shown_s = self.due_s + (waiting - self._newest) * self.interval_s
        return max(shown_s, self.due_s + waiting * self.interval_s - needed_s)

    def made(self, now_s: float, duration_s: float, frames: int) -> float:
        """A chunk of ``frames`` is there. Gives how late it is, seconds; 0 when it is in time, or when
        nothing was being shown that it could have interrupted.
        """
        self._durations_s.append(duration_s)
        self._newest = frames
        self.interval_s = self._paced()
        behind_s = now_s - self.due_s
        if behind_s <= LATE_SHARE * self.interval_s and not (self._fresh and behind_s > 0):
            return 0.0
        self._scheduled_s = self.due_s = now_s
        if self._fresh:
            return 0.0
        self.late += 1
        return behind_s

    def handed_out(self, now_s: float) -> None:
        """The frame that was due has left. Small delays are made up gently, never in a burst."""
        self._fresh = False
        self._scheduled_s += self.interval_s
        if now_s - self._scheduled_s > self.interval_s:
            self._scheduled_s = now_s + self.interval_s
        self.due_s = max(self._scheduled_s, now_s + MIN_GAP * self.interval_s)

    def _paced(self) -> float:
        return self._interval_of(self._newest)

    @property
    def frame_rate(self) -> float:
        """Frames a second that are shown while chunks take as long as they do. A session's first chunk has
        fewer frames and is as much work: it does not count.
        """
        return 1.0 / self._interval_of(self._frames)

    def _interval_of(self, frames: int) -> float:
        slow_s = sorted(self._durations_s)[-2:][0]
        return max(self._wanted_s, SLACK * slow_s / frames)


def remarks(late_s: float, frame_rate: float, wanted: float) -> list[tuple[str, str]]:
    """What a client should know of the chunk just made, each with what it is about: that it was late, and
    that ``frame_rate`` of the ``wanted`` frames are shown a second.
    """
    found = []
    if late_s > 0:
        found.append(
            (
                "late",
                f"The next frames came {late_s * 1e3:.0f} ms late, and the last picture stood still until "
                "then. If this happens often (Stats.late counts), give the server less to do besides.",
            )
        )
    if frame_rate < SLOW_SHARE * wanted:
        found.append(
            (
                "slow",
                f"Frames are shown at {frame_rate:.1f} a second, evenly and in slow motion: this machine "
                f"does not make this world's {wanted:g} a second in time.",
            )
        )
    return found
