"""Which optimiser learns which parameters of the transformer."""

from __future__ import annotations

import torch
from torch import nn

from dreamport_training.muon import Muon


def optimisers_of(model: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """Muon on the blocks' matrices, AdamW on everything else that learns (reference recipe of small video
    transformers)."""
    learning = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [p for name, p in learning if name.startswith("blocks.") and p.ndim == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for _, p in learning if id(p) not in chosen]
    return [
        Muon(matrices, lr=rate, weight_decay=0.01),
        torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
