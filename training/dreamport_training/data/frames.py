"""Recorded episodes to rows of arrays: pictures at the world's size, rays, controls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.dataset import Dataset, Episode
from dreamport.episodes.verdicts import Verdict, usable_runs
from dreamport.errors import DatasetError, DiskFullError
from dreamport.geometry import camera_rays
from dreamport.worlds.views import quantise_inverse_depth
from dreamport_training.data.columns import Column, create_column, room_for, save_array
from dreamport_training.data.journal import Journal, Settings
from dreamport_training.data.sizing import Sizing

Kind = TypeVar("Kind", bound=np.generic)

STRIDE = 8  # pixels of the frame a latent cell
AT_REST = (0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
"""The motion state of a camera that nothing is known of."""


def array_shapes(settings: Settings, frames: int) -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
    """Element type and shape of the large arrays that a bake writes; what the data lacks has no array."""
    height, width = settings.height, settings.width
    shapes: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "colour": (np.uint8, (frames, height, width, 3))
    }
    if settings.depth:
        shapes["inverse_depth"] = (np.uint16, (frames, height, width))
    if settings.pose != "none":
        shapes["rays"] = (np.float16, (frames, 6, height // STRIDE, width // STRIDE))
    if settings.bank:
        shapes["hint_colour"] = (np.uint8, (frames, height, width, 3))
        shapes["hint_inverse_depth"] = (np.uint16, (frames, height, width))
        shapes["hint_valid"] = (np.uint8, (frames, height, width))
    return shapes


def array_bytes(settings: Settings, frames: int) -> int:
    """What the large arrays take on the disk."""
    return sum(
        int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
        for kind, shape in array_shapes(settings, frames).values()
    )


def create_arrays(folder: Path, settings: Settings, frames: int) -> None:
    """Make the large arrays, empty; those that are there are kept."""
    for name, (kind, shape) in array_shapes(settings, frames).items():
        create_column(folder / f"{name}.npy", kind, shape)


@dataclass(frozen=True)
class DecodeJob:
    """Rows ``begin`` to ``end`` of an episode of ``frames`` frames: the ``place``-th in the data set at
    ``data`` (-1: it is gone). Its first row stands ``at`` in the arrays."""

    data: Path
    folder: Path
    settings: Settings
    sizing: Sizing
    place: int
    number: int
    at: int
    frames: int
    begin: int
    end: int


def decode(job: DecodeJob) -> str:
    """Write a part of an episode's pictures and rays; gives why the episode cannot be used, or nothing.

    Raises ``DiskFullError``.
    """
    arrays = [name for name in array_shapes(job.settings, 0) if not name.startswith("hint")]
    columns = {name: Column(job.folder / f"{name}.npy") for name in arrays}
    try:
        if job.place < 0:
            return "it is no longer in the data set"
        episode = Dataset(job.data)[job.place]
        if len(episode) != job.frames:
            return f"it has {len(episode)} frames and had {job.frames} when the bake was begun"
        with room_for(f"episode {job.number}"):
            try:
                _write_frames(job, episode, columns)
            finally:
                episode.close()
            for column in columns.values():
                column.sync()
    except DiskFullError:
        raise
    except DatasetError as error:
        return str(error)
    finally:
        for column in columns.values():
            column.__exit__(None, None, None)
    return ""


def _write_frames(job: DecodeJob, episode: Episode, columns: dict[str, Column]) -> None:
    settings, sizing = job.settings, job.sizing
    cameras = sizing.cameras(episode.cameras)
    posed = has_pose(episode, settings)
    for i in range(job.begin, job.end):
        row = job.at + i
        colour = _read(episode.colour, i, "colour", sizing)
        columns["colour"].write(row, sizing.colour(colour)[None])
        if "inverse_depth" in columns:
            depth = _read(episode.depth, i, "depth", sizing)
            steps = quantise_inverse_depth(sizing.depth(depth), settings.near_m)
            columns["inverse_depth"].write(row, steps[None])
        if "rays" in columns:
            rays = np.zeros(columns["rays"].shape[1:], np.float32)
            if posed[i]:
                rays = camera_rays(episode.pose[i], cameras[i], settings.height, settings.width, STRIDE)
            columns["rays"].write(row, rays[None])


def _read(picture_of: Callable[[int], NDArray[Kind]], row: int, what: str, sizing: Sizing) -> NDArray[Kind]:
    try:
        picture = picture_of(row)
    except DatasetError as error:
        raise DatasetError(f"its {what} video is damaged: {error}") from error
    found = (picture.shape[1], picture.shape[0])
    if found != sizing.recorded:
        raise DatasetError(
            f"the {what} of frame {row} is {found[0]}x{found[1]} and the data set's are "
            f"{sizing.recorded[0]}x{sizing.recorded[1]}; record it into a data set of its own"
        )
    return picture


def has_pose(episode: Episode, settings: Settings) -> NDArray[np.bool_]:
    """Rows ``[T]`` whose camera is known well enough to be told to the network."""
    if settings.pose == "none":
        return np.zeros(len(episode), np.bool_)
    if settings.pose == "recorded":
        return np.ones(len(episode), np.bool_)
    return np.asarray(episode.pose_confidence >= max(settings.min_confidence, 1e-6), np.bool_)


def write_tables(folder: Path, episodes: Iterable[Episode], journal: Journal, sizing: Sizing) -> None:
    """The small arrays, a row a frame: ``pose``, ``intrinsics``, ``state``, ``control``, ``first``,
    ``episode`` (its number), ``row`` (in the episode) and ``confidence`` (of the pose). Poses that are not
    known are the last that was, or the identity.
    """
    settings, places = journal.settings, journal.places()
    tables: dict[str, list[NDArray[Any]]] = {}
    for episode in episodes:
        at, frames = places[episode.index]
        buttons = np.arange(len(episode.info.buttons))
        held = (episode.buttons[:, None].astype(np.int64) >> buttons) & 1
        control = np.concatenate([held, episode.look_deg], axis=1).astype(np.float32)
        cuts = Verdict(episode.index, True, cuts=journal.cuts.get(episode.index, ()))
        runs = usable_runs(episode, cuts)
        first = np.concatenate([np.full(end - begin, at + begin) for begin, end in runs])
        control[np.unique(first) - at] = 0.0  # what led over a gap is no single step
        known = has_pose(episode, settings)
        rows: dict[str, NDArray[Any]] = {
            "pose": _poses(episode, known).astype(np.float32),
            "intrinsics": sizing.cameras(episode.cameras),
            "state": np.where(known[:, None], episode.motion_state, AT_REST).astype(np.float32),
            "control": control,
            "first": first.astype(np.int64),
            "episode": np.full(frames, episode.index, np.int64),
            "row": np.arange(frames, dtype=np.int64),
            "confidence": np.where(known, episode.pose_confidence, 0.0).astype(np.float32),
        }
        for name, values in rows.items():
            tables.setdefault(name, []).append(values)
    for name, parts in tables.items():
        save_array(folder / f"{name}.npy", np.concatenate(parts))


def _poses(episode: Episode, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    if known.all():
        return episode.pose
    last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    return np.where((last >= 0)[:, None, None], episode.pose[np.maximum(last, 0)], np.eye(4))
