"""Poses of the newest pictures and the points they show, put right together: bundle adjustment over a window.

Gauss-Newton with Huber weights on the errors in pixels, the points eliminated by the Schur complement
(Triggs et al., "Bundle adjustment, a modern synthesis", 1999).
"""

from __future__ import annotations

import cv2
import numpy as np

from dreamport_tools.importing.tracks import Chosen, Float64

ROUNDS = 3
DAMPING = 1e-3
HUBER = 1.0


def adjust(
    pose: Float64, point: Float64, pixel: Float64, camera: Float64, fixed: int, unit: float
) -> tuple[Float64, Float64] | None:
    """Better camera-to-world poses ``[W, 4, 4]`` and points ``[N, 3]``, from where the points were seen,
    ``pixel [N, W, 2]`` (NaN: not). The first ``fixed`` poses, two at least, stay: they hold the axes and
    the unit of length. ``unit``: pixels that count as one. ``None`` when it does not get better.
    """
    seen: Chosen = np.asarray(np.isfinite(pixel).all(axis=2))
    view: Float64 = np.asarray(np.linalg.inv(pose), np.float64)
    free = len(pose) - fixed
    best = _cost(view, point, pixel, seen, camera, unit)
    begin = best
    for _ in range(ROUNDS):
        in_view = np.einsum("wij,nj->nwi", view[:, :3, :3], point) + view[:, :3, 3]
        x, y = in_view[..., 0], in_view[..., 1]
        z = np.maximum(in_view[..., 2], 1e-3)
        error, weight = _errors(in_view, pixel, seen, camera, unit)
        fx, fy = camera[0, 0], camera[1, 1]
        zero = np.zeros_like(z)
        project = np.stack(
            [np.stack([fx / z, zero, -fx * x / z**2], -1), np.stack([zero, fy / z, -fy * y / z**2], -1)], -2
        )
        # A pose changes by exp(w) from the left and a shift: d(view) = -[view]x w + shift.
        cross = np.stack(
            [np.stack([zero, z, -y], -1), np.stack([-z, zero, x], -1), np.stack([y, -x, zero], -1)], -2
        )
        by_pose = np.concatenate([project @ cross, project], axis=-1)[:, fixed:]
        by_point = project @ view[:, :3, :3]
        w = weight[..., None, None]
        late = w[:, fixed:]
        h_pose = np.einsum("nwki,nwkj->wij", by_pose * late, by_pose)
        h_point = np.einsum("nwki,nwkj->nij", by_point * w, by_point)
        h_point += np.eye(3) * (DAMPING * np.trace(h_point, axis1=1, axis2=2)[:, None, None] / 3 + 1e-9)
        h_both = np.einsum("nwki,nwkj->nwij", by_pose * late, by_point[:, fixed:])
        g_pose = np.einsum("nwki,nwk->wi", by_pose * late, error[:, fixed:])
        g_point = np.einsum("nwki,nwk->ni", by_point * w, error)
        inverse = np.linalg.inv(h_point)
        half = h_both @ inverse[:, None]
        schur = -np.einsum("nwij,nvlj->wivl", half, h_both)
        for k in range(free):
            schur[k, :, k, :] += h_pose[k] + np.eye(6) * (DAMPING * np.trace(h_pose[k]) / 6 + 1e-9)
        right = g_pose - np.einsum("nwij,nj->wi", half, g_point)
        try:
            change = np.linalg.solve(schur.reshape(6 * free, 6 * free), right.ravel()).reshape(free, 6)
        except np.linalg.LinAlgError:
            break
        moved = np.einsum("nij,nj->ni", inverse, g_point - np.einsum("nwij,wi->nj", h_both, change))
        new_view = view.copy()
        for k in range(free):
            turn = np.asarray(cv2.Rodrigues(change[k, :3])[0], np.float64)
            new_view[fixed + k, :3, :3] = turn @ view[fixed + k, :3, :3]
            new_view[fixed + k, :3, 3] = turn @ view[fixed + k, :3, 3] + change[k, 3:]
        cost = _cost(new_view, point + moved, pixel, seen, camera, unit)
        if not cost < best:
            break
        view, point, best = new_view, point + moved, cost
    return (np.asarray(np.linalg.inv(view), np.float64), point) if best < begin else None


def _errors(
    in_view: Float64, pixel: Float64, seen: Chosen, camera: Float64, unit: float
) -> tuple[Float64, Float64]:
    """What is left ``[N, W, 2]`` in pixels, and the weight ``[N, W]`` of each; 0 where nothing was seen."""
    shown = in_view @ camera.T
    error = np.where(seen[..., None], pixel - shown[..., :2] / np.maximum(shown[..., 2:], 1e-3), 0.0)
    size = np.linalg.norm(error, axis=-1) / unit
    weight = np.where(seen & (in_view[..., 2] > 1e-3), np.minimum(1.0, HUBER / np.maximum(size, 1e-9)), 0.0)
    return error, weight


def _cost(view: Float64, point: Float64, pixel: Float64, seen: Chosen, camera: Float64, unit: float) -> float:
    in_view = np.einsum("wij,nj->nwi", view[:, :3, :3], point) + view[:, :3, 3]
    error, _ = _errors(in_view, pixel, seen, camera, unit)
    size = np.linalg.norm(error, axis=-1) / unit
    far = np.where(in_view[..., 2] > 1e-3, np.where(size < HUBER, size**2, 2 * HUBER * size - HUBER**2), 1e2)
    return float(np.where(seen, far, 0.0).sum())
