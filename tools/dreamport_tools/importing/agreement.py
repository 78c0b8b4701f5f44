"""How well estimated poses agree with true ones.

The estimate has axes and a unit of length of its own, so it is first laid over the truth by the similarity
that fits best (Umeyama, PAMI 1991): the whole of it, and every second by itself, which is what a world
learns from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dreamport_tools.importing.tracks import Chosen, Float64

MOVING_M = 0.02
"""Steps shorter than this have no direction to compare."""
WALKED_M = 0.5
"""A second in which less is walked tells nothing of the way."""


@dataclass(frozen=True)
class Agreement:
    """``turn_deg [T-1]``: error of every turn from frame to frame; ``heading_deg``: of the direction of
    every step that has one; ``second [S]``: root mean square error of the positions of a second, laid over
    by themselves, in shares of the way; ``whole``: of all positions, in shares of the way. ``path_m``: the
    true way.
    """

    turn_deg: Float64
    heading_deg: Float64
    second: Float64
    whole: float
    path_m: float


def similarity(estimate: Float64, truth: Float64) -> tuple[float, Float64, Float64]:
    """Scale, rotation ``[3, 3]`` and shift ``[3]`` that take positions ``estimate [T, 3]`` to ``truth``."""
    a, b = estimate - estimate.mean(0), truth - truth.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))])
    rotation = u @ np.diag(sign) @ vt
    scale = float((s * sign).sum() / max(float((a**2).sum()), 1e-12))
    return scale, rotation, truth.mean(0) - scale * rotation @ estimate.mean(0)


def agreement(estimate: Float64, truth: Float64, per_second: int = 20) -> Agreement:
    """Of poses ``estimate [T, 4, 4]`` with ``truth [T, 4, 4]``, camera-to-world."""
    ours, true = _steps(estimate), _steps(truth)
    cosine = (np.einsum("tij,tij->t", ours[:, :3, :3], true[:, :3, :3]) - 1) / 2
    turn = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    length, way = np.linalg.norm(ours[:, :3, 3], axis=1), np.linalg.norm(true[:, :3, 3], axis=1)
    moves: Chosen = (way > MOVING_M) & (length > 1e-9)
    along = np.sum(ours[moves, :3, 3] * true[moves, :3, 3], axis=1) / (length[moves] * way[moves])
    seconds = [
        _missed(estimate[k : k + per_second, :3, 3], truth[k : k + per_second, :3, 3])
        for k in range(0, len(truth) - per_second, per_second // 2)
        if way[k : k + per_second - 1].sum() > WALKED_M
    ]
    whole = _missed(estimate[:, :3, 3], truth[:, :3, 3]) if way.sum() > WALKED_M else 0.0
    return Agreement(
        turn, np.degrees(np.arccos(np.clip(along, -1, 1))), np.array(seconds), whole, float(way.sum())
    )


def _steps(pose: Float64) -> Float64:
    return np.asarray(np.linalg.inv(pose[:-1]) @ pose[1:], np.float64)


def _missed(estimate: Float64, truth: Float64) -> float:
    """Root mean square error of positions after laying over, in shares of the true way."""
    scale, rotation, shift = similarity(estimate, truth)
    left = scale * estimate @ rotation.T + shift - truth
    way = float(np.linalg.norm(np.diff(truth, axis=0), axis=1).sum())
    return float(np.sqrt(np.mean(np.sum(left**2, axis=1)))) / way
