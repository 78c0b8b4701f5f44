"""Exact depth of a Doom view, by casting one ray a pixel against the map's sectors.

The engine's own depth buffer has 8 bits; this agrees with it and is exact. A view never pitches, so
every picture column is one ray in the plan and the rows only differ in height.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dreamport_tools.doom_map import MapGeometry

DOOM_UNITS_PER_METRE = 32.0
PIXEL_ASPECT = 1.2


class DepthCaster:
    """Casts views of one map.

    ``width`` and ``height`` of the picture in pixels, ``focal`` its horizontal focal length in pixels;
    the principal point is the centre.
    """

    def __init__(
        self, geometry: MapGeometry, width: int = 320, height: int = 192, focal: float = 160.0
    ) -> None:
        self._geometry = geometry
        self._width, self._height, self._focal = width, height, focal

    def depth(self, x: float, y: float, z: float, angle_deg: float) -> NDArray[np.float32]:
        """Depth along the optical axis, ``[height, width]`` metres, infinite where the sky shows.

        It stands at ``x, y, z`` Doom units and looks along ``angle_deg``, counter-clockwise from east.
        """
        g = self._geometry
        units: NDArray[np.float32] = _cast(
            g.lines, g.sides, g.heights, g.sky, x, y, z, math.radians(angle_deg),
            self._width, self._height, self._focal,
        )  # fmt: skip
        return units / np.float32(DOOM_UNITS_PER_METRE)


@njit(cache=True)
def _cast(lines, sides, heights, sky, x, y, z, angle, width, height, focal):  # type: ignore[no-untyped-def]
    depth = np.full((height, width), np.inf, np.float32)
    cos, sin = np.cos(angle), np.sin(angle)
    count = len(lines)
    # Ends of the lines in camera axes, ``s`` right and ``t`` forward. Those outside the frustum are dropped.
    s1, t1 = np.empty(count), np.empty(count)
    s2, t2 = np.empty(count), np.empty(count)
    kept = np.empty(count, np.int64)
    near_side = np.empty(count, np.int64)
    edge = 0.5 * width / focal
    n = 0
    for j in range(count):
        ax, ay = lines[j, 0] - x, lines[j, 1] - y
        bx, by = lines[j, 2] - x, lines[j, 3] - y
        as_, at = ax * sin - ay * cos, ax * cos + ay * sin
        bs, bt = bx * sin - by * cos, bx * cos + by * sin
        if at <= 0 and bt <= 0:
            continue
        if (as_ > edge * at and bs > edge * bt) or (as_ < -edge * at and bs < -edge * bt):
            continue
        # The camera is on the right of a line, where its front side is, when this cross product is negative.
        cross = (lines[j, 2] - lines[j, 0]) * (-ay) - (lines[j, 3] - lines[j, 1]) * (-ax)
        if cross == 0:
            continue
        near = 0 if cross < 0 else 1
        if sides[j, near] < 0:
            continue
        s1[n], t1[n], s2[n], t2[n] = as_, at, bs, bt
        kept[n], near_side[n] = j, near
        n += 1
    # Which lines each column meets.
    first_column = np.empty(n, np.int64)
    last_column = np.empty(n, np.int64)
    for k in range(n):
        first_column[k], last_column[k] = 0, width - 1
        if t1[k] > 1e-6 and t2[k] > 1e-6:
            c1, c2 = s1[k] / t1[k] * focal + 0.5 * width, s2[k] / t2[k] * focal + 0.5 * width
            first_column[k] = max(0, int(np.floor(min(c1, c2) - 1)))
            last_column[k] = min(width - 1, int(np.ceil(max(c1, c2) + 1)))
    reach = np.empty(n)
    hit = np.empty(n, np.int64)
    for column in range(width):
        slope = (column + 0.5 - 0.5 * width) / focal
        m = 0
        for k in range(n):
            if column < first_column[k] or column > last_column[k]:
                continue
            d1, d2 = s1[k] - slope * t1[k], s2[k] - slope * t2[k]
            if d1 == d2 or d1 * d2 > 0:
                continue
            t = t1[k] + (t2[k] - t1[k]) * d1 / (d1 - d2)
            if t > 0:
                reach[m] = t
                hit[m] = k
                m += 1
        top, bottom = 0, height  # rows that nothing covers yet
        order = np.argsort(reach[:m])
        for o in order:
            t, k = reach[o], hit[o]
            j, near = kept[k], near_side[k]
            here, beyond = sides[j, near], sides[j, 1 - near]
            scale = focal * PIXEL_ASPECT / t  # rows a Doom unit at this distance
            centre = 0.5 * height - 0.5
            # Ceiling of the sector before the line: rows above its edge at the line.
            ceiling_row = centre - (heights[here, 1] - z) * scale
            while top < bottom and top < ceiling_row:
                if not sky[here]:
                    depth[top, column] = (heights[here, 1] - z) * focal * PIXEL_ASPECT / (centre - top)
                top += 1
            floor_row = centre + (z - heights[here, 0]) * scale
            while bottom > top and bottom - 1 > floor_row:
                depth[bottom - 1, column] = (
                    (z - heights[here, 0]) * focal * PIXEL_ASPECT / (bottom - 1 - centre)
                )
                bottom -= 1
            if beyond < 0 or heights[beyond, 1] <= heights[beyond, 0]:
                for row in range(top, bottom):
                    depth[row, column] = t
                top = bottom
            else:
                # Wall above the opening; between two open skies it is sky.
                opening_top = centre - (heights[beyond, 1] - z) * scale
                while top < bottom and top < opening_top:
                    if not (sky[here] and sky[beyond]):
                        depth[top, column] = t
                    top += 1
                opening_bottom = centre + (z - heights[beyond, 0]) * scale
                while bottom > top and bottom - 1 > opening_bottom:
                    depth[bottom - 1, column] = t
                    bottom -= 1
            if top >= bottom:
                break
    return depth
