"""Checkpoints of one stage: ``FOLDER/STEP/`` in the format of torch.distributed.checkpoint, with
``place.json``.

Written beside and renamed when whole, so that a killed process leaves the last one as it was. Parameters that
several processes share are written by each and may be read by any number of them.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from dreamport.errors import TrainingError
from dreamport_training.parallel import Parallel


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of a stage, or nothing."""
    whole = [p for p in folder.glob("*") if p.name.isdigit() and (p / "place.json").exists()]
    return max(whole, key=lambda p: int(p.name), default=None)


def save_checkpoint(
    folder: Path, step: int, state: Mapping[str, Tensor], place: Mapping[str, Any], parallel: Parallel
) -> None:
    """Write the state after ``step`` steps and drop older checkpoints. Every process calls it."""
    final, partial = folder / f"{step:08d}", folder / f"{step:08d}.partial"

    def clear() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.partial"):
            shutil.rmtree(old)

    def publish() -> None:
        (partial / "place.json").write_text(json.dumps(dict(place)), encoding="utf-8")
        if final.exists():
            shutil.rmtree(final)
        os.replace(partial, final)
        for old in folder.glob("*"):
            if old != final:
                shutil.rmtree(old)

    parallel.on_main(clear)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of being alone
        state_dict_saver.save(dict(state), checkpoint_id=partial, no_dist=parallel.size == 1)
    parallel.on_main(publish)


def read_place(checkpoint: Path) -> dict[str, Any]:
    """What :func:`save_checkpoint` was given as ``place``."""
    place: dict[str, Any] = json.loads((checkpoint / "place.json").read_text(encoding="utf-8"))
    return place


def stored_tensors(checkpoint: Path) -> dict[str, tuple[torch.Size, torch.dtype]]:
    """Name, whole size and type of every tensor in a checkpoint."""
    stored = FileSystemReader(checkpoint).read_metadata().state_dict_metadata
    return {
        name: (m.size, m.properties.dtype)
        for name, m in stored.items()
        if isinstance(m, TensorStorageMetadata)
    }


def load_checkpoint(checkpoint: Path, state: dict[str, Tensor], parallel: Parallel) -> None:
    """Read into the tensors of ``state``, which are those of the checkpoint. Every process calls it.

    Raises ``TrainingError`` when it was written with another configuration.
    """
    stored = stored_tensors(checkpoint)
    for name, tensor in state.items():
        if name not in stored or stored[name][0] != tensor.shape:
            was = f"of shape {list(stored[name][0])}" if name in stored else "missing"
            raise TrainingError(
                f"{checkpoint} does not fit this configuration: {name} is {was}, not {list(tensor.shape)}; "
                "give the configuration that the run was begun with, or another folder"
            )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state_dict_loader.load(state, checkpoint_id=checkpoint, no_dist=parallel.size == 1)


def named_state(prefix: str, modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Parameters and buffers of ``modules``, as the tensors themselves."""
    return {
        f"{prefix}/{key}/{name}": value
        for key, module in modules.items()
        for name, value in module.state_dict().items()
    }


def optimiser_state(
    prefix: str, optimiser: torch.optim.Optimizer, name_of: Callable[[Tensor], str]
) -> dict[str, Tensor]:
    """An optimiser's memory by the names of its parameters; what has not been stepped yet has none."""
    return {
        f"{prefix}/{name_of(p)}/{key}": value
        for group in optimiser.param_groups
        for p in group["params"]
        for key, value in optimiser.state.get(p, {}).items()
    }


def blank_optimiser_state(
    prefix: str,
    optimiser: torch.optim.Optimizer,
    name_of: Callable[[Tensor], str],
    stored: Mapping[str, tuple[torch.Size, torch.dtype]],
) -> dict[str, Tensor]:
    """Give an optimiser empty memory in the shape of what is ``stored``, shared like its parameters."""
    optimiser.state.clear()
    for group in optimiser.param_groups:
        for p in group["params"]:
            start = f"{prefix}/{name_of(p)}/"
            for name, (size, dtype) in stored.items():
                if name.startswith(start):
                    like = size == p.shape and len(size) > 0
                    blank = torch.empty_like(p, dtype=dtype) if like else torch.empty(size, dtype=dtype)
                    optimiser.state[p][name.removeprefix(start)] = blank.detach()
    return optimiser_state(prefix, optimiser, name_of)
