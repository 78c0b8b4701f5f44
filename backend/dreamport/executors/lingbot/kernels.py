"""Which kernel computes the attention of a chunk to its history, by far the most of all attention."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from dreamport.errors import ExecutorError
from dreamport.executors.lingbot.fp8 import MIN_ATTENTION, fp8_attend, require_fp8
from dreamport.models.lingbot.attention import Attend, attend

BACKENDS = {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}


def attention_of(name: str, device: torch.device) -> Attend:
    """``auto``: what torch chooses; ``cudnn``, ``flash``: that kernel of torch's and no other; ``fp8``.
    Raises ``ExecutorError`` where it cannot run.
    """
    if name == "auto":
        return attend
    if name == "fp8":
        require_fp8(device, MIN_ATTENTION, "attention")
        return fp8_attend(device.type)
    if device.type != "cuda" and name == "cudnn":
        raise ExecutorError("cuDNN's attention needs an NVIDIA GPU; use attention='auto'")
    backend = BACKENDS[name]

    def attend_by(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        with sdpa_kernel(backend):
            return attend(q, k, v)

    return attend_by
