"""``RUN/run.json``: what a run was begun with, so that it can be taken up again, and exported, as it was."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
import torch

from dreamport.errors import DatasetError, TrainingError
from dreamport_training.config import WorldConfig, config_from_json

FILE = "run.json"
PROCESS = "process.json"
NEEDED_BY = {
    "data": "bake", "codec": "codec", "motion": "motion", "model": "teacher", "teacher": "teacher",
    "control": "control", "causal": "causal", "consistency": "consistency", "dmd": "dmd", "refine": "refine",
    "prompts": "latents",
}  # fmt: skip
"""Sections of the configuration and the first stage that is made by each."""

OF_THE_MACHINE = {"workers"}
"""Choices that change no result."""


@dataclass(frozen=True)
class RunRecord:
    """``commands``: every command line that worked on the run. ``preset``: its name, empty for a file.
    ``data``: the data set's folder. ``title``, ``description`` and ``licence`` go into the pack at
    ``out``."""

    world: str
    data: Path
    out: Path
    config: WorldConfig
    seed: int
    device: str
    preset: str = ""
    title: str = ""
    description: str = ""
    licence: str = ""
    commands: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Replace the folder's record in one step."""
        folder.mkdir(parents=True, exist_ok=True)
        plain: dict[str, Any] = {
            key: str(value) if isinstance(value, Path) else value
            for key, value in asdict(self).items()
            if key != "config"
        }
        plain["config"] = json.loads(self.config.to_json())
        partial = folder / f"{FILE}.partial"
        partial.write_text(json.dumps(plain, indent=1), encoding="utf-8")
        os.replace(partial, folder / FILE)


def versions() -> dict[str, str]:
    """Of what computes a run."""
    return {"torch": torch.__version__, "python": platform.python_version()}


def read_record(folder: Path) -> RunRecord | None:
    """The record of a run; ``None`` where no run is. Raises ``DatasetError`` for one that cannot be read."""
    try:
        plain = json.loads((folder / FILE).read_text(encoding="utf-8"))
        config = config_from_json(json.dumps(plain.pop("config")), str(folder / FILE))
        plain["commands"] = tuple(plain["commands"])
        return RunRecord(
            **{**plain, "data": Path(plain["data"]), "out": Path(plain["out"]), "config": config}
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DatasetError(
            f"{folder / FILE} is not the record of a run of this version ({error}); give --run another folder"
        ) from error


def check_same_run(before: RunRecord, now: RunRecord, finished: Mapping[str, Any], folder: Path) -> None:
    """Raise ``DatasetError`` when ``now`` would go on with another run than ``before``: another world, data
    set or seed, or other choices for a stage in ``finished``."""
    for name in ("world", "seed"):
        if getattr(before, name) != getattr(now, name):
            raise DatasetError(
                f"{folder} holds a run with {name} {getattr(before, name)}, not {getattr(now, name)}; "
                "give --run another folder"
            )
    if before.data.resolve() != now.data.resolve():
        raise DatasetError(
            f"{folder} holds a run on {before.data}, not {now.data}; give --run another folder"
        )
    for section, stage in NEEDED_BY.items():
        old, new = getattr(before.config, section), getattr(now.config, section)
        if old != new and stage in finished:
            differing = {key for key, value in new.model_dump().items() if value != old.model_dump()[key]}
            changed = sorted(differing - OF_THE_MACHINE)
            if not changed:
                continue
            raise DatasetError(
                f"the stage {stage} of the run at {folder} was done with other choices "
                f"({', '.join(f'{section}.{key}' for key in changed)}); leave them out to go on with it, "
                "or give --run another folder"
            )


def claim(folder: Path) -> None:
    """Note that this process works on the run. Raises ``TrainingError`` while another one does."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        there = json.loads((folder / PROCESS).read_text(encoding="utf-8"))
        pid, started = int(there["pid"]), float(there["started"])
    except (OSError, ValueError, KeyError, TypeError):
        pid, started = 0, 0.0
    if (
        pid not in (0, os.getpid(), os.getppid())  # on Windows a launcher may have started this interpreter
        and _started(pid) is not None
        and abs((_started(pid) or 0) - started) < 1.0
    ):
        raise TrainingError(
            f"process {pid} works on the run at {folder}; stop it (Ctrl+C there, or make a file "
            f"{folder / 'stop'}), or give --run another folder"
        )
    partial = folder / f"{PROCESS}.partial"
    partial.write_text(json.dumps({"pid": os.getpid(), "started": _started(os.getpid())}), encoding="utf-8")
    os.replace(partial, folder / PROCESS)


def _started(pid: int) -> float | None:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
