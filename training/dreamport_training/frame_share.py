"""Sequence parallelism over a clip's frames (DeepSpeed-Ulysses, arXiv 2309.14509, section 3).

Inside the transformer every process holds its own frames; for attention an all-to-all trades frames for
heads. Gradients are scaled so that the average over all processes is the gradient of one process that held
the whole clip: inside, each process carries ``processes`` times the gradient of its own frames.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from dreamport.errors import TrainingError


class FrameShare:
    """The processes of ``group`` hold equal parts of a clip, in the order of their ranks. Every method is
    called by all of them."""

    def __init__(self, group: dist.ProcessGroup) -> None:
        self.group, self.size, self.rank = group, group.size(), group.rank()

    def own(self, x: Tensor) -> Tensor:
        """``[B, T, ...]``, the same everywhere -> this process's frames ``[B, T / processes, ...]``."""
        part: Tensor = _Own.apply(x, self)  # type: ignore[no-untyped-call]
        return part

    def whole(self, x: Tensor) -> Tensor:
        """``[B, t, ...]`` -> every process's frames ``[B, t * processes, ...]``, the same everywhere."""
        all_frames: Tensor = _Whole.apply(x, self)  # type: ignore[no-untyped-call]
        return all_frames

    def to_heads(self, x: Tensor) -> Tensor:
        """``[B, t, heads, ...]`` -> ``[B, t * processes, heads / processes, ...]``."""
        swapped: Tensor = _Swap.apply(x, self, True)  # type: ignore[no-untyped-call]
        return swapped

    def to_frames(self, x: Tensor) -> Tensor:
        """The inverse of :meth:`to_heads`."""
        swapped: Tensor = _Swap.apply(x, self, False)  # type: ignore[no-untyped-call]
        return swapped

    def slice(self, x: Tensor) -> Tensor:
        """:meth:`own` without a gradient. Raises ``TrainingError`` when the frames do not divide."""
        if x.shape[1] % self.size:
            raise TrainingError(
                f"a clip of {x.shape[1]} frames cannot be shared by {self.size} processes; make it a "
                "multiple of parallel.sequence"
            )
        return x.chunk(self.size, dim=1)[self.rank]

    def gather(self, x: Tensor) -> Tensor:
        """:meth:`whole` without a gradient."""
        x = x.contiguous()
        parts = [torch.empty_like(x) for _ in range(self.size)]
        dist.all_gather(parts, x, group=self.group)
        return torch.cat(parts, dim=1)

    def swap(self, x: Tensor, to_heads: bool) -> Tensor:
        """:meth:`to_heads` or :meth:`to_frames` without a gradient."""
        # What goes to each process comes first in memory, then what came from each.
        sent = torch.stack(x.chunk(self.size, dim=2 if to_heads else 1))
        received = torch.empty_like(sent)
        dist.all_to_all_single(received, sent, group=self.group)
        return torch.cat(received.unbind(0), dim=1 if to_heads else 2)


class _Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, share: FrameShare) -> Tensor:
        ctx.share = share
        return share.slice(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.share.gather(gradient) / ctx.share.size, None


class _Whole(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, share: FrameShare) -> Tensor:
        ctx.share = share
        return share.gather(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.share.slice(gradient) * ctx.share.size, None


class _Swap(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, share: FrameShare, to_heads: bool) -> Tensor:
        ctx.share, ctx.to_heads = share, to_heads
        return share.swap(x, to_heads)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.share.swap(gradient, not ctx.to_heads), None, None
