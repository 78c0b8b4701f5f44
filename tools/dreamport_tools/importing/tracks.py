"""Corners followed from picture to picture, and the points in space they show.

Corners: Shi and Tomasi, CVPR 1994; followed by pyramidal Lucas-Kanade (Bouguet 2000) there and back. A
point in space is where its rays meet best: the X that minimises sum |(I - d d') (X - o)|^2 over all
pictures in which the corner was seen (o: camera centre, d: unit direction of the ray), so every picture
adds to a 3x3 system and no picture needs to be kept.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Grey = NDArray[np.uint8]
Chosen = NDArray[np.bool_]

MOST = 350
"""Corners that are followed at a time."""
HISTORY = 9
"""Newest pictures whose corners are kept."""
MIN_PARALLAX_RAD = float(np.deg2rad(1.5))
FARTHEST = 60.0
"""A point farther than so many times the camera's way between its views is not known."""
_SEARCH = {
    "winSize": (15, 15),
    "maxLevel": 4,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01),
    "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
}


@dataclass
class Tracks:
    """``N`` corners that are being followed.

    ``number [N]`` names each for good. ``pixel [N, 2]`` where it is now. ``point [N, 3]`` where it is in
    space, if ``solved [N]``. ``normal [N, 3, 3]`` and ``right [N, 3]``: its normal equations. ``first_ray [N,
    3]`` and ``first_origin [N, 3]``: how it was first seen; ``seen [N]``: in how many pictures. ``history [N,
    HISTORY, 2]``: where it was in the newest pictures, NaN where it was not.
    """

    number: NDArray[np.int64]
    pixel: Float64
    point: Float64
    solved: Chosen
    normal: Float64
    right: Float64
    first_ray: Float64
    first_origin: Float64
    seen: NDArray[np.int64]
    history: Float64

    @staticmethod
    def at(pixel: Float64, first_number: int = 0) -> Tracks:
        """New corners at ``pixel [N, 2]``."""
        n = len(pixel)
        return Tracks(
            np.arange(first_number, first_number + n), pixel, np.zeros((n, 3)), np.zeros(n, np.bool_),
            np.zeros((n, 3, 3)), np.zeros((n, 3)), np.zeros((n, 3)), np.zeros((n, 3)), np.zeros(n, np.int64),
            np.full((n, HISTORY, 2), np.nan),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.number)

    def keep(self, which: Chosen) -> None:
        """Forget all others."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[which])

    def join(self, other: Tracks) -> None:
        """Take over the corners of ``other``."""
        for field in fields(self):
            setattr(self, field.name, np.concatenate([getattr(self, field.name), getattr(other, field.name)]))

    def forget_points(self, which: Chosen) -> None:
        """Begin anew with these corners: what they show moved, or was seen wrongly."""
        self.solved[which] = False
        self.normal[which], self.right[which], self.seen[which] = 0, 0, 0
        self.history[which] = np.nan

    def remember(self) -> None:
        """Keep where the corners are as those of the newest picture."""
        self.history = np.concatenate([self.history[:, 1:], self.pixel[:, None]], axis=1)

    def put(self, which: NDArray[np.intp], point: Float64, pose: Float64, rays: Float64) -> None:
        """Take over better points ``[M, 3]`` of the corners ``which [M]``, and begin their equations anew
        with poses ``[W, 4, 4]`` and rays ``[M, W, 3]`` (NaN: not seen).
        """
        world = np.einsum("wij,mwj->mwi", pose[:, :3, :3], rays)
        seen = np.isfinite(world).all(axis=2)
        across = np.where(seen[..., None, None], np.eye(3) - world[..., :, None] * world[..., None, :], 0.0)
        self.normal[which] = across.sum(axis=1)
        self.right[which] = np.einsum("mwij,wj->mi", across, pose[:, :3, 3])
        self.point[which] = point

    def observe(self, pose: Float64, rays: Float64, which: Chosen) -> None:
        """Add a picture with camera-to-world ``pose [4, 4]`` for the corners ``which``; ``rays [N, 3]``
        unit, in the camera's axes.
        """
        at = np.flatnonzero(which)
        world, centre = rays[at] @ pose[:3, :3].T, pose[:3, 3]
        first = at[self.seen[at] == 0]
        self.first_ray[first], self.first_origin[first] = (rays[first] @ pose[:3, :3].T), centre
        across = np.eye(3) - world[:, :, None] * world[:, None, :]
        self.normal[at] += across
        self.right[at] += across @ centre
        self.seen[at] += 1
        angle = np.arccos(np.clip(np.sum(self.first_ray[at] * world, axis=1), -1, 1))
        ready = angle > MIN_PARALLAX_RAD
        at, world = at[ready], world[ready]
        if not len(at):
            return
        self.point[at] = np.linalg.solve(self.normal[at], self.right[at][..., None])[..., 0]
        ahead = np.sum((self.point[at] - centre) * world, axis=1)
        way = np.linalg.norm(centre - self.first_origin[at], axis=1)
        self.solved[at] = (ahead > 0) & (ahead < FARTHEST * way)


def grey_of(rgb: NDArray[np.uint8]) -> Grey:
    """Brightness ``[H, W]`` of a picture ``[H, W, 3]``."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def evened(grey: Grey) -> Grey:
    """With the contrast of every region brought up (CLAHE): dark corners of a level have contrast too,
    but little.
    """
    return np.asarray(cv2.createCLAHE(3.0, (8, 8)).apply(grey), np.uint8)


def find_corners(grey: Grey, there: Float64, mask: NDArray[np.uint8] | None, most: int = MOST) -> Float64:
    """New corners ``[N, 2]`` away from those already ``there [M, 2]``, so many that it becomes ``most``.
    ``mask``: 0 where to look for none.
    """
    apart = max(4.0, float(np.sqrt(grey.size / most)) * 0.5)
    free = np.full(grey.shape, 255, np.uint8) if mask is None else mask.copy()
    for x, y in np.rint(there).astype(int):
        cv2.circle(free, (int(x), int(y)), int(apart), (0,), -1)
    wanted = most - len(there)
    found = cv2.goodFeaturesToTrack(grey, wanted, 0.01, apart, mask=free, blockSize=5) if wanted > 0 else None
    return np.zeros((0, 2)) if found is None else np.asarray(found, np.float64).reshape(-1, 2)


def follow(before: Grey, after: Grey, pixel: Float64, guess: Float64) -> tuple[Float64, Chosen]:
    """Where corners at ``pixel [N, 2]`` went, beginning the search at ``guess [N, 2]``, and which of them
    were found: those that come back to where they began.
    """
    if not len(pixel):
        return pixel.copy(), np.zeros(0, np.bool_)
    start = pixel.astype(np.float32).reshape(-1, 1, 2)
    there, found, _ = _search(before, after, start, guess.astype(np.float32).reshape(-1, 1, 2))
    back, returned, _ = _search(after, before, there, start)
    missed = np.linalg.norm((back - start).reshape(-1, 2), axis=1)
    end = there.reshape(-1, 2).astype(np.float64)
    height, width = before.shape
    inside = (end > 1).all(axis=1) & (end < (width - 2, height - 2)).all(axis=1)
    return end, (found.ravel() == 1) & (returned.ravel() == 1) & (missed < 1.0) & inside


def _search(
    one: Grey, other: Grey, start: NDArray[np.float32], guess: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32]]:
    return cv2.calcOpticalFlowPyrLK(one, other, start, guess.copy(), **_SEARCH)  # type: ignore[call-overload,no-any-return]
