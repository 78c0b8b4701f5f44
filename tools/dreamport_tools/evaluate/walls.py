"""What stops a player, seen from above, and how a data set says so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import DatasetError

if TYPE_CHECKING:
    from dreamport_tools.doom_map import MapGeometry

WALLS_FILE = Path("meta") / "walls.json"
DOOM_UNITS_PER_METRE = 32.0
STEP_UP, HEADROOM = 24.0, 56.0


@dataclass(frozen=True)
class Walls:
    """What stops a player, seen from above: ``segments [N, 4]`` x1, z1, x2, z2 in metres of the level.

    ``blocks [N, 2]``: whether a segment stops who crosses it from its right to its left, and from its left
    to its right (a ledge stops only who climbs it). Right and left as seen from (x1, z1) towards (x2, z2) on
    a plan with x to the east and z to the north.
    """

    segments: NDArray[np.float64]
    blocks: NDArray[np.bool_]

    def crossed(self, before: NDArray[np.floating], after: NDArray[np.floating]) -> bool:
        """Whether the straight step between two points ``[2]`` (x, z) passes through a wall."""
        if not len(self.segments):
            return False
        ax, az, bx, bz = self.segments.T
        # Positive: the point lies on the left of the segment.
        side_before = (bx - ax) * (before[1] - az) - (bz - az) * (before[0] - ax)
        side_after = (bx - ax) * (after[1] - az) - (bz - az) * (after[0] - ax)
        dx, dz = after[0] - before[0], after[1] - before[1]
        end_a = dx * (az - before[1]) - dz * (ax - before[0])
        end_b = dx * (bz - before[1]) - dz * (bx - before[0])
        meets = ((end_a <= 0) & (end_b >= 0)) | ((end_a >= 0) & (end_b <= 0))
        leftward = (side_before < 0) & (side_after >= 0)
        rightward = (side_before > 0) & (side_after <= 0)
        return bool(np.any(meets & ((leftward & self.blocks[:, 0]) | (rightward & self.blocks[:, 1]))))


def read_walls(path: Path) -> Walls:
    """Walls of a file ``{"segments_m": [[x1, z1, x2, z2], ...], "blocks": [[0 or 1, 0 or 1], ...]}``.

    Raises ``DatasetError`` when the file is damaged.
    """
    try:
        content = json.loads(path.read_text())
        segments = np.array(content["segments_m"], np.float64).reshape(-1, 4)
        blocks = np.array(content["blocks"], np.bool_).reshape(-1, 2)
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path} is not a walls file: {error}") from error
    if len(segments) != len(blocks):
        raise DatasetError(
            f"{path} names {len(segments)} segments but says for {len(blocks)} what they block"
        )
    return Walls(segments, blocks)


def write_walls(walls: Walls, path: Path) -> None:
    """Write a file for ``read_walls``."""
    content = {"segments_m": walls.segments.round(4).tolist(), "blocks": walls.blocks.astype(int).tolist()}
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


def walls_of_map(geometry: MapGeometry) -> Walls:
    """Walls of a Doom map by the engine's rules: solid lines, steps up over 24 units, gaps under 56."""
    floors, ceilings = geometry.heights.T
    blocks = np.zeros((len(geometry.lines), 2), np.bool_)
    for direction, (here, beyond) in enumerate((geometry.sides.T, geometry.sides.T[::-1])):
        climb = floors[beyond] - floors[here]
        gap = np.minimum(ceilings[here], ceilings[beyond]) - np.maximum(floors[here], floors[beyond])
        blocks[:, direction] = geometry.blocking | (climb > STEP_UP) | (gap < HEADROOM)
    stops = blocks.any(axis=1)
    return Walls(geometry.lines[stops] / DOOM_UNITS_PER_METRE, blocks[stops])


def walls_of_data(folder: Path, map_name: str | None) -> Walls | None:
    """Walls stored with a data set, else those of its map when ViZDoom is installed, else ``None``.

    Raises ``DatasetError`` when the stored file is damaged.
    """
    if (folder / WALLS_FILE).is_file():
        return read_walls(folder / WALLS_FILE)
    if find_spec("vizdoom") is None or find_spec("numba") is None:
        return None
    from dreamport_tools import vizdoom_game  # noqa: PLC0415 - only where the engine is installed

    return walls_of_map(vizdoom_game.level_geometry()) if map_name == vizdoom_game.MAP else None
