"""LingBot-World's causal transformer: a chunk of latent frames from noise, image, camera, prompt and history.

Written from the published facts (arXiv 2601.20540, 2607.07534; Wan 2.1, arXiv 2503.20314); parameters have
the checkpoints' names. A chunk attends to itself and to its history and to nothing later, so no mask is
needed, and each of the few lengths of history is one graph of static shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamport.models.lingbot.attention import Attend, TokenExchange, attend, visible
from dreamport.models.lingbot.block import Block, Kernels, Rotation, Seen, modulated
from dreamport.models.lingbot.cache import History
from dreamport.models.lingbot.config import LingBotConfig
from dreamport.models.lingbot.rope import PLACES, angles


class TextKeys(NamedTuple):
    """A prompt's keys and values for every block, ``[layers, B, text_tokens, heads, head_dim]``."""

    k: Tensor
    v: Tensor


class Steering(NamedTuple):
    """What a chunk's camera scales and shifts each block's tokens by, ``[layers, B, tokens, dim]``."""

    scale: Tensor
    shift: Tensor


class ChunkOutput(NamedTuple):
    """``velocity [B, 16, F, h, w]`` float32; the chunk's ``k`` (before rotary embedding) and ``v``
    ``[layers, B, tokens, heads, head_dim]``."""

    velocity: Tensor
    k: Tensor
    v: Tensor


class Head(nn.Module):
    """Tokens to patches of velocity, in float32."""

    def __init__(self, config: LingBotConfig) -> None:
        super().__init__()
        self.eps = config.eps
        self.head = nn.Linear(config.dim, math.prod(config.patch) * config.out_channels)
        self.modulation = nn.Parameter(torch.randn(1, 2, config.dim) / config.dim**0.5)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """``x [B, N, dim]``, ``time [B, G, dim]`` of groups of tokens -> ``[B, N, patch]``."""
        shift, scale = (self.modulation.float() + time[:, :, None]).unbind(dim=2)
        return in_float32(self.head, modulated(x, scale, shift, self.eps))


