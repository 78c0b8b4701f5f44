"""What a run has to work with: what the data set holds, and what the machine gives."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch

from dreamport.episodes.dataset import Dataset, Episode
from dreamport.errors import DatasetError, TrainingError

DEPTH_SAMPLES = 24
"""Pictures whose depth is looked at to find the range."""


@dataclass(frozen=True)
class Survey:
    """A data set as training sees it. ``frames``: of the episodes that train; ``clip``: length of the longest
    run without a gap. ``near_m`` and ``far_m``: the range that its depth covers, metres, ``None`` without
    depth. ``motion_frames``: recorded without pictures."""

    name: str
    licence: str
    episodes: int
    heldout: int
    frames: int
    clip: int
    recorded: tuple[int, int]
    frame_rate: float
    buttons: tuple[str, ...]
    pose: str
    near_m: float | None
    far_m: float | None
    motion_frames: int

    @property
    def minutes(self) -> float:
        """Length of what trains."""
        return self.frames / self.frame_rate / 60.0


@dataclass(frozen=True)
class Machine:
    """``device``: ``cpu`` or ``cuda``, with its ``label``; memory and disk in bytes."""

    device: str
    label: str
    cores: int
    memory: int
    disk_free: int


def survey_data(path: Path) -> Survey:
    """Look at a data set. Raises ``DatasetError`` when no episode of it can train."""
    data = Dataset(path)
    rows = [row for row in data.rows() if row["split"] == "train" and row["length"] > 0]
    frames = sum(int(row["length"]) for row in rows)
    if not rows:
        raise DatasetError(
            f"{path} has no episodes that train; record some, or divide it with dreamport data split {path}"
        )
    near, far = _depth_range(data)
    return Survey(
        name=data.info.name,
        licence=data.info.licence,
        episodes=len(rows),
        heldout=sum(row["split"] == "heldout" for row in data.rows()),
        frames=frames,
        clip=_longest_run(data),
        recorded=(data.info.width, data.info.height),
        frame_rate=data.info.frame_rate,
        buttons=data.info.buttons,
        pose=data.info.pose,
        near_m=near,
        far_m=far,
        motion_frames=_motion_frames(path),
    )


def survey_machine(folder: Path, device: str | None = None) -> Machine:
    """What runs here; ``folder`` is where the run would lie. Raises ``TrainingError`` when ``device`` is not
    there."""
    if device not in (None, "cpu", "cuda"):
        raise TrainingError(f"device {device!r} is unknown; choose cpu or cuda")
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise TrainingError("no CUDA device was found; give --device cpu, or install a CUDA build of torch")
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    use_cuda = cuda and device != "cpu"
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        cores = os.cpu_count() or 1
    memory = torch.cuda.mem_get_info()[0] if use_cuda else psutil.virtual_memory().available
    return Machine(
        device="cuda" if use_cuda else "cpu",
        label=torch.cuda.get_device_name() if use_cuda else f"{cores} CPU cores",
        cores=cores,
        memory=int(memory),
        disk_free=shutil.disk_usage(place).free,
    )


def _readable(data: Dataset) -> list[Episode]:
    episodes = []
    for number, row in enumerate(data.rows()):
        if row["split"] == "train":
            try:
                episodes.append(data[number])
            except DatasetError:
                continue  # the bake names it and leaves it out
    return episodes


def _longest_run(data: Dataset) -> int:
    return max((end - begin for episode in _readable(data) for begin, end in episode.runs()), default=0)


def _depth_range(data: Dataset) -> tuple[float | None, float | None]:
    """Half of the nearest and a little more than the farthest surface, of pictures spread over the data."""
    if data.info.depth == "none":
        return None, None
    episodes = _readable(data)
    chosen = np.linspace(0, len(episodes) - 1, min(len(episodes), DEPTH_SAMPLES)).astype(int)
    lows, highs = [], []
    for turn, number in enumerate(dict.fromkeys(chosen.tolist())):
        episode = episodes[number]
        for share in (0.1, 0.5, 0.9) if len(chosen) < DEPTH_SAMPLES else ((0.1, 0.5, 0.9)[turn % 3],):
            try:
                depth = episode.depth(int(share * (len(episode) - 1)))
            except (DatasetError, OSError, ValueError, IndexError):
                continue  # the bake names what is damaged
            seen = depth[np.isfinite(depth) & (depth > 0)]
            if len(seen):
                lows.append(float(np.percentile(seen, 0.1)))
                highs.append(float(np.percentile(seen, 99.9)))
        episode.close()
    if not lows:
        return None, None
    near = max(0.01, float(f"{0.5 * min(lows):.2g}"))
    return near, float(f"{max(1.2 * max(highs), 2 * near):.2g}")


def _motion_frames(path: Path) -> int:
    total = 0
    for shard in (path / "physics" / "train").glob("motion-*.npz"):
        with np.load(shard, allow_pickle=False) as arrays:
            total += len(arrays["is_first"])
    return total
