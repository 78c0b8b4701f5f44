"""Text encoder: hashed words to one short vector, small enough to ship with every world.

Each word's bucket has an embedding (feature hashing, arXiv 0902.2206); one layer of self-attention lets words
change each other ("not foggy"), and the mean over the words is the text.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class TextConfig:
    """``words``: most words that are read. ``buckets``: of the hash. ``size``: of the vector."""

    words: int = 24
    buckets: int = 4096
    size: int = 16
    width: int = 48
    heads: int = 2


class TextEncoder(nn.Module):
    """Tokens ``[B, words]`` (0 where there is no word) -> ``text [B, size]`` in -1..1.

    Nothing said is a vector of zeros, which whoever asks puts there without asking: OpenVINO 2026.4.1 dies on
    a product behind the last layer.
    """

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        d = config.width
        self.embed = nn.Embedding(config.buckets, d)
        nn.init.normal_(self.embed.weight, std=0.3)
        self.place = nn.Parameter(torch.randn(config.words, d) * 0.02)
        self.qkv = nn.Linear(d, 3 * d)
        self.project = nn.Linear(d, d)
        self.hidden = nn.Linear(d, 2 * d)
        self.out = nn.Linear(2 * d, config.size)

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        """See the class."""
        there = (tokens > 0).to(self.place.dtype)
        x = self.embed(tokens) + self.place
        b, n, d = x.shape
        heads = self.config.heads
        q, k, v = (a.reshape(b, n, heads, d // heads).transpose(1, 2) for a in self.qkv(x).split(d, dim=-1))
        bias = (there[:, None, None, :] - 1.0) * 1e4
        weights = torch.softmax(torch.matmul(q, k.transpose(-1, -2)) * (d // heads) ** -0.5 + bias, dim=-1)
        x = x + self.project(torch.matmul(weights, v).transpose(1, 2).reshape(b, n, d))
        count = there.sum(dim=1, keepdim=True)
        mean = (x * there[..., None]).sum(dim=1) / count.clamp(min=1.0)
        return {"text": torch.tanh(self.out(F.gelu(self.hidden(mean), approximate="tanh")))}
