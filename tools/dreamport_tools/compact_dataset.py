"""A small copy of recorded episodes, to ship with the source: H.265 colour, everything else exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dreamport.errors import DatasetError
from dreamport_tools.episodes import Dataset, Episode, EpisodeWriter, RecordedFrame, create_dataset


@dataclass(frozen=True)
class CopyQuality:
    """What the copy lost and what it takes: PSNR over all frames and of the worst one, size in bytes."""

    mean_psnr_db: float
    worst_psnr_db: float
    size_bytes: int


def compact_copy(
    source: Dataset, out: Path, episodes: Sequence[Episode], *, frames: Sequence[int], rate_factor: float
) -> CopyQuality:
    """Copy the beginnings of ``episodes`` of ``source``, ``frames`` of each, to a new data set at ``out``.

    ``rate_factor`` is H.265's: lower is closer. Raises ``DatasetError`` when ``out`` holds episodes already.
    """
    info = replace(source.info, lossless=False)
    create_dataset(out, info)
    if len(Dataset(out)):
        raise DatasetError(f"{out} holds episodes already; copy into an empty folder")
    for index, (episode, count) in enumerate(zip(episodes, frames, strict=True)):
        _copy(episode, out, index, min(count, len(episode)), rate_factor)
    errors = np.concatenate(
        [
            [np.mean((copy.colour(i).astype(float) - episode.colour(i)) ** 2) for i in range(len(copy))]
            for copy, episode in zip(Dataset(out), episodes, strict=True)
        ]
    )
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return CopyQuality(_psnr(float(errors.mean())), _psnr(float(errors.max())), size)


def _copy(episode: Episode, out: Path, index: int, frames: int, rate_factor: float) -> None:
    info = replace(episode.info, lossless=False)
    header, *events = episode.raw()
    tics = len(events) // max(1, len(episode) - 1)
    with EpisodeWriter(
        out, info, index, seed=episode.seed, split=episode.split, quality=rate_factor
    ) as writer:
        for event in [header, *events[: tics * (frames - 1)]]:
            writer.raw(event)
        for i in range(frames):
            yaw, pitch = (float(v) for v in episode.look_deg[i])
            writer.add(
                RecordedFrame(
                    colour=episode.colour(i),
                    depth=episode.depth(i),
                    pose=episode.pose[i],
                    motion_state=episode.motion_state[i],
                    engine=episode.engine[i].tolist(),
                    buttons=int(episode.buttons[i]) if i else None,
                    look_deg=(yaw, pitch) if i else None,
                )
            )
        writer.finish()


def _psnr(squared_error: float) -> float:
    return 10 * math.log10(255**2 / max(squared_error, 1e-9))
