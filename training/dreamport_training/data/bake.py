"""Bake a data set for training: frames, rays and controls, the bank of views, and what the bank shows of
every frame."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.progress import track

from dreamport.episodes.dataset import Dataset
from dreamport.episodes.verdicts import verdicts
from dreamport.errors import DatasetError, DiskFullError
from dreamport_training.config import DataSection
from dreamport_training.data.columns import Column, room_for, shorten_column
from dreamport_training.data.frames import (
    DecodeJob,
    array_bytes,
    array_shapes,
    create_arrays,
    decode,
    write_tables,
)
from dreamport_training.data.hints import build_bank, hint_jobs, reproject
from dreamport_training.data.journal import RANGE, Journal, Settings, check_same, read_journal
from dreamport_training.data.sizing import Sizing, sizing_of
from dreamport_training.data.spread import Spread

ROW_BYTES, SPARE_BYTES = 512, 1 << 16
"""Of a frame in the small tables; and left free for the journal."""

Done = TypeVar("Done")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class BakeConfig:
    """``near_m``, ``far_m``: the manifest's depth range. ``views``: size of the bank. ``per_frame``: views
    a frame is made from. ``width``, ``height``: the world's frame; left out, they follow the data (see
    :func:`dreamport_training.data.sizing.sizing_of`). ``workers``: processes. ``ray``: address of a Ray
    cluster whose machines see ``data`` and the folder under the same paths; ``local`` begins one here.
    ``min_confidence``: poses of a pseudo-posed data set that are less sure count as unknown."""

    near_m: float
    far_m: float
    views: int
    per_frame: int = 4
    quality: int = 90
    workers: int = 2
    width: int | None = None
    height: int | None = None
    ray: str | None = None
    min_confidence: float = 0.2

    @staticmethod
    def of(section: DataSection, ray: str | None = None) -> BakeConfig:
        """What a run's configuration says of its data."""
        return BakeConfig(
            section.near_m,
            section.far_m,
            section.views,
            section.per_frame,
            section.jpeg_quality,
            section.workers,
            section.width,
            section.height,
            ray,
            section.min_confidence,
        )


@dataclass(frozen=True)
class BakeResult:
    """``episodes`` and ``frames`` that were used; ``left_out``: an episode's number to the reason."""

    episodes: int
    frames: int
    left_out: dict[int, str]


def bake(
    data: Path, folder: Path, config: BakeConfig, split: str = "train", tell: Tell | None = None
) -> BakeResult:
    """Write everything :class:`dreamport_training.data.baked.Baked` reads, and ``bank.npz``, the pack's
    views file. What the data set lacks is left out: without depth there is no depth, without recorded poses
    no bank, without any poses no rays.

    A bake that was stopped, by a kill or a full disk, goes on where it was. ``tell`` hears of every episode
    that is left out. Raises ``DatasetError`` when nothing can be used or ``folder`` holds another bake,
    ``DiskFullError`` when the disk is too small or becomes full.
    """
    say = tell or (lambda text: print(text, flush=True))
    finished = (folder / "index.json").exists()
    if finished and read_journal(folder) is None:
        return _result_of(folder)  # baked by a version that kept no journal
    dataset = Dataset(data)
    info = dataset.info
    sizing = sizing_of((info.width, info.height), config.width, config.height)
    settings = Settings(
        split, sizing.width, sizing.height, config.near_m, config.far_m, config.views, config.per_frame,
        config.quality, info.pose, info.depth != "none", config.min_confidence,
    )  # fmt: skip
    with room_for("what the bake writes first"):
        folder.mkdir(parents=True, exist_ok=True)
        journal = _begin(dataset, folder, settings, say)
    if finished:
        return _result_of(folder)
    _check_room(folder, journal)
    with Spread(config.workers, config.ray) as spread:
        journal = _decode(dataset, folder, journal, sizing, spread, say)
        if journal.settings.bank:
            journal = _remember(folder, journal, spread)
    used = journal.places()
    result = BakeResult(len(used), journal.frames, journal.left_out)
    with room_for("the index"):
        index = {
            "frames": result.frames, "episodes": result.episodes, "left_out": result.left_out, "split": split,
            "near_m": settings.near_m, "pose": settings.pose, "depth": settings.depth, "name": info.name,
            "licence": info.licence, "frame_rate": info.frame_rate, "buttons": list(info.buttons),
            "keys": info.source.get("keys", {}), "look_max_deg": info.look_max_deg,
        }  # fmt: skip
        part = folder / "index.json.part"
        part.write_text(json.dumps(index))
        part.replace(folder / "index.json")
    return result


def _result_of(folder: Path) -> BakeResult:
    index = json.loads((folder / "index.json").read_text())
    left_out = {int(number): reason for number, reason in index.get("left_out", {}).items()}
    return BakeResult(int(index.get("episodes", 0)), int(index["frames"]), left_out)


def _begin(dataset: Dataset, folder: Path, settings: Settings, say: Tell) -> Journal:
    """The journal of a bake that was stopped, or a new one with every episode whose rows are good."""
    rows = [row for row in dataset.rows() if row["split"] == settings.split]
    if not rows:
        raise DatasetError(
            f"{dataset.path} has no episodes of the split {settings.split!r}; record some with dreamport "
            "capture"
        )
    journal = read_journal(folder)
    if journal is not None:
        check_same(journal.settings, settings, folder)
        planned = {number for number, _ in journal.episodes}
        new = [row for row in rows if int(row["episode_index"]) not in planned]
        if new:
            say(
                f"{len(new)} episodes were recorded since {folder} was begun and are not in it; bake into "
                "another folder to use them"
            )
        return journal
    frames_of = {int(row["episode_index"]): int(row["length"]) for row in rows}
    found = [v for v in verdicts(dataset) if v.episode in frames_of or v.episode in dataset.unreadable]
    left_out = {v.episode: "; ".join(v.reasons) for v in found if not v.usable}
    for number, reason in left_out.items():
        _say_left_out(number, reason, say)
    cuts = {v.episode: v.cuts for v in found if v.usable and v.cuts}
    journal = Journal(settings, tuple(frames_of.items()), cuts, left_out)
    _check_any(dataset, journal)
    journal.write(folder)
    return journal


