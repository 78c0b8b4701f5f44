"""Which frames of a clip are noisy, how much, and how much each counts."""

from __future__ import annotations

import torch
from torch import Tensor

from dreamport_training.objectives.flow import logit_normal, shifted


def diffusion_forcing_sigmas(
    batch: int, frames: int, context_share: float, generator: torch.Generator, shift: float = 1.0
) -> Tensor:
    """Independent noise level for each frame (diffusion forcing, arXiv 2407.01392, algorithm 1), ``[batch,
    frames]``.

    A share of the frames stays nearly clean, as context is at play time (context noise, GameNGen, arXiv
    2408.14837); the rest follow a logit-normal that leans towards noise, because one or two steps begin at 1.
    """
    level = shifted(torch.sigmoid(torch.randn(batch, frames, generator=generator) * 1.3 + 0.7), shift)
    level = torch.where(torch.rand(batch, frames, generator=generator) < 0.2, torch.ones(()), level)
    context = torch.rand(batch, frames, generator=generator) * 0.15
    return torch.where(torch.rand(batch, frames, generator=generator) < context_share, context, level)


def teacher_forcing_sigmas(
    batch: int, frames: int, context_sigma: float, generator: torch.Generator, shift: float = 1.0
) -> Tensor:
    """The last frame noisy, all before it at the context's noise: what a session meets (teacher forcing,
    arXiv 2506.08009, section 3.1), ``[batch, frames]``. Three in ten of the last frames are pure noise."""
    sigma = torch.full((batch, frames), context_sigma)
    level = logit_normal((batch,), generator, mean=0.7, deviation=1.3, shift=shift)
    pure = torch.rand(batch, generator=generator) < 0.3
    sigma[:, -1] = torch.where(pure, torch.ones(()), level)
    return sigma


def continuation_sigmas(
    batch: int,
    frames: int,
    video_share: float,
    generator: torch.Generator,
    *,
    shift: float = 1.0,
    low: float = 0.0,
    high: float = 1.0,
) -> Tensor:
    """One noise level a clip, its first frames clean (0): one frame in image continuation, any number in a
    ``video_share`` of the clips, video continuation (LingBot-World, arXiv 2601.20540, section 3.2), ``[batch,
    frames]``.

    Levels within ``low..high``, an expert's share of the noise. With ``high`` 1, one clip in five is pure
    noise.
    """
    level = logit_normal((batch,), generator, mean=0.3, deviation=1.3, shift=shift, low=low, high=high)
    pure = (torch.rand(batch, generator=generator) < 0.2) & (high >= 1.0)
    level = torch.where(pure, torch.ones(()), level)
    kept = torch.randint(1, max(2, frames), (batch,), generator=generator)
    kept = torch.where(torch.rand(batch, generator=generator) < video_share, kept, torch.ones_like(kept))
    return torch.where(torch.arange(frames)[None] < kept[:, None], torch.zeros(()), level[:, None])


def velocity_weights(sigma: Tensor) -> Tensor:
    """How much each frame's velocity error counts: clean frames are given and count nothing, nearly clean
    ones have an easy, noisy target and count less; like ``sigma``."""
    return torch.where(sigma > 0.0, (sigma / 0.3).clamp(0.1, 1.0), torch.zeros_like(sigma))
