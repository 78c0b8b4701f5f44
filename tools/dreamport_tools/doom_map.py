"""A Doom map: read from its WAD, and written back as a level that never changes by itself."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import DatasetError

MAP_LUMPS = (
    "THINGS", "LINEDEFS", "SIDEDEFS", "VERTEXES", "SEGS", "SSECTORS", "NODES", "SECTORS", "REJECT",
    "BLOCKMAP",
)  # fmt: skip
PLAYER_START = 1
SKY_FLAT = b"F_SKY1"

_LINEDEF = np.dtype([(name, "<i2") for name in ("v1", "v2", "flags", "special", "tag", "front", "back")])
_SIDEDEF = np.dtype(
    [("x", "<i2"), ("y", "<i2"), ("top", "S8"), ("bottom", "S8"), ("middle", "S8"), ("sector", "<i2")]
)
_SECTOR = np.dtype(
    [
        ("floor", "<i2"), ("ceiling", "<i2"), ("floor_flat", "S8"), ("ceiling_flat", "S8"),
        ("light", "<i2"), ("special", "<i2"), ("tag", "<i2"),
    ]
)  # fmt: skip
_THING = np.dtype([(name, "<i2") for name in ("x", "y", "angle", "type", "flags")])


@dataclass(frozen=True)
class MapGeometry:
    """Walls, floors and ceilings in Doom units.

    ``lines [N, 4]`` float64 x1, y1, x2, y2; ``sides [N, 2]`` int64 sector on the right (front) and on the
    left (back) of each line, -1 for none; ``blocking [N]`` bool, true where nobody may cross;
    ``heights [S, 2]`` float64 floor and ceiling of each sector; ``sky [S]`` bool, true where the ceiling is
    open sky; ``start`` x, y and angle of the player's start.
    """

    lines: NDArray[np.float64]
    sides: NDArray[np.int64]
    blocking: NDArray[np.bool_]
    heights: NDArray[np.float64]
    sky: NDArray[np.bool_]
    start: tuple[float, float, float]


def read_map(wad: Path, name: str) -> dict[str, bytes]:
    """The lumps of map ``name`` (for example ``MAP01``). Raises ``DatasetError`` when it is not there."""
    data = wad.read_bytes()
    if data[:4] not in (b"IWAD", b"PWAD"):
        raise DatasetError(f"{wad.name} is not a WAD file; give a Doom IWAD or PWAD")
    count, directory = struct.unpack_from("<ii", data, 4)
    entries = [struct.unpack_from("<ii8s", data, directory + 16 * i) for i in range(count)]
    names = [entry[2].rstrip(b"\0").decode("ascii", "replace") for entry in entries]
    if name.upper() not in names:
        raise DatasetError(f"{wad.name} has no map {name}; check the map's name and the game file")
    first = names.index(name.upper()) + 1
    found = {
        names[i]: data[entries[i][0] : entries[i][0] + entries[i][1]]
        for i in range(first, min(first + len(MAP_LUMPS), count))
    }
    missing = [lump for lump in MAP_LUMPS if lump not in found]
    if missing:
        raise DatasetError(
            f"map {name} of {wad.name} lacks {', '.join(missing)}; only Doom-format maps are read"
        )
    return found


def without_effects(lumps: dict[str, bytes]) -> dict[str, bytes]:
    """The same map with only the player's start, no line actions and no sector effects.

    Its look then depends on the camera's pose alone: no scrolling walls, no flickering light, no doors,
    lifts or damage.
    """
    things = np.frombuffer(lumps["THINGS"], _THING)
    lines = np.frombuffer(lumps["LINEDEFS"], _LINEDEF).copy()
    sectors = np.frombuffer(lumps["SECTORS"], _SECTOR).copy()
    lines["special"] = 0
    lines["tag"] = 0
    sectors["special"] = 0
    return {
        **lumps,
        "THINGS": things[things["type"] == PLAYER_START].tobytes(),
        "LINEDEFS": lines.tobytes(),
        "SECTORS": sectors.tobytes(),
    }


def write_pwad(path: Path, name: str, lumps: dict[str, bytes]) -> None:
    """Write map ``name`` as a PWAD at ``path``; the same lumps give the same bytes."""
    body, directory, offset = b"", struct.pack("<ii8s", 12, 0, name.upper().encode()), 12
    for lump in MAP_LUMPS:
        directory += struct.pack("<ii8s", offset, len(lumps[lump]), lump.encode())
        body += lumps[lump]
        offset += len(lumps[lump])
    path.write_bytes(struct.pack("<4sii", b"PWAD", len(MAP_LUMPS) + 1, offset) + body + directory)


def map_geometry(lumps: dict[str, bytes]) -> MapGeometry:
    """Geometry of a map's lumps. Raises ``DatasetError`` when the map has no player start.

    Lines with the same sector on both sides are left out unless they block: nothing is drawn there.
    """
    vertices = np.frombuffer(lumps["VERTEXES"], "<i2").reshape(-1, 2).astype(np.float64)
    lines = np.frombuffer(lumps["LINEDEFS"], _LINEDEF)
    side_sector = np.frombuffer(lumps["SIDEDEFS"], _SIDEDEF)["sector"].astype(np.int64)
    sectors = np.frombuffer(lumps["SECTORS"], _SECTOR)
    ends = np.hstack([vertices[lines["v1"]], vertices[lines["v2"]]])
    sides = np.stack(
        [np.where(lines[side] >= 0, side_sector[lines[side]], -1) for side in ("front", "back")], axis=1
    )
    blocking = (lines["flags"] & 1 != 0) | (sides < 0).any(axis=1)
    kept = (sides[:, 0] != sides[:, 1]) | blocking
    things = np.frombuffer(lumps["THINGS"], _THING)
    starts = things[things["type"] == PLAYER_START]
    if not len(starts):
        raise DatasetError("the map has no start for player 1; record a single-player map")
    heights = np.stack([sectors["floor"], sectors["ceiling"]], axis=1).astype(np.float64)
    sky = sectors["ceiling_flat"] == SKY_FLAT
    start = (float(starts[0]["x"]), float(starts[0]["y"]), float(starts[0]["angle"]))
    return MapGeometry(ends[kept], sides[kept], blocking[kept], heights, sky, start)
