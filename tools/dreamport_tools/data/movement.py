"""What an episode's poses and controls tell: ways, speeds, turns, where the camera was stopped or jumped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.dataset import Episode

JUMP_M, JUMP_DEG = 0.25, 20.0
"""Steps shorter than this are no jumps, however still the camera is otherwise."""
JUMP_TIMES = 5.0
STOPPED = 0.5
"""Moving at less than this share of the usual speed in the usual direction is being stopped."""
LEAST_SPEED = 0.1
"""Buttons that move the camera at less than this share of a brisk step are not for moving."""
STEADY_S = 0.4
STOPPED_ROWS = 3


@dataclass(frozen=True)
class Movement:
    """Of ``T`` rows, each of the step that led to it; NaN where the row before is missing or has no pose.

    ``speed_m [T]`` metres a frame, ``turn_deg [T]`` the whole turn, ``yaw_deg [T]`` right positive.
    ``jumps``: rows whose step is longer than play can explain. ``stopped [T]``: buttons are held that move
    the camera, and it is held up.
    """

    speed_m: NDArray[np.float64]
    turn_deg: NDArray[np.float64]
    yaw_deg: NDArray[np.float64]
    jumps: tuple[int, ...]
    stopped: NDArray[np.bool_]


def movement_of(episode: Episode) -> Movement:
    """Of the poses and buttons of ``episode``; without poses all is NaN and nothing is marked."""
    count, pose = len(episode), episode.pose
    step = np.ones(count, np.bool_)
    for first, _ in episode.runs():
        step[first] = False
    way, yaw, turn = np.full((count, 3), np.nan), np.full(count, np.nan), np.full(count, np.nan)
    way[1:] = pose[1:, :3, 3] - pose[:-1, :3, 3]
    relative = pose[:-1, :3, :3].transpose(0, 2, 1) @ pose[1:, :3, :3]
    with np.errstate(invalid="ignore"):
        cosine = np.clip((np.trace(relative, axis1=1, axis2=2) - 1) / 2, -1, 1)
        turn[1:] = np.degrees(np.arccos(cosine))
        yaw[1:] = np.degrees(np.arctan2(relative[:, 0, 2], relative[:, 2, 2]))
    way[~step], yaw[~step], turn[~step] = np.nan, np.nan, np.nan
    speed = np.linalg.norm(way, axis=1)
    jumps = _jumps(speed, turn, np.linalg.norm(episode.look_deg, axis=1))
    return Movement(speed, turn, yaw, jumps, _stopped(episode, way, jumps))


def _jumps(
    speed: NDArray[np.float64], turn: NDArray[np.float64], look: NDArray[np.floating]
) -> tuple[int, ...]:
    """Steps over five times what nine of ten moving steps stay below; turns that nobody looked."""
    moving = speed[speed > 1e-4]
    longest = max(JUMP_M, JUMP_TIMES * float(np.quantile(moving, 0.9)) if len(moving) else 0.0)
    turning = turn[turn > 1e-3]
    widest = max(JUMP_DEG, JUMP_TIMES * float(np.quantile(turning, 0.9)) if len(turning) else 0.0)
    with np.errstate(invalid="ignore"):
        far = (speed > longest) | (turn > look + widest)
    return tuple(int(row) for row in np.flatnonzero(far))


def _stopped(episode: Episode, way: NDArray[np.float64], jumps: tuple[int, ...]) -> NDArray[np.bool_]:
    """Rows at which the buttons held for a while do not move the camera as they usually do.

    Steps are taken in the camera's own axes, level, so that "usually" is one vector for each set of buttons:
    the one seen while it was held, or where that was hardly a step, the sum of what each button adds.
    """
    count = len(episode)
    heading = np.arctan2(episode.pose[:, 0, 2], episode.pose[:, 2, 2])
    right = way[:, 0] * np.cos(heading) - way[:, 2] * np.sin(heading)
    ahead = way[:, 0] * np.sin(heading) + way[:, 2] * np.cos(heading)
    local = np.stack([right, ahead], axis=1)
    local[list(jumps)] = np.nan
    held_for = np.zeros(count, np.int64)
    for row in range(1, count):
        same = episode.buttons[row] == episode.buttons[row - 1] and episode.missing_before[row] == 0
        held_for[row] = held_for[row - 1] + 1 if same else 0
    steady = (held_for >= max(2, round(STEADY_S * episode.info.frame_rate))) & np.isfinite(local).all(axis=1)
    held_up = np.zeros(count, np.bool_)
    if not steady.any():
        return held_up
    lengths = np.linalg.norm(local, axis=1)
    brisk = float(np.quantile(lengths[steady], 0.75))
    bits = (episode.buttons[:, None] >> np.arange(32, dtype=np.uint32) & 1).astype(np.float64)
    fast = steady & (lengths > STOPPED * brisk)
    of_buttons = np.linalg.lstsq(bits[fast], local[fast], rcond=None)[0]
    for buttons in np.unique(episode.buttons[steady]):
        rows = np.flatnonzero(steady & (episode.buttons == buttons))
        usual, summed = _usual_step(local[rows]), bits[rows[0]] @ of_buttons
        if np.linalg.norm(usual) < STOPPED * np.linalg.norm(summed):
            usual = summed
        speed = float(np.linalg.norm(usual))
        if buttons and speed > max(1e-3, LEAST_SPEED * brisk):
            held_up[rows] = local[rows] @ usual / speed < STOPPED * speed
    return _long_enough(held_up, STOPPED_ROWS)


def _usual_step(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of the faster half of ``steps [N, 2]``: walls slow down, nothing speeds up."""
    speed = np.linalg.norm(steps, axis=1)
    fast: NDArray[np.float64] = np.median(steps[speed >= np.median(speed)], axis=0)
    return fast


def _long_enough(marked: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Only the spans of at least so many rows."""
    kept = np.zeros_like(marked)
    for first, end in spans(marked):
        kept[first:end] = end - first >= least
    return kept


def spans(marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and end of every span of true rows."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    return [(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]
