"""How a session does, over the last seconds."""

from __future__ import annotations

from collections import deque

WINDOW_S = 10.0
MAX_SAMPLES = 2048
MAX_FRESH_FRAMES = 256


class RecentSamples:
    """Values of the last ten seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=MAX_SAMPLES)

    def add(self, now_s: float, value: float) -> None:
        """Take in one value."""
        self._samples.append((now_s, value))

    def percentiles(self, now_s: float, *shares: float) -> tuple[float, ...]:
        """Values below which these shares (0 to 1) of the samples lie; zeros without samples."""
        while self._samples and self._samples[0][0] < now_s - WINDOW_S:
            self._samples.popleft()
        if not self._samples:
            return (0.0,) * len(shares)
        ordered = sorted(value for _, value in self._samples)
        return tuple(ordered[round(share * (len(ordered) - 1))] for share in shares)

    def since(self, start_s: float) -> int:
        """How many samples are younger than ``start_s``."""
        return sum(1 for time_s, _ in self._samples if time_s > start_s)


class SessionStatistics:
    """Counters and latencies of one session. Times in seconds of the server's monotonic clock, latencies in
    milliseconds.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.dropped = 0
        self.late = 0
        self.generation_ms = RecentSamples()
        self.control_to_frame_ms = RecentSamples()
        self.control_to_presented_ms = RecentSamples()
        self._fresh: deque[tuple[int, int]] = deque(maxlen=MAX_FRESH_FRAMES)

    def frame_handed_out(
        self,
        frame_id: int,
        client_time_ns: int,
        arrivals_ns: tuple[int, ...],
        generation_ms: float,
        now_s: float,
    ) -> None:
        """A frame left; ``arrivals_ns`` are the arrivals of the controls that it was the first to apply."""
        self.frames += 1
        self.generation_ms.add(now_s, generation_ms)
        for arrival_ns in arrivals_ns:
            self.control_to_frame_ms.add(now_s, now_s * 1e3 - arrival_ns / 1e6)
        if arrivals_ns:
            self._fresh.append((frame_id, client_time_ns))

    def frame_presented(self, frame_id: int, client_time_ns: int, now_s: float) -> None:
        """The client showed a frame; counts only if that frame was the first to apply its control."""
        while self._fresh and self._fresh[0][0] <= frame_id:
            fresh_id, control_time_ns = self._fresh.popleft()
            if fresh_id == frame_id and client_time_ns >= control_time_ns:
                self.control_to_presented_ms.add(now_s, (client_time_ns - control_time_ns) / 1e6)

    def fps(self, now_s: float) -> float:
        """Frames handed out in the last second."""
        return float(self.generation_ms.since(now_s - 1.0))
