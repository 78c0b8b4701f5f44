"""Bake a data set for training: frames, rays and controls, the bank of views, and what the bank shows of
every frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from dreamport.episodes.dataset import Dataset
from dreamport.errors import DatasetError
from dreamport.generator.coverage import CANDIDATES, ViewIndex, pick
from dreamport.geometry import camera_rays
from dreamport.models.reprojection import Reprojection
from dreamport.worlds.views import Views, ViewsBuilder, quantise_inverse_depth, unpack_views
from dreamport_training.data.bank import farthest_views

STRIDE = 8  # pixels of the frame a latent cell
OWN_FRAMES = (
    8  # a bank view this close in time to a frame is not shown to it: at play time no view is so near
)


@dataclass(frozen=True)
class BakeConfig:
    """``near_m``, ``far_m``: the manifest's depth range. ``views``: size of the bank. ``per_frame``: views
    a frame is made from."""

    near_m: float
    far_m: float
    views: int
    per_frame: int = 4
    quality: int = 90
    workers: int = 2


def bake(data: Path, folder: Path, config: BakeConfig, split: str = "train") -> None:
    """Write everything :class:`dreamport_training.data.baked.Baked` reads, and ``bank.npz``, the pack's views
    file."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "first.npy").exists():
        bake_frames(data, folder, config, split)
    pose = np.load(folder / "pose.npy")
    if not (folder / "bank.npz").exists():
        build_bank(folder, pose, config)
    bake_hints(folder, config)
    (folder / "index.json").write_text(
        json.dumps({"frames": len(pose), "split": split, "near_m": config.near_m})
    )


def _bake_episode(job: tuple[Path, Path, str, int, int, float]) -> None:
    data, folder, split, number, at, near_m = job
    episode = Dataset(data).episodes(split)[number]
    n = len(episode)
    colours = episode.colours()
    height, width = colours.shape[1:3]
    np.lib.format.open_memmap(folder / "colour.npy", "r+")[at : at + n] = colours
    np.lib.format.open_memmap(folder / "inverse_depth.npy", "r+")[at : at + n] = quantise_inverse_depth(
        episode.depths(), near_m
    )
    rays = np.lib.format.open_memmap(folder / "rays.npy", "r+")
    for i in range(n):
        rays[at + i] = camera_rays(episode.pose[i], episode.cameras[i], height, width, STRIDE)


def bake_frames(data: Path, folder: Path, config: BakeConfig, split: str) -> None:
    """Decode every episode of a split into memory-mapped arrays."""
    dataset = Dataset(data)
    episodes = dataset.episodes(split)
    if not episodes:
        raise DatasetError(
            f"{data} has no episodes of the split {split!r}; record some with dreamport capture"
        )
    lengths = [len(e) for e in episodes]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    total = sum(lengths)
    height, width = episodes[0].colour(0).shape[:2]
    cells = (height // STRIDE, width // STRIDE)
    for name, dtype, shape in (
        ("colour", np.uint8, (height, width, 3)),
        ("inverse_depth", np.uint16, (height, width)),
        ("rays", np.float16, (6, *cells)),
    ):
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, (total, *shape))
    jobs = [(data, folder, split, i, int(at), config.near_m) for i, at in enumerate(starts)]
    with ProcessPoolExecutor(config.workers) as pool:
        for _ in track(pool.map(_bake_episode, jobs), total=len(jobs), description="decode"):
            pass
    buttons = len(dataset.info.buttons)
    controls = [
        np.concatenate([(e.buttons[:, None].astype(np.int64) >> np.arange(buttons)) & 1, e.look_deg], axis=1)
        for e in episodes
    ]
    runs = [
        (int(at) + begin, end - begin)
        for e, at in zip(episodes, starts, strict=True)
        for begin, end in e.runs()
    ]
    first = np.concatenate([np.full(frames, begin, np.int64) for begin, frames in runs])
    control = np.concatenate(controls).astype(np.float32)
    control[np.unique(first)] = 0.0  # what led over a gap is no single step
    np.save(folder / "pose.npy", np.concatenate([e.pose for e in episodes]).astype(np.float32))
    np.save(folder / "intrinsics.npy", np.concatenate([e.cameras for e in episodes]))
    np.save(folder / "state.npy", np.concatenate([e.motion_state for e in episodes]).astype(np.float32))
    np.save(folder / "control.npy", control)
    np.save(folder / "first.npy", first)