class LingBotTransformer(nn.Module):
    """``attend`` and ``attend_text`` may be replaced by another kernel; ``exchange`` is set by who computes
    one chunk on several processes. Text and camera tokens are given whole even then.
    """

    attend: Attend
    attend_text: Attend
    exchange: TokenExchange | None = None

    def __init__(self, config: LingBotConfig) -> None:
        super().__init__()
        if config.patch[0] != 1:
            raise ValueError("a patch of more than one latent frame would mix chunks; patch[0] must be 1")
        self.config = config
        self.attend = attend
        self.attend_text = attend
        d = config.dim
        self.patch_embedding = nn.Conv3d(config.in_channels, d, config.patch, stride=config.patch)
        self.patch_embedding_wancamctrl = nn.Linear(config.camera_channels, d)
        self.c2ws_hidden_states_layer1 = nn.Linear(d, d)
        self.c2ws_hidden_states_layer2 = nn.Linear(d, d)
        self.text_embedding = nn.Sequential(
            nn.Linear(config.text_dim, d), nn.GELU(approximate="tanh"), nn.Linear(d, d)
        )
        self.time_embedding = nn.Sequential(nn.Linear(config.freq_dim, d), nn.SiLU(), nn.Linear(d, d))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(d, 6 * d))
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.head = Head(config)

    @property
    def dtype(self) -> torch.dtype:
        """The type that matrices multiply in, and that camera and prompt are given in."""
        return self.patch_embedding.weight.dtype

    def text_keys(self, embeddings: Tensor) -> TextKeys:
        """``[B, text_tokens, text_dim]``, zero-padded, all of which is attended to -> keys and values. Needed
        once a prompt."""
        context: Tensor = self.text_embedding(embeddings.to(self.dtype))
        attentions = [block.cross_attn for block in self._blocks()]
        return TextKeys(
            torch.stack([attention.keys(context) for attention in attentions]),
            torch.stack([attention.values(context) for attention in attentions]),
        )

    def camera_tokens(self, rays: Tensor) -> Tensor:
        """Patches of rays ``[B, tokens, camera_channels]`` (:func:`camera.ray_patches`) ->
        ``[B, tokens, dim]``."""
        c: Tensor = self.patch_embedding_wancamctrl(rays.to(self.dtype))
        hidden: Tensor = self.c2ws_hidden_states_layer2(F.silu(self.c2ws_hidden_states_layer1(c)))
        return c + hidden

    def steering(self, camera: Tensor) -> Steering:
        """The camera's part of every block from :meth:`camera_tokens`. It is the same in all passes of a
        chunk: computed once, it saves four of a block's matrices in each, for ``2 * layers * tokens * dim``
        numbers of memory."""
        if self.exchange is not None:
            camera = self.exchange.own(camera)
        scales, shifts = zip(*(block.steer(camera) for block in self._blocks()), strict=True)
        return Steering(torch.stack(scales), torch.stack(shifts))

    def forward(
        self,
        latent: Tensor,
        timestep: Tensor,
        camera: Tensor | Steering,
        text: TextKeys,
        history: History,
    ) -> ChunkOutput:
        """One chunk of ``F`` latent frames.

        ``latent [B, 36, F, h, w]``: noisy latent, image mask and image latent; ``timestep [B, F]``: 1000
        times the noise level; ``camera``: :meth:`camera_tokens`, or :meth:`steering` of them.
        """
        rows, columns = self.config.grid(*latent.shape[-2:])
        now = angles(history.now, rows, columns, self.config.head_dim)
        past = None
        if not history.rotated and history.places.shape[0]:
            past = angles(history.places, rows, columns, self.config.head_dim)
        return self.step(latent, self.time_features(timestep), camera, text, history.k, history.v, past, now)

    def step(
        self,
        latent: Tensor,
        time: Tensor,
        camera: Tensor | Steering,
        text: TextKeys,
        past_k: Tensor,
        past_v: Tensor,
        past: Rotation | None,
        now: Rotation,
    ) -> ChunkOutput:
        """:meth:`forward` with the float64 parts computed outside: what is exported.

        ``time [B, F, freq_dim]``: :meth:`time_features`; ``past``, ``now``: cosine and sine of the cached and
        the chunk's tokens (:func:`rope.angles`); ``past`` is ``None`` for keys that are rotated already.
        """
        if past_k.shape[2]:
            layers = zip(past_k.unbind(), past_v.unbind(), strict=True)
            seen = [Seen(k, v, now, past) for k, v in layers]
        else:
            seen = [Seen(None, None, now)] * self.config.layers
        return self._through(latent, time, camera, text, seen)

    def full(self, latent: Tensor, timestep: Tensor, camera: Tensor, text: TextKeys) -> Tensor:
        """A whole clip at once under a dense mask, each chunk seeing what it would have in its cache: the
        reference for :meth:`forward`, and for training.

        ``latent [B, 36, T, h, w]`` with at most ``rope.PLACES`` frames, ``timestep [B, T]``, ``camera`` of
        all tokens -> velocity ``[B, 16, T, h, w]``.
        """
        config, frames = self.config, latent.shape[2]
        if frames > PLACES:
            raise ValueError(f"{frames} latent frames at once; the checkpoints have {PLACES} places in time")
        rows, columns = config.grid(*latent.shape[-2:])
        turn = angles(torch.arange(frames, device=latent.device), rows, columns, config.head_dim)
        mask = visible(frames, config.chunk_latents, config.sink_frames, config.window_frames)
        mask = mask.to(latent.device)
        for axis in (0, 1):
            mask = mask.repeat_interleave(rows * columns, dim=axis)

        seen = [Seen(None, None, turn, mask=mask)] * config.layers
        return self._through(latent, self.time_features(timestep), camera, text, seen).velocity

    def time_features(self, timestep: Tensor) -> Tensor:
        """Cosines and sines ``[..., freq_dim]`` of ``timestep [...]`` (arXiv 2006.11239), float32, computed
        in float64 as upstream."""
        half = self.config.freq_dim // 2
        rate = 10_000.0 ** (-torch.arange(half, dtype=torch.float64, device=timestep.device) / half)
        phase = timestep[..., None].to(torch.float64) * rate
        return torch.cat([phase.cos(), phase.sin()], dim=-1).float()

    def _through(
        self,
        latent: Tensor,
        time: Tensor,
        camera: Tensor | Steering,
        text: TextKeys,
        seen: Sequence[Seen],
    ) -> ChunkOutput:
        exchange = self.exchange
        kernels = Kernels(self.attend, self.attend_text, exchange)
        x = self._embedded(latent)
        e = in_float32(self.time_embedding[2], F.silu(in_float32(self.time_embedding[0], time)))
        e0 = in_float32(self.time_projection[1], F.silu(e))
        e0 = e0.reshape(*e.shape[:2], 6, -1)
        if exchange is not None:
            # A process's tokens need not be whole frames: every token gets its own frame's modulation.
            tokens = x.shape[1] // time.shape[1]
            e, e0 = (exchange.own(a.repeat_interleave(tokens, dim=1)) for a in (e, e0))
            x = exchange.own(x)
            if not isinstance(camera, Steering):
                camera = exchange.own(camera)
        keys: list[Tensor] = []
        values: list[Tensor] = []
        for i, block in enumerate(self._blocks()):
            steering = (
                (camera.scale[i], camera.shift[i]) if isinstance(camera, Steering) else block.steer(camera)
            )
            x, k, v = block(x, e0, steering, (text.k[i], text.v[i]), seen[i], kernels)
            keys.append(k)
            values.append(v)
        x = self.head(x, e)
        if exchange is not None:
            x = exchange.whole(x)
        return ChunkOutput(self._unpatched(x, latent), torch.stack(keys), torch.stack(values))

    def _embedded(self, latent: Tensor) -> Tensor:
        """Patches to tokens ``[B, N, dim]``, float32. The convolution's stride is its size: one matrix."""
        weight, bias = self.patch_embedding.weight, self.patch_embedding.bias
        b, _, frames, _, _ = latent.shape
        flat = latent.transpose(1, 2).flatten(0, 1)
        rows, columns = self.config.patch[1:]
        h, w = flat.shape[-2] // rows, flat.shape[-1] // columns
        patches = flat.reshape(*flat.shape[:2], h, rows, w, columns).permute(0, 2, 4, 1, 3, 5)
        x = F.linear(patches.flatten(3).to(weight.dtype), weight.flatten(1), bias)
        return x.reshape(b, frames * h * w, -1).float()

    def _unpatched(self, x: Tensor, latent: Tensor) -> Tensor:
        """``[B, N, patch]``, each patch (row, column, channel) -> ``[B, 16, F, h, w]``."""
        b, _, frames, height, width = latent.shape
        rows, columns = self.config.patch[1:]
        x = x.reshape(b, frames, height // rows, width // columns, rows, columns, -1)
        return x.permute(0, 6, 1, 2, 4, 3, 5).reshape(b, -1, frames, height, width)

    def _blocks(self) -> list[Block]:
        return cast("list[Block]", list(self.blocks))


def in_float32(linear: nn.Module, x: Tensor) -> Tensor:
    """A linear layer computed in float32 whatever type its parameters have."""
    if not isinstance(linear, nn.Linear):
        raise TypeError(f"{type(linear).__name__} in the place of a linear layer that stays as it is")
    return F.linear(x.float(), linear.weight.float(), linear.bias.float())
