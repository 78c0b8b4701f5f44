"""The fake score of DMD with an adversarial head on its features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from dreamport.models.dit import CausalDiT


class AdversarialHead(nn.Module):
    """Says of every token whether it is of a recorded frame (above 0) or of a generated one (below)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """``[..., N, width]`` -> logits ``[..., N]``."""
        logits: Tensor = self.out(F.silu(self.hidden(self.norm(features))))
        return logits[..., 0]


@contextmanager
def features_of(model: CausalDiT) -> Iterator[list[Tensor]]:
    """What the last block gives in the passes made within, ``[B * T, N, width]`` each."""
    seen: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        seen.append(output)

    handle = model.blocks[-1].register_forward_hook(keep)
    try:
        yield seen
    finally:
        handle.remove()


def logits_by_frame(model: CausalDiT, head: AdversarialHead, features: Tensor, batch: int) -> Tensor:
    """The head's logits ``[B, T, N]`` of features ``[B * T, N, width]``; of all frames where processes share
    a clip's."""
    logits = head(features.float())
    logits = logits.reshape(batch, -1, logits.shape[-1])
    return logits if model.exchange is None else model.exchange.whole(logits)
