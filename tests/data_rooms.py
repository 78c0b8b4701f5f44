"""Small data sets of a made-up room for the tests of ``dreamport data``: a panorama around the player, so
that every turn moves the picture by what it says, and everything about an episode can be made wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.layout import DatasetInfo, create_dataset
from dreamport.episodes.writer import EpisodeFacts, EpisodeWriter, RecordedFrame
from dreamport.geometry import Pose

WIDTH, HEIGHT, RATE = 80, 48, 20.0
DEG_A_PIXEL = 1.0
INFO = DatasetInfo(
    name="room",
    licence="CC0-1.0",
    frame_rate=RATE,
    width=WIDTH,
    height=HEIGHT,
    intrinsics=(57.0, 57.0, WIDTH / 2, HEIGHT / 2),
    buttons=("forward", "left"),
    look_max_deg=15.0,
)


def panorama(seed: int = 0) -> NDArray[np.uint8]:
    """Smooth noise that goes round: ``[HEIGHT, 360, 3]``."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(HEIGHT, 360, 3))
    for axis in (0, 1):
        for _ in range(3):
            noise = noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)
    noise = (noise - noise.min()) / (noise.max() - noise.min())
    return np.asarray(40 + 180 * noise, np.uint8)


def play(seed: int, frames: int, yaws: NDArray[np.float64] | None = None) -> list[RecordedFrame]:
    """Turning by whole degrees on the spot, forwards now and then; every row as the layout wants it."""
    rng = np.random.default_rng(seed)
    looks = rng.integers(-6, 7, frames).astype(float) if yaws is None else yaws
    looks[0] = 0
    walks = (np.arange(frames) // 8) % 2
    world, yaw, place = panorama(seed), 0.0, np.zeros(3)
    found = []
    for number in range(frames):
        yaw += looks[number]
        heading = np.radians(yaw)
        if number and walks[number]:
            place = place + 0.1 * np.array([np.sin(heading), 0.0, np.cos(heading)])
        columns = (np.arange(WIDTH) + round(yaw / DEG_A_PIXEL)) % 360
        pose = Pose.from_yaw_pitch((place[0], place[1], place[2]), yaw).matrix()
        found.append(
            RecordedFrame(
                colour=np.ascontiguousarray(world[:, columns]),
                depth=np.full((HEIGHT, WIDTH), 2.0, np.float32),
                pose=pose,
                buttons=int(walks[number]) if number else None,
                look_deg=(looks[number], 0.0) if number else None,
            )
        )
    return found


def with_controls_late(frames: list[RecordedFrame], by: int) -> list[RecordedFrame]:
    """The same frames, with the controls of ``by`` rows before at every row."""
    moved = [
        replace(
            frame,
            buttons=frames[min(len(frames) - 1, max(0, row - by))].buttons or 0,
            look_deg=frames[min(len(frames) - 1, max(0, row - by))].look_deg or (0.0, 0.0),
        )
        for row, frame in enumerate(frames)
    ]
    return [frames[0], *moved[1:]]


def write(
    root: Path,
    index: int,
    frames: list[RecordedFrame],
    *,
    info: DatasetInfo = INFO,
    seed: int | None = None,
    split: str = "train",
    **facts: Any,
) -> None:
    """Write an episode of ``frames`` to the data set at ``root``, whose info stays what it is."""
    if not (root / "meta" / "info.json").exists():
        create_dataset(root, info)
    own = EpisodeFacts(**facts)
    with EpisodeWriter(
        root, info, index, seed=100 + index if seed is None else seed, split=split, facts=own
    ) as writer:
        for frame in frames:
            writer.add(frame)
        writer.raw({"header": True})
        writer.finish()


def room(root: Path, episodes: int = 3, frames: int = 48, **options: Any) -> Path:
    """A data set of good episodes."""
    for index in range(episodes):
        write(root, index, play(index, frames), **options)
    return root


def change(frames: list[RecordedFrame], rows: slice, edit: Callable[[RecordedFrame], RecordedFrame]) -> None:
    """Replace some frames by what ``edit`` makes of them."""
    frames[rows] = [edit(frame) for frame in frames[rows]]
