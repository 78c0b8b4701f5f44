"""Camera geometry shared by every module.

Axes are OpenCV's: camera x right, y down, z forward. Poses are camera-to-world. The level's own
coordinates are right-handed with y down as well, in metres. Image coordinates put the centre of
the first pixel at (0.5, 0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera, in pixels of the frame it describes."""

    fx: float
    fy: float
    cx: float
    cy: float

    def as_array(self) -> Float32:
        """``[4]`` float32: fx, fy, cx, cy."""
        return np.array([self.fx, self.fy, self.cx, self.cy], np.float32)


@dataclass(frozen=True)
class Pose:
    """Camera-to-world pose: position in metres and a unit quaternion (x, y, z, w)."""

    position: tuple[float, float, float]
    orientation: tuple[float, float, float, float]

    @staticmethod
    def from_matrix(camera_to_world: NDArray[np.floating]) -> Pose:
        """Pose of a ``[4, 4]`` (or ``[3, 4]``) rigid camera-to-world matrix."""
        m = np.asarray(camera_to_world, np.float64)
        x, y, z = m[:3, 0], m[:3, 1], m[:3, 2]
        # Shepperd's method: divide by the largest of the four components.
        candidates = np.array(
            [
                1 + x[0] - y[1] - z[2],
                1 - x[0] + y[1] - z[2],
                1 - x[0] - y[1] + z[2],
                1 + x[0] + y[1] + z[2],
            ]
        )
        i = int(np.argmax(candidates))
        s = 2.0 * math.sqrt(max(float(candidates[i]), 1e-12))
        if i == 3:
            q = ((y[2] - z[1]) / s, (z[0] - x[2]) / s, (x[1] - y[0]) / s, s / 4)
        elif i == 0:
            q = (s / 4, (y[0] + x[1]) / s, (z[0] + x[2]) / s, (y[2] - z[1]) / s)
        elif i == 1:
            q = ((y[0] + x[1]) / s, s / 4, (z[1] + y[2]) / s, (z[0] - x[2]) / s)
        else:
            q = ((z[0] + x[2]) / s, (z[1] + y[2]) / s, s / 4, (x[1] - y[0]) / s)
        px, py, pz = (float(v) for v in m[:3, 3])
        qx, qy, qz, qw = (float(v) for v in q)
        return Pose((px, py, pz), (qx, qy, qz, qw))

    @staticmethod
    def from_yaw_pitch(position: tuple[float, float, float], yaw_deg: float, pitch_deg: float = 0.0) -> Pose:
        """Level camera looking along +z at yaw 0; yaw turns right, pitch looks down, in degrees."""
        hy, hp = math.radians(yaw_deg) / 2, -math.radians(pitch_deg) / 2
        # Turn about the world's y axis (down), then about the camera's own x axis.
        cy, sy, cp, sp = math.cos(hy), math.sin(hy), math.cos(hp), math.sin(hp)
        return Pose(position, (cy * sp, sy * cp, -sy * sp, cy * cp))

    def matrix(self) -> NDArray[np.float64]:
        """``[4, 4]`` camera-to-world matrix."""
        qx, qy, qz, qw = self.orientation
        m = np.eye(4)
        m[:3, :3] = [
            [1 - 2 * (qy * qy + qz * qz), 2 * (qx * qy - qz * qw), 2 * (qx * qz + qy * qw)],
            [2 * (qx * qy + qz * qw), 1 - 2 * (qx * qx + qz * qz), 2 * (qy * qz - qx * qw)],
            [2 * (qx * qz - qy * qw), 2 * (qy * qz + qx * qw), 1 - 2 * (qx * qx + qy * qy)],
        ]
        m[:3, 3] = self.position
        return m

    def yaw_deg(self) -> float:
        """Heading about the level's down axis in degrees, 0 along +z, right positive, in (-180, 180]."""
        forward = self.matrix()[:3, 2]
        return math.degrees(math.atan2(float(forward[0]), float(forward[2])))

    def pitch_deg(self) -> float:
        """Downward pitch in degrees."""
        return math.degrees(math.asin(max(-1.0, min(1.0, float(self.matrix()[1, 2])))))


def camera_rays(
    camera_to_world: NDArray[np.floating],
    intrinsics: NDArray[np.floating],
    height: int,
    width: int,
    stride: int,
) -> Float32:
    """Ray origin and unit direction in level coordinates at the centre of every ``stride`` x ``stride`` cell.

    The six channels LingBot-World uses (origin, direction; arXiv 2601.20540).
    ``camera_to_world [4, 4]`` metres, ``intrinsics [4]`` pixels of the full frame; gives
    ``[6, height/stride, width/stride]``.
    """
    fx, fy, cx, cy = (float(v) for v in intrinsics)
    m = np.asarray(camera_to_world, np.float64)
    u = (np.arange(width // stride) + 0.5) * stride
    v = (np.arange(height // stride) + 0.5) * stride
    grid_u, grid_v = np.meshgrid(u, v)
    local = np.stack([(grid_u - cx) / fx, (grid_v - cy) / fy, np.ones_like(grid_u)])
    world = np.einsum("ij,jhw->ihw", m[:3, :3], local)
    world /= np.linalg.norm(world, axis=0, keepdims=True)
    origin = np.broadcast_to(m[:3, 3, None, None], world.shape)
    return np.concatenate([origin, world]).astype(np.float32)
