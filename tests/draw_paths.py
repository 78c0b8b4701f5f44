"""Draws camera paths of every kind in a scripted room, to be looked at.

    python tests/draw_paths.py LIBRARY docs/images/camera-paths.png

Dots are frames (dark to bright in time), arrows look where the camera looks (red: looking back), crosses are
where the walk turned away from a wall. Needs matplotlib (the extra ``train`` has it).
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

from dreamport_tools.native_core import pure
from scripted_level import Box, Level, room

KINDS = {
    "rectangle": pure.RECTANGLE,
    "turn": pure.TURN,
    "waypoints": pure.WAYPOINTS,
    "orbit": pure.ORBIT,
    "mix": pure.MIX,
}
WALLS = [
    *room(-6, -5, 6, 5),
    Box(-1, -1, 1, 0.2),
    Box(2, -5, 2.2, 1),
    Box(-6, 2, -2.5, 2.2),
    Box(4, 3, 4.6, 3.6),
]
FRAMES, SEED = 1200, 3


def draw(library: Path, picture: Path) -> None:
    """One panel for each kind: a minute at 20 frames a second."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    functions = pure.PureFunctions(ctypes.CDLL(str(library.resolve())))
    figure, panels = plt.subplots(1, len(KINDS), figsize=(15, 3), layout="constrained")
    for panel, (name, kind) in zip(panels, KINDS.items(), strict=True):
        level = Level(WALLS)
        options = pure.path_options(kind, SEED, FRAMES, (-3.0, 0.0, -2.0), (0.0, 0.0, -0.4))
        path = functions.sample_path(options, level.sweep, level.ground)
        for wall in WALLS:
            corner, size = (wall.x0, wall.z0), (wall.x1 - wall.x0, wall.z1 - wall.z0)
            panel.add_patch(Rectangle(corner, *size, color="0.7", linewidth=0))
        x, z, yaw = path.positions[:, 0], path.positions[:, 2], np.radians(path.yaw_deg())
        panel.scatter(x, z, c=np.arange(FRAMES), s=1.5, cmap="viridis")
        some = slice(0, None, 16)
        colours = np.where((path.flags[some] & pure.LOOK_BACK) != 0, "red", "black")
        panel.quiver(
            x[some], z[some], np.sin(yaw[some]), np.cos(yaw[some]), color=colours, scale=24, width=0.004
        )
        walls = (path.flags & pure.TURNED_AWAY) != 0
        panel.plot(x[walls], z[walls], "x", color="tab:red", markersize=4)
        panel.set(title=name, aspect="equal", xticks=[], yticks=[])
    figure.savefig(picture, dpi=70)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
