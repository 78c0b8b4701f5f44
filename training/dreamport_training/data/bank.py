"""Which captured frames become the pack's bank of views."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def farthest_views(
    pose: NDArray[np.floating], count: int, metres: float = 1.0, degrees: float = 28.0, first: int = 0
) -> NDArray[np.int64]:
    """Farthest-point sampling of camera poses ``[N, 4, 4]``: ``count`` indices that cover places and
    headings evenly.

    ``metres`` and ``degrees`` are worth the same distance (Gonzalez 1985, k-centre).
    """
    place = np.asarray(pose[:, :3, 3], np.float32) / metres
    forward = np.asarray(pose[:, :3, 2], np.float32)
    chosen = [first]
    nearest = np.full(len(pose), np.inf, np.float32)
    for _ in range(min(count, len(pose)) - 1):
        last = chosen[-1]
        angle = np.degrees(np.arccos(np.clip(forward @ forward[last], -1.0, 1.0))) / degrees
        distance = np.linalg.norm(place - place[last], axis=1) + angle
        np.minimum(nearest, distance, out=nearest)
        chosen.append(int(np.argmax(nearest)))
    return np.array(chosen, np.int64)
