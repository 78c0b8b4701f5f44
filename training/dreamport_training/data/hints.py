"""What memory shows of every frame: the bank of views, chosen and written, and reprojected into each frame by
the generator's own means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dreamport.generator.coverage import CANDIDATES, ViewIndex, pick
from dreamport.models.reprojection import Reprojection
from dreamport.worlds.views import Views, ViewsBuilder, unpack_views
from dreamport_training.data.bank import farthest_views
from dreamport_training.data.columns import Column, room_for, save_array
from dreamport_training.data.journal import Settings

OWN_FRAMES = (
    8  # a bank view this close in time to a frame is not shown to it: at play time no view is so near
)
RANGE = 100
"""Frames of one job."""
HINTS = ("hint_colour", "hint_inverse_depth", "hint_valid")


def build_bank(folder: Path, pose: NDArray[np.float32], settings: Settings) -> Iterator[int]:
    """Choose the bank's views and write them as the pack's views file, with ``bank_frames.npy`` saying which
    they are. Yields the number of views so far."""
    colour = np.load(folder / "colour.npy", mmap_mode="r")
    inverse = np.load(folder / "inverse_depth.npy", mmap_mode="r")
    intrinsics = np.load(folder / "intrinsics.npy")
    chosen = np.sort(farthest_views(pose, settings.views))
    builder = ViewsBuilder(settings.near_m, settings.quality)
    for done, i in enumerate(chosen, 1):
        depth = settings.near_m * 65535.0 / np.maximum(inverse[i].astype(np.float32), 1.0)
        builder.add(np.ascontiguousarray(colour[i]), depth, pose[i], intrinsics[i])
        yield done
    save_array(folder / "bank_frames.npy", chosen)
    part = folder / "bank.npz.part"
    try:
        builder.write(part)
        part.replace(folder / "bank.npz")
    finally:
        part.unlink(missing_ok=True)


def read_bank(folder: Path, height: int, width: int) -> Views:
    """The bank that :func:`build_bank` wrote."""
    with np.load(folder / "bank.npz", allow_pickle=False) as arrays:
        return unpack_views(dict(arrays), height, width)


@dataclass(frozen=True)
class HintJob:
    """Frames ``begin`` to ``end`` of the bake in ``folder``."""

    folder: Path
    settings: Settings
    begin: int
    end: int


def hint_jobs(folder: Path, settings: Settings, frames: int, done: frozenset[int]) -> list[HintJob]:
    """The ranges that are still to be reprojected."""
    return [
        HintJob(folder, settings, begin, min(frames, begin + RANGE))
        for begin in range(0, frames, RANGE)
        if begin not in done
    ]


def reproject(job: HintJob) -> str:
    """Reproject the bank into a range of frames. Raises ``DiskFullError``."""
    torch.set_num_threads(1)
    folder, settings = job.folder, job.settings
    height, width = settings.height, settings.width
    pose, intrinsics = np.load(folder / "pose.npy"), np.load(folder / "intrinsics.npy")
    first, source = np.load(folder / "first.npy"), np.load(folder / "bank_frames.npy")
    bank = read_bank(folder, height, width)
    index = ViewIndex(len(bank), (height, width), settings.near_m, settings.far_m)
    index.put(slice(0, len(bank)), bank.pose, bank.intrinsics, bank.inverse_depth_grid)
    colour = np.load(folder / "colour.npy", mmap_mode="r")
    inverse = np.load(folder / "inverse_depth.npy", mmap_mode="r")
    warp = Reprojection(height, width, settings.near_m)
    columns = {name: Column(folder / f"{name}.npy") for name in HINTS}
    try:
        with room_for(f"what memory shows of frames {job.begin} to {job.end}"):
            for i in range(job.begin, job.end):
                own = (first[source] == first[i]) & (np.abs(source - i) <= OWN_FRAMES)
                near = index.nearest(pose[i], ~own, CANDIDATES)
                rows = near[pick(index.gains(near, pose[i], intrinsics[i]), settings.per_frame)]
                if len(rows) == 0:
                    continue
                rows = np.resize(rows, settings.per_frame)
                views = source[rows]
                target_from_source = np.linalg.inv(pose[i].astype(np.float64)) @ pose[views].astype(
                    np.float64
                )
                with torch.no_grad():
                    out = warp(
                        torch.from_numpy(colour[views].astype(np.float32) / 255.0).permute(0, 3, 1, 2),
                        torch.from_numpy(inverse[views].astype(np.float32) / 65535.0)[:, None],
                        torch.from_numpy(target_from_source.astype(np.float32)),
                        torch.from_numpy(intrinsics[views]),
                        torch.from_numpy(intrinsics[i]),
                    )
                shown = (out["colour"][0].permute(1, 2, 0).numpy() * 255.0 + 0.5).astype(np.uint8)
                steps = (out["inverse_depth"][0, 0].numpy() * 65535.0).astype(np.uint16)
                columns["hint_colour"].write(i, shown[None])
                columns["hint_inverse_depth"].write(i, steps[None])
                columns["hint_valid"].write(i, out["valid"][0, 0].numpy().astype(np.uint8)[None])
            for column in columns.values():
                column.sync()
    finally:
        for column in columns.values():
            column.__exit__(None, None, None)
    return ""
