"""Where a player can walk in a Doom map, by the engine's own rules for steps, gaps and walls."""

from __future__ import annotations

from collections import deque

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dreamport_tools.doom_map import MapGeometry

RADIUS, HEIGHT, STEP_UP = 16.0, 56.0, 24.0
Cell = tuple[int, int]


class WalkMap:
    """A grid of the places reachable from the player's start, ``spacing`` Doom units apart.

    ``places [N, 2]`` float64 are the cells' centres, in the order they were reached. A player's box clears
    every wall at a place. Moves follow P_TryMove: at most 24 units up, any drop, 56 units of headroom.
    """

    def __init__(self, geometry: MapGeometry, spacing: float = 16.0, limit: int = 20000) -> None:
        self.spacing = spacing
        self._origin = geometry.start[:2]
        self._geometry = geometry
        self._floor: dict[Cell, float] = {}
        self._next: dict[Cell, list[Cell]] = {}
        self._reach(limit)
        self.cells = list(self._floor)
        self.places: NDArray[np.float64] = np.array([self.place(cell) for cell in self.cells])

    def cell(self, x: float, y: float) -> Cell:
        """The grid cell that holds a point (it need not be reachable)."""
        return (round((x - self._origin[0]) / self.spacing), round((y - self._origin[1]) / self.spacing))

    def place(self, cell: Cell) -> tuple[float, float]:
        """Centre of a cell in Doom units."""
        return (self._origin[0] + cell[0] * self.spacing, self._origin[1] + cell[1] * self.spacing)

    def nearest(self, x: float, y: float) -> Cell:
        """The reachable cell nearest to a point."""
        here = self.cell(x, y)
        if here in self._floor:
            return here
        return self.cells[int(np.argmin(((self.places - (x, y)) ** 2).sum(axis=1)))]

    def fits(self, x: float, y: float) -> bool:
        """Whether a player's box, a unit narrower for rounding, is clear of walls at this point."""
        return bool(np.isfinite(_stand(self._geometry, x, y, RADIUS - 1.0)))

    def path(self, start: Cell, goal: Cell) -> list[Cell]:
        """Cells from ``start`` to ``goal``, both included; empty when there is no way."""
        came: dict[Cell, Cell] = {start: start}
        queue = deque([start])
        while queue:
            cell = queue.popleft()
            if cell == goal:
                way = [cell]
                while cell != start:
                    cell = came[cell]
                    way.append(cell)
                return way[::-1]
            for other in self._next.get(cell, ()):
                if other not in came:
                    came[other] = cell
                    queue.append(other)
        return []

    def _reach(self, limit: int) -> None:
        start: Cell = (0, 0)
        self._floor[start] = _stand(self._geometry, *self.place(start), RADIUS)
        known: dict[Cell, float] = dict(self._floor)
        queue = deque([start])
        while queue and len(self._floor) < limit:
            cell = queue.popleft()
            ways = self._next.setdefault(cell, [])
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                other = (cell[0] + dx, cell[1] + dy)
                if other not in known:
                    known[other] = _stand(self._geometry, *self.place(other), RADIUS)
                # Half way too, so that a thin wall between two cells is seen.
                x, y = self.place(cell)
                middle = _stand(self._geometry, x + dx * self.spacing / 2, y + dy * self.spacing / 2, RADIUS)
                rise = max(middle - self._floor[cell], known[other] - middle)
                if not np.isfinite(rise) or rise > STEP_UP:
                    continue
                ways.append(other)
                if other not in self._floor:
                    self._floor[other] = known[other]
                    queue.append(other)


def _stand(geometry: MapGeometry, x: float, y: float, radius: float) -> float:
    """Floor height under a player's box at a point, NaN when it does not fit there."""
    g = geometry
    return float(_stand_on(g.lines, g.sides, g.blocking, g.heights, x, y, radius))


@njit(cache=True)
def _right_of(x1, y1, x2, y2):  # type: ignore[no-untyped-def]
    """Whether the origin lies on the right of a line, its front."""
    return (x2 - x1) * (-y1) - (y2 - y1) * (-x1) < 0


@njit(cache=True)
def _stand_on(lines, sides, blocking, heights, x, y, radius):  # type: ignore[no-untyped-def]
    sector, nearest = -1, np.inf
    floor, ceiling = -np.inf, np.inf
    for j in range(len(lines)):
        x1, y1, x2, y2 = lines[j, 0] - x, lines[j, 1] - y, lines[j, 2] - x, lines[j, 3] - y
        # The sector at the point: the facing side of the nearest line on a ray to the east.
        if (y1 > 1e-3) != (y2 > 1e-3):
            hit = x1 + (x2 - x1) * (1e-3 - y1) / (y2 - y1)
            if 0 < hit < nearest:
                nearest = hit
                sector = sides[j, 0] if _right_of(x1, y1, x2, y2) else sides[j, 1]
        # Lines that cut through the open box.
        if min(x1, x2) >= radius or max(x1, x2) <= -radius or min(y1, y2) >= radius or max(y1, y2) <= -radius:
            continue
        dx, dy = x2 - x1, y2 - y1
        low, high = np.inf, -np.inf
        for cx in (-radius, radius):
            for cy in (-radius, radius):
                side = dx * (cy - y1) - dy * (cx - x1)
                low, high = min(low, side), max(high, side)
        if low >= 0 or high <= 0:
            continue
        if blocking[j]:
            return np.nan
        for k in range(2):
            floor = max(floor, heights[sides[j, k], 0])
            ceiling = min(ceiling, heights[sides[j, k], 1])
    if sector < 0:
        return np.nan
    floor = max(floor, heights[sector, 0])
    ceiling = min(ceiling, heights[sector, 1])
    return floor if ceiling - floor >= HEIGHT else np.nan
