"""Remembered views warped by their depth into the next camera: the world's 3-D cache.

The idea of GEN3C (arXiv 2503.03751) at a laptop's size. Every remembered view's depth is splatted forward
with a z-buffer, which gives the next camera's depth; then every view's colour is sampled backward through
that
depth, so that colours are interpolated once and surfaces have no cracks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Reprojection(nn.Module):
    """Warp ``K`` views into one target camera. It has no weights.

    ``near_m``: metres at inverse depth 1 (inverse depth is near / depth; 0 is infinitely far).
    ``tolerance``: relative difference of inverse depth below which two surfaces are the same.
    ``sharpness``: how strongly the best of several views wins over the mean of all.
    """

    def __init__(
        self, height: int, width: int, near_m: float, tolerance: float = 0.06, sharpness: float = 6.0
    ) -> None:
        super().__init__()
        self.height, self.width, self.near_m = height, width, near_m
        self.tolerance, self.sharpness = tolerance, sharpness
        v, u = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
        self.register_buffer("u", u.reshape(1, -1), persistent=False)
        self.register_buffer("v", v.reshape(1, -1), persistent=False)
        self.u: Tensor
        self.v: Tensor

    def _project(
        self, inverse_depth: Tensor, source: Tensor, target: Tensor, target_from_source: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pixels ``[K, N]`` of ``source`` seen by ``target``: u, v in pixels and inverse depth there (0
        behind the camera).

        ``source`` and ``target``: intrinsics ``[K, 4]``.
        """
        x = (self.u - source[:, 2:3]) / source[:, 0:1]
        y = (self.v - source[:, 3:4]) / source[:, 1:2]
        r, t = target_from_source[:, :3, :3], target_from_source[:, :3, 3:] / self.near_m
        # Points divided by their source depth, so that infinitely far ones stay finite.
        px = r[:, 0, 0:1] * x + r[:, 0, 1:2] * y + r[:, 0, 2:3] + t[:, 0] * inverse_depth
        py = r[:, 1, 0:1] * x + r[:, 1, 1:2] * y + r[:, 1, 2:3] + t[:, 1] * inverse_depth
        pz = r[:, 2, 0:1] * x + r[:, 2, 1:2] * y + r[:, 2, 2:3] + t[:, 2] * inverse_depth
        front = pz > 1e-3
        scale = 1.0 / torch.where(front, pz, 1.0)
        u = px * scale * target[:, 0:1] + target[:, 2:3]
        v = py * scale * target[:, 1:2] + target[:, 3:4]
        return u, v, torch.where(front, inverse_depth * scale, 0.0)

    def _close_cracks(self, inverse_depth: Tensor) -> Tensor:
        """Fill the cracks of a splatted ``[1, 1, H, W]`` surface.

        Where a nearer surface stands on both sides of a pixel, the pixel is a crack in it. What is still
        empty takes
        the mean of its neighbours at coarser and coarser levels (push-pull), up to 8 pixels away.
        """
        h, w = self.height, self.width
        p = F.pad(inverse_depth, (1, 1, 1, 1))
        across = torch.minimum(p[..., 1 : 1 + h, :w], p[..., 1 : 1 + h, 2:])
        along = torch.minimum(p[..., :h, 1 : 1 + w], p[..., 2:, 1 : 1 + w])
        filled = torch.maximum(across, along)
        crack = filled > inverse_depth * (1.0 + 2.0 * self.tolerance) + 1e-4
        surface = torch.where(crack, filled, inverse_depth)
        known = (surface > 0).to(surface.dtype)
        levels = []
        value, weight = surface, known
        for _ in range(3):
            value, weight = F.avg_pool2d(value, 2), F.avg_pool2d(weight, 2)
            levels.append((value, weight))
        coarse = torch.zeros_like(levels[-1][0])
        for value, weight in reversed(levels):
            here = value / weight.clamp(min=1e-6)
            coarse = torch.where(weight > 0, here, coarse)
            coarse = F.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.where(known > 0, surface, coarse)

    def target_inverse_depth(
        self, inverse_depth: Tensor, target_from_source: Tensor, intrinsics: Tensor, target: Tensor
    ) -> Tensor:
        """Inverse depth ``[1, 1, H, W]`` of the target camera; 0 where no view covers it."""
        k, n = inverse_depth.shape[0], self.height * self.width
        flat = inverse_depth.reshape(k, n)
        u, v, seen = self._project(flat, intrinsics, target, target_from_source)
        inside = (u >= 0) & (u < self.width) & (v >= 0) & (v < self.height) & (seen > 0)
        column = torch.where(inside, u, 0.0).to(torch.int64)
        row = torch.where(inside, v, 0.0).to(torch.int64)
        value = torch.where(inside, seen, 0.0)
        splat = torch.zeros(n, dtype=flat.dtype, device=flat.device)
        splat = splat.scatter_reduce(
            0, (row * self.width + column).reshape(-1), value.reshape(-1), "amax", include_self=True
        )
        return self._close_cracks(splat.reshape(1, 1, self.height, self.width))

    def forward(
        self,
        colour: Tensor,
        inverse_depth: Tensor,
        target_from_source: Tensor,
        intrinsics: Tensor,
        target_intrinsics: Tensor,
    ) -> dict[str, Tensor]:
        """``colour [K, 3, H, W]`` 0..1, ``inverse_depth [K, 1, H, W]``, ``target_from_source [K, 4, 4]``
        (metres),
        ``intrinsics [K, 4]``, ``target_intrinsics [4]`` -> colour ``[1, 3, H, W]``, inverse_depth and valid
        ``[1, 1, H, W]``.
        """
        k, h, w = colour.shape[0], self.height, self.width
        target = target_intrinsics.reshape(1, 4).expand(k, 4)
        surface = self.target_inverse_depth(inverse_depth, target_from_source, intrinsics, target)
        flat = surface.reshape(1, h * w).expand(k, h * w)
        rotation = target_from_source[:, :3, :3].transpose(1, 2)
        translation = -torch.matmul(rotation, target_from_source[:, :3, 3:])
        source_from_target = torch.cat([rotation, translation], dim=2)
        u, v, expected = self._project(flat, target, intrinsics, source_from_target)
        grid = (
            torch.stack([u * (2.0 / w) - 1.0, v * (2.0 / h) - 1.0], dim=1).transpose(1, 2).reshape(k, h, w, 2)
        )
        stacked = torch.cat([colour, inverse_depth], dim=1)
        sampled = F.grid_sample(stacked, grid, mode="bilinear", padding_mode="border", align_corners=False)
        found = sampled[:, 3:4]
        expected = expected.reshape(k, 1, h, w)
        inside = ((u >= 0.0) & (u <= float(w)) & (v >= 0.0) & (v <= float(h)) & (flat > 0.0)).reshape(
            k, 1, h, w
        )
        error = (found - expected).abs() / (expected + 2e-3)
        same = (inside & (error < self.tolerance)).to(colour.dtype)
        # A view from the same distance has the same texel density and the same distance shading.
        ratio = torch.log(expected + 1e-4) - torch.log(surface + 1e-4)
        closeness = torch.exp(-self.sharpness * ratio.abs()) * (1.0 - 0.9 * error / self.tolerance).clamp(
            min=0.05
        )
        weight = same * closeness.clamp(min=1e-4)
        total = weight.sum(0, keepdim=True)
        valid = (same.sum(0, keepdim=True) > 0).to(colour.dtype)
        blended = (sampled[:, :3] * weight).sum(0, keepdim=True) / total.clamp(min=1e-6)
        return {"colour": blended * valid, "inverse_depth": surface * valid, "valid": valid}
