"""A small copy of recorded episodes, to ship with the source: H.265 colour, everything else exact."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dreamport.episodes.dataset import Dataset, Episode
from dreamport.episodes.layout import create_dataset
from dreamport.episodes.writer import EpisodeWriter, RecordedFrame
from dreamport.errors import DatasetError
from dreamport_tools.evaluate.walls import WALLS_FILE, walls_of_data, write_walls


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
    info = replace(source.info, colour_codec="hevc")
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
    (out / ".unfinished").rmdir()
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return CopyQuality(_psnr(float(errors.mean())), _psnr(float(errors.max())), size)


def _copy(episode: Episode, out: Path, index: int, frames: int, rate_factor: float) -> None:
    info = replace(episode.info, colour_codec="hevc")
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


def main() -> None:
    """Command line: ``python -m dreamport_tools.compact_dataset RECORDING OUT --frames 330 140``."""
    parser = argparse.ArgumentParser(
        description="Copy the beginnings of held-out episodes, small enough to ship."
    )
    parser.add_argument("source", type=Path, help="a recorded data set")
    parser.add_argument("out", type=Path, help="an empty folder")
    parser.add_argument(
        "--frames", type=int, nargs="+", required=True, help="frames of each episode, in order"
    )
    parser.add_argument("--rate-factor", type=float, default=15.0, help="of H.265: lower is closer")
    options = parser.parse_args()
    source = Dataset(options.source)
    episodes = source.episodes("heldout")[: len(options.frames)]
    quality = compact_copy(
        source, options.out, episodes, frames=options.frames, rate_factor=options.rate_factor
    )
    walls = walls_of_data(source.path, str(source.info.source.get("map")))
    if walls is not None:
        write_walls(walls, options.out / WALLS_FILE)
    print(
        f"{quality.size_bytes / 1e6:.2f} MB, PSNR {quality.mean_psnr_db:.1f} dB over all frames, "
        f"{quality.worst_psnr_db:.1f} dB in the worst"
    )


if __name__ == "__main__":
    main()
