"""Does a world fade? Sharpness, contrast and saturation after a while, next to real play."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from dreamport.generator.types import GeneratedFrame
from dreamport_tools.evaluate.metrics import (
    Picture,
    PictureStatistics,
    picture_change,
    picture_statistics,
    statistics_ratio,
)
from dreamport_tools.evaluate.recording import Recording, length, spread
from dreamport_tools.evaluate.rollouts import FREEZE_CHANGE, MOVED_DEG, MOVED_M, Trace, World, control_of

METRES_PER_HEADING = 6.0
"""How many metres away a real frame may be to be as near as one that looks 90 degrees aside."""


@dataclass
class LongRollout:
    """A minute or more by the true controls, begun again from the first when the episode is over."""

    episode: int
    start: int
    frames: int
    last_second: list[PictureStatistics] = field(default_factory=list)
    real: list[PictureStatistics] = field(default_factory=list)
    """Statistics of the held-out frames nearest in pose to those of the last second."""
    nearest_m: list[float] = field(default_factory=list)
    frozen: list[bool] = field(default_factory=list)
    """Of the frames in which the world's camera moved or was told to turn: did the picture stand still?"""
    sharpness_by_second: list[float] = field(default_factory=list)
    pictures: dict[int, Picture] = field(default_factory=dict)
    """Generated pictures by second."""
    nearest_picture: Picture | None = None


class RealViews:
    """Held-out frames looked up by camera pose."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._recordings = recordings
        self._places = [(e, i) for e, r in enumerate(recordings) for i in range(length(r))]
        poses = np.concatenate([np.asarray(r.pose, np.float64) for r in recordings])
        self._positions = poses[:, :3, 3]
        self._forward = poses[:, :3, 2]

    def nearest(self, pose: np.ndarray) -> tuple[Picture, float]:
        """The real picture taken nearest to a ``[4, 4]`` pose, and how far away in metres."""
        distance = np.linalg.norm(self._positions - pose[:3, 3], axis=1)
        aside = 1.0 - self._forward @ pose[:3, 2]
        best = int(np.argmin(distance + METRES_PER_HEADING * aside))
        episode, index = self._places[best]
        return self._recordings[episode].colour(index), float(distance[best])


def run_long(
    world: World,
    recordings: Sequence[Recording],
    views: RealViews,
    *,
    rollouts: int,
    frames: int,
    frame_rate: float,
    prime: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[LongRollout]:
    """``rollouts`` free-running rollouts of ``frames`` frames by the true controls, over many episodes."""
    by_length = sorted(range(len(recordings)), key=lambda e: -length(recordings[e]))
    second = round(frame_rate)
    done: list[LongRollout] = []
    for number in range(rollouts):
        episode = by_length[number % len(by_length)]
        recording = recordings[episode]
        lap = number // len(by_length)
        laps = -(-rollouts // len(by_length))
        start = min(prime + lap * length(recording) // laps, length(recording) - 2)
        rollout = LongRollout(episode, start, frames)
        generator = world.begin(recording, start, seed=seed + number)
        before = generator.start_frame
        sharp: list[float] = []
        row = start
        for k in range(1, frames + 1):
            row = row + 1 if row + 1 < length(recording) else 1
            frame = generator.step(control_of(recording, row))
            generator.finish()
            statistics = picture_statistics(frame.colour)
            sharp.append(statistics.sharpness)
            if _camera_moved(before, frame) or abs(float(recording.look_deg[row][0])) >= MOVED_DEG:
                rollout.frozen.append(picture_change(before.colour, frame.colour) < FREEZE_CHANGE)
            if k > frames - second:
                picture, distance = views.nearest(frame.pose.matrix())
                rollout.last_second.append(statistics)
                rollout.real.append(picture_statistics(picture))
                rollout.nearest_m.append(distance)
                rollout.nearest_picture = picture
            if k % second == 0:
                rollout.sharpness_by_second.append(float(np.mean(sharp)))
                sharp.clear()
                rollout.pictures[k // second] = frame.colour
            before = frame
            if progress is not None and k % 50 == 0:
                progress(number * frames + k, rollouts * frames)
        done.append(rollout)
    return done


def real_play(recordings: Sequence[Recording], samples: int = 200) -> dict[str, float]:
    """Mean statistics of held-out play, for the reader of a report."""
    places = [(e, i) for e, r in enumerate(recordings) for i in range(length(r))]
    pictures = [recordings[places[k][0]].colour(places[k][1]) for k in spread(range(len(places)), samples)]
    statistics = [picture_statistics(p) for p in pictures]
    names = ("sharpness", "gradient", "contrast", "saturation")
    return {name: float(np.mean([getattr(s, name) for s in statistics])) for name in names}


def at_frame(traces: Sequence[Trace], frame: int) -> dict[str, float | None]:
    """Statistics of generated frame ``frame`` over those of the real one, over all rollouts that reach it."""
    kept = [t for t in traces if len(t.generated) >= frame]
    return _finite(
        statistics_ratio([t.real[frame - 1] for t in kept], [t.generated[frame - 1] for t in kept])
    )


def summary(traces: Sequence[Trace], long: Sequence[LongRollout]) -> dict[str, object]:
    """The ``drift`` object of the results. ``second_60`` is null in a quick run."""
    frozen = [f for t in traces for f in t.frozen] + [f for r in long for f in r.frozen]
    frozen_real = [f for t in traces for f in t.frozen_real]
    minute = statistics_ratio([s for r in long for s in r.real], [s for r in long for s in r.last_second])
    return {
        "frame_16": at_frame(traces, 16),
        "frame_64": at_frame(traces, 64),
        "second_60": _finite(minute),
        "freeze_rate": float(np.mean(frozen)) if frozen else None,
        "freeze_rate_real": float(np.mean(frozen_real)) if frozen_real else None,
    }


def _camera_moved(before: GeneratedFrame, after: GeneratedFrame) -> bool:
    """Whether the world's own camera went on; against a wall it does not, and the picture may stand still."""
    way = np.asarray(after.pose.position) - np.asarray(before.pose.position)
    return float(np.linalg.norm(way)) >= MOVED_M


def _finite(ratios: dict[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in ratios.items()}
