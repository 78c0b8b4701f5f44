"""Diffusion transformer that predicts the next frame's latent.

Attention inside a frame is bidirectional, across frames causal; a teacher's is bidirectional over the whole
clip. Keys are cached before the rotary embedding and rotated here by their place relative to the current
frame, so the horizon is unbounded (LingBot-World, StreamingLLM).
Velocity target of flow matching (arXiv 2210.02747); modulation by AdaLN-zero (DiT, arXiv 2212.09748).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamport.models.attention import (
    BidirectionalAttention,
    CausalAttention,
    FrameExchange,
    rotary_angles,
    rotate,
)

Attention = Literal["causal", "bidirectional"]
Mix = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values of a block, not rotated -> what was attended, in the queries' shape."""

RAY_CHANNELS = 6


@dataclass(frozen=True)
class DiTConfig:
    """Sizes of the transformer. ``context_frames`` = sink + window, the frames that a new frame can look
    back on. ``adapters``: rays and controls also scale and shift every block's tokens. ``prompt_size``:
    numbers of a prompt's vector, 0 for a world without prompts."""

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
    adapters: bool = False
    prompt_size: int = 0

    @property
    def context_frames(self) -> int:
        return self.sink_frames + self.window_frames

    @property
    def tokens_per_frame(self) -> int:
        return (self.latent_height // self.patch) * (self.latent_width // self.patch)

    @property
    def head_dim(self) -> int:
        return self.width // self.heads

    def angles(self, frames: Tensor) -> Tensor:
        """Rotary angles ``[frames, tokens, head_dim / 2]`` of places in time."""
        rows, columns = self.latent_height // self.patch, self.latent_width // self.patch
        return rotary_angles(frames, rows, columns, self.head_dim)


class Block(nn.Module):
    """Self-attention, then a feed-forward layer, both modulated. ``forward`` is the whole block, so that a
    block can be sharded or recomputed as one."""

    def __init__(self, width: int, heads: int, adapter: bool = False) -> None:
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
        self.adapter = nn.Linear(width, 2 * width) if adapter else None
        for layer in (self.modulation, self.adapter):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def queries_keys_values(self, x: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``[B, N, width]`` -> q, k, v ``[B, heads, N, head_dim]``, normalised, not rotated."""
        b, n, d = x.shape
        qkv = self.qkv(self.norm(x) * (1.0 + scale) + shift).reshape(b, n, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        q = q * torch.rsqrt(q.square().mean(-1, keepdim=True) + 1e-6) * self.query_scale
        k = k * torch.rsqrt(k.square().mean(-1, keepdim=True) + 1e-6) * self.key_scale
        return q, k, v

    def forward(self, x: Tensor, condition: Tensor, mix: Mix, steering: Tensor | None = None) -> Tensor:
        """``x [B, N, width]``, ``condition [B, width]``, the adapters' ``steering`` like ``x`` -> like ``x``.
        ``mix`` attends."""
        b, n, d = x.shape
        mods = list(self.modulation(condition)[:, None].chunk(6, dim=-1))
        attended = mix(*self.queries_keys_values(x, mods[0], mods[1]))
        x = x + mods[2] * self.project(attended.transpose(1, 2).reshape(b, n, d))
        if self.adapter is not None and steering is not None:
            # LingBot-World's camera injection: after attention, x = (1 + scale) x + shift.
            scale, shift = self.adapter(steering).chunk(2, dim=-1)
            x = x * (1.0 + scale) + shift
        h = self.norm(x) * (1.0 + mods[3]) + mods[4]
        fed: Tensor = self.contract(F.gelu(self.expand(h), approximate="tanh"))
        out: Tensor = x + mods[5] * fed
        return out


class Steering(nn.Module):
    """What steers the adapters: rays, which are also added to the tokens, and the control."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        d, inputs = config.width, RAY_CHANNELS * config.patch**2
        self.ray_in = nn.Linear(inputs, d)
        self.rays = nn.Linear(inputs, d)
        self.hidden = nn.Sequential(nn.Linear(d, d), nn.SiLU(), nn.Linear(d, d))
        nn.init.zeros_(self.ray_in.weight)
        nn.init.zeros_(self.ray_in.bias)

    def forward(self, rays: Tensor, control: Tensor) -> tuple[Tensor, Tensor]:
        """Patches of rays ``[B, N, 6 * patch^2]``, embedded control ``[B, width]`` -> tokens to add and
        steering, ``[B, N, width]``."""
        c = self.rays(rays)
        return self.ray_in(rays), F.silu(c + self.hidden(c) + control[:, None])


class CausalDiT(nn.Module):
    """One frame's velocity from its noisy latent, the camera's rays, the control, the reprojected latent
    and the cache.

    ``exchange``: set by who trains long clips on several processes; :meth:`clip` then computes this process's
    frames and gives all.
    """

    exchange: FrameExchange | None = None

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        c, p, d = config.latent_channels, config.patch, config.width
        # Noisy latent, reprojected latent, validity, ray origin and direction.
        self.embed = nn.Linear((2 * c + 1 + RAY_CHANNELS) * p * p, d)
        self.sigma_in = nn.Sequential(nn.Linear(64, d), nn.SiLU(), nn.Linear(d, d))
        self.control_in = nn.Sequential(nn.Linear(config.control_size, d), nn.SiLU(), nn.Linear(d, d))
        self.blocks = nn.ModuleList([Block(d, config.heads, config.adapters) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(d, elementwise_affine=False, eps=1e-6)
        self.modulation = nn.Linear(d, 2 * d)
        self.out = nn.Linear(d, c * p * p)
        for layer in (self.modulation, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.steering = Steering(config) if config.adapters else None
        self.prompt_in: nn.Sequential | None = None
        if config.prompt_size > 0:
            last = nn.Linear(d, d)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.prompt_in = nn.Sequential(nn.Linear(config.prompt_size, d), nn.SiLU(), last)
        angles = config.angles(torch.arange(-config.context_frames, 1))
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

    def embedded(
        self,
        latent: Tensor,
        sigma: Tensor,
        rays: Tensor,
        control: Tensor,
        reprojected: Tensor,
        prompt: Tensor | None,
        use_control: bool = True,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Frames ``[B, ., h, w]``, ``sigma [B]``, ``control [B, A]``, ``prompt [B, P]`` -> tokens
        ``[B, N, width]``, condition ``[B, width]``, the adapters' steering. Ray origins are scaled to about
        one."""
        shown = (rays[:, :3] * 0.1, rays[:, 3:]) if use_control else (torch.zeros_like(rays),)
        tokens: Tensor = self.embed(self.patchify(torch.cat([latent, reprojected, *shown], dim=1)))
        phase = sigma[:, None] * self.sigma_frequency
        condition: Tensor = self.sigma_in(torch.cat([phase.cos(), phase.sin()], dim=-1))
        steering = None
        if use_control:
            held = self.control_in(control)
            condition = condition + held
            if self.steering is not None:
                added, steering = self.steering(self.patchify(torch.cat(shown, dim=1)), held)
                tokens = tokens + added
        if self.prompt_in is not None and prompt is not None:
            condition = condition + self.prompt_in(prompt)
        return tokens, F.silu(condition), steering

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
        prompt: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """One frame with an external cache: the graph an executor runs. Shapes as in docs/world-pack.md.

        ``cache_k``, ``cache_v [layers, heads, context_frames * tokens, head_dim]``, the oldest first; the
        first ``cache_length`` tokens are valid. ``prompt [1, P]`` where the world has prompts. Gives velocity
        ``[1, 1, C, h, w]`` and this frame's k, v.
        """
        cfg = self.config
        slots = cfg.context_frames * cfg.tokens_per_frame
        x, condition, steering = self.embedded(
            latent[:, 0], sigma[:, 0], rays[:, 0], control[:, 0], reprojected[:, 0], prompt
        )
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
        keys: list[Tensor] = []
        values: list[Tensor] = []

        def mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            i = len(keys)
            keys.append(k[0])
            values.append(v[0])
            all_k = torch.cat(
                [rotate(cache_k[i][None], old_cosine, old_sine), rotate(k, now_cosine, now_sine)], 2
            )
            all_v = torch.cat([cache_v[i][None], v], dim=2)
            q = rotate(q, now_cosine, now_sine) * (cfg.head_dim**-0.5)
            weights = torch.softmax(torch.matmul(q, all_k.transpose(-1, -2)) + bias, dim=-1)
            return torch.matmul(weights, all_v)

        for block in self.blocks:
            x = block(x, condition, mix, steering)
        return {
            "velocity": self.velocity(x, condition, latent[:, 0], sigma[:, 0], reprojected[:, 0])[:, None],
            "k": torch.stack(keys),
            "v": torch.stack(values),
        }

    def step(
        self,
        latent: Tensor,
        sigma: Tensor,
        rays: Tensor,
        control: Tensor,
        reprojected: Tensor,
        past: Sequence[tuple[Tensor, Tensor]],
        prompt: Tensor | None = None,
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """:meth:`forward` for a batch, its cache just as long as it is filled: for training.

        ``latent [B, C, h, w]``, ``sigma [B]``, the rest alike; ``past``: every layer's keys and values
        ``[B, heads, frames * tokens, head_dim]``, the oldest first, at most ``context_frames``; empty at the
        start. Gives the velocity and this frame's keys and values ``[B, heads, tokens, head_dim]``.
        """
        x, condition, steering = self.embedded(latent, sigma, rays, control, reprojected, prompt)
        filled = past[0][0].shape[2] // self.config.tokens_per_frame if past else 0
        rows = slice(self.config.context_frames - filled, self.config.context_frames)
        before = (self.cosine[rows].flatten(0, 1), self.sine[rows].flatten(0, 1))
        now = (self.cosine[-1], self.sine[-1])
        made: dict[int, tuple[Tensor, Tensor]] = {}

        def mix_of(layer: int) -> Mix:
            def mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                made[layer] = (k, v)
                all_k, all_v = rotate(k, *now), v
                if past:
                    all_k = torch.cat([rotate(past[layer][0], *before), all_k], dim=2)
                    all_v = torch.cat([past[layer][1].to(v.dtype), v], dim=2)
                return F.scaled_dot_product_attention(rotate(q, *now).to(v.dtype), all_k.to(v.dtype), all_v)

            return mix

        for i, block in enumerate(self.blocks):
            x = block(x, condition, mix_of(i), steering)
        velocity = self.velocity(x, condition, latent, sigma, reprojected)
        return velocity, [made[i] for i in range(len(self.blocks))]

    def clip(
        self,
        latent: Tensor,
        sigma: Tensor,
        rays: Tensor,
        control: Tensor,
        reprojected: Tensor,
        prompt: Tensor | None = None,
        *,
        attention: Attention = "causal",
        use_control: bool = True,
    ) -> Tensor:
        """A whole clip at once: for training. Causal: each frame sees what :meth:`forward` would have in its
        cache. Bidirectional: every frame sees every other.

        ``latent [B, T, C, h, w]``, ``sigma [B, T]``, ``prompt [B, P]``, or ``[B, T, P]`` of clips in which it
        changes, the rest as ``latent`` -> velocity ``[B, T, C, h, w]``. Without ``use_control``, rays and
        control do not matter.
        """
        b, t = sigma.shape
        attend = self._attention(attention, t)
        exchange = self.exchange

        def mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            clips = [a.reshape(b, -1, *a.shape[1:]) for a in (q, k, v)]
            if exchange is None:
                return attend(*clips).flatten(0, 1)
            return exchange.to_frames(attend(*(exchange.to_heads(a) for a in clips))).flatten(0, 1)

        inputs = [latent, sigma, rays, control, reprojected]
        if exchange is not None:
            inputs = [exchange.own(a) for a in inputs]
        own = inputs[1].shape[1]
        flat = [a.flatten(0, 1) for a in inputs]
        each = prompt
        if prompt is not None and prompt.ndim == 3:
            each = (prompt if exchange is None else exchange.own(prompt)).flatten(0, 1)
        elif prompt is not None:
            each = prompt.repeat_interleave(own, dim=0)
        x, condition, steering = self.embedded(flat[0], flat[1], flat[2], flat[3], flat[4], each, use_control)
        for block in self.blocks:
            x = block(x, condition, mix, steering)
        velocity = self.velocity(x, condition, flat[0], flat[1], flat[4])
        velocity = velocity.reshape(b, own, *latent.shape[2:])
        return velocity if exchange is None else exchange.whole(velocity)

    def _attention(self, kind: Attention, frames: int) -> Mix:
        if kind == "causal":
            cfg = self.config
            return CausalAttention(frames, cfg.sink_frames, cfg.window_frames, self.cosine, self.sine)
        angles = self.config.angles(torch.arange(frames)).to(self.cosine.device)
        return BidirectionalAttention(angles.cos(), angles.sin())
