"""The student plays on by itself through its cache, as a session does: for distillation and evaluation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from dreamport.models.dit import CausalDiT, DiTConfig
from dreamport_training.data.latents import Clips
from dreamport_training.objectives.flow import clean_from_velocity, noised

Past = list[tuple[Tensor, Tensor]]
"""Keys and values ``[B, heads, frames * tokens, head_dim]`` of every layer, the oldest frame first."""
Precision = Callable[[], contextlib.AbstractContextManager[Any]]


def pushed(past: Past, new: Past, config: DiTConfig) -> Past:
    """The cache with one frame more; the oldest of the window leaves when it is full, the sink stays."""
    if not past:
        return list(new)
    tokens = config.tokens_per_frame
    sink, full = config.sink_frames * tokens, config.context_frames * tokens

    def append(old: Tensor, now: Tensor) -> Tensor:
        if old.shape[2] == full:
            old = torch.cat([old[:, :, :sink], old[:, :, sink + tokens :]], dim=2)
        return torch.cat([old, now], dim=2)

    return [(append(old[0], now[0]), append(old[1], now[1])) for old, now in zip(past, new, strict=True)]


def self_rollout(
    model: CausalDiT,
    clips: Clips,
    noise: Tensor,
    *,
    sigmas: Sequence[float],
    context_sigma: float,
    given: int = 1,
    grad_frames: int = 0,
    precision: Precision = contextlib.nullcontext,
) -> Tensor:
    """The clip with its frames from ``given`` on made by the model: each from noise in ``len(sigmas)``
    steps, then written into the cache at ``context_sigma`` (Self-Forcing, arXiv 2506.08009, algorithm 1).

    ``noise [B, T, len(sigmas) + 1, C, h, w]``: a draw for every step and one for the cache pass. Gradient
    goes through the last step of the last ``grad_frames`` frames and through what they leave in the cache.
    Gives latents ``[B, T, C, h, w]``.
    """
    frames = clips.latent.shape[1]
    past: Past = []
    made: list[Tensor] = []
    for t in range(frames):
        inputs = (clips.rays[:, t], clips.control[:, t], clips.reprojected[:, t], past, clips.prompt[:, t])
        with torch.set_grad_enabled(t >= frames - grad_frames):
            clean = clips.latent[:, t]
            if t >= given:
                clean = _sampled(model, noise[:, t], sigmas, inputs, precision)
            made.append(clean)
            if t < frames - 1:
                level = torch.full_like(noise[:, t, 0, 0, 0, 0], context_sigma)
                with precision():
                    _, kept = model.step(noised(clean, noise[:, t, -1], level), level, *inputs)
                past = pushed(past, kept, model.config)
    return torch.stack(made, dim=1)


def _sampled(
    model: CausalDiT,
    noise: Tensor,
    sigmas: Sequence[float],
    inputs: tuple[Tensor, Tensor, Tensor, Past, Tensor],
    precision: Precision,
) -> Tensor:
    """One frame from ``noise [B, steps + 1, C, h, w]``, re-noised with fresh noise between the steps."""
    with_gradient = torch.is_grad_enabled()
    clean = torch.zeros_like(noise[:, 0])
    for i, value in enumerate(sigmas):
        with torch.set_grad_enabled(with_gradient and i == len(sigmas) - 1):
            level = torch.full_like(noise[:, 0, 0, 0, 0], value)
            x = noised(clean, noise[:, i], level)
            with precision():
                velocity, _ = model.step(x, level, *inputs)
            clean = clean_from_velocity(x, velocity.float(), level)
    return clean
