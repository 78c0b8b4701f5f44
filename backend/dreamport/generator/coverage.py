"""Which of many views see best what the next camera will see, from coarse depth alone.

Every view is known by 20x12 points: where its depth puts the centres of a coarse grid. The points of the
nearest candidates are projected into the next camera and sorted into 20x12 cells; a view covers a cell when
its point is not behind what others see there, and counts for more the closer its distance to the surface is
to the camera's own, for then texel size and distance shading agree. Views are picked greedily.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dreamport.worlds.views import GRID_COLUMNS, GRID_ROWS, STEPS, grid_indices

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

CELLS = GRID_ROWS * GRID_COLUMNS
CANDIDATES = 64
METRES_PER_HEADING = 4.0
"""How many metres away a view may be to be as good as one that looks 60 degrees aside (1 - cos = 0.5, times
this).
"""
OCCLUSION = 1.15
"""A point up to 15 % further than the nearest one of its cell is on the same surface."""
SHARPNESS = 2.5
"""A view from ``r`` times the distance counts ``exp(-SHARPNESS * |log r|)``."""
STAY = 0.03
"""What a view already in use is worth more, as a share of the whole picture."""


class ViewIndex:
    """Points and cameras of up to ``capacity`` views; a place in it is empty until ``put``.

    ``frame``: height and width in pixels. ``near_m``: metres at inverse depth 1; ``far_m`` stands for
    infinity.
    """

    def __init__(self, capacity: int, frame: tuple[int, int], near_m: float, far_m: float) -> None:
        self._frame = frame
        self._near, self._far = np.float32(near_m), np.float32(far_m)
        self._position = np.zeros((capacity, 3), np.float32)
        self._forward = np.zeros((capacity, 3), np.float32)
        self._points = np.zeros((capacity, CELLS, 3), np.float32)
        self._depth = np.ones((capacity, CELLS), np.float32)
        self.filled = np.zeros(capacity, np.bool_)

    def put(
        self,
        places: slice | Int64,
        pose: NDArray[np.floating],
        intrinsics: NDArray[np.floating],
        inverse_depth_grid: NDArray[np.uint16],
    ) -> None:
        """Fill places with views: ``pose [N, 4, 4]``, ``intrinsics [N, 4]``, ``inverse_depth_grid [N, 12,
        20]``.
        """
        rows, columns = grid_indices(*self._frame)
        u, v = np.meshgrid(columns + np.float32(0.5), rows + np.float32(0.5))
        fx, fy, cx, cy = (intrinsics[:, i, None, None].astype(np.float32) for i in range(4))
        inverse = inverse_depth_grid.astype(np.float32) / np.float32(STEPS)
        depth = self._near / np.maximum(inverse, self._near / self._far)
        local = np.stack([(u - cx) / fx * depth, (v - cy) / fy * depth, depth], axis=-1).reshape(-1, CELLS, 3)
        rotation = pose[:, :3, :3].astype(np.float32)
        position = pose[:, :3, 3].astype(np.float32)
        self._points[places] = local @ rotation.transpose(0, 2, 1) + position[:, None]
        self._depth[places] = depth.reshape(-1, CELLS)
        self._position[places] = position
        self._forward[places] = rotation[:, :, 2]
        self.filled[places] = True

    def clear(self, places: slice) -> None:
        """Empty some places."""
        self.filled[places] = False

    def nearest(self, pose: NDArray[np.floating], allowed: NDArray[np.bool_], count: int) -> Int64:
        """At most ``count`` allowed places whose cameras are nearest in position and heading, in rising
        order.
        """
        away = np.linalg.norm(self._position - pose[:3, 3].astype(np.float32), axis=1)
        aside = 1.0 - self._forward @ pose[:3, 2].astype(np.float32)
        score = np.where(allowed, away + METRES_PER_HEADING * aside, np.inf)
        order = np.argpartition(score, count) if len(score) > count else np.arange(len(score))
        picked = order[:count]
        return np.sort(picked[np.isfinite(score[picked])]).astype(np.int64)

    def gains(
        self, candidates: Int64, pose: NDArray[np.floating], intrinsics: NDArray[np.floating]
    ) -> Float32:
        """How well each candidate shows each cell of the camera: ``[candidates, 240]``, 0 (not at all) to
        1.
        """
        height, width = self._frame
        count = len(candidates)
        rotation = pose[:3, :3].astype(np.float32)
        local = (self._points[candidates].reshape(-1, 3) - pose[:3, 3].astype(np.float32)) @ rotation
        depth = local[:, 2]
        front = depth > 0.05
        inverse = np.float32(1.0) / np.where(front, depth, np.float32(1.0))
        fx, fy, cx, cy = (np.float32(value) for value in intrinsics)
        column = (local[:, 0] * inverse * fx + cx) * np.float32(GRID_COLUMNS / width)
        row = (local[:, 1] * inverse * fy + cy) * np.float32(GRID_ROWS / height)
        inside = front & (column >= 0) & (column < GRID_COLUMNS) & (row >= 0) & (row < GRID_ROWS)
        seen = np.flatnonzero(inside)
        cell = row[seen].astype(np.int64) * GRID_COLUMNS + column[seen].astype(np.int64)
        nearest = np.full(CELLS, np.inf, np.float32)
        np.minimum.at(nearest, cell, depth[seen])
        visible = depth[seen] <= nearest[cell] * np.float32(OCCLUSION)
        seen, cell = seen[visible], cell[visible]
        ratio = np.log(depth[seen] / self._depth[candidates].reshape(-1)[seen])
        weight = np.exp(np.float32(-SHARPNESS) * np.abs(ratio))
        gains = np.zeros(count * CELLS, np.float32)
        np.maximum.at(gains, seen // CELLS * CELLS + cell, weight)
        return gains.reshape(count, CELLS)


def pick(gains: Float32, count: int, in_use: Sequence[int] = ()) -> list[int]:
    """Up to ``count`` rows of ``gains [M, cells]`` that together show most, best first.

    ``in_use``: rows that are preferred a little, so that the picture does not flicker between equals.
    """
    stay = np.zeros(len(gains), np.float32)
    stay[list(in_use)] = STAY * gains.shape[1]
    best = np.zeros(gains.shape[1], np.float32)
    picked: list[int] = []
    for _ in range(min(count, len(gains))):
        more = np.maximum(gains - best, 0.0).sum(axis=1)
        score = np.where(more > 0.0, more + stay, 0.0)
        score[picked] = 0.0
        row = int(np.argmax(score))
        if score[row] <= 0.0:
            break
        picked.append(row)
        best = np.maximum(best, gains[row])
    return picked