def _say_left_out(number: int, reason: str, say: Tell) -> None:
    named = reason if reason.startswith(f"episode {number}") else f"episode {number}: {reason}"
    say(f"left out: {named}")


def _check_any(dataset: Dataset, journal: Journal) -> None:
    reasons = {**journal.left_out, **journal.bad}
    if all(number in reasons for number, _ in journal.episodes):
        number, reason = next(iter(reasons.items()))
        raise DatasetError(
            f"no episode of {dataset.path} can be used: all {len(reasons)} are left out, the first (episode "
            f"{number}) because: {reason}"
        )


def _check_room(folder: Path, journal: Journal) -> None:
    """Raise ``DiskFullError`` before anything is decoded when the disk cannot hold what is still to come."""
    settings, frames = journal.settings, journal.frames
    needed = array_bytes(settings, frames) + frames * ROW_BYTES + SPARE_BYTES
    if settings.bank:
        needed += min(settings.views, frames) * settings.width * settings.height // 2
    names = array_shapes(journal.settings, 0)
    there = sum(_bytes_on_disk(folder / f"{name}.npy") for name in names)
    free = shutil.disk_usage(folder).free
    if needed - there > free:
        raise DiskFullError(
            f"baking {frames} frames of {settings.width}x{settings.height} takes {needed / 1e6:.1f} MB in "
            f"{folder}; {there / 1e6:.1f} MB are there and {free / 1e6:.1f} MB free. Free some space, choose "
            "another folder, or bake smaller frames (--width, --height)"
        )


def _bytes_on_disk(path: Path) -> int:
    """What a file with holes takes; its length where the system does not say."""
    if not path.exists():
        return 0
    stat = path.stat()
    return min(stat.st_size, getattr(stat, "st_blocks", stat.st_size) * 512)


def _decode(
    dataset: Dataset, folder: Path, journal: Journal, sizing: Sizing, spread: Spread, say: Tell
) -> Journal:
    """Every episode's frames into the arrays. An episode that turns out bad leaves a gap, which is closed."""
    settings = journal.settings
    place_of = {int(row["episode_index"]): place for place, row in enumerate(dataset.rows())}
    with room_for("empty arrays"):
        create_arrays(folder, settings, journal.frames)
    jobs = [
        DecodeJob(
            dataset.path, folder, settings, sizing, place_of.get(number, -1), number, at, frames, begin,
            min(frames, begin + RANGE),
        )
        for number, (at, frames) in journal.places().items()
        for _, begin in journal.ranges(number)
        if (number, begin) not in journal.decoded and number not in journal.bad
    ]  # fmt: skip
    for job, problem in _shown(spread.run(decode, jobs), len(jobs), "decode"):
        if problem and job.number not in journal.bad:
            _say_left_out(job.number, problem, say)
            journal = replace(journal, bad={**journal.bad, job.number: problem})
        elif not problem:
            journal = replace(journal, decoded=journal.decoded | {(job.number, job.begin)})
        with room_for("the journal"):
            journal.write(folder)
    _check_any(dataset, journal)
    with room_for("the rows of the episodes"):
        journal = _close_gaps(folder, journal)
        if jobs or not (folder / "confidence.npy").exists():  # the last of the tables
            episodes = (dataset[place_of[number]] for number in journal.places())
            write_tables(folder, episodes, journal, sizing)
    return journal


def _close_gaps(folder: Path, journal: Journal) -> Journal:
    """Move the episodes behind those that turned out bad, and shorten the arrays.

    What has not been moved yet does not count as decoded: after a kill in the middle it is decoded again.
    """
    before = journal.places()
    names = list(array_shapes(journal.settings, 0))
    pictures = [name for name in names if not name.startswith("hint")]
    journal = journal.closed()
    journal.write(folder)
    for number, (at, frames) in journal.places().items():
        if before[number][0] == at:
            continue
        for name in pictures:
            with Column(folder / f"{name}.npy") as column:
                column.move(before[number][0], at, frames)
        journal = replace(journal, decoded=journal.decoded.union(journal.ranges(number)))
        journal.write(folder)
    for name in names:
        shorten_column(folder / f"{name}.npy", journal.frames)
    return journal


def _remember(folder: Path, journal: Journal, spread: Spread) -> Journal:
    """The bank, and what it shows of every frame; ranges that are done are kept."""
    settings = journal.settings
    pose = np.load(folder / "pose.npy")
    if not (folder / "bank.npz").exists() or not journal.hints:
        with room_for("the bank of views"):
            count = min(settings.views, len(pose))
            for _ in track(build_bank(folder, pose, settings), total=count, description="bank"):
                pass
    jobs = hint_jobs(folder, settings, journal.frames, journal.hints)
    for job, _ in _shown(spread.run(reproject, jobs), len(jobs), "reproject"):
        journal = replace(journal, hints=journal.hints | {job.begin})
        with room_for("the journal"):
            journal.write(folder)
    return journal


def _shown(results: Iterator[Done], total: int, what: str) -> Iterator[Done]:
    yield from track(results, total=total, description=what)
