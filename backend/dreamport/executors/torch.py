"""The torch executor: the definitions of ``dreamport.models`` with the pack's safetensors.

On a CPU it is the reference: eager, in float32. On an NVIDIA GPU every graph is one compiled graph, the
networks in 16 bits, and a session's attention cache stays on the GPU.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dreamport.errors import ExecutorError
from dreamport.executors.base import EXACT_GRAPHS, RESIDENT_OUTPUTS, Array, FrameCache, check_feeds
from dreamport.executors.torch_memory import TorchArray, TorchCache
from dreamport.executors.torch_recorded import Recorded
from dreamport.models import load_graph
from dreamport.worlds.contract import Signature, signatures
from dreamport.worlds.manifest import CacheShape
from dreamport.worlds.pack import WorldPack

DTYPES = {"bf16": torch.bfloat16, "f16": torch.float16}
COMPILER = "inductor"

_log = logging.getLogger(__name__)


class TorchExecutor:
    """All graphs of a pack as torch modules.

    ``threads`` sets torch's number of threads for the whole process. ``precision``: ``auto``, ``f32``, and on
    a GPU ``bf16`` or ``f16`` for the networks (``auto`` there: bf16 from Ampere on); ``motion``,
    ``reproject`` and ``text`` are always in float32. ``device``: a torch device, ``auto`` for the GPU where
    there is one. ``compiler``: the backend of ``torch.compile``, ``None`` for eager, ``auto`` compiles on a
    GPU. Compiling takes up to a minute and is done here, not in the first frame. ``graphs``: the only ones to
    load. Raises ``ExecutorError`` or ``PackError``.
    """

    name = "torch"

    def __init__(
        self,
        pack: WorldPack,
        threads: int | None = None,
        precision: str = "auto",
        fallback_reason: str | None = None,
        device: str = "auto",
        compiler: str | None = "auto",
        graphs: Collection[str] | None = None,
    ) -> None:
        self._device = torch.device(_device(device))
        on_gpu = self._device.type == "cuda"
        self.precision = _precision(precision, self._device)
        if threads is not None:
            if threads < 1:
                raise ExecutorError("threads must be 1 or more; leave it out to let torch choose")
            torch.set_num_threads(threads)
        self.device = torch.cuda.get_device_name(self._device) if on_gpu else "CPU"
        self.threads = torch.get_num_threads()
        self.fallback_reason = fallback_reason
        self._compiler = (COMPILER if on_gpu else None) if compiler == "auto" else compiler
        self._signatures = {
            graph: signature
            for graph, signature in signatures(pack.manifest).items()
            if graphs is None or graph in graphs
        }
        self._graphs: dict[str, Any] = {}
        for graph in self._signatures:
            module = load(pack, graph).to(self._device)
            self._graphs[graph] = module if self._compiler is None else self._compiled(module)
        if self._compiler is not None:
            self._warm()

    def run(self, graph: str, feeds: Mapping[str, Array]) -> dict[str, Any]:
        """See ``GraphRunner.run``. On a GPU keys and values stay there (see ``DeviceArray``)."""
        module = self._graphs.get(graph)
        if module is None:
            raise ExecutorError(f"graph {graph!r} is not loaded; known: {', '.join(self._graphs) or 'none'}")
        signature = self._signatures[graph]
        check_feeds(graph, signature, feeds)
        try:
            with torch.inference_mode(), self._numbers(graph):
                outputs = module(**{name: self._tensor(feed) for name, feed in feeds.items()})
                return {spec.name: self._given(graph, spec.name, outputs) for spec in signature.outputs}
        except RuntimeError as error:
            raise ExecutorError(f"graph {graph} failed: {error}; start the session again") from error

    def attention_cache(self, shape: CacheShape) -> FrameCache | None:
        """An empty cache on the GPU; ``None`` on a CPU."""
        return TorchCache(shape, self._device) if self._device.type == "cuda" else None

    def close(self) -> None:
        """Drop the modules."""
        self._graphs.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _tensor(self, feed: object) -> torch.Tensor:
        if isinstance(feed, TorchArray):
            return feed.tensor
        return torch.from_numpy(feed).to(self._device)

    def _given(self, graph: str, name: str, outputs: Mapping[str, torch.Tensor]) -> Any:
        output = outputs[name].float()
        if self._device.type == "cuda" and name in RESIDENT_OUTPUTS.get(graph, ()):
            return TorchArray(output.clone())  # a recording writes over its outputs when it runs again
        return output.contiguous().cpu().numpy()

    def _numbers(self, graph: str) -> contextlib.AbstractContextManager[Any]:
        """The types a graph computes in: 16 bits for networks, and for float32 no shortened products."""
        if self.precision in DTYPES and graph not in EXACT_GRAPHS:
            # without its cache of weights, which a recording would hold on to
            return torch.autocast(self._device.type, DTYPES[self.precision], cache_enabled=False)
        if self._device.type == "cuda":
            return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        return contextlib.nullcontext()

    def _compiled(self, module: nn.Module) -> Any:
        """One graph without breaks."""
        return torch.compile(module, fullgraph=True, dynamic=False, backend=self._compiler or COMPILER)

    def _warm(self) -> None:
        """Compile now, and on a GPU record what was compiled."""
        began = time.perf_counter()
        for graph, signature in self._signatures.items():
            feeds = _zeros(signature)
            self.run(graph, feeds)
            if self._device.type == "cuda":
                self._record(graph, {name: self._tensor(feed) for name, feed in feeds.items()})
        _log.info("torch compiled the graphs in %.1f s", time.perf_counter() - began)

    def _record(self, graph: str, examples: Mapping[str, torch.Tensor]) -> None:
        """A graph that cannot be recorded runs as it is, which is said."""
        try:
            with torch.inference_mode(), self._numbers(graph):
                self._graphs[graph] = Recorded(self._graphs[graph], examples)
        except RuntimeError as error:
            _log.warning("graph %s is not recorded as a CUDA graph and runs more slowly: %s", graph, error)


def _zeros(signature: Signature) -> dict[str, Array]:
    return {spec.name: np.zeros(spec.shape, spec.dtype) for spec in signature.inputs}


def sees_gpu() -> bool:
    """Whether torch was installed with CUDA and has a GPU to use."""
    return torch.cuda.is_available()


def _device(asked: str) -> str:
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked.startswith("cuda") and not torch.cuda.is_available():
        raise ExecutorError(
            "torch sees no NVIDIA GPU: it was installed without CUDA, or the driver is missing or too old; "
            "use --executor openvino, or install torch with CUDA"
        )
    return asked


def _precision(asked: str, device: torch.device) -> str:
    if device.type != "cuda":
        if asked not in ("auto", "f32"):
            raise ExecutorError(f"the torch executor runs in f32, not {asked!r}; use openvino for bf16")
        return "f32"
    if asked not in ("auto", "f32", *DTYPES):
        raise ExecutorError(f"precision {asked!r} is not known; use auto, f32, {', '.join(DTYPES)}")
    if asked != "auto":
        return asked
    return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "f16"


def load(pack: WorldPack, graph: str) -> nn.Module:
    """The module of one graph, from a copy of its weights that was compared with its digest."""
    name = pack.manifest.weights.get(graph)
    if name is None:
        return load_graph(graph, pack.manifest, None)
    with tempfile.TemporaryDirectory(prefix="dreamport-") as folder:
        path = Path(folder) / f"{graph}.safetensors"
        path.write_bytes(pack.read(name))
        return load_graph(graph, pack.manifest, path)
