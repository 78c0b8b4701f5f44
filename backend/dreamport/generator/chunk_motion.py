"""How the camera moves through one chunk: by keys and looks as LingBot-World maps them, or as it is told from
outside. Level coordinates: y down; the picture that a session begins from is seen from the origin, along +z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamport.generator.control import unit_pose
from dreamport.generator.types import FrameControl
from dreamport.geometry import Pose
from dreamport.worlds.checkpoint import CameraSteps

Float64 = NDArray[np.float64]

ORIGIN = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
CUT_STRIDES = 10.0
"""A pose from outside that is farther away than so many chunks walk, or looks elsewhere by more than a right
angle, is a cut: the camera is there without having moved.
"""
CUT_TURN_DEG = 90.0


@dataclass(frozen=True)
class Held:
    """What the held buttons ask for, each -1, 0 or 1: right, ahead, turn right, look down."""

    aside: int
    ahead: int
    yaw: int
    pitch: int


def held(buttons: int, names: tuple[str, ...]) -> Held:
    """The meaning of the held buttons; ``names``: the world's, bit 0 first."""
    pressed = {name for bit, name in enumerate(names) if buttons >> bit & 1}
    return Held(
        aside=("right" in pressed) - ("left" in pressed),
        ahead=("forward" in pressed) - ("back" in pressed),
        yaw=("look_right" in pressed) - ("look_left" in pressed),
        pitch=("look_down" in pressed) - ("look_up" in pressed),
    )


def walked(
    pose: Pose, wish: Held, look_deg: tuple[float, float], steps: CameraSteps, frames: int
) -> tuple[Pose, ...]:
    """The camera at each of ``frames`` frames after ``pose``: turned by keys and by its share of the look,
    then walked on the ground plane, no faster aslant than straight.
    """
    x, y, z = pose.position
    yaw, pitch = pose.yaw_deg(), pose.pitch_deg()
    length = steps.step / max(1.0, math.hypot(wish.aside, wish.ahead))
    poses = []
    for _ in range(frames):
        yaw += wish.yaw * steps.turn_deg + look_deg[0] / frames
        pitch += wish.pitch * steps.turn_deg + look_deg[1] / frames
        pitch = max(-steps.max_pitch_deg, min(steps.max_pitch_deg, pitch))
        sine, cosine = math.sin(math.radians(yaw)), math.cos(math.radians(yaw))
        x += length * (wish.ahead * sine + wish.aside * cosine)
        z += length * (wish.ahead * cosine - wish.aside * sine)
        poses.append(Pose.from_yaw_pitch((x, y, z), yaw, pitch))
    return tuple(poses)


def led(before: Pose, after: Pose, frames: int) -> tuple[Pose, ...]:
    """The camera at each of ``frames`` frames on the straight way from ``before`` to ``after``, the last of
    them there: positions linearly, orientations along the great circle (slerp).
    """
    p, r = np.array(before.position), np.array(after.position)
    a, b = np.array(before.orientation), np.array(after.orientation)
    cosine = float(a @ b)
    if cosine < 0:
        b, cosine = -b, -cosine
    angle = math.acos(min(1.0, cosine))
    poses = []
    for k in range(1, frames):
        t = k / frames
        if angle < 1e-6:
            q = a + t * (b - a)
        else:
            q = (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)
        poses.append(unit_pose(_pose(p + t * (r - p), q)))
    return (*poses, after)


def is_cut(before: Pose, after: Pose, steps: CameraSteps, frames: int) -> bool:
    """Whether ``after`` cannot have been reached from ``before`` in so many frames."""
    distance = math.dist(before.position, after.position)
    cosine = abs(float(np.dot(before.orientation, after.orientation)))
    turned_deg = 2 * math.degrees(math.acos(min(1.0, cosine)))
    return distance > CUT_STRIDES * frames * steps.step or turned_deg > CUT_TURN_DEG


@dataclass(frozen=True)
class CameraTrack:
    """Where the camera is. ``pose``: in level coordinates; ``place [4, 4]``: from those to the session's own,
    in which the camera never jumps.
    """

    pose: Pose
    place: Float64

    def matrix(self, pose: Pose) -> Float64:
        """``[4, 4]`` camera-to-world of a pose, in the session's own coordinates."""
        moved: Float64 = self.place @ pose.matrix()
        return moved

    def chunk(
        self, control: FrameControl, names: tuple[str, ...], steps: CameraSteps, frames: int
    ) -> tuple[CameraTrack, tuple[Pose, ...]]:
        """The track after ``frames`` more frames under ``control``, and the camera of each of them. Multiply
        with the ``place`` of the track that comes back.
        """
        if control.pose is None:
            poses = walked(self.pose, held(control.buttons, names), control.look_deg, steps, frames)
            return CameraTrack(poses[-1], self.place), poses
        there = unit_pose(control.pose)
        if is_cut(self.pose, there, steps, frames):
            place = self.matrix(self.pose) @ np.linalg.inv(there.matrix())
            return CameraTrack(there, place), (there,) * frames
        poses = led(self.pose, there, frames)
        return CameraTrack(there, self.place), poses


def _pose(position: Float64, orientation: Float64) -> Pose:
    x, y, z = (float(value) for value in position)
    qx, qy, qz, qw = (float(value) for value in orientation)
    return Pose((x, y, z), (qx, qy, qz, qw))
