"""From what a client sent and saw to numbers. Times are the client's own monotonic nanoseconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


@dataclass(frozen=True)
class Minute:
    """One whole minute: frames a second that arrived, and the server's resident memory at its end in MB."""

    minute: int
    fps: float
    rss_mb: float


@dataclass(frozen=True)
class PlayNumbers:
    """A measured stretch of play. Times are milliseconds; ``dropped`` counts frames made but never sent."""

    seconds: float
    frames: int
    fps: float
    frame_interval_ms: dict[str, float]
    control_to_frame_ms: dict[str, float]
    dropped: int
    rss_mb: float
    minutes: tuple[Minute, ...]


class PlayMeasurement:
    """Collects from ``begin_ns`` to ``end_ns``; what comes before is warm-up and counts for nothing."""

    def __init__(self, begin_ns: int, end_ns: int) -> None:
        self._begin = begin_ns
        self._end = end_ns
        self._waiting: deque[tuple[int, int]] = deque()
        self._latencies_ns: list[int] = []
        self._arrivals_ns: list[int] = []
        self._first_id = 0
        self._last_id = 0
        self._rss: list[tuple[int, int]] = []

    def control_sent(self, sequence: int, client_time_ns: int) -> None:
        """A control left; sequences grow."""
        if client_time_ns >= self._begin:
            self._waiting.append((sequence, client_time_ns))

    def frame_arrived(self, frame_id: int, applied_sequence: int, now_ns: int) -> None:
        """A frame came that applied every control up to ``applied_sequence``.

        Each of them is answered by the first such frame, so what waited for the next frame counts in full.
        """
        while self._waiting and self._waiting[0][0] <= applied_sequence:
            self._latencies_ns.append(now_ns - self._waiting.popleft()[1])
        if now_ns < self._begin:
            return
        if not self._arrivals_ns:
            self._first_id = frame_id
        self._last_id = frame_id
        self._arrivals_ns.append(now_ns)

    def memory_seen(self, rss_bytes: int, now_ns: int) -> None:
        """The server told its resident memory."""
        if now_ns >= self._begin:
            self._rss.append((now_ns, rss_bytes))

    def numbers(self) -> PlayNumbers:
        """The numbers so far. Raises ``ValueError`` when fewer than two frames were measured."""
        if len(self._arrivals_ns) < 2:
            raise ValueError(
                f"{len(self._arrivals_ns)} frames arrived after the warm-up; at least 2 are needed"
            )
        elapsed = (self._arrivals_ns[-1] - self._arrivals_ns[0]) / SECOND
        frames = len(self._arrivals_ns)
        return PlayNumbers(
            seconds=round(elapsed, 3),
            frames=frames,
            fps=round((frames - 1) / elapsed, 3),
            frame_interval_ms=_percentiles(np.diff(self._arrivals_ns), (50, 95, 99)),
            control_to_frame_ms=_percentiles(self._latencies_ns, (50, 95)),
            dropped=self._last_id - self._first_id + 1 - frames,
            rss_mb=round(self._rss[-1][1] / 1e6, 1) if self._rss else 0.0,
            minutes=self._minutes(),
        )

    def _minutes(self) -> tuple[Minute, ...]:
        arrivals = np.asarray(self._arrivals_ns, np.int64)
        whole = (self._end - self._begin) // MINUTE
        found = []
        for minute in range(whole):
            begin, end = self._begin + minute * MINUTE, self._begin + (minute + 1) * MINUTE
            count = int(np.count_nonzero((arrivals >= begin) & (arrivals < end)))
            inside = [rss for at, rss in self._rss if begin <= at < end]
            found.append(
                Minute(minute + 1, round(count / 60, 3), round(inside[-1] / 1e6, 1) if inside else 0.0)
            )
        return tuple(found)


def _percentiles(samples_ns: ArrayLike, ranks: tuple[int, ...]) -> dict[str, float]:
    values = np.asarray(samples_ns, np.float64)
    if values.size == 0:
        return {f"p{rank}": 0.0 for rank in ranks}
    return {f"p{rank}": round(float(np.percentile(values, rank)) / 1e6, 3) for rank in ranks}
