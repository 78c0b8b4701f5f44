"""Flow matching on the straight path between data and noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def noised(clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """Straight path from data to noise, ``(1 - sigma) x0 + sigma e`` (rectified flow, arXiv 2209.03003, eq.
    1).

    ``clean``, ``noise [B, T, C, h, w]``; ``sigma [B, T]`` in 0..1, one for each frame.
    """
    s = sigma[..., None, None, None]
    return (1.0 - s) * clean + s * noise


def clean_from_velocity(noisy: Tensor, velocity: Tensor, sigma: Tensor) -> Tensor:
    """``x0 = x - sigma v`` for the path of :func:`noised`, where ``v = e - x0``."""
    return noisy - sigma[..., None, None, None] * velocity


def euler_step(noisy: Tensor, velocity: Tensor, sigma: Tensor, lower: Tensor) -> Tensor:
    """One step of the flow's equation ``dx / d sigma = v`` from ``sigma`` to ``lower``, both ``[B, T]``."""
    return noisy + (lower - sigma)[..., None, None, None] * velocity


def flow_matching_loss(velocity: Tensor, clean: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error against ``e - x0`` for each frame (flow matching, arXiv 2210.02747, eq. 14); ``[B,
    T]``."""
    return (velocity - (noise - clean)).square().mean(dim=(2, 3, 4))


def shifted(sigma: Tensor, shift: float) -> Tensor:
    """``s sigma / (1 + (s - 1) sigma)``: longer clips need more noise before their structure is lost (arXiv
    2403.03206, eq. 23). A shift of 1 changes nothing."""
    return shift * sigma / (1.0 + (shift - 1.0) * sigma)


def logit_normal(
    shape: tuple[int, ...],
    generator: torch.Generator,
    *,
    mean: float = 0.0,
    deviation: float = 1.0,
    shift: float = 1.0,
    low: float = 0.0,
    high: float = 1.0,
) -> Tensor:
    """Noise levels ``sigmoid(N(mean, deviation))`` (arXiv 2403.03206, eq. 19), shifted, within ``low..high``.

    The interval is met by drawing from the distribution's own quantiles, so that a teacher of two experts
    sees between them what one would.
    """
    uniform = torch.rand(shape, generator=generator)
    below, above = (_share_below(s, mean, deviation, shift) for s in (low, high))
    quantile = (below + (above - below) * uniform).clamp(1e-6, 1.0 - 1e-6)
    normal = math.sqrt(2.0) * torch.erfinv(2.0 * quantile - 1.0)
    return shifted(torch.sigmoid(mean + deviation * normal), shift).clamp(low, high)


def _share_below(sigma: float, mean: float, deviation: float, shift: float) -> float:
    """Share of :func:`logit_normal` below ``sigma``."""
    if sigma <= 0.0:
        return 0.0
    if sigma >= 1.0:
        return 1.0
    plain = sigma / (shift - (shift - 1.0) * sigma)
    return 0.5 * (1.0 + math.erf((math.log(plain / (1.0 - plain)) - mean) / (deviation * math.sqrt(2.0))))
