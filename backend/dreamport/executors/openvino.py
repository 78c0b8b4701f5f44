"""The default executor on a CPU: OpenVINO, latency first, in bfloat16 where the CPU multiplies in it."""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov  # type: ignore[import-untyped]
from platformdirs import user_cache_dir

from dreamport import __version__
from dreamport.errors import ExecutorError, PackError
from dreamport.executors.base import EXACT_GRAPHS, Array, check_feeds
from dreamport.worlds.contract import signatures
from dreamport.worlds.onnx_check import MAX_ELEMENTS
from dreamport.worlds.pack import WorldPack

DEVICE = "CPU"
PRECISIONS = ("auto", "f32", "bf16")


def compiled_cache_path(pack: WorldPack) -> Path:
    """Where compiled graphs of this pack are kept; another pack, Dreamport or OpenVINO has another folder."""
    version = f"{__version__}-openvino-{ov.__version__.split('-')[0]}"
    return Path(user_cache_dir("dreamport", appauthor=False)) / "compiled" / version / pack.digest[:24]


class OpenVINOExecutor:
    """All graphs of a pack, compiled for this CPU, with one reused infer request each.

    ``threads``: ``None`` leaves the choice to OpenVINO. ``precision``: ``bf16``, ``f32``, or ``auto``, which
    is bf16 where the CPU has instructions for it (half the time of f32 there). A CPU without bfloat16 runs in
    f32 and, if bf16 was asked for, says so in ``fallback_reason``. ``motion``, ``reproject`` and ``text``
    always run in f32. ``cache_path``: compiled graphs, ``None`` for none. ``graphs``: the only ones to load,
    ``None`` for all. Raises ``ExecutorError``, or
    ``PackError`` when a graph's sizes depend on its input.
    """

    name = "openvino"

    def __init__(
        self,
        pack: WorldPack,
        threads: int | None = None,
        precision: str = "auto",
        cache_path: Path | None = None,
        fallback_reason: str | None = None,
        graphs: Collection[str] | None = None,
    ) -> None:
        if precision not in PRECISIONS:
            raise ExecutorError(f"precision {precision!r} is not known; use {', '.join(PRECISIONS)}")
        self.fallback_reason = fallback_reason
        self._signatures = {
            graph: signature
            for graph, signature in signatures(pack.manifest).items()
            if graphs is None or graph in graphs
        }
        self._requests: dict[str, Any] = {}
        try:
            core = _core()
            self.device = str(core.get_property(DEVICE, "FULL_DEVICE_NAME"))
            capabilities = core.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")
            if precision == "bf16" and "BF16" not in capabilities:
                self.fallback_reason = "this CPU has no bfloat16 instructions, so graphs run in float32"
                precision = "f32"
            if precision == "auto":
                own = core.get_property(DEVICE, "INFERENCE_PRECISION_HINT")
                precision = "bf16" if own == ov.Type.bf16 else "f32"
            self.threads = 0
            for graph in self._signatures:
                model = core.read_model(io.BytesIO(pack.graph(graph)))
                _check_static(model, f"{pack.path}: graph {graph}")
                exact = "f32" if graph in EXACT_GRAPHS else precision
                compiled = core.compile_model(model, DEVICE, _config(threads, exact, cache_path))
                self.threads = int(compiled.get_property("INFERENCE_NUM_THREADS"))
                self._requests[graph] = compiled.create_infer_request()
        except RuntimeError as error:
            raise ExecutorError(
                f"OpenVINO cannot compile world {pack.manifest.name}: {_first_line(error)}; run dreamport "
                "doctor"
            ) from error
        self.precision = precision

    def run(self, graph: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See ``GraphRunner.run``. Neither inputs nor outputs are copied: the graph reads and writes numpy's
        memory.
        """
        request = self._requests.get(graph)
        if request is None:
            raise ExecutorError(
                f"graph {graph!r} is not loaded; known: {', '.join(self._requests) or 'none'}"
            )
        signature = self._signatures[graph]
        check_feeds(graph, signature, feeds)
        try:
            for spec in signature.inputs:
                request.set_tensor(spec.name, ov.Tensor(feeds[spec.name], shared_memory=True))
            outputs = {spec.name: np.empty(spec.shape, spec.dtype) for spec in signature.outputs}
            for index, spec in enumerate(signature.outputs):
                request.set_output_tensor(index, ov.Tensor(outputs[spec.name], shared_memory=True))
            request.infer()
        except RuntimeError as error:
            raise ExecutorError(
                f"graph {graph} failed: {_first_line(error)}; start the session again"
            ) from error
        return outputs

    def close(self) -> None:
        """Drop the compiled graphs."""
        self._requests.clear()


@cache
def _core() -> Any:
    """OpenVINO's core, one for the process and never given back.

    On Linux its CPU plugin gives the thread that makes it a stack for signal handlers, and frees it with the
    core; of two cores the one that goes last restores the other's, which is gone, and the next Ctrl-C ends
    the process with a segmentation fault.
    """
    return ov.Core()


def _config(threads: int | None, precision: str, cache_path: Path | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
    }
    if threads is not None:
        if threads < 1:
            raise ExecutorError("threads must be 1 or more; leave it out to let OpenVINO choose")
        config["INFERENCE_NUM_THREADS"] = threads
    if cache_path is not None:
        cache_path.mkdir(parents=True, exist_ok=True, mode=0o700)
        config["CACHE_DIR"] = str(cache_path)
    return config


def _check_static(model: Any, where: str) -> None:
    """Refuse graphs whose tensors have no fixed size, or one too large, before memory is taken for them."""
    for operation in model.get_ops():
        for output in operation.outputs():
            shape = output.get_partial_shape()
            if shape.is_dynamic:
                raise PackError(f"{where} has sizes that depend on its input; export it with fixed sizes")
            if math.prod(shape.to_shape()) > MAX_ELEMENTS:
                raise PackError(f"{where} holds a tensor of more than {MAX_ELEMENTS} elements; it is refused")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
