"""What an executor is: it runs the graphs of one world pack, and knows nothing else about the world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import ExecutorError
from dreamport.worlds.contract import Signature

Array = NDArray[Any]


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

    ``name``: openvino or torch. ``device``: the processor in words. ``precision``: f32 or bf16, as it really
    runs. ``threads``: how many it uses. ``fallback_reason``: why it is not what was asked for, or ``None``.
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
        if array.shape != spec.shape or array.dtype != np.dtype(spec.dtype) or not array.flags.c_contiguous:
            raise ExecutorError(
                f"graph {graph} was fed {spec.name} as {array.dtype}{list(array.shape)} and takes contiguous "
                f"{spec.dtype}{list(spec.shape)}; this is a fault in its caller"
            )
    if len(feeds) != len(signature.inputs):
        extra = sorted(set(feeds) - {spec.name for spec in signature.inputs})
        raise ExecutorError(f"graph {graph} takes no {', '.join(extra)}; this is a fault in its caller")
