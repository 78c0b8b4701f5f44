"""Several processes on one run, applied from outside the models: DDP, FSDP2 and sequence parallelism.

``torchrun`` starts the processes. Every random draw is made for the whole batch from (seed, step) and then
sliced (:meth:`Parallel.rows`), so that any number of processes computes what one would.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Literal, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.utils.checkpoint import checkpoint

from dreamport.errors import TrainingError
from dreamport_training.config import ParallelSection
from dreamport_training.frame_share import FrameShare

PATIENCE = timedelta(hours=24)
"""How long one process waits for another: while one bakes, the others wait. torchrun ends all when one
dies."""
BUCKET = 32 << 20
"""Bytes of gradients that go into one message."""
T = TypeVar("T", bound=nn.Module)


@dataclass(frozen=True)
class Parallel:
    """This process's place among ``size`` processes. ``sequence`` neighbours share the frames of the same
    clips; the ``size / sequence`` groups of them share the batch."""

    rank: int = 0
    size: int = 1
    strategy: Literal["none", "ddp", "fsdp2"] = "none"
    sequence: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    checkpointing: bool = False
    mesh: Any = field(default=None, repr=False, compare=False)
    exchange: FrameShare | None = field(default=None, repr=False, compare=False)

    @classmethod
    def start(cls, config: ParallelSection, device: str | torch.device = "cpu") -> Parallel:
        """Read torchrun's environment and meet the other processes; alone without it. Raises
        ``TrainingError``."""
        device = torch.device(device)
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if device.type == "cuda" and not torch.cuda.is_available():
            raise TrainingError(
                "no CUDA device was found; give --device cpu, or install a CUDA build of torch"
            )
        if size == 1:
            return cls(device=device, checkpointing=config.checkpointing)
        if size % config.sequence:
            raise TrainingError(
                f"parallel.sequence is {config.sequence}, but torchrun started {size} processes; "
                "start a multiple of it"
            )
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        if not dist.is_initialized():
            dist.init_process_group(backend, timeout=PATIENCE)
        mesh = exchange = None
        if config.strategy == "fsdp2":
            mesh = init_device_mesh(device.type, (size,))
        if config.sequence > 1:
            grid = init_device_mesh(
                device.type, (size // config.sequence, config.sequence), mesh_dim_names=("batch", "frames")
            )
            exchange = FrameShare(grid.get_group("frames"))
        return cls(
            dist.get_rank(),
            size,
            config.strategy,
            config.sequence,
            device,
            config.checkpointing,
            mesh,
            exchange,
        )

    @property
    def is_main(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    @property
    def shares(self) -> int:
        """Into how many parts the batch is cut."""
        return self.size // self.sequence

    def rows(self, batch: int) -> slice:
        """This process's rows of a batch. Raises ``TrainingError`` when they cannot be shared evenly."""
        if batch % self.shares:
            raise TrainingError(
                f"a batch of {batch} cannot be shared by {self.shares} processes; make it a multiple of that"
            )
        each = batch // self.shares
        place = self.rank // self.sequence
        return slice(place * each, (place + 1) * each)

    def prepare(self, module: T, methods: Sequence[str] = ("clip", "step")) -> T:
        """Put the module on the device and share it; before optimisers are made and after copies are.

        Its ``blocks`` are the units that FSDP2 gathers one at a time and that are computed again in the
        backward pass with checkpointing; they must be called as modules. ``methods`` besides ``forward`` are
        entries too.
        """
        module.to(self.device)
        blocks = list(getattr(module, "blocks", ()))
        if self.checkpointing:
            for block in blocks:
                block.forward = partial(checkpoint, block.forward, use_reentrant=False)
        if self.exchange is not None and hasattr(module, "exchange"):
            setattr(module, "exchange", self.exchange)  # noqa: B010
        if self.size > 1:
            for tensor in [*module.parameters(), *module.buffers()]:
                dist.broadcast(tensor.detach(), 0)
        if self.strategy == "fsdp2":
            self._shard(module, blocks, methods)
        return module

    def _shard(self, module: nn.Module, blocks: Sequence[nn.Module], methods: Sequence[str]) -> None:
        from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method  # noqa: PLC0415

        # It warns of outputs that are views, for whoever changes them in place; no stage does.
        warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")
        # What learns keeps the root's parameters whole until its backward pass or :meth:`reshard`, as a loss
        # may use a block's output and not the root's. Averages change between passes: theirs are given back.
        learns = any(p.requires_grad for p in module.parameters())
        for part in (*blocks, module):
            back = part is not module or not learns
            shared = fully_shard(part, mesh=self.mesh, reshard_after_forward=back)
            if self.device.type == "cpu":
                shared.set_force_sum_reduction_for_comms(True)  # Gloo has no average
        for name in methods:
            if hasattr(module, name):
                register_fsdp_forward_method(module, name)

    def reshard(self, modules: Iterable[nn.Module]) -> None:
        """Every process holds its own part again, also where a pass without gradient left the parameters
        whole; before they are changed."""
        if self.strategy == "fsdp2":
            from torch.distributed.fsdp import FSDPModule  # noqa: PLC0415

            for module in modules:
                if isinstance(module, FSDPModule):
                    module.reshard()

    def mean(self, values: Tensor, weights: Tensor | None = None) -> Tensor:
        """A loss whose gradient, averaged over the processes, is that of the mean of all processes'
        ``values``.

        ``values`` and ``weights`` have one shape; a process whose weights are all zero takes part. The loss's
        own average over the processes is the mean's value.
        """
        weights = torch.ones_like(values) if weights is None else weights.to(values)
        total = weights.detach().sum()
        if self.size > 1:
            dist.all_reduce(total)
        # Neighbours of one clip count the same rows: the sum holds each row ``sequence`` times.
        share = self.size / total.clamp(min=torch.finfo(total.dtype).tiny)
        return (values * weights).sum() * share

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """DDP's half of a step: after the backward pass every process has the average gradient. FSDP2 has
        done it already."""
        if self.strategy != "ddp":
            return
        buckets: list[list[Tensor]] = [[]]
        filled = 0
        for p in parameters:
            if p.grad is None:
                continue
            filled += p.grad.nbytes
            if buckets[-1] and (filled > BUCKET or p.grad.dtype != buckets[-1][0].dtype):
                buckets.append([])
                filled = p.grad.nbytes
            buckets[-1].append(p.grad)
        sent = []
        for bucket in buckets:
            if bucket:
                flat = torch.cat([g.flatten() for g in bucket])
                sent.append((bucket, flat, dist.all_reduce(flat, async_op=True)))
        for bucket, flat, work in sent:
            work.wait()
            flat.div_(self.size)
            for g, part in zip(bucket, torch.split(flat, [g.numel() for g in bucket]), strict=True):
                g.copy_(part.view_as(g))

    def gradient_norm(self, parameters: Iterable[nn.Parameter]) -> Tensor:
        """Euclidean norm of the whole gradient, the same on every process; call it after
        :meth:`average_gradients`."""
        local = [p.grad for p in parameters if p.grad is not None]
        sharded = [shard_of(g) for g in local if is_sharded(g)]
        plain = [g for g in local if not is_sharded(g)]
        squares = torch.zeros((), device=self.device)
        if sharded:
            squares = torch.nn.utils.get_total_norm(sharded).square().to(self.device)
            dist.all_reduce(squares)
        if plain:
            squares = squares + torch.nn.utils.get_total_norm(plain).square().to(self.device)
        return squares.sqrt()

    def sum(self, values: Sequence[float]) -> list[float]:
        """Sum of every process's numbers, in the same order on all of them."""
        if self.size == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(total)
        return [float(v) for v in total]

    def wait(self) -> None:
        """Go on when every process is here."""
        if self.size > 1:
            self.sum([0.0])

    def on_main(self, work: Callable[[], None]) -> None:
        """Only the main process works; all go on when it is done. When it fails, torchrun ends the others."""
        if self.is_main:
            work()
        self.wait()

    def whole(self, module: nn.Module) -> Mapping[str, Tensor]:
        """A module's state as plain tensors, gathered on the main process; empty on the others. All call
        it."""
        if self.strategy != "fsdp2":
            return module.state_dict() if self.is_main else {}
        from torch.distributed.checkpoint.state_dict import (  # noqa: PLC0415
            StateDictOptions,
            get_model_state_dict,
        )

        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        state: dict[str, Any] = get_model_state_dict(module, options=options)
        return state

    def close(self) -> None:
        """Leave the other processes, at the very end."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()


def is_sharded(tensor: Tensor) -> bool:
    """Whether a parameter or gradient is a part of one that several processes hold (a DTensor)."""
    return hasattr(tensor, "device_mesh")


def shard_of(tensor: Tensor) -> Tensor:
    """The rows that this process holds of a sharded tensor; any other tensor as it is."""
    if not is_sharded(tensor):
        return tensor
    local: Tensor = tensor.to_local()  # type: ignore[attr-defined]
    return local
