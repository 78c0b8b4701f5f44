"""Distribution matching distillation (arXiv 2311.18828): move samples from where a score learned on the
student's own samples (the fake one) says they are to where the teacher's (the real one) says they should
be."""

from __future__ import annotations

import torch
from torch import Tensor

from dreamport_training.objectives.flow import shifted


def score_sigmas(
    batch: int, levels: tuple[float, float], generator: torch.Generator, shift: float = 1.0
) -> Tensor:
    """Noise levels at which the two scores are compared, uniform within ``levels`` before the shift
    (0.02..0.98 in arXiv 2311.18828, section 3.2); ``[batch, 1]``."""
    low, high = levels
    return shifted(low + (high - low) * torch.rand(batch, 1, generator=generator), shift)


def dmd_gradient(sample: Tensor, real_clean: Tensor, fake_clean: Tensor) -> Tensor:
    """Direction in which ``sample [B, T, C, h, w]`` is to go down: what the fake score makes of its noised
    self less what the real one does, divided by each clip's ``mean |sample - real|`` (arXiv 2311.18828, eq.
    7 and 8, with both scores given as clean predictions)."""
    scale = (sample - real_clean).abs().mean(dim=(1, 2, 3, 4), keepdim=True).clamp(min=1e-3)
    return (fake_clean - real_clean) / scale


def dmd_loss(sample: Tensor, real_clean: Tensor, fake_clean: Tensor) -> Tensor:
    """``1/2 |x - stop(x - g)|^2``, whose gradient by ``x`` is :func:`dmd_gradient` ``g`` over the number of
    elements; ``[B, T]`` (as arXiv 2311.18828, algorithm 2, computes it)."""
    with torch.no_grad():
        target = sample - dmd_gradient(sample, real_clean, fake_clean)
    return 0.5 * (sample - target).square().mean(dim=(2, 3, 4))
