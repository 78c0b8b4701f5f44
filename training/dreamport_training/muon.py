"""Muon for matrices that may be shared by FSDP2: orthogonalised momentum (Jordan 2024; arXiv 2502.16982, eq.
1-4).

Newton-Schulz needs whole matrices, FSDP2 leaves each process some rows. So the processes take turns as
owners: rows travel to a matrix's owner, are orthogonalised there once, and the owner's result travels back.
Every matrix is computed by one process, on the same numbers and in the same order as alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from dreamport_training.parallel import is_sharded, shard_of

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic, chosen for the steepest slope at zero (Jordan 2024)."""


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """About the nearest semi-orthogonal matrix, in bfloat16: ``X <- a X + (b A + c A^2) X`` with ``A = X
    X^T``."""
    a, b, c = COEFFICIENTS
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """``torch.optim.Muon`` with ``adjust_lr_fn="match_rms_adamw"``, for plain matrices and for DTensors
    sharded by rows. ``params``: matrices only. Every process steps at the same time."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        weight_decay: float = 0.01,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        for p in (p for group in self.param_groups for p in group["params"]):
            if p.ndim != 2:
                raise ValueError(f"Muon is for matrices; one parameter has shape {list(p.shape)}")

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One update of every matrix that has a gradient."""
        for group in self.param_groups:
            having = [p for p in group["params"] if p.grad is not None]
            updates = []
            for p in having:
                state = self.state[p]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(p)
                buffer, gradient = shard_of(state["momentum"]), shard_of(p.grad)
                buffer.lerp_(gradient, 1.0 - group["momentum"])
                updates.append(gradient.lerp(buffer, group["momentum"]))
            for p, update in zip(having, _all_orthogonalised(having, updates), strict=True):
                rate = 0.2 * math.sqrt(max(p.shape)) * group["lr"]
                local = shard_of(p)
                local.mul_(1.0 - group["lr"] * group["weight_decay"])
                local.add_(update, alpha=-rate)


def _all_orthogonalised(parameters: list[Tensor], updates: list[Tensor]) -> list[Tensor]:
    """:func:`orthogonalised` of each update; of the shared ones, this process's rows."""
    out = [u if is_sharded(p) else orthogonalised(u) for p, u in zip(parameters, updates, strict=True)]
    shared = [i for i, p in enumerate(parameters) if is_sharded(p)]
    if not shared:
        return out
    group = parameters[shared[0]].device_mesh.get_group()  # type: ignore[attr-defined]
    # One matrix of one shape for every owner at a time, so that all work at once.
    shapes: dict[torch.Size, list[int]] = {}
    for i in shared:
        shapes.setdefault(parameters[i].shape, []).append(i)
    for shape, places in shapes.items():
        for begin in range(0, len(places), group.size()):
            turn = places[begin : begin + group.size()]
            for i, rows in zip(turn, _by_owners([updates[i] for i in turn], shape, group), strict=True):
                out[i] = rows
    return out


def _by_owners(parts: list[Tensor], shape: torch.Size, group: dist.ProcessGroup) -> list[Tensor]:
    """Whole matrices of ``shape``, the first owned by the group's rank 0 and so on, from every process's
    rows."""
    size, rank = group.size(), group.rank()
    # FSDP2 cuts as torch.chunk does: the last processes may hold fewer rows, or none.
    each = -(-shape[0] // size)
    rows = [max(0, min(each, shape[0] - r * each)) for r in range(size)]
    owned = rank < len(parts)
    width = shape[1]
    sent_rows = [rows[rank] if r < len(parts) else 0 for r in range(size)]
    got_rows = rows if owned else [0] * size
    whole = parts[0].new_empty(sum(got_rows), width)
    dist.all_to_all_single(whole, torch.cat(parts), got_rows, sent_rows, group=group)
    made = orthogonalised(whole) if owned else whole.bfloat16()
    back = made.new_empty(sum(sent_rows), width)
    dist.all_to_all_single(back, made.contiguous(), sent_rows, got_rows, group=group)
    return list(torch.split(back, [rows[rank]] * len(parts)))
