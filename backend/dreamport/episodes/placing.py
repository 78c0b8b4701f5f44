"""Makes episodes of recordings: when one is finished, when its recorder went away, and after a server was
killed.

Every step may be interrupted and done again. An episode's row under ``meta/episodes`` is put in place last,
so an episode is there whole or not at all.
"""

from __future__ import annotations

import json
import math
import os
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from dreamport.episodes import matroska
from dreamport.episodes.layout import ALIGNMENT, RECORDINGS, episode_paths
from dreamport.episodes.locks import FileLock, FileLocked
from dreamport.episodes.plan import EpisodePlan
from dreamport.episodes.recording import dataset_lock, disk_errors, read_plan, remove_recording
from dreamport.episodes.rows import ENGINE_NUMBERS, FrameFacts, Mark, Row, read_rows
from dreamport.episodes.syncing import sync_folder, sync_path
from dreamport.episodes.tables import EPISODE_SCHEMA, FRAME_SCHEMA
from dreamport.errors import DatasetError
from dreamport.geometry import Pose

BATCH_ROWS = 4096
_LAST = "episode.parquet"


@dataclass(frozen=True)
class PlacedEpisode:
    """An episode that is in its data set. ``missing``: frames lost between those it has."""

    dataset: Path
    episode_id: str
    index: int
    frames: int
    missing: int


@dataclass
class _Found:
    """What of a recording is whole. Offsets and ends are of the videos, bytes."""

    frames: int = 0
    missing: int = 0
    next_index: int = 0
    colour: array[int] = field(default_factory=lambda: array("Q"))
    depth: array[int] = field(default_factory=lambda: array("Q"))
    colour_end: int = 0
    depth_end: int = 0
    marks: list[Mark] = field(default_factory=list)


def place(folder: Path, ended: str, *, verify: bool) -> PlacedEpisode | None:
    """Make an episode of the recording in ``folder``, which nothing writes any more; ``None`` when it holds
    no whole frame (then it is removed). ``ended``: how the recording ended. ``verify``: check every picture
    against its checksum first and keep those before the first damaged one, which a power cut calls for.

    Raises ``DiskFullError`` and ``DatasetError``; the recording stays then, and placing can be tried again.
    """
    root = folder.parent.parent
    with disk_errors(root):
        plan, colour, depth = read_plan(folder)
        begun = _begun(folder, depth is not None)
        found = _Found() if begun is not None else _whole_frames(folder, depth is not None, verify)
        if begun is None and not found.frames:
            remove_recording(folder)
            return None
        with dataset_lock(root):
            if begun is not None:
                placed = PlacedEpisode(root, plan.episode_id, *begun)
            else:
                placed = PlacedEpisode(root, plan.episode_id, _free_index(root), found.frames, found.missing)
                (folder / "reserve").unlink(missing_ok=True)
                _finish_videos(folder, found, colour, depth)
                _write_tables(folder, plan, placed, found, ended)
                _note(folder, placed)
            _move(folder, placed, depth is not None)
        remove_recording(folder)
    return placed


def recover(root: Path) -> Iterator[PlacedEpisode | DatasetError]:
    """Place every recording under the data set at ``root`` that nothing writes any more. A failure of one is
    given, not raised; it can be tried again.
    """
    if not (root / RECORDINGS).is_dir():
        return
    try:
        with disk_errors(root), dataset_lock(root):  # nothing is just being begun
            folders = sorted(path for path in (root / RECORDINGS).glob("*") if path.is_dir())
    except DatasetError as error:
        yield DatasetError(f"{root}: {error}")
        return
    for folder in folders:
        try:
            lock = FileLock(folder / "lock").take()
        except FileLocked:
            continue
        except OSError as error:
            yield DatasetError(f"{folder} cannot be opened ({error.strerror}); check its permissions")
            continue
        with lock:
            try:
                if not (folder / "plan.json").exists():  # killed while it was begun, or while it was removed
                    remove_recording(folder)
                    continue
                placed = place(folder, "server killed", verify=True)
            except DatasetError as error:
                yield error
            else:
                if placed is not None:
                    yield placed


