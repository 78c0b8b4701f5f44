"""How the recorder plays: varied, balanced over all nine ways to move, and seeded.

Short behaviours follow one another. Walks to random places give coverage of the level with every way
of moving; wandering, spins, flicks, wall hugging and retracing give the motions a person makes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from dreamport_tools.doom_walk import Cell, WalkMap
from dreamport_tools.vizdoom_game import BACKWARD, FORWARD, LEFT, RIGHT, EngineState, whole_turn

MAX_LOOK_DEG = 15.0
STRAIGHT_DEG = 7.0  # a walk this close to its way goes straight on
# The nine ways to move, and where each goes relative to the heading (degrees to the right).
MOVES = (
    0, FORWARD, FORWARD | RIGHT, RIGHT, BACKWARD | RIGHT, BACKWARD, BACKWARD | LEFT, LEFT, FORWARD | LEFT,
)  # fmt: skip
PLAY = {"walk": 0.42, "wander": 0.22, "spin": 0.1, "flick": 0.1, "hug": 0.08, "retrace": 0.06, "stand": 0.02}
PHYSICS = {
    "walk": 0.25,
    "wander": 0.3,
    "spin": 0.05,
    "flick": 0.08,
    "hug": 0.24,
    "retrace": 0.06,
    "stand": 0.02,
}


class Policy:
    """Chooses one frame's input at a time. ``weights`` names the share of each behaviour."""

    def __init__(self, walk: WalkMap, rng: np.random.Generator, weights: Mapping[str, float] = PLAY) -> None:
        self._walk, self._rng = walk, rng
        self._names = list(weights)
        self._weights = np.array([weights[name] for name in self._names])
        self._weights /= self._weights.sum()
        self._behaviour = ""
        self._left = 0  # frames until the next behaviour
        self._move, self._rate, self._turn_left = 0, 0.0, 0.0
        self._goal: Cell | None = None
        self._way: list[Cell] = []
        self._replan = 0

    def start(self) -> tuple[tuple[float, float], float]:
        """A random place (Doom units) and heading (degrees) to begin from."""
        x, y = self._walk.places[self._rng.integers(len(self._walk.places))]
        return (float(x), float(y)), float(self._rng.uniform(0, 360))

    def control(self, state: EngineState) -> tuple[int, float]:
        """Buttons and the turn in degrees (right positive) for the next frame."""
        if self._left <= 0:
            self._choose(state)
        self._left -= 1
        if self._behaviour == "walk":
            turn = self._steer(state)
        elif self._behaviour == "flick":
            turn = math.copysign(min(abs(self._rate), abs(self._turn_left)), self._turn_left)
            self._turn_left -= turn
        else:
            turn = self._rate
            if self._behaviour != "spin" and self._rate:
                self._rate = 0.93 * self._rate + self._rng.normal(0, 0.7 if self._behaviour == "hug" else 1.1)
        turn = whole_turn(min(MAX_LOOK_DEG, max(-MAX_LOOK_DEG, turn)))
        return MOVES[self._move], turn

    def _choose(self, state: EngineState) -> None:
        rng = self._rng
        before = self._move
        self._behaviour = str(rng.choice(self._names, p=self._weights))
        self._move = int(rng.integers(len(MOVES)))
        self._left = int(rng.integers(6, 26))
        self._rate = float(rng.normal(0, 3)) if rng.random() < 0.7 else 0.0
        if self._behaviour == "walk":
            self._goal = self._walk.cells[rng.integers(len(self._walk.cells))]
            self._move = 1 if rng.random() < 0.2 else int(rng.integers(1, len(MOVES)))
            self._rate = float(rng.uniform(3, 10))
            self._left, self._replan = int(rng.integers(30, 80)), 0
        elif self._behaviour == "spin":
            self._rate = float(rng.uniform(3, 9) * rng.choice([-1, 1]))
            self._left = math.ceil(360 / abs(self._rate))
            self._move = 0 if rng.random() < 0.5 else self._move
        elif self._behaviour == "flick":
            self._turn_left = float(rng.uniform(20, 180) * rng.choice([-1, 1]))
            self._rate = float(rng.uniform(6, MAX_LOOK_DEG))
            self._left = math.ceil(abs(self._turn_left) / self._rate) + int(rng.integers(4, 14))
        elif self._behaviour == "hug":
            self._move = int(rng.integers(1, len(MOVES)))
            self._left = int(rng.integers(20, 45))
        elif self._behaviour == "retrace":
            self._move = 0 if before == 0 else (before + 3) % 8 + 1
            self._rate = 0.0
        elif self._behaviour == "stand":
            self._move = 0
            self._rate = 0.0

    def _steer(self, state: EngineState) -> float:
        """Turn so that the way of moving leads along the path to the goal."""
        walk = self._walk
        here = walk.nearest(state.x, state.y)
        if self._goal is None or here == self._goal:
            self._left = 0
            return 0.0
        if self._replan <= 0 or here not in self._way:
            self._way = walk.path(here, self._goal)
            self._replan = 12
        self._replan -= 1
        if not self._way:
            self._left = 0
            return 0.0
        ahead = self._way[min(self._way.index(here) + 4, len(self._way) - 1)]
        x, y = walk.place(ahead)
        bearing = math.degrees(math.atan2(y - state.y, x - state.x))
        heading = (
            bearing + (self._move - 1) * 45.0
        )  # moving to the right of the heading means facing left of the way
        turn = (state.angle_deg - heading + 180.0) % 360.0 - 180.0
        if abs(turn) < STRAIGHT_DEG:
            return 0.0
        return math.copysign(min(abs(turn) * 0.15 + 0.5, self._rate), turn)
