"""The fixed grid of times at which frames are grabbed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

SECOND_NS = 1_000_000_000


class Clock(Protocol):
    """Tells the monotonic time, in nanoseconds, and waits."""

    def now_ns(self) -> int: ...

    def sleep_until(self, time_ns: int) -> None: ...


class MonotonicClock:
    """The system's."""

    def now_ns(self) -> int:
        """Now."""
        return time.monotonic_ns()

    def sleep_until(self, time_ns: int) -> None:
        """Wait; a time that is over already does not."""
        left = time_ns - time.monotonic_ns()
        if left > 0:
            time.sleep(left / SECOND_NS)


@dataclass
class Grid:
    """Point ``n`` is at ``begin_ns + n / rate``. Points that nobody was there for in time are skipped, never
    caught up on: a frame belongs to its own time.
    """

    begin_ns: int
    rate: float
    number: int = -1

    def due_ns(self, number: int) -> int:
        """Time of a point."""
        return self.begin_ns + round(number * SECOND_NS / self.rate)

    def next(self, now_ns: int) -> int:
        """The next point that is not over; ``number`` becomes it."""
        self.number += 1
        over = int((now_ns - self.begin_ns) * self.rate / SECOND_NS)
        self.number = max(self.number, over if self.due_ns(over) >= now_ns else over + 1)
        return self.number
