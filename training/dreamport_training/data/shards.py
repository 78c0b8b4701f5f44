"""Baked data as WebDataset shards: tar files of samples that are read in a row, from any disk or web server.

A sample is a piece of a run, ``EPISODE-ROW.*``: ``control.npy [T, A]``, ``pose.npy [T, 4, 4]``, ``camera.npy
[T, 4]``, ``rays.npy [T, 6, h, w]`` where there are poses, and either ``latent.npy [T, C, h, w]`` with
``hint.npy [T, C + 1, h, w]`` (what memory shows, whole), or, before there are latents, ``colour.npy [T, H, W,
3]`` with
``inverse_depth.npy [T, H, W]``. ``json`` says which rows of which episode it holds. The format:
https://webdataset.github.io/webdataset.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import DatasetError, MissingExtraError
from dreamport_training.data.baked import Baked
from dreamport_training.data.columns import room_for

INDEX, PLAN = "index.json", "plan.json"
SHARD_BYTES = 256 << 20
Fields = dict[str, Callable[[slice], NDArray[Any]]]


@dataclass(frozen=True)
class Shards:
    """What was written: tar files in order, and samples in all."""

    paths: tuple[Path, ...]
    samples: int


def export_shards(
    data: Baked, folder: Path, *, frames: int = 16, shard_bytes: int = SHARD_BYTES
) -> Iterator[Shards]:
    """Write ``data`` into ``folder`` as ``SPLIT-NNNNNN.tar`` of about ``shard_bytes`` each, samples of at
    most ``frames`` frames that follow each other without a gap, and ``index.json``. Yields what is done after
    every shard; shards of an export that was stopped are kept.

    Raises ``DatasetError`` when other shards are in ``folder``, ``DiskFullError``, or ``MissingExtraError``.
    """
    try:
        import webdataset  # type: ignore[import-untyped]  # noqa: PLC0415 - optional
    except ImportError:
        raise MissingExtraError(
            "shards are written by webdataset; install it with: pip install 'dreamport[cluster]'"
        ) from None
    fields = _fields(data)
    pieces = list(_pieces(data, frames))
    bytes_a_frame = sum(values(slice(0, 1)).nbytes for values in fields.values())
    per_shard = max(1, shard_bytes // max(1, bytes_a_frame * frames))
    plan = {
        "split": data.info["split"], "frames": frames, "samples": len(pieces), "samples_a_shard": per_shard,
        "rows": len(data), "fields": sorted(fields), "stamp": _stamp(data),
    }  # fmt: skip
    split = str(data.info["split"])
    written: list[Path] = []
    with room_for("the shards"):
        folder.mkdir(parents=True, exist_ok=True)
        _check_plan(folder / PLAN, plan)
        for number, first in enumerate(range(0, len(pieces), per_shard)):
            path = folder / f"{split}-{number:06d}.tar"
            part = path.with_suffix(".part")
            if not path.exists():
                try:
                    with part.open("wb") as file, webdataset.TarWriter(file, mtime=0) as shard:
                        for piece in pieces[first : first + per_shard]:
                            shard.write(_sample(data, fields, piece))
                    part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
            written.append(path)
            yield Shards(tuple(written), min(len(pieces), first + per_shard))
        index = {
            **plan,
            "shards": [{"name": path.name, "bytes": path.stat().st_size} for path in written],
            **{name: data.info.get(name) for name in ("name", "licence", "frame_rate", "buttons", "near_m")},
        }
        (folder / INDEX).write_text(json.dumps(index, indent=1))


def _fields(data: Baked) -> Fields:
    """Arrays of a sample by file name."""

    def rows(name: str) -> Callable[[slice], NDArray[Any]]:
        array = np.load(data.folder / f"{name}.npy", mmap_mode="r")
        return lambda part: np.ascontiguousarray(array[part])

    fields: Fields = {
        "control.npy": rows("control"),
        "pose.npy": rows("pose"),
        "camera.npy": rows("intrinsics"),
    }
    if data.has_rays:
        fields["rays.npy"] = rows("rays")
    if (data.folder / "latents.npy").exists():
        fields["latent.npy"] = rows("latents")
        if data.has_hints:
            hints = np.load(data.folder / "hints.npy", mmap_mode="r")
            fields["hint.npy"] = lambda part: np.ascontiguousarray(hints[part, 0])
    else:
        fields["colour.npy"] = rows("colour")
        if data.has_depth:
            fields["inverse_depth.npy"] = rows("inverse_depth")
    return fields


def _pieces(data: Baked, frames: int) -> Iterator[slice]:
    """Runs without a gap, cut into pieces."""
    begins = np.unique(data.first)
    for begin, end in zip(begins, [*begins[1:], len(data)], strict=True):
        for at in range(int(begin), int(end), frames):
            yield slice(at, min(int(end), at + frames))


def _sample(data: Baked, fields: Fields, part: slice) -> dict[str, Any]:
    episode, row = int(data.episode[part.start]), int(data.row[part.start])
    facts = {
        "episode": episode,
        "row": row,
        "frames": part.stop - part.start,
        "begins_run": bool(data.first[part.start] == part.start),
    }
    arrays = {name: values(part) for name, values in fields.items()}
    return {"__key__": f"{episode:06d}-{row:06d}", "json": facts, **arrays}


def _stamp(data: Baked) -> str:
    """Tells latents of one encoder from those of another."""
    mark = data.folder / "latents.json"
    return str(json.loads(mark.read_text())["encoder"])[:16] if mark.exists() else ""


def _check_plan(path: Path, plan: dict[str, Any]) -> None:
    if not path.exists():
        path.write_text(json.dumps(plan))
    elif json.loads(path.read_text()) != plan:
        raise DatasetError(
            f"{path.parent} holds shards of another bake or size; export into another folder, or delete it"
        )
