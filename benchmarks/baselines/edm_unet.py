"""A world model in the manner of DIAMOND (arXiv 2405.12399), written from the paper: the baseline.

A U-Net denoises the next frame in pixels, beside the last four frames as extra channels, with noise level and
actions modulating its group norms. Preconditioning and sampling are EDM's (arXiv 2206.00364).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class UNetConfig:
    """Sizes. ``control_size``: numbers in one frame's action; ``context``: frames it looks back on."""

    control_size: int = 6
    context: int = 4
    channels: tuple[int, ...] = (24, 48, 64, 64)
    blocks: int = 2
    condition: int = 192
    height: int = 48
    width: int = 80


@dataclass(frozen=True)
class Preconditioning:
    """The four scalings of EDM (table 1), ``[B, 1, 1, 1]`` each, for noise level ``sigma``."""

    skip: Tensor
    out: Tensor
    inside: Tensor
    noise: Tensor


SIGMA_DATA = 0.5
GROUPS = 8
LOG_SIGMA_MEAN, LOG_SIGMA_DEVIATION = -1.2, 1.2


def preconditioning(sigma: Tensor) -> Preconditioning:
    """EDM's c_skip, c_out, c_in and c_noise for ``sigma [B]``."""
    s = sigma[:, None, None, None]
    root = (s.square() + SIGMA_DATA**2).sqrt()
    return Preconditioning(SIGMA_DATA**2 / root.square(), s * SIGMA_DATA / root, 1.0 / root, s.log() / 4.0)


class ResBlock(nn.Module):
    """Two convolutions with group norms that the condition scales and shifts."""

    def __init__(self, inside: int, outside: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, padding=1)
        self.second = nn.Conv2d(outside, outside, 3, padding=1)
        self.norm_first = nn.GroupNorm(GROUPS, inside, affine=False)
        self.norm_second = nn.GroupNorm(GROUPS, outside, affine=False)
        self.modulation = nn.Linear(condition, 2 * inside + 2 * outside)
        self.skip = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()
        self.sizes = (inside, inside, outside, outside)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """``x [B, C, H, W]``, ``condition [B, D]``."""
        a, b, c, d = self.modulation(condition)[..., None, None].split(self.sizes, dim=1)
        h = self.first(F.silu(self.norm_first(x) * (1.0 + a) + b))
        h = self.second(F.silu(self.norm_second(h) * (1.0 + c) + d))
        out: Tensor = self.skip(x) + h
        return out


class Attention(nn.Module):
    """Self-attention over the pixels of the coarsest level."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.qkv, self.out = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]``."""
        q, k, v = self.qkv(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, dim=-1)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        out: Tensor = x + self.out(mixed)
        return out


class UNet(nn.Module):
    """Noisy next frame, context and actions to the network's raw output ``[B, 3, H, W]``."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        c, d = config.channels, config.condition
        self.register_buffer("frequency", torch.randn(d // 2), persistent=True)
        self.actions = nn.Linear(config.control_size * config.context, d)
        self.condition = nn.Sequential(nn.Linear(d, d), nn.SiLU(), nn.Linear(d, d))
        self.enter = nn.Conv2d(3 * (config.context + 1), c[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        widths = [c[0]]
        now = c[0]
        for level, width in enumerate(c):
            for _ in range(config.blocks):
                self.down.append(ResBlock(now, width, d))
                now = width
                widths.append(now)
            if level + 1 < len(c):
                self.down.append(nn.Conv2d(now, now, 3, stride=2, padding=1))
                widths.append(now)
        self.middle = nn.ModuleList([ResBlock(now, now, d), ResBlock(now, now, d)])
        self.attention = Attention(now)
        for level, width in reversed(list(enumerate(c))):
            for _ in range(config.blocks + 1):
                self.up.append(ResBlock(now + widths.pop(), width, d))
                now = width
            if level > 0:
                self.up.append(nn.Conv2d(now, now, 3, padding=1))
        self.leave = nn.Conv2d(now, 3, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)
        self.frequency: Tensor

    def forward(self, noisy: Tensor, noise: Tensor, context: Tensor, actions: Tensor) -> Tensor:
        """``noisy [B, 3, H, W]``, ``noise [B]``, ``context [B, n, 3, H, W]``, ``actions [B, n, A]``."""
        phase = 2.0 * math.pi * noise[:, None] * self.frequency
        given = torch.cat([phase.cos(), phase.sin()], dim=-1) + self.actions(actions.flatten(1))
        condition = F.silu(self.condition(given))
        x = self.enter(torch.cat([noisy, context.flatten(1, 2)], dim=1))
        kept = [x]
        for layer in self.down:
            x = layer(x, condition) if isinstance(layer, ResBlock) else layer(x)
            kept.append(x)
        x = self.middle[1](self.attention(self.middle[0](x, condition)), condition)
        for layer in self.up:
            if isinstance(layer, ResBlock):
                x = layer(torch.cat([x, kept.pop()], dim=1), condition)
            else:
                x = layer(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        out: Tensor = self.leave(F.silu(x))
        return out

    def clean(self, noisy: Tensor, sigma: Tensor, context: Tensor, actions: Tensor) -> Tensor:
        """The denoiser ``D(x; sigma)`` (EDM, equation 7), pictures in -1..1."""
        p = preconditioning(sigma)
        raw = self(noisy * p.inside, p.noise.flatten(), context, actions)
        made: Tensor = p.skip * noisy + p.out * raw
        return made


def euler_sigmas(steps: int, low: float = 2e-3, high: float = 5.0, rho: float = 7.0) -> Tensor:
    """EDM's noise levels (equation 5), the last one 0."""
    ramp = torch.linspace(0.0, 1.0, steps) if steps > 1 else torch.zeros(1)
    levels = (high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    return torch.cat([levels, torch.zeros(1)])


@torch.no_grad()
def sample(model: UNet, context: Tensor, actions: Tensor, steps: int, generator: torch.Generator) -> Tensor:
    """The next frame ``[B, 3, H, W]`` by ``steps`` Euler steps (EDM, algorithm 1 without noise put in)."""
    levels = euler_sigmas(steps)
    x = torch.randn(context[:, 0].shape, generator=generator) * levels[0]
    for now, after in pairwise(levels):
        slope = (x - model.clean(x, now.expand(len(x)), context, actions)) / now
        x = x + (after - now) * slope
    return x.clamp(-1.0, 1.0)


def rollout_loss(model: UNet, frames: Tensor, actions: Tensor, generator: torch.Generator) -> Tensor:
    """Denoising loss over autoregressive steps: what was made is the next one's context (DIAMOND, sec. 3).

    ``frames [B, context + S, 3, H, W]`` in -1..1, ``actions [B, context + S, A]`` (row t led to frame t).
    """
    n = model.config.context
    seen = list(frames[:, :n].unbind(1))
    total = frames.new_zeros(())
    steps = frames.shape[1] - n
    for t in range(n, n + steps):
        draw = torch.randn(len(frames), generator=generator)
        sigma = (draw * LOG_SIGMA_DEVIATION + LOG_SIGMA_MEAN).exp().clamp(2e-3, 20.0)
        noise = torch.randn(frames[:, t].shape, generator=generator)
        noisy = frames[:, t] + noise * sigma[:, None, None, None]
        context = torch.stack(seen[-n:], dim=1)
        made = model.clean(noisy, sigma, context, actions[:, t - n + 1 : t + 1])
        weight = 1.0 / preconditioning(sigma).out.square()
        total = total + (weight * (made - frames[:, t]).square()).mean() / steps
        seen.append(made.detach().clamp(-1.0, 1.0))
    return total
