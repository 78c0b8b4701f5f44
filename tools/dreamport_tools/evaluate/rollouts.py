"""Rollouts against the recording: teacher-forced, free-running by controls, free-running by the true poses.

Every rollout begins at a frame of a held-out episode. The baseline beside them is that frame, held still.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import numpy as np

from dreamport.errors import DatasetError
from dreamport.generator.types import FrameControl, GeneratedFrame
from dreamport.geometry import Pose
from dreamport_tools.evaluate.metrics import (
    Picture,
    PictureStatistics,
    depth_relative_error,
    picture_change,
    picture_statistics,
    psnr,
    ssim,
    yaw_difference_deg,
    yaw_of,
)
from dreamport_tools.evaluate.plan import HORIZONS
from dreamport_tools.evaluate.recording import Recording, length, spread

FREEZE_CHANGE = 0.75
"""A picture whose mean luma changes by less than this (of 255) did not move."""
MOVED_M = 0.05
"""The engine's camera moved in a frame when it went at least this far, in metres ..."""
MOVED_DEG = 0.75
"""... or turned at least this much."""

STRIP_FRAMES = (0, 1, 4, 16, 32, 64, 128, 256)
"""Frames of a rollout that are kept as pictures for film strips."""


class TeachableGenerator(Protocol):
    """A generator whose last frame can be replaced by the real one."""

    @property
    def start_frame(self) -> GeneratedFrame:
        """The recorded frame it began from."""
        ...

    def step(self, control: FrameControl) -> GeneratedFrame:
        """The next frame."""
        ...

    def finish(self) -> None:
        """Do what a frame's delivery does not wait for."""
        ...

    def teach(self, recording: Recording, index: int) -> None:
        """Put a recorded frame in the place of the one just generated: picture, depth, pose, motion state.

        Called between ``step`` and ``finish``.
        """
        ...


class World(Protocol):
    """The world under test, begun anywhere in a recording."""

    def begin(
        self, recording: Recording, frame: int, *, seed: int, memory: bool = True, at_rest: bool = False
    ) -> TeachableGenerator:
        """A generator whose start frame is frame ``frame`` of the recording, primed with those before it.

        ``at_rest`` takes away the speed that the player had there.
        """
        ...


class Drive(Enum):
    """Who moves the camera, and what the world sees of the past."""

    CONTROLS = "free-running by controls"
    POSES = "free-running by the true poses"
    TEACHER = "teacher-forced by controls"


@dataclass(frozen=True)
class Window:
    """``frames`` frames of recording number ``episode`` after frame ``start``."""

    episode: int
    start: int
    frames: int


@dataclass
class Trace:
    """One rollout's numbers: element ``k`` belongs to frame ``k + 1`` after the start."""

    window: Window
    drive: Drive
    psnr: list[float] = field(default_factory=list)
    ssim: dict[int, float] = field(default_factory=dict)
    depth_error: list[float] = field(default_factory=list)
    generated: list[PictureStatistics] = field(default_factory=list)
    real: list[PictureStatistics] = field(default_factory=list)
    frozen: list[bool] = field(default_factory=list)
    """Of the frames in which the engine's camera moved: did the generated picture stand still?"""
    frozen_real: list[bool] = field(default_factory=list)
    pictures: dict[int, Picture] = field(default_factory=dict)
    frames: dict[int, Picture] = field(default_factory=dict)
    """Generated pictures at the horizons, for distances that compare sets of pictures."""


def control_of(recording: Recording, row: int, with_pose: bool = False) -> FrameControl:
    """The control that produced frame ``row`` of the recording, with the pose it led to when asked."""
    yaw, pitch = (float(v) for v in recording.look_deg[row])
    pose = Pose.from_matrix(recording.pose[row]) if with_pose else None
    return FrameControl(buttons=int(recording.buttons[row]), look_deg=(yaw, pitch), pose=pose)


