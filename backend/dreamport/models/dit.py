"""Block-causal diffusion transformer that predicts the next frame's latent.

Attention inside a frame is bidirectional, across frames causal. Keys are cached before the rotary embedding
and
rotated here by their place relative to the current frame, so the horizon is unbounded (LingBot-World,
StreamingLLM).
Velocity target of flow matching (arXiv 2210.02747); modulation by AdaLN-zero (DiT, arXiv 2212.09748).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class DiTConfig:
    """Sizes of the transformer. ``context_frames`` = sink + window, the frames that a new frame can look
    back on."""

    latent_channels: int = 16
    latent_height: int = 24
    latent_width: int = 40
    control_size: int = 6
    width: int = 192
    layers: int = 4
    heads: int = 4
    patch: int = 2
    sink_frames: int = 1
    window_frames: int = 2

    @property
    def context_frames(self) -> int:
        return self.sink_frames + self.window_frames

    @property
    def tokens_per_frame(self) -> int:
        return (self.latent_height // self.patch) * (self.latent_width // self.patch)

    @property
    def head_dim(self) -> int:
        return self.width // self.heads


def rotary_angles(config: DiTConfig) -> Tensor:
    """Angles ``[context_frames + 1, tokens, head_dim / 2]`` by (frame relative to the current one, row,
    column)."""
    third = config.head_dim // 6
    counts = (config.head_dim // 2 - 2 * third, third, third)
    rows, columns = config.latent_height // config.patch, config.latent_width // config.patch
    frame = torch.arange(-config.context_frames, 1, dtype=torch.float32)
    row, column = torch.meshgrid(torch.arange(rows).float(), torch.arange(columns).float(), indexing="ij")
    parts = []
    for count, base, place in (
        (counts[0], 100.0, frame[:, None].expand(-1, rows * columns)),
        (counts[1], 1000.0, row.reshape(1, -1).expand(len(frame), -1)),
        (counts[2], 1000.0, column.reshape(1, -1).expand(len(frame), -1)),
    ):
        frequency = base ** (-torch.arange(count, dtype=torch.float32) / count)
        parts.append(place[..., None] * frequency)
    return torch.cat(parts, dim=-1)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary embedding of ``[..., tokens, head_dim]`` by halves (RoFormer, arXiv 2104.09864)."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], dim=-1)


class Block(nn.Module):
    """Self-attention with an external cache, then a feed-forward layer, both modulated."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.query_scale = nn.Parameter(torch.ones(width // heads))
        self.key_scale = nn.Parameter(torch.ones(width // heads))
        self.project = nn.Linear(width, width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.modulation = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def modulated(self, condition: Tensor) -> list[Tensor]:
        """Six ``[B, 1, width]`` scales, shifts and gates from ``condition [B, width]``."""
        return list(self.modulation(condition)[:, None].chunk(6, dim=-1))

    def queries_keys_values(self, x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``[B, N, width]`` -> q, k, v ``[B, heads, N, head_dim]``, normalised, not rotated."""
        b, n, d = x.shape
        qkv = self.qkv(self.norm(x) * (1.0 + scale) + shift).reshape(b, n, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        q = q * torch.rsqrt(q.square().mean(-1, keepdim=True) + 1e-6) * self.query_scale
        k = k * torch.rsqrt(k.square().mean(-1, keepdim=True) + 1e-6) * self.key_scale
        return q, k, v

    def attend(self, x: Tensor, attended: Tensor, mods: list[Tensor]) -> Tensor:
        """Finish the block from attention's result ``[B, heads, N, head_dim]``."""
        b, n, d = x.shape
        x = x + mods[2] * self.project(attended.transpose(1, 2).reshape(b, n, d))
        h = self.norm(x) * (1.0 + mods[3]) + mods[4]
        fed: Tensor = self.contract(F.gelu(self.expand(h), approximate="tanh"))
        return x + mods[5] * fed


class CausalDiT(nn.Module):
    """One frame's velocity from its noisy latent, the camera's rays, the control, the reprojected latent
    and the cache."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        c, p, d = config.latent_channels, config.patch, config.width
        # Noisy latent, reprojected latent, validity, ray origin and direction.
        self.embed = nn.Linear((2 * c + 1 + 6) * p * p, d)
        self.sigma_in = nn.Sequential(nn.Linear(64, d), nn.SiLU(), nn.Linear(d, d))
        self.control_in = nn.Sequential(nn.Linear(config.control_size, d), nn.SiLU(), nn.Linear(d, d))
        self.blocks = nn.ModuleList([Block(d, config.heads) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(d, elementwise_affine=False, eps=1e-6)
        self.modulation = nn.Linear(d, 2 * d)
        self.out = nn.Linear(d, c * p * p)
        for layer in (self.modulation, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        angles = rotary_angles(config)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        frequency = torch.exp(-math.log(1000.0) * torch.arange(32).float() / 32)
        self.register_buffer("sigma_frequency", frequency * 100.0, persistent=False)
        self.cosine: Tensor
        self.sine: Tensor
        self.sigma_frequency: Tensor

    def patchify(self, x: Tensor) -> Tensor:
        """``[B, C, h, w]`` -> ``[B, tokens, C * patch * patch]``."""
        return F.pixel_unshuffle(x, self.config.patch).flatten(2).transpose(1, 2)

    def embedded(self, latent: Tensor, rays: Tensor, reprojected: Tensor) -> Tensor:
        """Tokens ``[B, tokens, width]`` of frames ``[B, ., h, w]``; ray origins are scaled to about one."""
        origin = rays[:, :3] * 0.1
        tokens: Tensor = self.embed(
            self.patchify(torch.cat([latent, reprojected, origin, rays[:, 3:]], dim=1))
        )
        return tokens

    def condition(self, sigma: Tensor, control: Tensor) -> Tensor:
        """``sigma [B]``, ``control [B, A]`` -> ``[B, width]``."""
        phase = sigma[:, None] * self.sigma_frequency
        wave = torch.cat([phase.cos(), phase.sin()], dim=-1)
        return F.silu(self.sigma_in(wave) + self.control_in(control))

    def velocity(
        self, x: Tensor, condition: Tensor, latent: Tensor, sigma: Tensor, reprojected: Tensor
    ) -> Tensor:
        """Tokens to velocity ``[B, C, h, w]``, beside the noisy latent, its noise level ``[B]`` and the hint.

        Where memory shows the frame, the clean latent is nearly the reprojected one and the velocity at noise
        level 1 nearly ``latent - reprojected``: the network only has to say what differs.
        """
        cfg = self.config
        scale, shift = self.modulation(condition)[:, None].chunk(2, dim=-1)
        x = self.out(self.norm(x) * (1.0 + scale) + shift)
        rows, columns = cfg.latent_height // cfg.patch, cfg.latent_width // cfg.patch
        difference = F.pixel_shuffle(x.transpose(1, 2).reshape(x.shape[0], -1, rows, columns), cfg.patch)
        shown = reprojected[:, cfg.latent_channels :] * sigma[:, None, None, None]
        return difference + shown * (latent - reprojected[:, : cfg.latent_channels])

    def forward(
        self,
        latent: Tensor,
        sigma: Tensor,
        rays: Tensor,
        control: Tensor,
        reprojected: Tensor,
        cache_k: Tensor,
        cache_v: Tensor,
        cache_length: Tensor,
    ) -> dict[str, Tensor]:
        """One frame with an external cache: the graph an executor runs. Shapes as in docs/world-pack.md.

        ``cache_k``, ``cache_v [layers, heads, context_frames * tokens, head_dim]``, the oldest first; the
        first
        ``cache_length`` tokens are valid. Gives velocity ``[1, 1, C, h, w]`` and this frame's k, v.
        """
        cfg = self.config
        slots = cfg.context_frames * cfg.tokens_per_frame
        x = self.embedded(latent[:, 0], rays[:, 0], reprojected[:, 0])
        condition = self.condition(sigma[:, 0], control[:, 0])
        place = torch.arange(slots, device=x.device)
        valid = place < cache_length
        # The newest cached frame stands at -1 whatever the fill, so the table is read from its end.
        frame = torch.div(place, cfg.tokens_per_frame, rounding_mode="floor")
        filled = torch.div(cache_length, cfg.tokens_per_frame, rounding_mode="floor")
        token = place % cfg.tokens_per_frame
        row = (frame - filled + cfg.context_frames).clamp(
            0, cfg.context_frames
        ) * cfg.tokens_per_frame + token
        cosine, sine = self.cosine.flatten(0, 1), self.sine.flatten(0, 1)
        old_cosine, old_sine = cosine[row], sine[row]
        now_cosine, now_sine = self.cosine[-1], self.sine[-1]
        bias = torch.where(valid, 0.0, -1e4)
        bias = torch.cat([bias, torch.zeros(cfg.tokens_per_frame, device=x.device)])
        keys, values = [], []
        for i, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            mods = block.modulated(condition)
            q, k, v = block.queries_keys_values(x, mods[0], mods[1])
            keys.append(k[0])
            values.append(v[0])
            all_k = torch.cat(
                [rotate(cache_k[i][None], old_cosine, old_sine), rotate(k, now_cosine, now_sine)], 2
            )
            all_v = torch.cat([cache_v[i][None], v], dim=2)
            q = rotate(q, now_cosine, now_sine) * (cfg.head_dim**-0.5)
            weights = torch.softmax(torch.matmul(q, all_k.transpose(-1, -2)) + bias, dim=-1)
            x = block.attend(x, torch.matmul(weights, all_v), mods)
        return {
            "velocity": self.velocity(x, condition, latent[:, 0], sigma[:, 0], reprojected[:, 0])[:, None],
            "k": torch.stack(keys),
            "v": torch.stack(values),
        }

    def clip(
        self, latent: Tensor, sigma: Tensor, rays: Tensor, control: Tensor, reprojected: Tensor
    ) -> Tensor:
        """A whole clip at once, each frame seeing what :meth:`forward` would have in its cache: for training.

        ``latent [B, T, C, h, w]``, ``sigma [B, T]``, the rest alike -> velocity ``[B, T, C, h, w]``.
        """
        cfg = self.config
        b, t = sigma.shape
        flat = [a.flatten(0, 1) for a in (latent, rays, reprojected)]
        x = self.embedded(flat[0], flat[1], flat[2])
        condition = self.condition(sigma.flatten(), control.flatten(0, 1))
        index, mask = context_table(t, cfg.sink_frames, cfg.window_frames)
        index, mask = index.to(x.device), mask.to(x.device)
        bias = torch.where(mask, 0.0, -1e4).repeat_interleave(cfg.tokens_per_frame, dim=1)
        bias = (
            F.pad(bias, (0, cfg.tokens_per_frame))[None, :, None, None]
            .expand(b, -1, -1, -1, -1)
            .flatten(0, 1)
        )
        past = (self.cosine[:-1].flatten(0, 1), self.sine[:-1].flatten(0, 1))
        now = (self.cosine[-1], self.sine[-1])
        for block in self.blocks:
            assert isinstance(block, Block)
            mods = block.modulated(condition)
            q, k, v = block.queries_keys_values(x, mods[0], mods[1])
            # [B, T, slots, heads, tokens, dim] -> one row of keys per query frame, right-aligned to the
            # present.
            old_k, old_v = (
                a.reshape(b, t, *a.shape[1:])[:, index].permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(0, 1)
                for a in (k, v)
            )
            all_k = torch.cat([rotate(old_k, *past), rotate(k, *now)], dim=2)
            all_v = torch.cat([old_v, v], dim=2)
            attended = F.scaled_dot_product_attention(rotate(q, *now), all_k, all_v, attn_mask=bias)
            x = block.attend(x, attended, mods)
        return self.velocity(x, condition, flat[0], sigma.flatten(), flat[2]).reshape(latent.shape)


def context_table(frames: int, sink: int, window: int) -> tuple[Tensor, Tensor]:
    """Which earlier frames frame ``i`` sees, right-aligned: index ``[frames, sink + window]`` and a
    validity mask."""
    slots = sink + window
    index = torch.zeros(frames, slots, dtype=torch.long)
    mask = torch.zeros(frames, slots, dtype=torch.bool)
    for i in range(frames):
        seen = list(range(i)) if i <= slots else [*range(sink), *range(i - window, i)]
        for j, frame in enumerate(seen):
            index[i, slots - len(seen) + j] = frame
            mask[i, slots - len(seen) + j] = True
    return index, mask
