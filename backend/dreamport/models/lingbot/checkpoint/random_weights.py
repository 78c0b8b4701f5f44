"""Random weights of the real shapes: speed and memory do not depend on what the numbers are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from dreamport.models.lingbot.checkpoint.loading import empty, fill
from dreamport.models.lingbot.config import LingBotConfig
from dreamport.models.lingbot.transformer import LingBotTransformer

M = TypeVar("M", bound=nn.Module)
SCALE = 0.02


def random_module(build: Callable[[], M], device: torch.device | str, dtype: torch.dtype, seed: int) -> M:
    """The module that ``build`` makes, filled on the device: matrices with normal numbers of one over the
    root of their inputs, so that activations keep their size; norms with ones; biases with small numbers.
    """
    module = empty(build)
    numbers = torch.Generator(device).manual_seed(seed)
    values = {}
    for name, tensor in module.state_dict().items():
        value = torch.empty(tensor.shape, dtype=dtype, device=device)
        if name.endswith("gamma") or (name.endswith("weight") and tensor.dim() == 1):
            value.fill_(1.0)
        elif tensor.dim() > 1:
            value.normal_(0.0, tensor[0].numel() ** -0.5, generator=numbers)
        else:
            value.normal_(0.0, SCALE, generator=numbers)
        values[name] = value
    return fill(module, values, "random model")


def random_transformer(
    config: LingBotConfig, device: torch.device | str, dtype: torch.dtype, seed: int
) -> LingBotTransformer:
    """The transformer of those sizes with random weights, straight on the device."""
    return random_module(lambda: LingBotTransformer(config), device, dtype, seed)
