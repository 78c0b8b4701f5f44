"""Everything an evaluation gathered, before it is summed up into results and drawn into a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dreamport_tools.evaluate.counterfactual import Trial
from dreamport_tools.evaluate.drift import LongRollout
from dreamport_tools.evaluate.metrics import Picture
from dreamport_tools.evaluate.motion import Run
from dreamport_tools.evaluate.plan import Plan
from dreamport_tools.evaluate.recording import Recording
from dreamport_tools.evaluate.revisit import Return
from dreamport_tools.evaluate.rollouts import Drive, Trace
from dreamport_tools.evaluate.walls import Walls


@dataclass
class Evidence:
    """The raw outcome of every part."""

    plan: Plan
    frame_rate: float
    recordings: Sequence[Recording]
    traces: dict[Drive, list[Trace]]
    still: list[Trace]
    """The copy-last-frame baseline for each window."""
    trials: list[Trial] = field(default_factory=list)
    returns: dict[int, list[Return]] = field(default_factory=dict)
    """Revisits by the seconds spent away."""
    runs: list[Run] = field(default_factory=list)
    walls: Walls | None = None
    long: list[LongRollout] = field(default_factory=list)
    real_play: dict[str, float] = field(default_factory=dict)

    def pairs(self, frames: Sequence[int], count: int) -> list[tuple[Picture, Picture]]:
        """At most ``count`` (real, generated) pictures at ``frames`` of free-running rollouts by controls."""
        found: list[tuple[Picture, Picture]] = []
        for frame in frames:
            for trace in self.traces[Drive.CONTROLS]:
                if frame in trace.pictures:
                    real = self.recordings[trace.window.episode].colour(trace.window.start + frame)
                    found.append((real, trace.pictures[frame]))
        step = max(1, len(found) // count)
        return found[::step][:count]
