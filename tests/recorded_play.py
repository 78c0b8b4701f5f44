"""Small data sets of made-up play, for what reads recordings: every picture can be told from every other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.dataset import Dataset
from dreamport.episodes.layout import DatasetInfo, create_dataset
from dreamport.episodes.writer import EpisodeWriter, RecordedFrame
from dreamport.geometry import Pose

SIZE = (96, 64)
WALL_M = 4.0


def made_up_picture(episode: int, row: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Blocks in a random pattern of the episode that move with the row."""
    width, height = size
    rng = np.random.default_rng(episode)
    cells = rng.integers(30, 220, (height // 8 + 1, width // 8 + 9, 3)).astype(np.uint8)
    wide = cells.repeat(8, 0).repeat(8, 1)
    return np.ascontiguousarray(wide[:height, row % 64 : row % 64 + width])


def record_made_up(
    root: Path,
    lengths: list[int],
    *,
    size: tuple[int, int] = SIZE,
    depth: bool = True,
    pose: str = "recorded",
    split: str = "train",
    seed: int = 50,
    blind: dict[tuple[int, int], Any] | None = None,
) -> Dataset:
    """Write episodes of these lengths. ``blind``: (episode, row) pairs whose pose is not known."""
    width, height = size
    info = DatasetInfo(
        name="made-up",
        licence="CC0-1.0",
        frame_rate=20.0,
        width=width,
        height=height,
        intrinsics=(width / 2, width / 2, width / 2, height / 2),
        buttons=("MOVE_FORWARD", "jump"),
        look_max_deg=30.0,
        depth="millimetres" if depth else "none",
        pose=pose,  # type: ignore[arg-type]
    )
    create_dataset(root, info)
    begin = Dataset(root).next_index()
    for number, length in enumerate(lengths, begin):
        with EpisodeWriter(root, info, number, seed=seed + number, split=split) as writer:
            for row in range(length):
                at = Pose.from_yaw_pitch((0.05 * row, 0.0, 0.01 * number), 3.0 * row).matrix()
                known = pose != "none" and (number, row) not in (blind or {})
                writer.add(
                    RecordedFrame(
                        colour=made_up_picture(number, row, size),
                        depth=np.full((height, width), WALL_M, np.float32) if depth else None,
                        pose=at if known else None,
                        buttons=None if row == 0 else row % 4,
                        look_deg=None if row == 0 else (3.0, 0.25 * (row % 3)),
                        confidence=1.0 if pose == "recorded" else 0.75,
                    )
                )
            writer.finish()
    return Dataset(root)
