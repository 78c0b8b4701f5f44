"""One block of the transformer: self-attention, the camera, the prompt, a feed-forward layer.

Types follow upstream in bfloat16: matrices multiply in the weights' type, the residual stream and the
modulation are float32.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamport.models.lingbot.attention import Attend
from dreamport.models.lingbot.config import LingBotConfig

Mix = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries, keys and values ``[B, N, heads, D]``, not rotated -> what was attended, in the queries' shape."""


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
    """The projections of self- or cross-attention; attending itself is the caller's."""

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
    """Names of the parameters are those of the checkpoints."""

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
        mix: Mix,
        attend_text: Attend,
    ) -> Tensor:
        """``x [B, N, dim]`` float32 -> the same.

        ``time [B, G, 6, dim]`` float32: modulation of ``G`` groups of ``N / G`` neighbouring tokens;
        ``text``: keys and values ``[B, T, heads, head_dim]``; ``mix`` attends among the tokens.
        """
        dtype = self.self_attn.norm_q.weight.dtype
        e = (self.modulation.float() + time).unbind(dim=2)
        h = self._modulated(x, e[1], e[0]).to(dtype)
        attention = self.self_attn
        attended = attention.out(mix(attention.queries(h), attention.keys(h), attention.values(h)))
        x = x + grouped(attended, e[2])

        scale, shift = steering
        x = (1.0 + scale) * x + shift

        norm3 = self.norm3
        h = F.layer_norm(x, x.shape[-1:], norm3.weight.float(), norm3.bias.float(), self.eps).to(dtype)
        x = x + self.cross_attn.out(attend_text(self.cross_attn.queries(h), *text))

        h = self._modulated(x, e[4], e[3]).to(dtype)
        return x + grouped(self.ffn(h), e[5])

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