def _whole_frames(folder: Path, has_depth: bool, verify: bool) -> _Found:
    found = _Found()
    with (
        (folder / "colour.mkv").open("rb") as colour,
        (folder / ("depth.mkv" if has_depth else "rows")).open("rb") as depth,
    ):
        ends = (os.fstat(colour.fileno()).st_size, os.fstat(depth.fileno()).st_size)
        for row in read_rows(folder / "rows"):
            if isinstance(row, Mark):
                found.marks.append(row)
                continue
            pairs = [(colour, row.colour, ends[0])]
            if row.depth is not None:
                pairs.append((depth, row.depth, ends[1]))
            if any(block.end > end for _, block, end in pairs) or (
                verify and any(matroska.crc_of(file, block) != block.crc32 for file, block, _ in pairs)
            ):
                break
            found.frames += 1
            found.missing += row.facts.index - found.next_index
            found.next_index = row.facts.index + 1
            found.colour.append(row.colour.offset)
            found.colour_end = row.colour.end
            if row.depth is not None:
                found.depth.append(row.depth.offset)
                found.depth_end = row.depth.end
    return found


def _finish_videos(folder: Path, found: _Found, colour: matroska.Track, depth: matroska.Track | None) -> None:
    matroska.finish(folder / "colour.mkv", colour, found.colour, found.colour_end)
    if depth is not None:
        matroska.finish(folder / "depth.mkv", depth, found.depth, found.depth_end)


def _write_tables(folder: Path, plan: EpisodePlan, placed: PlacedEpisode, found: _Found, ended: str) -> None:
    with pq.ParquetWriter(folder / "data.parquet", FRAME_SCHEMA, compression="zstd") as writer:
        batch: list[dict[str, Any]] = []
        for row in _table_rows(folder, plan, placed):
            batch.append(row)
            if len(batch) == BATCH_ROWS:
                writer.write_table(pa.Table.from_pylist(batch, FRAME_SCHEMA))
                batch = []
        if batch:
            writer.write_table(pa.Table.from_pylist(batch, FRAME_SCHEMA))
    header = {
        "episode_id": plan.episode_id, "seed": plan.seed, "map": plan.map_name, "map_digest": plan.map_digest,
        "played_by": plan.played_by, "tags": plan.tags, "session": plan.session, "ended": ended,
        "alignment": ALIGNMENT,
        **plan.info.source,
    }  # fmt: skip
    with (folder / "raw.jsonl").open("w", encoding="utf-8") as file:
        file.write(json.dumps(header) + "\n")
        for mark in found.marks:
            event = {"mark": mark.name, "text": mark.text, "row": min(mark.row, placed.frames - 1)}
            file.write(json.dumps({**event, "client_time_ns": mark.client_time_ns}) + "\n")
    chunk, number = divmod(placed.index, 1000)
    row = {
        "episode_index": placed.index, "length": placed.frames, "seed": plan.seed, "split": plan.split,
        "data/chunk_index": chunk, "data/file_index": number, "episode_id": plan.episode_id,
        "missing": placed.missing, "ended": ended, "map": plan.map_name, "map_digest": plan.map_digest,
        "played_by": plan.played_by, "tags": json.dumps(plan.tags), "session": plan.session or None,
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row], EPISODE_SCHEMA), folder / _LAST)


def _table_rows(folder: Path, plan: EpisodePlan, placed: PlacedEpisode) -> Iterator[dict[str, Any]]:
    info, count, expected = plan.info, 0, 0
    before: np.ndarray[Any, Any] | None = None
    for row in read_rows(folder / "rows"):
        if isinstance(row, Mark):
            continue
        facts, missing = row.facts, row.facts.index - expected
        pose = _pose(facts)
        yield {
            "episode_index": placed.index,
            "frame_index": count,
            "timestamp": float(count / info.video_rate),
            "action.buttons": facts.buttons if count else None,
            "action.look_deg": list(facts.look_deg) if count else None,
            "action.mouse_dxdy": list(facts.mouse_dxdy) if count and facts.mouse_dxdy else None,
            "camera.c2w": [math.nan] * 16 if pose is None else pose.matrix().ravel().tolist(),
            "camera.confidence": facts.confidence,
            "camera.intrinsics": list(facts.intrinsics or info.intrinsics),
            "observation.state": _state(row, pose, before, missing, info.frame_rate),
            "observation.engine": [*facts.engine, *[math.nan] * (ENGINE_NUMBERS - len(facts.engine))],
            "is_first": count == 0,
            "is_last": count == placed.frames - 1,
            "frame_number": facts.index,
            "missing_before": missing,
            "client_time_ns": facts.client_time_ns,
            "redacted": facts.redacted,
        }
        before = None if pose is None else np.asarray(pose.position)
        expected, count = facts.index + 1, count + 1
        if count == placed.frames:
            return


