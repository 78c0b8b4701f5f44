"""Which executor is the fastest for a world on this machine: measured, kept, and said."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from platformdirs import user_cache_dir

from dreamport import __version__
from dreamport.errors import DreamportError
from dreamport.executors.base import Array, Executor, KeepsCache
from dreamport.executors.gpu import find_gpu
from dreamport.worlds.contract import signatures
from dreamport.worlds.pack import WorldPack

FRAMES = 20
WARM_FRAMES = 3
BUDGET_S = 10.0
"""Seconds of running after which fewer frames must do."""

MEASURED_PACKAGES = ("openvino", "torch", "tensorrt_rtx", "tensorrt")
Open = Callable[[str], Executor]
Told = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """One executor. ``frame_ms``: median milliseconds of all graphs of a frame, ``None`` when it cannot run,
    and then ``problem`` says why. ``open_s``: seconds until it could run, compiling included.
    """

    executor: str
    device: str = ""
    precision: str = ""
    frame_ms: float | None = None
    open_s: float | None = None
    problem: str | None = None

    def in_words(self) -> str:
        """For one line of a report."""
        if self.frame_ms is None:
            return f"{self.executor} cannot run ({self.problem})"
        return f"{self.executor} {self.frame_ms:.1f} ms a frame"


def circumstances() -> dict[str, str | None]:
    """What a measurement depends on besides the world: another GPU, driver or version."""
    gpu = find_gpu()
    found: dict[str, str | None] = {"dreamport": __version__, "gpu": None, "driver": None}
    if not isinstance(gpu, str):
        found |= {"gpu": gpu.name, "driver": gpu.driver}
    for package in MEASURED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def measurements_path(pack: WorldPack, folder: Path | None = None) -> Path:
    """The file of a world's measurements, in the user's cache folder unless another is given."""
    folder = folder or Path(user_cache_dir("dreamport", appauthor=False)) / "measured"
    return folder / f"{pack.digest[:24]}.json"


def kept_measurements(pack: WorldPack, folder: Path | None = None) -> tuple[Measured, ...] | None:
    """What was measured for this world under the present circumstances, or ``None``."""
    try:
        kept = json.loads(measurements_path(pack, folder).read_text(encoding="utf-8"))
        if kept["circumstances"] != circumstances():
            return None
        return tuple(Measured(**one) for one in kept["measured"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def keep_measurements(pack: WorldPack, measured: Sequence[Measured], folder: Path | None = None) -> Path:
    """Write them beside the circumstances; what was measured of other executors under the same stays."""
    path = measurements_path(pack, folder)
    names = {one.executor for one in measured}
    before = [one for one in kept_measurements(pack, folder) or () if one.executor not in names]
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    whole = {
        "world": pack.manifest.name,
        "circumstances": circumstances(),
        "measured": [asdict(one) for one in (*measured, *before)],
    }
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as stream:
        json.dump(whole, stream, indent=2)
    os.replace(stream.name, path)
    return path


def fastest(measured: Sequence[Measured]) -> list[Measured]:
    """Those that can run, the fastest first."""
    return sorted((one for one in measured if one.frame_ms is not None), key=lambda one: one.frame_ms or 0.0)


def measure(
    pack: WorldPack, names: Sequence[str], open_one: Open, told: Told | None = None, frames: int = FRAMES
) -> tuple[Measured, ...]:
    """Open each executor in turn, run the graphs of ``frames`` frames on made-up inputs, close it.

    One that fails is part of the result, with its reason.
    """
    found = []
    for name in names:
        if told is not None:
            told(f"measuring {name} with world {pack.manifest.name}, once")
        found.append(_measure_one(pack, name, open_one, frames))
        if told is not None:
            told(found[-1].in_words())
    return tuple(found)


def _measure_one(pack: WorldPack, name: str, open_one: Open, frames: int) -> Measured:
    began = time.perf_counter()
    try:
        executor = open_one(name)
    except DreamportError as error:
        return Measured(name, problem=str(error))
    open_s = round(time.perf_counter() - began, 3)
    try:
        feeds = made_up_feeds(pack, executor)
        times: list[float] = []
        until = time.perf_counter() + BUDGET_S
        while len(times) < frames + WARM_FRAMES and (
            len(times) <= WARM_FRAMES or time.perf_counter() < until
        ):
            start = time.perf_counter()
            run_frame(pack, executor, feeds)
            times.append(time.perf_counter() - start)
        frame_ms = round(1000 * median(times[WARM_FRAMES:] or times), 3)
        return Measured(name, executor.device, executor.precision, frame_ms, open_s)
    except DreamportError as error:
        return Measured(name, executor.device, executor.precision, problem=str(error))
    finally:
        executor.close()


def made_up_feeds(pack: WorldPack, executor: Executor) -> dict[str, dict[str, Any]]:
    """Inputs of every graph by name: uniform numbers and a full cache, in the executor's own memory."""
    rng = np.random.default_rng(0)
    feeds: dict[str, dict[str, Any]] = {}
    for graph, signature in signatures(pack.manifest).items():
        feeds[graph] = {
            spec.name: np.zeros(spec.shape, spec.dtype)
            if spec.dtype == "int64"
            else rng.uniform(0.0, 1.0, spec.shape).astype(np.float32)
            for spec in signature.inputs
        }
    denoise = feeds["denoise"]
    cache = executor.attention_cache(pack.manifest.cache) if isinstance(executor, KeepsCache) else None
    if cache is not None:
        cache.fill(denoise["cache_k"], denoise["cache_v"])
        denoise |= {"cache_k": cache.k, "cache_v": cache.v}
    denoise["cache_length"][0] = pack.manifest.cache.shape[2]
    return feeds


def run_frame(pack: WorldPack, executor: Executor, feeds: dict[str, dict[str, Array]]) -> None:
    """The graphs of one frame in the generator's order: a denoise pass for every noise level and one for the
    cache. Words are read once a prompt, and so not here.
    """
    passes = len(pack.manifest.sampler.sigmas) + 1
    for graph in ("motion", "reproject", "encode", *("denoise",) * passes, "decode"):
        if graph in feeds:
            executor.run(graph, feeds[graph])
