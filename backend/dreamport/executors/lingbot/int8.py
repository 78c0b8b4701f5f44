"""Linear layers with 8-bit weights: half the memory of bf16, the same arithmetic.

Weight-only and symmetric, one scale for each output (Dettmers et al., LLM.int8(), arXiv 2208.07339, section
2.1, with rows of the weight as vectors). An 8-bit integer is exact in bf16, so the product is that of bf16
and only the rounding of the weights is lost: in each row at most 1 / 254 of its largest weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamport.models.lingbot.checkpoint.layouts import CheckpointFiles
from dreamport.models.lingbot.checkpoint.loading import check_module, empty, fill
from dreamport.models.lingbot.checkpoint.names import transformer_name
from dreamport.models.lingbot.checkpoint.parts import TRANSFORMER
from dreamport.models.lingbot.checkpoint.tensors import tensors
from dreamport.models.lingbot.config import LingBotConfig
from dreamport.models.lingbot.transformer import LingBotTransformer

LEVELS = 127.0


class Int8Linear(nn.Module):
    """``nn.Linear`` in inference: ``weight`` int8 ``[outputs, inputs]``, ``scale`` float32 ``[outputs]``."""

    weight: Tensor
    scale: Tensor

    def __init__(self, inputs: int, outputs: int, bias: Tensor | None) -> None:
        super().__init__()
        self.in_features, self.out_features = inputs, outputs
        self.register_buffer("weight", torch.empty(outputs, inputs, dtype=torch.int8))
        self.register_buffer("scale", torch.empty(outputs, dtype=torch.float32))
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[..., inputs]`` -> ``[..., outputs]`` in the type of ``x``."""
        product = F.linear(x, self.weight.to(x.dtype)) * self.scale.to(x.dtype)
        return product if self.bias is None else product + self.bias.to(x.dtype)


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """``[outputs, inputs]`` -> int8 weight and float32 scale of each output; a row of zeros stays one."""
    rows = weight.float()
    scale = rows.abs().amax(dim=1).clamp_min(torch.finfo(torch.float32).tiny) / LEVELS
    return torch.round(rows / scale[:, None]).to(torch.int8), scale


def quantise_linears(module: nn.Module) -> nn.Module:
    """Replace every ``nn.Linear`` inside ``module``, in place and one after the other: one weight at a time
    is there twice. Give it the transformer's ``blocks``: embeddings and head stay as they are.
    """
    for name, linear in _linears(module):
        replaced = Int8Linear(linear.in_features, linear.out_features, linear.bias).to(linear.weight.device)
        if not linear.weight.is_meta:
            replaced.weight, replaced.scale = quantise(linear.weight.detach())
        parent, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(parent), leaf, replaced)
    return module


def quantised(tensors: Iterable[tuple[str, Tensor]], module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a checkpoint as ``module``, whose linears have been replaced, wants them: while loading,
    only one weight of the checkpoint is on the device in its own type.
    """
    eight_bits = {name for name, part in module.named_modules() if isinstance(part, Int8Linear)}
    for name, tensor in tensors:
        owner, _, leaf = name.rpartition(".")
        if leaf == "weight" and owner in eight_bits:
            weight, scale = quantise(tensor)
            yield name, weight
            yield f"{owner}.scale", scale
        else:
            yield name, tensor


def load_quantised(
    files: CheckpointFiles, config: LingBotConfig, device: torch.device, dtype: torch.dtype
) -> LingBotTransformer:
    """The transformer on ``device`` as ``dtype``, its blocks' linears with 8-bit weights: made so tensor by
    tensor, so that it is never there as a whole. Raises ``PackError``.
    """

    def build() -> LingBotTransformer:
        return LingBotTransformer(config)

    check_module(build, files.transformer, TRANSFORMER, transformer_name)
    module = empty(build)
    quantise_linears(module.blocks)
    stored = tensors(files.transformer, transformer_name, device, dtype)
    return fill(module, dict(quantised(stored, module)), TRANSFORMER)


def _linears(module: nn.Module) -> list[tuple[str, nn.Linear]]:
    return [(name, part) for name, part in module.named_modules() if isinstance(part, nn.Linear)]
