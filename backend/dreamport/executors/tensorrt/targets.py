"""The GPUs that engines are built for: series by name, and what TensorRT for RTX calls them."""

from __future__ import annotations

from dataclasses import dataclass

from dreamport.errors import ExecutorError
from dreamport.executors.gpu import Gpu

OLDEST = (7, 5)
"""Turing, the oldest that TensorRT (from 11 and for RTX) has code for (its support matrix)."""


@dataclass(frozen=True)
class Target:
    """A kind of GPU. ``name``: what a person writes. ``capability``: CUDA's (major, minor)."""

    name: str
    capability: tuple[int, int]
    series: str

    @property
    def sm(self) -> str:
        """sm89, also the folder of its engines."""
        return f"sm{self.capability[0]}{self.capability[1]}"


TARGETS = {
    target.name: target
    for target in (
        Target("rtx20", (7, 5), "GeForce RTX 20 series, Turing"),
        Target("rtx30", (8, 6), "GeForce RTX 30 series, Ampere"),
        Target("rtx40", (8, 9), "GeForce RTX 40 series, Ada"),
        Target("rtx50", (12, 0), "GeForce RTX 50 series, Blackwell"),
    )
}


def named_target(name: str) -> Target:
    """The target of that name. Raises ``ExecutorError`` with the names that there are."""
    if name not in TARGETS:
        known = ", ".join(f"{target.name} ({target.series})" for target in TARGETS.values())
        raise ExecutorError(f"no GPU target is called {name!r}; use this (the GPU of this machine), {known}")
    return TARGETS[name]


def target_of(gpu: Gpu) -> Target:
    """What engines for this GPU are built for. Raises ``ExecutorError`` when it is too old."""
    if gpu.capability < OLDEST:
        major, minor = gpu.capability
        raise ExecutorError(
            f"{gpu.name} is too old: it has compute capability {major}.{minor} and TensorRT needs "
            f"{OLDEST[0]}.{OLDEST[1]} (GeForce RTX 20 series) or newer; use --executor openvino, which runs "
            "on the CPU"
        )
    for target in TARGETS.values():
        if target.capability == gpu.capability:
            return target
    return Target(gpu.sm, gpu.capability, gpu.name)
