"""Attention as a function that an executor may replace, and the exchange of sequence parallelism."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Queries ``[B, N, heads, D]``, keys and values ``[B, M, heads, D]`` -> ``[B, N, heads, D]``."""


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Every query sees every key: torch's own attention, whichever kernel it chooses."""
    q, k, v = (a.transpose(1, 2) for a in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2)


def attend_masked(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """:func:`attend` where query ``i`` sees key ``j`` only if ``mask [N, M]`` is true."""
    q, k, v = (a.transpose(1, 2) for a in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


def visible(frames: int, chunk: int, sink: int, window: int) -> Tensor:
    """Which latent frame sees which, ``[frames, frames]`` bool: its whole chunk, the sink and, up to the
    end of its chunk, the newest ``window - sink`` frames (block-causal, as LingBot-World attends).
    """
    index = torch.arange(frames)
    end = (index // chunk + 1) * chunk
    seen, limit = index[None], end[:, None]
    return (seen < limit) & ((seen < sink) | (seen >= limit - (window - sink)))


class TokenExchange(Protocol):
    """Sequence parallelism over a chunk's tokens (DeepSpeed-Ulysses, arXiv 2309.14509): each process computes
    its share of the tokens, and attends over all of them with its share of the heads.

    ``size``: how many processes there are.
    """

    size: int

    def own(self, x: Tensor) -> Tensor:
        """``[B, N, ...]`` -> this process's tokens ``[B, N / processes, ...]``, in order."""
        ...

    def to_heads(self, x: Tensor) -> Tensor:
        """``[B, N / processes, heads, D]`` -> ``[B, N, heads / processes, D]``."""
        ...

    def to_tokens(self, x: Tensor) -> Tensor:
        """The inverse of :meth:`to_heads`."""
        ...

    def whole(self, x: Tensor) -> Tensor:
        """``[B, N / processes, ...]`` -> every process's tokens ``[B, N, ...]``."""
        ...
