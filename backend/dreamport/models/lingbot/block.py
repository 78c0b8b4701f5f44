"""One block of the transformer: self-attention, the camera, the prompt, a feed-forward layer.

Types follow upstream in bfloat16: matrices multiply in the weights' type, the residual stream and the
modulation are float32.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamport.models.lingbot.attention import Attend, TokenExchange, attend_masked
from dreamport.models.lingbot.config import LingBotConfig
from dreamport.models.lingbot.rope import rotate

Rotation = tuple[Tensor, Tensor]
"""Cosine and sine ``[tokens, head_dim / 2]`` (:func:`rope.angles`)."""


class Seen(NamedTuple):
    """What a block's tokens attend to besides themselves, and where all of them are.

    ``k``, ``v [B, M, heads, D]``: this block's part of the history; ``now``: places of the tokens; ``past``:
    of the history, ``None`` for keys that are rotated already; ``mask [N, N]``: which token sees which,
    ``None`` for all.
    """

    k: Tensor | None
    v: Tensor | None
    now: Rotation
    past: Rotation | None = None
    mask: Tensor | None = None


class Kernels(NamedTuple):
    """How attention is computed: among the tokens, to the prompt, and by several processes together."""

    attend: Attend
    attend_text: Attend
    exchange: TokenExchange | None = None


class RMSNorm(nn.Module):
    """Root-mean-square norm over the full width, in float32 (arXiv 1910.07467)."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        normed = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + self.eps)
        return normed.to(x.dtype) * self.weight


class Attention(nn.Module):
    """Self- or cross-attention without the attending itself, which is the caller's."""

    def __init__(self, config: LingBotConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.q = nn.Linear(config.dim, config.dim)
        self.k = nn.Linear(config.dim, config.dim)
        self.v = nn.Linear(config.dim, config.dim)
        self.o = nn.Linear(config.dim, config.dim)
        self.norm_q = RMSNorm(config.dim, config.eps)
        self.norm_k = RMSNorm(config.dim, config.eps)

    def queries(self, x: Tensor) -> Tensor:
        """``[B, N, dim]`` -> ``[B, N, heads, head_dim]``, normalised."""
        return self._headed(self.norm_q(self.q(x)))

    def keys(self, x: Tensor) -> Tensor:
        """``[B, N, dim]`` -> ``[B, N, heads, head_dim]``, normalised."""
        return self._headed(self.norm_k(self.k(x)))

    def values(self, x: Tensor) -> Tensor:
        """``[B, N, dim]`` -> ``[B, N, heads, head_dim]``."""
        return self._headed(self.v(x))

    def out(self, attended: Tensor) -> Tensor:
        """``[B, N, heads, head_dim]`` -> ``[B, N, dim]``."""
        projected: Tensor = self.o(attended.flatten(2))
        return projected

    def _headed(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1)


class Block(nn.Module):
    """Names of the parameters are those of the checkpoints. All blocks of a pass run the same compiled code:
    nothing in :meth:`forward` depends on which block it is.
    """

    def __init__(self, config: LingBotConfig) -> None:
        super().__init__()
        d = config.dim
        self.eps = config.eps
        self.modulation = nn.Parameter(torch.randn(1, 6, d) / d**0.5)
        self.self_attn = Attention(config)
        self.cross_attn = Attention(config)
        self.norm3 = nn.LayerNorm(d, eps=config.eps)
        self.ffn = nn.Sequential(
            nn.Linear(d, config.ffn), nn.GELU(approximate="tanh"), nn.Linear(config.ffn, d)
        )
        self.cam_injector_layer1 = nn.Linear(d, d)
        self.cam_injector_layer2 = nn.Linear(d, d)
        self.cam_scale_layer = nn.Linear(d, d)
        self.cam_shift_layer = nn.Linear(d, d)

    def steer(self, camera: Tensor) -> tuple[Tensor, Tensor]:
        """Camera tokens ``[B, N, dim]`` -> what scales and shifts this block's tokens. Neither depends on the
        noise level, so one evaluation serves all passes of a chunk."""
        h = self.cam_injector_layer2(F.silu(self.cam_injector_layer1(camera))) + camera
        return self.cam_scale_layer(h), self.cam_shift_layer(h)

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        steering: tuple[Tensor, Tensor],
        text: tuple[Tensor, Tensor],
        seen: Seen,
        kernels: Kernels,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``x [B, N, dim]`` float32 -> the same, and the tokens' keys (not rotated) and values
        ``[B, N, heads, head_dim]``.

        ``time [B, G, 6, dim]`` float32: modulation of ``G`` groups of ``N / G`` neighbouring tokens;
        ``steering``: :meth:`steer`; ``text``: keys and values ``[B, T, heads, head_dim]``.
        """
        dtype = self.self_attn.norm_q.weight.dtype
        e = (self.modulation.float() + time).unbind(dim=2)
        h = self._modulated(x, e[1], e[0]).to(dtype)
        attended, k, v = self._attended(h, seen, kernels)
        x = x + grouped(self.self_attn.out(attended), e[2])

        scale, shift = steering
        x = (1.0 + scale) * x + shift

        norm3 = self.norm3
        h = F.layer_norm(x, x.shape[-1:], norm3.weight.float(), norm3.bias.float(), self.eps).to(dtype)
        x = x + self.cross_attn.out(kernels.attend_text(self.cross_attn.queries(h), *text))

        h = self._modulated(x, e[4], e[3]).to(dtype)
        return x + grouped(self.ffn(h), e[5]), k, v

    def _attended(self, x: Tensor, seen: Seen, kernels: Kernels) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = self.self_attn.queries(x), self.self_attn.keys(x), self.self_attn.values(x)
        exchange = kernels.exchange
        if exchange is not None:
            q, k, v = exchange.to_heads(q), exchange.to_heads(k), exchange.to_heads(v)
        q, all_k, all_v = rotate(q, *seen.now), rotate(k, *seen.now), v
        if seen.k is not None and seen.v is not None:
            before = seen.k if seen.past is None else rotate(seen.k, *seen.past)
            all_k, all_v = torch.cat([before, all_k], dim=1), torch.cat([seen.v, v], dim=1)
        if seen.mask is not None:
            attended = attend_masked(q, all_k, all_v, seen.mask)
        else:
            attended = kernels.attend(q, all_k, all_v)
        return attended if exchange is None else exchange.to_tokens(attended), k, v

    def _modulated(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return modulated(x, scale, shift, self.eps)


def modulated(x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
    """Layer norm without parameters, scaled and shifted by groups ``[B, G, dim]`` (DiT, arXiv 2212.09748)."""
    normed = _in_groups(F.layer_norm(x.float(), x.shape[-1:], eps=eps), scale.shape[1])
    return (normed * (1.0 + scale[:, :, None]) + shift[:, :, None]).flatten(1, 2)


def grouped(x: Tensor, gate: Tensor) -> Tensor:
    """``x [B, N, dim]`` times ``gate [B, G, dim]``, in float32."""
    return (_in_groups(x, gate.shape[1]) * gate[:, :, None]).flatten(1, 2)


def _in_groups(x: Tensor, groups: int) -> Tensor:
    b, n, d = x.shape
    return x.reshape(b, groups, n // groups, d)
