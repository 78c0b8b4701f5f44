"""Motion state and camera pose.

State ``[S]`` float32: x, y, z (metres), sin yaw, cos yaw, pitch (rad, down positive), vx, vy, vz (metres a
frame), and what else the world's motion graph carries along.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import ExecutorError
from dreamport.geometry import Pose

Float32 = NDArray[np.float32]

MAX_PITCH_RAD = math.radians(89.0)
TELEPORT_M = 2.0
"""A step longer than this between two given poses is a jump, not a speed (20 fps: 40 m/s)."""


def pose_of(state: Float32) -> Pose:
    """The camera's pose in a motion state."""
    x, y, z, sine, cosine, pitch = (float(value) for value in state[:6])
    return Pose.from_yaw_pitch((x, y, z), math.degrees(math.atan2(sine, cosine)), math.degrees(pitch))


def settled(state: Float32) -> Float32:
    """A motion graph's output ``[S]`` with yaw back on the unit circle. Raises ``ExecutorError`` when not
    finite.
    """
    if not np.isfinite(state).all():
        raise ExecutorError("the motion graph gave numbers that are not finite; reset the session")
    moved = state.astype(np.float32, copy=True)
    norm = math.hypot(float(moved[3]), float(moved[4]))
    if norm < 1e-6:
        raise ExecutorError("the motion graph gave a state without a heading; reset the session")
    moved[3:5] /= np.float32(norm)
    return moved


def looked(state: Float32, look_deg: tuple[float, float]) -> Float32:
    """The state after a turn of yaw (right) and pitch (down) in degrees, on the spot; the view stops short of
    straight up and down.
    """
    yaw = math.atan2(float(state[3]), float(state[4])) + math.radians(look_deg[0])
    pitch = float(state[5]) + math.radians(look_deg[1])
    turned = state.copy()
    turned[3:6] = math.sin(yaw), math.cos(yaw), max(-MAX_PITCH_RAD, min(MAX_PITCH_RAD, pitch))
    return turned


def rebased(state: Float32, pose: Pose) -> Float32:
    """The state moved to a pose given from outside; its speed is the way from the last position, 0 after a
    jump.
    """
    moved = state.copy()
    step = np.asarray(pose.position) - state[:3].astype(np.float64)
    yaw = math.radians(pose.yaw_deg())
    moved[:3] = pose.position
    moved[3:6] = math.sin(yaw), math.cos(yaw), math.radians(pose.pitch_deg())
    moved[6:9] = step if float(np.linalg.norm(step)) <= TELEPORT_M else 0.0
    return moved


def turn_between(before: Pose, after: Pose, limit_deg: float) -> tuple[float, float]:
    """Yaw and pitch in degrees that lead from one pose to the next, each at most ``limit_deg`` either way."""
    yaw = (after.yaw_deg() - before.yaw_deg() + 180.0) % 360.0 - 180.0
    pitch = after.pitch_deg() - before.pitch_deg()
    return max(-limit_deg, min(limit_deg, yaw)), max(-limit_deg, min(limit_deg, pitch))
