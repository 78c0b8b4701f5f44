"""How the recording goes, to be seen while it goes: frame rate, drops, idle time, rate of input."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dreamport_tools.desktop.grid import SECOND_NS

WINDOW_NS = 2 * SECOND_NS
IDLE_NS = 5 * SECOND_NS
LOW_SPACE_S = 120.0
DARK = 8
"""A picture whose brightest sample is below this (of 255) is black."""


@dataclass
class Quality:
    """Counts of a run. ``state``: ``recording``, ``paused: why``, ``waiting``; ``remark``: what is wrong."""

    state: str = "waiting"
    remark: str = ""
    frames: int = 0
    dropped: int = 0
    inputs: int = 0
    marks: int = 0
    redacted: int = 0
    repairs: int = 0
    deleted: int = 0
    seconds_left: float | None = None
    episodes: int = 0
    idle_ns: int = 0
    recorded_ns: int = 0
    _frame_times: deque[int] = field(default_factory=deque)
    _input_times: deque[int] = field(default_factory=deque)
    _last_input_ns: int | None = None
    _black: int = 0
    _same: int = 0
    _before: NDArray[np.uint8] | None = None

    def frame(self, time_ns: int, inputs: int, picture: NDArray[np.uint8], since_last_ns: int) -> None:
        """Count a frame. ``since_last_ns``: time since the frame before; 0 where a run begins."""
        self.frames += 1
        self.recorded_ns += since_last_ns
        self.inputs += inputs
        self._frame_times.append(time_ns)
        self._input_times.extend([time_ns] * inputs)
        if inputs or self._last_input_ns is None:
            self._last_input_ns = time_ns
        elif time_ns - self._last_input_ns > IDLE_NS:
            self.idle_ns += since_last_ns
        for times in (self._frame_times, self._input_times):
            while times and times[0] <= time_ns - WINDOW_NS:
                times.popleft()
        self._look(picture, inputs)

    def _look(self, picture: NDArray[np.uint8], inputs: int) -> None:
        few = picture[::16, ::16, :3]
        self._black = self._black + 1 if int(few.max(initial=0)) < DARK else 0
        same = self._before is not None and np.array_equal(few, self._before)
        self._same = self._same + inputs if same else 0
        self._before = few.copy()
        self.remark = ""
        if self._black > self.rate:
            self.remark = "the picture is black: does the game draw into this window?"
        elif self._same > 20:
            self.remark = "the picture does not change although there is input"

    @property
    def rate(self) -> float:
        """Frames a second, of the last two seconds."""
        if len(self._frame_times) < 2:
            return 0.0
        return (len(self._frame_times) - 1) * SECOND_NS / (self._frame_times[-1] - self._frame_times[0])

    @property
    def input_rate(self) -> float:
        """Events a second, of the last two seconds."""
        return len(self._input_times) * SECOND_NS / WINDOW_NS

    @property
    def _is_full_soon(self) -> bool:
        return self.seconds_left is not None and self.seconds_left < LOW_SPACE_S

    def line(self) -> str:
        """For people, one line."""
        parts = [
            self.state,
            f"{self.recorded_ns / SECOND_NS:.0f} s",
            f"{self.rate:.1f} fps",
            f"{self.dropped} dropped",
            f"idle {self.idle_ns / SECOND_NS:.0f} s",
            f"input {self.input_rate:.0f}/s",
            *([f"{self.marks} marks"] if self.marks else []),
            *([f"{self.deleted} deletions"] if self.deleted else []),
            *([f"{self.redacted} redacted"] if self.redacted else []),
            *([f"DISK FULL IN {self.seconds_left:.0f} s"] if self._is_full_soon else []),
            *([self.remark] if self.remark else []),
        ]
        return " | ".join(parts)


Tell: TypeAlias = Callable[[Quality], None]
"""Is shown the counts after every tick of the grid."""
