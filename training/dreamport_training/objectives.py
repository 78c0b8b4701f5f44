"""Objectives as pure tensor functions: no model, no configuration, no state. Each cites its equation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
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


def flow_matching_loss(velocity: Tensor, clean: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error against ``e - x0`` for each frame (flow matching, arXiv 2210.02747, eq. 14); ``[B,
    T]``."""
    return (velocity - (noise - clean)).square().mean(dim=(2, 3, 4))


def forcing_sigmas(
    batch: int, frames: int, context_share: float, generator: torch.Generator | None
) -> Tensor:
    """Independent noise level for each frame (diffusion forcing, arXiv 2407.01392), ``[batch, frames]``.

    A share of the frames stays nearly clean, as context is at play time (context noise, GameNGen, arXiv
    2408.14837);
    the rest follow a logit-normal that leans towards noise, because one or two steps begin at 1.
    """
    level = torch.sigmoid(torch.randn(batch, frames, generator=generator) * 1.3 + 0.7)
    level = torch.where(torch.rand(batch, frames, generator=generator) < 0.2, torch.ones(()), level)
    context = torch.rand(batch, frames, generator=generator) * 0.15
    return torch.where(torch.rand(batch, frames, generator=generator) < context_share, context, level)


def consistency_loss(student: Tensor, target: Tensor, scale: float = 0.03) -> Tensor:
    """Pseudo-Huber distance of two clean predictions on one trajectory (arXiv 2310.14189, eq. 8); ``[B,
    T]``."""
    return ((student - target).square().mean(dim=(2, 3, 4)) + scale**2).sqrt() - scale


def gradient_loss(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of horizontal and vertical finite differences of ``[B, C, H, W]``; a
    scalar."""
    dx = ((a[..., 1:] - a[..., :-1]) - (b[..., 1:] - b[..., :-1])).abs().mean()
    dy = ((a[..., 1:, :] - a[..., :-1, :]) - (b[..., 1:, :] - b[..., :-1, :])).abs().mean()
    return dx + dy


def picture_loss(colour: Tensor, depth: Tensor, true_colour: Tensor, true_depth: Tensor) -> Tensor:
    """Codec loss: colour by L1, square and gradients, inverse depth by L1 and gradients; a scalar.

    The gradient term is what keeps edges; the square is what PSNR counts.
    """
    error = colour - true_colour
    return (
        error.abs().mean()
        + 4.0 * error.square().mean()
        + 0.5 * gradient_loss(colour, true_colour)
        + 2.0 * (depth - true_depth).abs().mean()
        + gradient_loss(depth, true_depth)
    )


def local_detail(picture: Tensor, cell: int = 8) -> Tensor:
    """Standard deviation of the 4-neighbour Laplacian in cells of ``cell`` pixels.

    ``[B, C, H, W]`` -> ``[B, C, H / cell, W / cell]``.
    """
    p = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    laplacian = p[..., :-2, 1:-1] + p[..., 2:, 1:-1] + p[..., 1:-1, :-2] + p[..., 1:-1, 2:] - 4.0 * picture
    return (F.avg_pool2d(laplacian.square(), cell) + 1e-6).sqrt()


def detail_loss(colour: Tensor, true_colour: Tensor) -> Tensor:
    """Mean absolute difference of :func:`local_detail`: texture may move by a pixel but not fade; a scalar.

    A first-order texture statistic in the sense of Gatys et al. (arXiv 1505.07376), without a network.
    """
    return (local_detail(colour) - local_detail(true_colour)).abs().mean()


def motion_loss(state: Tensor, true_state: Tensor) -> Tensor:
    """Absolute error of position and velocity of ``[B, 9]`` states, in decimetres; a scalar.

    Absolute, not squared: open floor is exact, walls are not, and neither may spoil the other. Below a
    millimetre it
    is rounded off.
    """
    place = F.smooth_l1_loss(state[:, :3] * 10.0, true_state[:, :3] * 10.0, beta=0.01)
    speed = F.smooth_l1_loss(state[:, 6:] * 10.0, true_state[:, 6:] * 10.0, beta=0.01)
    return place + 0.5 * speed