def plan_windows(recordings: Sequence[Recording], prime: int, long: int, short: int) -> list[Window]:
    """Evenly spread windows: ``long`` of 256 frames where the episodes allow, ``short`` more of 64.

    Windows never reach past the end of their episode, and leave ``prime`` frames in front of their start.
    Raises ``DatasetError`` when no episode is long enough for one.
    """
    windows: list[Window] = []
    longest = max((length(r) for r in recordings), default=0)
    reach = max((h for h in HORIZONS if h + prime < longest), default=0)
    if reach == 0:
        raise DatasetError(
            f"the longest held-out episode has {longest} frames, too few to roll out from; record longer ones"
        )
    for frames, count in ((256, long), (64, short)):
        possible = min(frames, reach)
        slots = [
            (episode, start)
            for episode, recording in enumerate(recordings)
            for start in range(prime, length(recording) - possible, 8)
        ]
        windows += [Window(*slots[k], possible) for k in spread(range(len(slots)), count)]
    return windows


def roll(
    world: World, recording: Recording, window: Window, drive: Drive, *, seed: int, max_depth_m: float
) -> Trace:
    """Run one window and compare each of its frames with the recording."""
    trace = Trace(window, drive)
    generator = world.begin(recording, window.start, seed=seed)
    before, before_real = generator.start_frame.colour, recording.colour(window.start)
    trace.pictures[0] = before
    for k in range(1, window.frames + 1):
        row = window.start + k
        frame = generator.step(control_of(recording, row, with_pose=drive is Drive.POSES))
        if drive is Drive.TEACHER:
            generator.teach(recording, row)
        generator.finish()
        real = recording.colour(row)
        trace.psnr.append(psnr(real, frame.colour))
        if frame.depth is not None:
            trace.depth_error.append(depth_relative_error(recording.depth(row), frame.depth, max_depth_m))
        if k in HORIZONS:
            trace.ssim[k] = ssim(real, frame.colour)
            trace.frames[k] = frame.colour
        if k in STRIP_FRAMES:
            trace.pictures[k] = frame.colour
        if drive is Drive.CONTROLS:
            trace.generated.append(picture_statistics(frame.colour))
            trace.real.append(picture_statistics(real))
            if engine_moved(recording, row):
                trace.frozen.append(picture_change(before, frame.colour) < FREEZE_CHANGE)
                trace.frozen_real.append(picture_change(before_real, real) < FREEZE_CHANGE)
        before, before_real = frame.colour, real
    return trace


def copy_last(recording: Recording, window: Window) -> Trace:
    """The baseline: the real frame at the start, held still."""
    trace = Trace(window, Drive.CONTROLS)
    still = recording.colour(window.start)
    trace.pictures = {k: still for k in STRIP_FRAMES if k <= window.frames}
    for k in range(1, window.frames + 1):
        real = recording.colour(window.start + k)
        trace.psnr.append(psnr(real, still))
        if k in HORIZONS:
            trace.ssim[k] = ssim(real, still)
            trace.frames[k] = still
    return trace


def engine_moved(recording: Recording, row: int) -> bool:
    """Whether the recorded camera moved or turned visibly in the step to frame ``row``."""
    before, after = recording.pose[row - 1], recording.pose[row]
    distance = float(np.linalg.norm(after[:3, 3] - before[:3, 3]))
    return distance >= MOVED_M or abs(yaw_difference_deg(yaw_of(after), yaw_of(before))) >= MOVED_DEG


def psnr_at_horizons(traces: Iterable[Trace]) -> dict[str, float | None]:
    """Mean PSNR in dB of the frame at each horizon; ``None`` where no rollout is that long."""
    kept = list(traces)
    return {str(h): _mean(t.psnr[h - 1] for t in kept if len(t.psnr) >= h) for h in HORIZONS}


def ssim_at_horizons(traces: Iterable[Trace]) -> dict[str, float | None]:
    """Mean SSIM of the frame at each horizon; ``None`` where no rollout is that long."""
    kept = list(traces)
    return {str(h): _mean(t.ssim[h] for t in kept if h in t.ssim) for h in HORIZONS}


def mean_curve(series: Iterable[Sequence[float]]) -> list[float]:
    """Mean over rollouts of each frame's number, as far as the longest reaches."""
    kept = list(series)
    longest = max((len(s) for s in kept), default=0)
    return [float(np.mean([s[k] for s in kept if k < len(s)])) for k in range(longest)]


def _mean(values: Iterable[float]) -> float | None:
    kept = [v for v in values if not math.isnan(v)]
    return float(np.mean(kept)) if kept else None
