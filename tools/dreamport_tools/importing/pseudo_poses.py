"""Poses for pictures that came without: odometry, cut where it lost its way, upright, at an assumed speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamport_tools.importing.fitting import Camera
from dreamport_tools.importing.odometry import Odometry
from dreamport_tools.importing.steering import buttons_of, look_of, scaled, upright
from dreamport_tools.importing.tracks import Float64, Grey, evened

TRUSTED = 0.3
"""A step with at least this confidence counts as one whose pose can be trusted."""
BROKEN = 0.05
STILL_DEVIATION, MOVING_DEVIATION = 3.0, 9.0


@dataclass(frozen=True)
class PosedRun:
    """Pictures ``start`` to ``end`` of those given, in axes of their own. ``pose [T, 4, 4]``, ``confidence
    [T]``, ``look_deg [T, 2]`` and ``buttons [T]`` of the motion since the picture before (row 0: none).
    ``level_known``: what is down was told from the motion, not assumed.
    """

    start: int
    end: int
    pose: Float64
    confidence: Float64
    look_deg: NDArray[np.float32]
    buttons: NDArray[np.uint32]
    level_known: bool

    @property
    def trusted(self) -> float:
        """Share of pictures whose pose can be trusted."""
        return float(np.mean(self.confidence >= TRUSTED))


def overlay_mask(pictures: Sequence[Grey]) -> NDArray[np.uint8] | None:
    """0 where pictures ``[H, W]`` show the same all the time while most of them changes (a display, a
    weapon, a logo), else 255; ``None`` when nothing does.
    """
    chosen = np.stack(
        [pictures[i] for i in np.linspace(0, len(pictures) - 1, min(48, len(pictures))).astype(int)]
    )
    deviation = chosen.std(axis=0)
    if np.median(deviation) < MOVING_DEVIATION:
        return None
    still = cv2.morphologyEx(
        np.where(deviation < STILL_DEVIATION, 255, 0).astype(np.uint8),
        cv2.MORPH_OPEN,
        np.ones((3, 3), np.uint8),
    )
    if not still.any():
        return None
    return np.asarray(255 - cv2.dilate(still, np.ones((9, 9), np.uint8)), np.uint8)


def estimate(pictures: Sequence[Grey], camera: Camera, metres_per_frame: float) -> list[PosedRun]:
    """Poses of grey ``pictures [H, W]`` by ``camera``: a run for every stretch over which they hang together.

    The unit of length is chosen so that the usual step is ``metres_per_frame``: a single camera cannot know
    it.
    """
    odometry = Odometry(camera, overlay_mask(pictures))
    for picture in pictures:
        odometry.add(evened(picture))
    trajectory = odometry.trajectory
    broken = trajectory.confidence < BROKEN
    edges = np.flatnonzero(np.diff(np.r_[True, broken, True].astype(np.int8)))
    runs = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        pose, known = upright(trajectory.pose[start:end])
        pose = scaled(pose, metres_per_frame)
        confidence = trajectory.confidence[start:end].copy()
        confidence[0] = 1.0  # the first pose is where the axes are
        runs.append(PosedRun(start, end, pose, confidence, look_of(pose), buttons_of(pose), known))
    return runs
