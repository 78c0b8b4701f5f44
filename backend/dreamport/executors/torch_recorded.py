"""A graph of torch's kernels recorded once as a CUDA graph and replayed: a small world's frame is many short
kernels.

``torch.compile(mode="reduce-overhead")`` would do it and asserts when another thread than the first runs it
(pytorch issue 123177); sessions of a server come from several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Module = Callable[..., Mapping[str, Tensor]]
WARM_RUNS = 3


class Recorded:
    """``module`` called with these inputs' names, shapes and types from now on, by one thread at a time.

    ``examples`` become the memory that the recording reads. Its outputs are written over by the next call.
    """

    def __init__(self, module: Module, examples: Mapping[str, Tensor]) -> None:
        self._inputs = {name: tensor.clone() for name, tensor in examples.items()}
        self._graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_RUNS):
                module(**self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        with torch.cuda.graph(self._graph, stream=stream, capture_error_mode="thread_local"):
            self._outputs = dict(module(**self._inputs))

    def __call__(self, **inputs: Tensor) -> Mapping[str, Tensor]:
        """Outputs by name, in memory of the recording."""
        for name, tensor in inputs.items():
            self._inputs[name].copy_(tensor)
        self._graph.replay()
        return self._outputs
