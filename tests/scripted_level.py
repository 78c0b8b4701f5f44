"""A level for camera paths: boxes as walls on a plan, a floor with heights, exact sweeps of a sphere."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Box:
    """A wall from floor to ceiling: its rectangle on the plan, metres."""

    x0: float
    z0: float
    x1: float
    z1: float


@dataclass
class Level:
    """Walls, and the floor's height (level y, down) at a place on the plan; None is a hole."""

    walls: list[Box] = field(default_factory=list)
    floor: Callable[[float, float], float | None] = lambda x, z: 0.0
    sweeps: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=list)

    def sweep(self, start: NDArray[np.float64], end: NDArray[np.float64], radius: float) -> float:
        """How far a sphere gets, 0 to 1."""
        part = min((_enter(box, start, end, radius) for box in self.walls), default=1.0)
        if part >= 1.0:
            self.sweeps.append((start, end))
        return part

    def ground(self, at: NDArray[np.float64]) -> float | None:
        """Height of the floor."""
        return self.floor(float(at[0]), float(at[2]))

    def clearance(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """``[N]`` distance of ``[N, 3]`` points to the nearest wall on the plan, metres; negative inside."""
        nearest = np.full(len(points), np.inf)
        for box in self.walls:
            dx = np.maximum(box.x0 - points[:, 0], points[:, 0] - box.x1)
            dz = np.maximum(box.z0 - points[:, 2], points[:, 2] - box.z1)
            outside = np.hypot(np.maximum(dx, 0), np.maximum(dz, 0))
            nearest = np.minimum(nearest, np.where((dx < 0) & (dz < 0), np.maximum(dx, dz), outside))
        return nearest


def room(x0: float, z0: float, x1: float, z1: float, thick: float = 0.1) -> list[Box]:
    """Four thin walls around a rectangle."""
    return [
        Box(x0 - thick, z0 - thick, x1 + thick, z0),
        Box(x0 - thick, z1, x1 + thick, z1 + thick),
        Box(x0 - thick, z0, x0, z1),
        Box(x1, z0, x1 + thick, z1),
    ]


def _enter(box: Box, start: NDArray[np.float64], end: NDArray[np.float64], radius: float) -> float:
    """Part of the way at which a circle touches a box: the box grown by the radius, with round corners."""
    x, z = float(start[0]), float(start[2])
    dx, dz = float(end[0]) - x, float(end[2]) - z
    first = min(
        _enter_rectangle(x, z, dx, dz, box.x0 - radius, box.z0, box.x1 + radius, box.z1),
        _enter_rectangle(x, z, dx, dz, box.x0, box.z0 - radius, box.x1, box.z1 + radius),
    )
    for corner_x in (box.x0, box.x1):
        for corner_z in (box.z0, box.z1):
            first = min(first, _enter_circle(x - corner_x, z - corner_z, dx, dz, radius))
    return first


def _enter_rectangle(
    x: float, z: float, dx: float, dz: float, x0: float, z0: float, x1: float, z1: float
) -> float:
    enter, leave = 0.0, 1.0
    for at, step, low, high in ((x, dx, x0, x1), (z, dz, z0, z1)):
        if abs(step) < 1e-15:
            if not low < at < high:
                return 1.0
            continue
        near, far = sorted(((low - at) / step, (high - at) / step))
        enter, leave = max(enter, near), min(leave, far)
    return enter if enter < leave else 1.0


def _enter_circle(x: float, z: float, dx: float, dz: float, radius: float) -> float:
    c = x * x + z * z - radius * radius
    if c < 0:
        return 0.0
    a, b = dx * dx + dz * dz, x * dx + z * dz
    if a < 1e-30 or b >= 0 or b * b < a * c:
        return 1.0
    return min(1.0, (-b - math.sqrt(b * b - a * c)) / a)
