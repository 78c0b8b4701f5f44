"""The TensorRT executor: a pack's networks as engines on an NVIDIA GPU, places and words in float32 beside
them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from dreamport.errors import ExecutorError
from dreamport.executors.base import EXACT_GRAPHS, Array, Executor, FrameCache
from dreamport.executors.gpu import Gpu, this_gpu
from dreamport.executors.openvino import OpenVINOExecutor, compiled_cache_path
from dreamport.executors.tensorrt.cache import GpuCache
from dreamport.executors.tensorrt.engine_run import LoadedEngine
from dreamport.executors.tensorrt.engines import Engine, Told, engine_graphs, engines
from dreamport.executors.tensorrt.library import Library, library_for
from dreamport.executors.tensorrt.memory import CudaMemory, DeviceMemory
from dreamport.executors.tensorrt.store import EngineStore, StaleEngineError, engine_key, remedy
from dreamport.executors.tensorrt.targets import target_of
from dreamport.worlds.contract import signatures
from dreamport.worlds.manifest import CacheShape
from dreamport.worlds.pack import WorldPack

ON_GPU_BY_TORCH = ("reproject",)
"""Graphs without an engine that are worth the GPU: TensorRT has no scatter that keeps the nearest point, and
a CPU takes longer over it than a GPU over the whole frame.
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GpuMachine:
    """What engines run on. ``memory``: makes the GPU's memory and a stream there."""

    gpu: Gpu
    library: Library
    memory: Callable[[], DeviceMemory]


def this_machine() -> GpuMachine:
    """This machine's GPU and the TensorRT for it. Raises ``ExecutorError`` when one of them is missing."""
    gpu = this_gpu()
    return GpuMachine(gpu, library_for(target_of(gpu)), CudaMemory)


class TensorRTExecutor:
    """A pack's engines on this machine's GPU; ``motion`` and ``text`` run in float32 by OpenVINO, and
    so does ``reproject`` where torch has no GPU to run it on.

    ``threads``: OpenVINO's. ``precision``: ``auto`` (``f16``), ``f16`` or ``f32``. ``store``: where engines
    are, the user's cache by default. ``build``: make what the store lacks, which is said in the log;
    otherwise that is an error. ``told``: of the building's progress. Raises ``ExecutorError``.
    """

    name = "tensorrt"

    def __init__(
        self,
        pack: WorldPack,
        threads: int | None = None,
        precision: str = "auto",
        store: EngineStore | None = None,
        build: bool = True,
        told: Told | None = None,
        fallback_reason: str | None = None,
        machine: GpuMachine | None = None,
    ) -> None:
        if precision not in ("auto", "f16", "f32"):
            raise ExecutorError(
                f"precision {precision!r} is not known; the tensorrt executor runs f16 or f32"
            )
        self.precision = "f16" if precision == "auto" else precision
        self.fallback_reason = fallback_reason
        machine = machine or this_machine()
        gpu, library = machine.gpu, machine.library
        target = target_of(gpu)
        if library.portable:
            library.capability(target)
        store = store or EngineStore()
        made = list(engines(pack, library, target, gpu, store, self.precision, told)) if build else None
        self._memory = machine.memory()
        self.device = f"{gpu.name} ({library.title}, driver {gpu.driver})"
        trt = library.module
        runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        known = signatures(pack.manifest)
        self._engines: dict[str, LoadedEngine] = {}
        self._fresh: set[str] = set()
        for graph in engine_graphs(pack):
            key = engine_key(library, target, gpu, self.precision, pack.digest, graph, pack.graph(graph))
            data = _found(store, key) if made is None else _told_of(made, graph)
            self._engines[graph] = LoadedEngine(
                library,
                runtime,
                self._memory,
                graph,
                known[graph],
                data,
                f"the engine of graph {graph} of world {pack.manifest.name}",
                store.kernels_path(key, gpu),
            )
            self._fresh.add(graph)
        self._places = _places(pack, threads)
        self.threads = self._places["openvino"].threads

    def run(self, graph: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See ``GraphRunner.run``; keys and values stay on the GPU (see ``DeviceArray``)."""
        engine = self._engines.get(graph)
        if engine is None:
            other = "torch" if "torch" in self._places and graph in ON_GPU_BY_TORCH else "openvino"
            return self._places[other].run(graph, feeds)
        outputs = engine.run(feeds)
        if graph in self._fresh:
            self._fresh.remove(graph)
            engine.keep_kernels()
        return outputs

    def attention_cache(self, shape: CacheShape) -> FrameCache:
        """An empty cache in the GPU's memory."""
        return GpuCache(self._memory, shape)

    def close(self) -> None:
        """Drop the engines and their memory."""
        self._engines.clear()
        self._memory.close()
        for executor in self._places.values():
            executor.close()


def _places(pack: WorldPack, threads: int | None) -> dict[str, Executor]:
    """What runs the graphs that have no engine, in float32."""
    exact = [graph for graph in signatures(pack.manifest) if graph in EXACT_GRAPHS]
    here = [graph for graph in exact if graph in ON_GPU_BY_TORCH]
    found: dict[str, Executor] = {}
    if here and find_spec("torch") is not None:
        from dreamport.executors.torch import TorchExecutor, sees_gpu  # noqa: PLC0415

        if sees_gpu():
            found["torch"] = TorchExecutor(pack, precision="f32", device="cuda", graphs=here)
            exact = [graph for graph in exact if graph not in here]
    kept = compiled_cache_path(pack)
    return {**found, "openvino": OpenVINOExecutor(pack, threads, "f32", kept, graphs=exact)}


def _found(store: EngineStore, key: Any) -> bytes:
    data = store.get(key)
    if data is None:
        reason = store.elsewhere(key) or f"there is no engine of graph {key.graph} in {store.folder}"
        raise StaleEngineError(f"{reason}; {remedy(key)}")
    return data


def _told_of(made: list[Engine], graph: str) -> bytes:
    engine = next(engine for engine in made if engine.graph == graph)
    if engine.seconds:
        _log.warning(
            "built the engine of graph %s in %.1f s: %s",
            graph,
            engine.seconds,
            engine.why or "there was none",
        )
    return engine.data
