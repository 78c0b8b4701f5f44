"""Attention of the transformer: rotary places, which frames see which, and the two ways over a whole clip."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class FrameExchange(Protocol):
    """Sequence parallelism over a clip's frames (DeepSpeed-Ulysses, arXiv 2309.14509).

    Every process computes its own frames; attention runs over all frames with some of the heads. All
    methods carry gradients.
    """

    def own(self, x: Tensor) -> Tensor:
        """``[B, T, ...]`` -> this process's frames ``[B, t, ...]``."""
        ...

    def to_heads(self, x: Tensor) -> Tensor:
        """``[B, t, heads, N, D]`` -> ``[B, T, heads / processes, N, D]``."""
        ...

    def to_frames(self, x: Tensor) -> Tensor:
        """The inverse of :meth:`to_heads`."""
        ...

    def whole(self, x: Tensor) -> Tensor:
        """``[B, t, ...]`` -> every process's frames ``[B, T, ...]``."""
        ...


def rotary_angles(frames: Tensor, rows: int, columns: int, head_dim: int) -> Tensor:
    """Angles ``[frames, rows * columns, head_dim / 2]`` by (frame, row, column).

    ``frames [frames]``: places in time, of which only differences count.
    """
    third = head_dim // 6
    counts = (head_dim // 2 - 2 * third, third, third)
    frame = frames.to(torch.float32)
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


class CausalAttention:
    """Every frame sees itself and the frames that :func:`context_table` names, as with a cache at play.

    ``cosine``, ``sine [sink + window + 1, N, D / 2]``: the table of places, the present last.
    """

    def __init__(self, frames: int, sink: int, window: int, cosine: Tensor, sine: Tensor) -> None:
        index, mask = context_table(frames, sink, window)
        tokens = cosine.shape[1]
        self.index = index.to(cosine.device)
        bias = torch.where(mask, 0.0, -1e4).repeat_interleave(tokens, dim=1)
        self.bias = F.pad(bias, (0, tokens)).to(cosine.device)[None, :, None, None]
        self.past = (cosine[:-1].flatten(0, 1), sine[:-1].flatten(0, 1))
        self.now = (cosine[-1], sine[-1])

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """``[B, T, heads, N, D]`` each, not rotated -> attended values of the same shape."""
        b = q.shape[0]
        # [B, T, slots, heads, N, D] -> one row of keys per query frame, right-aligned to the present.
        old_k, old_v = (
            a[:, self.index].permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(0, 1) for a in (k, v)
        )
        flat_q, flat_k, flat_v = (a.flatten(0, 1) for a in (q, k, v))
        all_k = torch.cat([rotate(old_k, *self.past), rotate(flat_k, *self.now)], dim=2)
        all_v = torch.cat([old_v, flat_v], dim=2)
        bias = self.bias.expand(b, -1, -1, -1, -1).flatten(0, 1)
        attended = F.scaled_dot_product_attention(
            rotate(flat_q, *self.now).to(v.dtype), all_k.to(v.dtype), all_v, attn_mask=bias.to(v.dtype)
        )
        return attended.reshape(q.shape)


class BidirectionalAttention:
    """Every frame of a clip sees every other. ``cosine``, ``sine [T, N, D / 2]``."""

    def __init__(self, cosine: Tensor, sine: Tensor) -> None:
        self.place = (cosine, sine)

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """``[B, T, heads, N, D]`` each, not rotated -> attended values of the same shape."""
        cosine, sine = (a[:, None] for a in self.place)
        q, k = (rotate(a, cosine, sine).to(v.dtype) for a in (q, k))
        b, t, heads, tokens, dim = q.shape
        q, k, v = (a.transpose(1, 2).reshape(b, heads, t * tokens, dim) for a in (q, k, v))
        attended = F.scaled_dot_product_attention(q, k, v)
        return attended.reshape(b, heads, t, tokens, dim).transpose(1, 2)
