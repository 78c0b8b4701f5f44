"""The motion head against the engine: where it ends up under the true controls, and whether walls stop it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dreamport_tools.evaluate.metrics import yaw_difference_deg
from dreamport_tools.evaluate.recording import Recording, length, spread
from dreamport_tools.evaluate.walls import Walls

MotionModel = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""State ``[S]`` and control ``[A]`` (buttons as 0 or 1, then yaw and pitch in degrees) to the next state."""


@dataclass(frozen=True)
class Run:
    """The motion head under the true controls beside the recording: ``[frames + 1, S]`` states each."""

    episode: int
    start: int
    predicted: NDArray[np.float32]
    recorded: NDArray[np.float32]

    def position_error_m(self, frame: int) -> float:
        """Distance between the two cameras after ``frame`` frames, in metres."""
        return float(np.linalg.norm(self.predicted[frame, :3] - self.recorded[frame, :3]))

    def yaw_error_deg(self, frame: int) -> float:
        """Absolute difference of heading after ``frame`` frames, in degrees."""
        a, b = (np.degrees(np.arctan2(s[frame, 3], s[frame, 4])) for s in (self.predicted, self.recorded))
        return abs(yaw_difference_deg(float(a), float(b)))


def control_vector(buttons: int, look_deg: NDArray[np.floating], button_count: int) -> NDArray[np.float32]:
    """A recorded control as the motion graph takes it: ``[button_count + 2]`` float32."""
    pressed = [float(buttons >> k & 1) for k in range(button_count)]
    return np.array([*pressed, float(look_deg[0]), float(look_deg[1])], np.float32)


def run_windows(
    motion: MotionModel,
    recordings: Sequence[Recording],
    button_count: int,
    *,
    windows: int,
    frames: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Run]:
    """``windows`` evenly spread runs of ``frames`` frames, or as long as the longest episode allows."""
    frames = min(frames, max((length(r) for r in recordings), default=1) - 1)
    slots = [
        (episode, start)
        for episode, recording in enumerate(recordings)
        for start in range(0, length(recording) - frames)
    ]
    chosen = [slots[k] for k in spread(range(len(slots)), windows)] if frames > 0 else []
    runs: list[Run] = []
    for number, (episode, start) in enumerate(chosen):
        recording = recordings[episode]
        state = np.asarray(recording.motion_state[start], np.float32)
        states = [state]
        for row in range(start + 1, start + frames + 1):
            control = control_vector(int(recording.buttons[row]), recording.look_deg[row], button_count)
            state = np.asarray(motion(state, control), np.float32)
            states.append(state)
        recorded = np.asarray(recording.motion_state[start : start + frames + 1], np.float32)
        runs.append(Run(episode, start, np.stack(states), recorded))
        if progress is not None:
            progress(number + 1, len(chosen))
    return runs


def wall_rate(runs: Sequence[Run], walls: Walls | None) -> float | None:
    """Share of steps that pass through a wall, 0 to 1; ``None`` where the walls are not known."""
    if walls is None or not runs:
        return None
    paths = [run.predicted[:, [0, 2]].astype(np.float64) for run in runs]
    crossings = [walls.crossed(a, b) for path in paths for a, b in pairwise(path)]
    return float(np.mean(crossings))


def summary(
    runs: Sequence[Run], walls: Walls | None, frame_rate: float, seconds: Sequence[int]
) -> dict[str, object]:
    """The ``motion`` object of the results: mean errors after each number of seconds, and the wall rate."""

    def mean(kind: Callable[[Run, int], float]) -> dict[str, float | None]:
        errors: dict[str, float | None] = {}
        for second in seconds:
            frame = round(second * frame_rate)
            reached = [kind(run, frame) for run in runs if len(run.predicted) > frame]
            errors[f"{second}s"] = float(np.mean(reached)) if reached else None
        return errors

    return {
        "position_error_m": mean(Run.position_error_m),
        "yaw_error_deg": mean(Run.yaw_error_deg),
        "wall_rate": wall_rate(runs, walls),
    }