def build_bank(folder: Path, pose: NDArray[np.float32], config: BakeConfig) -> None:
    """Choose the bank's views and write them as the pack's views file, with ``bank_frames.npy`` saying
    which they are."""
    colour = np.load(folder / "colour.npy", mmap_mode="r")
    inverse = np.load(folder / "inverse_depth.npy", mmap_mode="r")
    intrinsics = np.load(folder / "intrinsics.npy")
    chosen = np.sort(farthest_views(pose, config.views))
    builder = ViewsBuilder(config.near_m, config.quality)
    for i in track(chosen, description="bank"):
        depth = config.near_m * 65535.0 / np.maximum(inverse[i].astype(np.float32), 1.0)
        builder.add(np.ascontiguousarray(colour[i]), depth, pose[i], intrinsics[i])
    builder.write(folder / "bank.npz")
    np.save(folder / "bank_frames.npy", chosen)


def read_bank(folder: Path, height: int, width: int) -> Views:
    """The bank that :func:`build_bank` wrote."""
    with np.load(folder / "bank.npz", allow_pickle=False) as arrays:
        return unpack_views(dict(arrays), height, width)


def _bake_range(job: tuple[Path, BakeConfig, int, int]) -> int:
    folder, config, begin, end = job
    torch.set_num_threads(1)
    arrays = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "r+")
        for name in ("hint_colour", "hint_inverse_depth", "hint_valid")
    }
    height, width = arrays["hint_valid"].shape[1:]
    pose, intrinsics = np.load(folder / "pose.npy"), np.load(folder / "intrinsics.npy")
    first, source = np.load(folder / "first.npy"), np.load(folder / "bank_frames.npy")
    bank = read_bank(folder, height, width)
    index = ViewIndex(len(bank), (height, width), config.near_m, config.far_m)
    index.put(slice(0, len(bank)), bank.pose, bank.intrinsics, bank.inverse_depth_grid)
    colour, inverse = (
        np.load(folder / "colour.npy", mmap_mode="r"),
        np.load(folder / "inverse_depth.npy", mmap_mode="r"),
    )
    warp = Reprojection(height, width, config.near_m)
    for i in range(begin, end):
        own = (first[source] == first[i]) & (np.abs(source - i) <= OWN_FRAMES)
        near = index.nearest(pose[i], ~own, CANDIDATES)
        rows = near[pick(index.gains(near, pose[i], intrinsics[i]), config.per_frame)]
        if len(rows) == 0:
            continue
        rows = np.resize(rows, config.per_frame)
        views = source[rows]
        target_from_source = np.linalg.inv(pose[i].astype(np.float64)) @ pose[views].astype(np.float64)
        with torch.no_grad():
            out = warp(
                torch.from_numpy(colour[views].astype(np.float32) / 255.0).permute(0, 3, 1, 2),
                torch.from_numpy(inverse[views].astype(np.float32) / 65535.0)[:, None],
                torch.from_numpy(target_from_source.astype(np.float32)),
                torch.from_numpy(intrinsics[views]),
                torch.from_numpy(intrinsics[i]),
            )
        arrays["hint_colour"][i] = (out["colour"][0].permute(1, 2, 0).numpy() * 255.0 + 0.5).astype(np.uint8)
        arrays["hint_inverse_depth"][i] = (out["inverse_depth"][0, 0].numpy() * 65535.0).astype(np.uint16)
        arrays["hint_valid"][i] = out["valid"][0, 0].numpy().astype(np.uint8)
    return end - begin


def bake_hints(folder: Path, config: BakeConfig) -> None:
    """Reproject the bank into every frame; ranges already done are kept, so the work can be taken up
    again."""
    colour = np.load(folder / "colour.npy", mmap_mode="r")
    n, height, width = colour.shape[:3]
    for name, dtype, shape in (
        ("hint_colour", np.uint8, (n, height, width, 3)),
        ("hint_inverse_depth", np.uint16, (n, height, width)),
        ("hint_valid", np.uint8, (n, height, width)),
    ):
        if not (folder / f"{name}.npy").exists():
            np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape)
    done_file = folder / "hints_done.json"
    done = set(json.loads(done_file.read_text())) if done_file.exists() else set()
    todo = [b for b in range(0, n, 100) if b not in done]
    jobs = [(folder, config, b, min(n, b + 100)) for b in todo]
    with ProcessPoolExecutor(config.workers) as pool:
        for begin, _ in zip(todo, _tracked(pool.map(_bake_range, jobs), len(jobs)), strict=True):
            done.add(begin)
            done_file.write_text(json.dumps(sorted(done)))


def _tracked(results: Iterator[int], total: int) -> Iterator[int]:
    yield from track(results, total=total, description="reproject")
