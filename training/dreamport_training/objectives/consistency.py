"""Consistency distillation: any point of a teacher's path leads to the same clean latent."""

from __future__ import annotations

import torch
from torch import Tensor

from dreamport_training.objectives.flow import shifted


def consistency_loss(student: Tensor, target: Tensor, scale: float = 0.03) -> Tensor:
    """Pseudo-Huber distance of two clean predictions on one trajectory (arXiv 2310.14189, eq. 8); ``[B,
    T]``."""
    return ((student - target).square().mean(dim=(2, 3, 4)) + scale**2).sqrt() - scale


def noise_grid(points: int, shift: float) -> Tensor:
    """``points + 1`` noise levels from 1 down to 0, denser at the top for a shift above 1 (arXiv 2303.01469,
    section 3, on the straight path)."""
    return shifted(torch.linspace(1.0, 0.0, points + 1), shift)


def grid_places(batch: int, points: int, at_noise: float, generator: torch.Generator) -> Tensor:
    """Where on the grid each clip is compared with the next lower level, ``[batch, 1]`` in 0..points - 1. A
    share of ``at_noise`` begins at pure noise, where a session's only step begins."""
    place = torch.randint(0, points, (batch, 1), generator=generator)
    return torch.where(torch.rand(batch, 1, generator=generator) < at_noise, torch.zeros_like(place), place)
