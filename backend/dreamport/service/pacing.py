"""When to take the controls, and when to hand a frame out.

Frames are due on an absolute schedule, so small delays do not add up. The controls of a frame are taken as
late as its frame can still be ready in time.
"""

from __future__ import annotations

from collections import deque

MARGIN_S = 0.0015
"""Slack between the expected end of generation and the moment a frame is due, seconds."""

MARGIN_SHARE = 0.03
"""The same, at most, in frame intervals: a fast world has little time to give away."""

MIN_GAP = 0.7
"""Shortest gap between two frames while catching up, in frame intervals: delays are made up gently, never in
a burst.
"""

MAX_BEHIND = 8.0
"""Delay, in frame intervals, beyond which the schedule begins anew instead of catching up."""


class Pacer:
    """The schedule of one session. Times are seconds of one monotonic clock, passed in."""

    def __init__(self, interval_s: float, now_s: float) -> None:
        self._interval_s = interval_s
        self._margin_s = min(MARGIN_S, MARGIN_SHARE * interval_s)
        self._durations_s: deque[float] = deque(maxlen=40)
        self.restart(now_s)

    def restart(self, now_s: float) -> None:
        """Begin the schedule anew, for instance after a pause."""
        self._scheduled_s = self.due_s = now_s + self._interval_s

    def latch_at(self) -> float:
        """When to take the controls of the frame that is due next."""
        if not self._durations_s:
            return self.due_s - self._interval_s
        ordered = sorted(self._durations_s)
        return self.due_s - ordered[int(0.9 * (len(ordered) - 1))] - self._margin_s

    def made(self, duration_s: float) -> None:
        """A frame took this long from its controls to its pixels."""
        self._durations_s.append(duration_s)

    def handed_out(self, now_s: float) -> None:
        """The frame that was due has left; the next one is due an interval after this one was scheduled, or
        as soon after it as the shortest gap allows."""
        if now_s - self._scheduled_s > MAX_BEHIND * self._interval_s:
            self.restart(now_s)
        else:
            self._scheduled_s += self._interval_s
            self.due_s = max(self._scheduled_s, now_s + MIN_GAP * self._interval_s)
