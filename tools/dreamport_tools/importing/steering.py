"""From estimated poses to what an episode needs: upright axes, a scale, and the controls that fit the
motion.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dreamport_tools.importing.tracks import Float64

BUTTONS = ("forward", "backward", "left", "right")
LEVEL_SPREAD = 0.02
"""How much of the camera's right-hand axes must lie across their main direction to tell what is upright."""
MOVING = 0.25
"""A step is one if it is longer than this share of the usual step."""
DIAGONAL = math.sin(math.radians(22.5))


def upright(pose: Float64) -> tuple[Float64, bool]:
    """Poses ``[T, 4, 4]`` turned so that the level's y axis points down, the first at the origin with yaw 0;
    and whether what is down could be told.

    A player's camera does not roll, so its right-hand axes all lie in the horizontal plane. If the camera
    looked into directions that differ enough, that plane is known; otherwise the first picture is taken to be
    level.
    """
    right = pose[:, :3, 0]
    values, vectors = np.linalg.eigh(right.T @ right / len(pose))
    known = bool(values[1] > LEVEL_SPREAD)
    down = vectors[:, 0] if known else pose[0, :3, 1]
    down = down * np.sign(np.sum(pose[:, :3, 1] @ down))
    forward = pose[0, :3, 2] - down * float(pose[0, :3, 2] @ down)
    if np.linalg.norm(forward) < 1e-6:
        forward = pose[0, :3, 1] - down * float(pose[0, :3, 1] @ down)
    forward = forward / np.linalg.norm(forward)
    level = np.stack([np.cross(down, forward), down, forward])
    turned = pose.copy()
    turned[:, :3, :3] = level @ pose[:, :3, :3]
    turned[:, :3, 3] = (pose[:, :3, 3] - pose[0, :3, 3]) @ level.T
    return turned, known


def usual_step(pose: Float64) -> float:
    """The median step of poses ``[T, 4, 4]`` while moving; 0 for a camera that stays where it is."""
    steps = np.linalg.norm(np.diff(pose[:, :3, 3], axis=0), axis=1)
    if not len(steps) or steps.max() <= 1e-9:
        return 0.0
    usual = float(np.median(steps[steps > 1e-9]))
    return float(np.median(steps[steps > MOVING * usual]))


def scaled(pose: Float64, metres_per_frame: float) -> Float64:
    """Poses with the unit of length chosen so that the usual step is ``metres_per_frame``."""
    usual = usual_step(pose)
    changed = pose.copy()
    if usual > 0:
        changed[:, :3, 3] *= metres_per_frame / usual
    return changed


def look_of(pose: Float64) -> NDArray[np.float32]:
    """Yaw (right positive) and pitch (down positive) since the pose before, ``[T, 2]`` degrees; row 0 is
    0.
    """
    ahead = pose[:, :3, 2]
    yaw = np.unwrap(np.arctan2(ahead[:, 0], ahead[:, 2]))
    pitch = np.arcsin(np.clip(ahead[:, 1], -1, 1))
    return np.degrees(np.diff(np.stack([yaw, pitch], 1), axis=0, prepend=[[yaw[0], pitch[0]]])).astype(
        np.float32
    )


def buttons_of(pose: Float64) -> NDArray[np.uint32]:
    """Which of ``BUTTONS`` would move the camera as it moved, ``[T]`` bit masks; row 0 is 0.

    Row t's buttons are of the step from t-1 to t, in the axes of camera t-1.
    """
    masks = np.zeros(len(pose), np.uint32)
    usual = usual_step(pose)
    if usual <= 0:
        return masks
    step = np.einsum("tji,tj->ti", pose[:-1, :3, :3], np.diff(pose[:, :3, 3], axis=0))
    across, along = step[:, 0], step[:, 2]
    length = np.hypot(across, along)
    moving = length > MOVING * usual
    share_along, share_across = along / np.maximum(length, 1e-12), across / np.maximum(length, 1e-12)
    for bit, pressed in enumerate(
        (share_along > DIAGONAL, share_along < -DIAGONAL, share_across < -DIAGONAL, share_across > DIAGONAL)
    ):
        masks[1:] |= np.where(moving & pressed, np.uint32(1 << bit), np.uint32(0))
    return masks
