"""Several processes, one GPU each, that compute one session together: sequence parallelism over its tokens
(DeepSpeed-Ulysses, arXiv 2309.14509, section 3).

Inside the transformer every process holds its share of a chunk's tokens; for attention an all-to-all trades
tokens for heads, so each process keeps the cache of its own heads only. ``torchrun`` starts the processes:
the first serves, the others follow it (``dreamport.executors.lingbot.following``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from dreamport.errors import ExecutorError
from dreamport.models.lingbot.config import LingBotConfig

PATIENCE = timedelta(minutes=10)
"""How long one process waits for another inside a chunk; compiling counts."""


class TokenShare:
    """The processes of ``group`` hold equal parts of a chunk's tokens, in the order of their ranks. Every
    method is called by all of them. No gradients.
    """

    def __init__(self, group: dist.ProcessGroup) -> None:
        self.group, self.size, self.rank = group, group.size(), group.rank()

    def own(self, x: Tensor) -> Tensor:
        """``[B, N, ...]``, the same everywhere -> this process's tokens ``[B, N / size, ...]``."""
        each = x.shape[1] // self.size
        return x[:, self.rank * each : (self.rank + 1) * each]

    def to_heads(self, x: Tensor) -> Tensor:
        """``[B, N / size, heads, D]`` -> ``[B, N, heads / size, D]``."""
        # What goes to each process comes first in memory, then what came from each.
        return torch.cat(self._traded(x.chunk(self.size, dim=2)), dim=1)

    def to_tokens(self, x: Tensor) -> Tensor:
        """The inverse of :meth:`to_heads`."""
        return torch.cat(self._traded(x.chunk(self.size, dim=1)), dim=2)

    def whole(self, x: Tensor) -> Tensor:
        """``[B, N / size, ...]`` -> every process's tokens ``[B, N, ...]``, the same everywhere."""
        x = x.contiguous()
        parts = [torch.empty_like(x) for _ in range(self.size)]
        dist.all_gather(parts, x, group=self.group)
        return torch.cat(parts, dim=1)

    def _traded(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """Part ``i`` goes to process ``i``, and what came from it takes its place."""
        sent = torch.stack(list(parts))
        received = torch.empty_like(sent)
        dist.all_to_all_single(received, sent, group=self.group)
        return list(received.unbind(0))


@dataclass(frozen=True)
class Place:
    """This process among those that ``torchrun`` started."""

    rank: int
    size: int
    local_rank: int

    @property
    def follows(self) -> bool:
        """Whether another process serves and this one computes with it."""
        return self.rank > 0


def place_of(environment: Mapping[str, str]) -> Place:
    """What ``torchrun`` wrote into ``environment``; alone without it."""
    if "TORCHELASTIC_RUN_ID" not in environment:
        return Place(0, 1, 0)
    rank, size, local = (int(environment[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    return Place(rank, size, local)


def meet(device: torch.device) -> TokenShare | None:
    """Meet the other processes that ``torchrun`` started; ``None`` when this one is alone. ``device``: of the
    kind that all compute on. May be called again. Raises ``ExecutorError``.
    """
    place = place_of(os.environ)
    if place.size == 1:
        return None
    if not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(own_device(device, place))
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    if (group := dist.group.WORLD) is None:
        raise ExecutorError("the processes of torchrun did not meet; start them again")
    return TokenShare(group)


def own_device(device: torch.device, place: Place) -> torch.device:
    """This process's GPU when ``device`` is a GPU: the one of its number on its machine. Raises
    ``ExecutorError`` when there are fewer GPUs than processes.
    """
    if place.size == 1 or device.type != "cuda":
        return device
    if place.local_rank >= (count := torch.cuda.device_count()):
        raise ExecutorError(
            f"torchrun started {place.local_rank + 1} processes or more on this machine and it has {count} "
            f"GPUs; start it with --nproc-per-node {count}"
        )
    return torch.device("cuda", place.local_rank)


def require_shares(config: LingBotConfig, tokens_per_frame: int, size: int) -> None:
    """Whether ``size`` processes can share a session evenly. Raises ``ExecutorError`` that says how many
    can."""
    tokens = config.chunk_latents * tokens_per_frame

    def fits(count: int) -> bool:
        return config.heads % count == 0 and tokens % count == 0

    if not fits(size):
        possible = ", ".join(str(count) for count in range(1, config.heads + 1) if fits(count))
        raise ExecutorError(
            f"{size} processes cannot share {config.heads} heads and {tokens} tokens evenly; start torchrun "
            f"with --nproc-per-node {possible}"
        )
