"""The reference executor: the torch definitions of ``dreamport.models`` with the pack's safetensors."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from dreamport.errors import ExecutorError
from dreamport.executors.base import Array, check_feeds
from dreamport.models import load_graph
from dreamport.worlds.contract import signatures
from dreamport.worlds.pack import WorldPack


class TorchExecutor:
    """All graphs of a pack as eager torch modules on the CPU, in float32.

    ``threads`` sets torch's number of threads for the whole process. Raises ``ExecutorError`` or
    ``PackError``.
    """

    name = "torch"
    precision = "f32"

    def __init__(
        self,
        pack: WorldPack,
        threads: int | None = None,
        precision: str = "auto",
        fallback_reason: str | None = None,
    ) -> None:
        if precision not in ("auto", "f32"):
            raise ExecutorError(f"the torch executor runs in f32, not {precision!r}; use openvino for bf16")
        if threads is not None:
            if threads < 1:
                raise ExecutorError("threads must be 1 or more; leave it out to let torch choose")
            torch.set_num_threads(threads)
        self.device = "CPU"
        self.threads = torch.get_num_threads()
        self.fallback_reason = fallback_reason
        self._signatures = signatures(pack.manifest)
        self._modules: dict[str, nn.Module] = {}
        with tempfile.TemporaryDirectory(prefix="dreamport-") as folder:
            for graph in self._signatures:
                self._modules[graph] = _load(pack, graph, Path(folder))

    def run(self, graph: str, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """See ``GraphRunner.run``."""
        module = self._modules.get(graph)
        if module is None:
            raise ExecutorError(f"graph {graph!r} is not loaded; known: {', '.join(self._modules) or 'none'}")
        signature = self._signatures[graph]
        check_feeds(graph, signature, feeds)
        try:
            with torch.inference_mode():
                outputs = module(**{name: torch.from_numpy(array) for name, array in feeds.items()})
        except RuntimeError as error:
            raise ExecutorError(f"graph {graph} failed: {error}; start the session again") from error
        return {spec.name: outputs[spec.name].contiguous().numpy() for spec in signature.outputs}

    def close(self) -> None:
        """Drop the modules."""
        self._modules.clear()


def _load(pack: WorldPack, graph: str, folder: Path) -> nn.Module:
    """The module of one graph, from a copy of its weights that was compared with its digest."""
    name = pack.manifest.weights.get(graph)
    if name is None:
        return load_graph(graph, pack.manifest, None)
    path = folder / f"{graph}.safetensors"
    path.write_bytes(pack.read(name))
    try:
        return load_graph(graph, pack.manifest, path)
    finally:
        path.unlink()
