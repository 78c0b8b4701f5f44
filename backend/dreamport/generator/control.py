"""Checks one control against a world's control schema and turns it into the vector that graphs take."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import ControlError
from dreamport.generator.types import FrameControl
from dreamport.geometry import Intrinsics, Pose
from dreamport.worlds.manifest import WorldManifest

Float32 = NDArray[np.float32]

MAX_POSITION_M = 1e5
QUATERNION_TOLERANCE = 1e-3
LOOK_TOLERANCE_DEG = 1e-3


def check_control(control: FrameControl, manifest: WorldManifest) -> None:
    """Raise ``ControlError``, with the field named, unless this world can act on ``control``."""
    _check_buttons(control.buttons, manifest)
    _check_look(control.look_deg, manifest)
    if control.pose is not None:
        if not manifest.controls.pose:
            raise ControlError(
                f"pose: world {manifest.name} takes no poses from outside; send buttons and look instead"
            )
        check_pose(control.pose)
    if control.intrinsics is not None:
        check_intrinsics(control.intrinsics, manifest)


def check_pose(pose: Pose) -> None:
    """Raise ``ControlError`` unless position and orientation are finite, near and of unit length."""
    if not all(math.isfinite(value) and abs(value) <= MAX_POSITION_M for value in pose.position):
        raise ControlError(f"pose.position: must be finite and within {MAX_POSITION_M:.0f} m of the origin")
    if not all(math.isfinite(value) for value in pose.orientation):
        raise ControlError("pose.orientation: must be finite; send a unit quaternion (x, y, z, w)")
    norm = math.sqrt(sum(value * value for value in pose.orientation))
    if abs(norm - 1.0) > QUATERNION_TOLERANCE:
        raise ControlError(f"pose.orientation: has length {norm:.4g}; send a unit quaternion (x, y, z, w)")


def unit_pose(pose: Pose) -> Pose:
    """The pose with its quaternion at length one to the last digit."""
    norm = math.sqrt(sum(value * value for value in pose.orientation))
    x, y, z, w = (value / norm for value in pose.orientation)
    return Pose(pose.position, (x, y, z, w))


def check_intrinsics(intrinsics: Intrinsics, manifest: WorldManifest) -> None:
    """Raise ``ControlError`` unless this is a camera that could see the world's frame (field of view 5 to 170
    degrees).
    """
    width, height = manifest.frame.width, manifest.frame.height
    for name, focal, size in (("fx", intrinsics.fx, width), ("fy", intrinsics.fy, height)):
        if not math.isfinite(focal) or not 0.04 * size <= focal <= 12 * size:
            raise ControlError(
                f"intrinsics.{name}: must be {0.04 * size:.0f} to {12 * size} pixels of a {width}x{height} "
                "frame"
            )
    for name, centre, size in (("cx", intrinsics.cx, width), ("cy", intrinsics.cy, height)):
        if not math.isfinite(centre) or not -size <= centre <= 2 * size:
            raise ControlError(
                f"intrinsics.{name}: must be {-size} to {2 * size} pixels of a {width}x{height} frame"
            )


def control_vector(buttons: int, look_deg: tuple[float, float], manifest: WorldManifest) -> Float32:
    """``[A]``: 0 or 1 for each button in the manifest's order, then look yaw and pitch in degrees."""
    pressed = [float(buttons >> bit & 1) for bit in range(len(manifest.controls.buttons))]
    return np.array([*pressed, *look_deg], np.float32)


def _check_buttons(buttons: int, manifest: WorldManifest) -> None:
    count = len(manifest.controls.buttons)
    if isinstance(buttons, bool) or not isinstance(buttons, int) or not 0 <= buttons < 1 << count:
        names = ", ".join(button.name for button in manifest.controls.buttons) or "none"
        raise ControlError(f"buttons: has bits that mean nothing here; the lowest {count} bits are {names}")


def _check_look(look_deg: tuple[float, float], manifest: WorldManifest) -> None:
    look = manifest.controls.look
    limit = look.max_deg_per_frame * manifest.chunk_frames
    if len(look_deg) != 2:
        raise ControlError("look_deg: must be yaw and pitch in degrees")
    for name, value, present in (("yaw", look_deg[0], look.yaw), ("pitch", look_deg[1], look.pitch)):
        if not math.isfinite(value):
            raise ControlError(f"look_deg.{name}: must be a finite number of degrees")
        if not present and value != 0.0:
            raise ControlError(f"look_deg.{name}: world {manifest.name} has no {name} axis; send 0")
        if abs(value) > limit + LOOK_TOLERANCE_DEG:
            step = "frame" if manifest.chunk_frames == 1 else "chunk"
            raise ControlError(
                f"look_deg.{name}: {value:.4g} degrees in one {step}; send at most {limit:g} and the rest "
                f"with the next {step}"
            )
