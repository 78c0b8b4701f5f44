"""How well estimated poses agree with true ones.

The estimate has its own axes and its own unit of length, so it is first laid over the truth by the similarity
that fits best (Umeyama, PAMI 1991).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dreamport_tools.importing.tracks import Float64


@dataclass(frozen=True)
class Agreement:
    """``turn_deg``: error of the turn between neighbouring pictures; ``heading_deg``: of the direction of the step, where there is one;
    ``second_*``: over ``rate`` pictures.
    ``position_m``: root mean square after laying over; ``path_share``: that, of the way walked.
    """

    turn_deg_median: float
    turn_deg_p95: float
    heading_deg_median: float
    position_m: float
    path_share: float
    second_share: float


def similarity(estimate: Float64, truth: Float64) -> tuple[float, Float64, Float64]:
    """Scale, rotation ``[3, 3]`` and shift ``[3]`` that take positions ``estimate [T, 3]`` to ``truth``."""
    a, b = estimate - estimate.mean(0), truth - truth.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))])
    rotation = u @ np.diag(sign) @ vt
    scale = float((s * sign).sum() / max((a**2).sum(), 1e-12))
    return scale, rotation, truth.mean(0) - scale * rotation @ estimate.mean(0)


def agreement(estimate: Float64, truth: Float64, confidence: Float64, rate: int = 20) -> Agreement:
    scale, rotation, shift = similarity(estimate[:, :3, 3], truth[:, :3, 3])
    laid = scale * estimate[:, :3, 3] @ rotation.T + shift
    rms = float(np.sqrt(np.mean(np.sum((laid - truth[:, :3, 3]) ** 2, axis=1))))
    way = float(np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1).sum())

    def rel(p, k):
        return np.linalg.inv(p[:-k]) @ p[k:]

    a, b = rel(estimate, 1), rel(truth, 1)
    c = np.einsum("tij,tij->t", a[:, :3, :3], b[:, :3, :3])
    turn = np.degrees(np.arccos(np.clip((c - 1) / 2, -1, 1)))
    na, nb = np.linalg.norm(a[:, :3, 3], axis=1), np.linalg.norm(b[:, :3, 3], axis=1)
    m = (nb > 0.05) & (na > 1e-6)
    head = np.degrees(np.arccos(np.clip(np.sum(a[m, :3, 3] * b[m, :3, 3], axis=1) / na[m] / nb[m], -1, 1)))
    # one second windows, own scale
    a, b = rel(estimate, rate), rel(truth, rate)
    err = []
    for k in range(0, len(estimate) - rate, rate // 2):
        s_, r_, t_ = similarity(estimate[k : k + rate, :3, 3], truth[k : k + rate, :3, 3])
        l = s_ * estimate[k : k + rate, :3, 3] @ r_.T + t_
        w = np.linalg.norm(np.diff(truth[k : k + rate, :3, 3], axis=0), axis=1).sum()
        if w > 1:
            err.append(np.sqrt(np.mean(np.sum((l - truth[k : k + rate, :3, 3]) ** 2, axis=1))) / w)
    return Agreement(
        *(
            round(float(v), 4)
            for v in (
                np.median(turn),
                np.percentile(turn, 95),
                np.median(head),
                rms,
                rms / way,
                np.median(err),
            )
        )
    )
