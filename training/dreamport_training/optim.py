"""Optimisers of the transformer: Muon on the blocks' matrices, AdamW on everything else."""

from __future__ import annotations

from torch import nn
from torch.optim import AdamW, Optimizer

from dreamport_training.muon import Muon


def optimisers_of(model: nn.Module, rate: float) -> list[Optimizer]:
    """For every parameter of ``model`` that is to be trained (reference recipe of small video transformers).

    Made after ``Parallel.prepare``.
    """
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    matrices = [p for n, p in trained if n.startswith("blocks.") and p.ndim == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for _, p in trained if id(p) not in chosen]
    optimisers: list[Optimizer] = []
    if matrices:
        optimisers.append(Muon(matrices, lr=rate, weight_decay=0.01))
    if rest:
        optimisers.append(AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.0))
    return optimisers
