"""A training run: its data, its folder, its choices and its place among the processes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dreamport.errors import DatasetError
from dreamport.models import BUILDERS, load_module, save_module
from dreamport_training.config import WorldConfig
from dreamport_training.parallel import Parallel


@dataclass(frozen=True)
class Run:
    """What every stage is given. Finished modules lie in ``folder/modules`` as safetensors."""

    data: Path
    folder: Path
    config: WorldConfig
    seed: int
    parallel: Parallel

    @property
    def baked(self) -> Path:
        """The baked frames and latents."""
        return self.folder / "baked"

    @property
    def device(self) -> torch.device:
        return self.parallel.device

    def module(self, name: str) -> Path:
        """Where the finished module ``name`` lies."""
        return self.folder / "modules" / f"{name}.safetensors"

    def load(self, graph: str, name: str) -> nn.Module:
        """The finished module ``name``, whole and on the device; ``graph`` says what it is. ``DatasetError``
        when it is not there."""
        path = self.module(name)
        if not path.exists():
            raise DatasetError(f"{path} is not there yet; run the earlier stages first")
        return load_module(graph, path).to(self.device)

    def save(self, graph: str, module: nn.Module, config: Any, name: str) -> None:
        """Write a finished module, shared or not, in float32; every process calls it and may load it
        after."""
        state = self.parallel.whole(module)
        if self.parallel.is_main:
            plain = BUILDERS[graph][1](config)
            plain.load_state_dict(state)
            path = self.module(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            save_module(plain, config, partial, torch.float32)
            partial.replace(path)
        self.parallel.wait()

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Mixed precision of the forward pass, as ``parallel.precision`` says; weights stay float32."""
        if self.config.parallel.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)
