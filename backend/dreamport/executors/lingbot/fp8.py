"""Linear layers and attention whose factors are 8-bit floats (e4m3): Hopper multiplies them twice as fast.

Both lose accuracy and are options: weights and activations have one scale a row, as ``torch._scaled_mm``
takes them; queries, keys and values one a head, the keys without their mean, which softmax does not see
(SageAttention, arXiv 2410.02367, section 4.2). The processor computes the same rounding, slowly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from dreamport.errors import ExecutorError
from dreamport.models.lingbot.attention import attend

FP8 = torch.float8_e4m3fn
LARGEST = 448.0
"""The largest number of e4m3."""
MIN_LINEAR, MIN_ATTENTION = (8, 9), (9, 0)
"""Compute capability of the first cards that multiply in fp8 (Ada), and that FlashAttention-3 does it on."""


def scaled(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """``x`` in e4m3 and its float32 scale: one for all numbers along ``axes``, which it keeps with size 1."""
    wide = x.float()
    scale = wide.abs().amax(dim=axes, keepdim=True).clamp_min(1e-12) / LARGEST
    return (wide / scale).to(FP8), scale


class Fp8Linear(nn.Module):
    """``nn.Linear`` in inference: ``weight`` e4m3 ``[outputs, inputs]``, ``scale`` float32 ``[1, outputs]``.
    Inputs and outputs must be multiples of 16.
    """

    weight: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight, scale = scaled(linear.weight.detach(), (1,))
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale.t().contiguous())
        bias = linear.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[..., inputs]`` -> ``[..., outputs]`` in the type of ``x``."""
        rows, scale = scaled(x.reshape(-1, self.in_features), (1,))
        # by rows the GPU gives bfloat16 only
        made = torch._scaled_mm(
            rows, self.weight.t(), scale_a=scale, scale_b=self.scale, out_dtype=torch.bfloat16
        )
        product = made.to(x.dtype).reshape(*x.shape[:-1], self.out_features)
        return product if self.bias is None else product + self.bias.to(x.dtype)


def fp8_linears(module: nn.Module) -> nn.Module:
    """Replace every ``nn.Linear`` inside ``module``, in place and one after the other. Give it the
    transformer's ``blocks``: embeddings and head stay as they are.
    """
    for name, part in list(module.named_modules()):
        if isinstance(part, nn.Linear):
            parent, _, leaf = name.rpartition(".")
            setattr(module.get_submodule(parent), leaf, Fp8Linear(part))
    return module


def require_fp8(device: torch.device, least: tuple[int, int], what: str) -> None:
    """Raises ``ExecutorError`` where the card has no fp8."""
    if device.type == "cuda" and (found := torch.cuda.get_device_capability(device)) < least:
        raise ExecutorError(
            f"{what} in fp8 needs compute capability {least[0]}.{least[1]} and "
            f"{torch.cuda.get_device_name(device)} has {found[0]}.{found[1]}; leave that option out"
        )


@cache
def fp8_attend(device_type: str) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """An ``Attend`` in fp8: FlashAttention-3's on a GPU. Raises ``ExecutorError`` where that is missing."""
    kernel: Callable[..., Any] | None = None
    if device_type == "cuda":
        try:
            kernel = import_module("flash_attn_interface").flash_attn_func
        except (ImportError, OSError, AttributeError) as error:
            raise ExecutorError(
                "attention in fp8 is FlashAttention-3's, which is not installed here; install "
                f"flash_attn_3, or leave attention='fp8' out ({error})"
            ) from error

    # an operator of its own: what compiles the transformer need not look inside
    @torch.library.custom_op(f"dreamport::attend_fp8_{device_type}", mutates_args=())
    def attend_fp8(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        centred = k.float() - k.float().mean(dim=1, keepdim=True)
        (q8, qs), (k8, ks), (v8, vs) = (scaled(x, (1, 3)) for x in (q, centred, v))
        if kernel is None:
            rounded = ((x.float() * s).to(q.dtype) for x, s in ((q8, qs), (k8, ks), (v8, vs)))
            return attend(*rounded).contiguous()
        scales = {f"{n}_descale": s[:, 0, :, 0] for n, s in (("q", qs), ("k", ks), ("v", vs))}
        made = kernel(q8, k8, v8, **scales)
        out: Tensor = made[0] if isinstance(made, tuple) else made
        return out.to(q.dtype).contiguous()

    @attend_fp8.register_fake
    def _(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return torch.empty_like(q, memory_format=torch.contiguous_format)

    found: Callable[[Tensor, Tensor, Tensor], Tensor] = attend_fp8
    return found
