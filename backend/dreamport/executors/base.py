"""What an executor is: it runs the graphs of one world pack, and knows nothing else about the world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import ExecutorError
from dreamport.worlds.contract import Signature
from dreamport.worlds.manifest import CacheShape

Array = NDArray[Any]

EXACT_GRAPHS = ("motion", "reproject", "text")
"""Graphs that compute places and pixel coordinates, for which eight bits of mantissa are too few, and words,
which are read once and heard in every frame after."""

RESIDENT_OUTPUTS = {"denoise": ("k", "v")}
"""What an executor with memory of its own leaves there: a frame's keys and values go into the cache beside
them and nowhere else."""


@runtime_checkable
class DeviceArray(Protocol):
    """An array in an executor's own memory. It may be fed to that executor, which then copies nothing; numpy
    makes a copy of it (``numpy.asarray``).
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes; it is contiguous."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its elements."""
        ...

    @property
    def on_device(self) -> str:
        """Where it is, in words."""
        ...

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """A copy for numpy."""
        ...


class FrameCache(Protocol):
    """The attention cache of one session, as ``dreamport.generator.cache`` describes it.

    ``k`` and ``v`` ``[L, Hd, S, D]`` float32 and ``length [1]`` int64 are fed to ``denoise`` as they are.
    """

    k: Any
    v: Any
    length: NDArray[np.int64]

    @property
    def frames(self) -> int:
        """Frames held."""
        ...

    def push(self, k: Any, v: Any) -> None:
        """Append what ``denoise`` gave of one frame."""
        ...

    def clear(self) -> None:
        """Forget all frames."""
        ...

    def valid(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Copies of the valid part, for a snapshot."""
        ...

    def fill(self, k: NDArray[np.float32], v: NDArray[np.float32]) -> None:
        """The inverse of ``valid``."""
        ...


@runtime_checkable
class KeepsCache(Protocol):
    """An executor that may keep sessions' attention caches in its own memory."""

    def attention_cache(self, shape: CacheShape) -> FrameCache | None:
        """An empty cache there, or ``None`` where numpy's memory is as good."""
        ...


class GraphRunner(Protocol):
    """All that a generator needs of an executor."""

    def run(self, graph: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs of ``graph`` by name, as ``dreamport.worlds.contract`` lists them; new arrays, the caller's
        to keep.

        Raises ``ExecutorError``.
        """
        ...


class Executor(GraphRunner, Protocol):
    """Runs the graphs of one pack, one at a time; not thread-safe: a lease gives the right to its time.

    ``name``: openvino, torch or tensorrt. ``device``: the processor in words. ``precision``: f32, bf16 or
    f16, as it really runs. ``threads``: how many it uses. ``fallback_reason``: why it is not what was asked
    for, or ``None``.
    """

    name: str
    device: str
    precision: str
    threads: int
    fallback_reason: str | None

    def close(self) -> None:
        """Give back its memory. It cannot run afterwards."""
        ...


def check_feeds(graph: str, signature: Signature, feeds: Mapping[str, Array]) -> None:
    """Raise ``ExecutorError`` unless the feeds are exactly what the graph takes, contiguous, of the right
    type.
    """
    for spec in signature.inputs:
        array = feeds.get(spec.name)
        if array is None:
            raise ExecutorError(f"graph {graph} was not fed {spec.name}; this is a fault in its caller")
        contiguous = not isinstance(array, np.ndarray) or array.flags.c_contiguous
        if array.shape != spec.shape or array.dtype != np.dtype(spec.dtype) or not contiguous:
            raise ExecutorError(
                f"graph {graph} was fed {spec.name} as {array.dtype}{list(array.shape)} and takes contiguous "
                f"{spec.dtype}{list(spec.shape)}; this is a fault in its caller"
            )
    if len(feeds) != len(signature.inputs):
        extra = sorted(set(feeds) - {spec.name for spec in signature.inputs})
        raise ExecutorError(f"graph {graph} takes no {', '.join(extra)}; this is a fault in its caller")
