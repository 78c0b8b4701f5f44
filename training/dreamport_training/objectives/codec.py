"""Picture losses of the codec and of the decoder on generated latents."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def gradient_loss(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of horizontal and vertical finite differences of ``[B, C, H, W]`` (arXiv
    1511.05440, eq. 6, alpha 1); a scalar."""
    dx = ((a[..., 1:] - a[..., :-1]) - (b[..., 1:] - b[..., :-1])).abs().mean()
    dy = ((a[..., 1:, :] - a[..., :-1, :]) - (b[..., 1:, :] - b[..., :-1, :])).abs().mean()
    return dx + dy


def picture_loss(
    colour: Tensor, depth: Tensor, true_colour: Tensor, true_depth: Tensor, depth_weight: float = 1.0
) -> Tensor:
    """Codec loss: colour by L1, square and gradients, inverse depth by L1 and gradients; a scalar.

    The gradient term is what keeps edges; the square is what PSNR counts. ``depth_weight`` 0 for data without
    depth.
    """
    error = colour - true_colour
    loss = error.abs().mean() + 4.0 * error.square().mean() + 0.5 * gradient_loss(colour, true_colour)
    if depth_weight == 0.0:
        return loss
    return loss + depth_weight * (2.0 * (depth - true_depth).abs().mean() + gradient_loss(depth, true_depth))


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