def _pose(facts: FrameFacts) -> Pose | None:
    if facts.position is None or facts.orientation is None:
        return None
    norm = math.sqrt(sum(v * v for v in facts.orientation))
    qx, qy, qz, qw = (v / norm for v in facts.orientation)
    x, y, z = facts.position
    return Pose((x, y, z), (qx, qy, qz, qw))


def _state(
    row: Row, pose: Pose | None, before: np.ndarray[Any, Any] | None, missing: int, frame_rate: float
) -> list[float]:
    """Position, heading and velocity in metres a frame: as the engine gave it, or the way since the row
    before (0 for the first, and after one without a pose). NaN without a pose.
    """
    if pose is None:
        return [math.nan] * 9
    yaw = math.radians(pose.yaw_deg())
    velocity = [0.0, 0.0, 0.0]
    if row.facts.velocity is not None:
        velocity = [v / frame_rate for v in row.facts.velocity]
    elif before is not None:
        velocity = ((np.asarray(pose.position) - before) / (missing + 1)).tolist()
    return [*pose.position, math.sin(yaw), math.cos(yaw), math.radians(pose.pitch_deg()), *velocity]


def _names(has_depth: bool) -> list[str]:
    return ["colour.mkv", *(["depth.mkv"] if has_depth else []), "raw.jsonl", "data.parquet", _LAST]


def _note(folder: Path, placed: PlacedEpisode) -> None:
    """From here on the episode has its index, and only moving is left."""
    for name in _names((folder / "depth.mkv").exists()):
        sync_path(folder / name)
    part = folder / "placing.part"
    part.write_text(json.dumps([placed.index, placed.frames, placed.missing]))
    sync_path(part)
    os.replace(part, folder / "placing.json")
    sync_folder(folder)


def _begun(folder: Path, has_depth: bool) -> tuple[int, int, int] | None:
    """Index, frames and missing ones of an episode whose placing was interrupted while it was moved.

    When none of its files has been moved yet, its index may have been given to another: it is made anew.
    """
    try:
        index, frames, missing = json.loads((folder / "placing.json").read_text())
    except (OSError, ValueError):
        return None
    there = [name for name in _names(has_depth) if (folder / name).exists()]
    return None if len(there) == len(_names(has_depth)) else (int(index), int(frames), int(missing))


def _move(folder: Path, placed: PlacedEpisode, has_depth: bool) -> None:
    paths = episode_paths(placed.dataset, placed.index)
    for name in _names(has_depth):
        target = paths[name]
        target.parent.mkdir(parents=True, exist_ok=True)
        if name == _LAST:
            _sync_above(placed.dataset, paths)
        if (folder / name).exists():
            os.replace(folder / name, target)
    sync_folder(paths[_LAST].parent)


def _sync_above(root: Path, paths: Mapping[str, Path]) -> None:
    """Sync every folder from ``root`` down to those of an episode's files: some may be new themselves."""
    folders = {root}
    for path in paths.values():
        folders.update(place for place in path.parents if place.is_relative_to(root) and place.exists())
    for place in folders:
        sync_folder(place)


def _free_index(root: Path) -> int:
    """The first index of which no file is there, not even one whose placing was interrupted."""
    used = [-1]
    for kind in (
        "videos/*/chunk-*/file-*.mkv",
        "data/chunk-*/file-*.parquet",
        "meta/episodes/chunk-*/file-*.parquet",
    ):
        for path in root.glob(kind):
            used.append(int(path.parent.name[6:]) * 1000 + int(path.stem[5:]))
    return max(used) + 1
