"""Poses that others recorded, checked before they are believed."""

from __future__ import annotations

import numpy as np

from dreamport.errors import DatasetError
from dreamport_tools.importing.tracks import Chosen, Float64

RIGID = 1e-2


def poses_of(values: Float64, name: str) -> Float64:
    """Camera-to-world matrices ``[T, 4, 4]`` of rows that hold 16 or 12 numbers of one (row by row), or 7:
    x, y, z and a unit quaternion x, y, z, w. Raises ``DatasetError`` for anything else; ``name`` says where
    they stand.
    """
    flat = np.asarray(values, np.float64).reshape(len(values), -1)
    pose = np.tile(np.eye(4), (len(flat), 1, 1))
    if flat.shape[1] in (12, 16):
        pose[:, :3] = flat[:, :12].reshape(-1, 3, 4)
    elif flat.shape[1] == 7:
        with np.errstate(invalid="ignore", divide="ignore"):
            x, y, z, w = (flat[:, 3:] / np.linalg.norm(flat[:, 3:], axis=1, keepdims=True)).T
        pose[:, :3, :3] = np.stack(
            [
                np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], 1),
                np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], 1),
                np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], 1),
            ],
            1,
        )
        pose[:, :3, 3] = flat[:, :3]
    else:
        raise DatasetError(
            f"{name} has {flat.shape[1]} numbers a row; a pose has 16 or 12 (a matrix) or 7 (position "
            "and quaternion)"
        )
    return pose


def believable(pose: Float64) -> Chosen:
    """Which poses ``[T, 4, 4]`` are finite and rigid."""
    turn = pose[:, :3, :3]
    finite: Chosen = np.asarray(np.isfinite(pose).all(axis=(1, 2)))
    with np.errstate(invalid="ignore"):
        odd = np.abs(np.swapaxes(turn, 1, 2) @ turn - np.eye(3)).max(axis=(1, 2))
        mirrored = np.linalg.det(np.where(finite[:, None, None], turn, np.eye(3))) < 0
    return np.asarray(finite & (odd < RIGID) & ~mirrored)


def runs_of(good: Chosen, fewest: int = 2) -> list[tuple[int, int]]:
    """First row and end of every stretch of ``good [T]`` rows of at least ``fewest``."""
    edges = np.flatnonzero(np.diff(np.r_[False, good, False].astype(np.int8)))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start, end) for start, end in pairs if end - start >= fewest]


def rows_text(bad: Chosen) -> str:
    """Which rows are not good, for people."""
    spans = [f"{start}" if end - start == 1 else f"{start}-{end - 1}" for start, end in runs_of(bad, 1)]
    return ", ".join(spans[:6]) + (" and more" if len(spans) > 6 else "")
