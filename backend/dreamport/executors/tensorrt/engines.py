"""A world's engines: which graphs get one, and building those that the store does not hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dreamport.executors.base import EXACT_GRAPHS
from dreamport.executors.gpu import Gpu
from dreamport.executors.tensorrt.build import build_engine
from dreamport.executors.tensorrt.library import Library
from dreamport.executors.tensorrt.store import EngineStore, StaleEngineError, engine_key
from dreamport.executors.tensorrt.targets import Target
from dreamport.worlds.contract import signatures
from dreamport.worlds.pack import WorldPack

Told = Callable[[str, int, int], None]
"""Is told a graph and how many steps of how many are done."""


@dataclass(frozen=True)
class Engine:
    """One graph's engine. ``seconds``: how long it took to build, 0 when it was there. ``why``: why it was
    built though one was there, or ``None``.
    """

    graph: str
    data: bytes
    path: Path
    seconds: float
    why: str | None


def engine_graphs(pack: WorldPack) -> tuple[str, ...]:
    """The graphs that run on the GPU: the networks. What computes places or reads words stays on the CPU, in
    float32: those graphs are small, and TensorRT has no scatter that keeps the nearest point.
    """
    return tuple(graph for graph in signatures(pack.manifest) if graph not in EXACT_GRAPHS)


def engines(
    pack: WorldPack,
    library: Library,
    target: Target,
    gpu: Gpu | None,
    store: EngineStore,
    precision: str = "f16",
    told: Told | None = None,
    again: bool = False,
    source: EngineStore | None = None,
) -> Iterator[Engine]:
    """Every engine of a world, built where the store has none that fits. ``again`` builds all of them.
    ``source``: another store to take them from; what does not fit there is said, and built.

    Raises ``ExecutorError``.
    """
    for graph in engine_graphs(pack):
        onnx = pack.graph(graph)
        key = engine_key(library, target, gpu, precision, pack.digest, graph, onnx)
        why = None
        found = None
        for place in (store, source) if not again else ():
            if place is None or found is not None:
                continue
            try:
                found = place.get(key)
            except StaleEngineError as error:
                why = str(error)
            if found is None:
                why = why or place.elsewhere(key)
            elif place is source:
                store.put(key, found)
        began = time.perf_counter()
        if found is not None:
            yield Engine(graph, found, store.path(key), 0.0, None)
            continue
        steps = None if told is None else _of_graph(told, graph)
        data = build_engine(library, onnx, target, f"graph {graph} of {pack.manifest.name}", precision, steps)
        yield Engine(graph, data, store.put(key, data), time.perf_counter() - began, why)


def _of_graph(told: Told, graph: str) -> Callable[[int, int], None]:
    return lambda done, total: told(graph, done, total)
