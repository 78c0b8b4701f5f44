"""A scaled-down LingBot world of random weights: everything of a real one but its size and its pictures."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreamport.worlds import WorldPack
from dreamport.worlds.checkpoint import LingBotSizes
from dreamport.worlds.from_checkpoint import NewWorld, write_checkpoint_world
from dreamport.worlds.weights import record_of

NAME = "lingbot-tiny"
WIDTH, HEIGHT = 64, 32
PROMPT = "a valley in the morning sun"


def write_tiny_world(folder: Path, seed: int = 0) -> WorldPack:
    """The pack in ``folder / "lingbot-tiny"``, its weights in ``folder / "checkpoint"``: two layers of 256,
    64x32 pixels. Needs torch. Raises ``PackError``.
    """
    from dreamport.models.lingbot.checkpoint import find, read_config  # noqa: PLC0415
    from dreamport.models.lingbot.checkpoint.random_files import write_random  # noqa: PLC0415
    from dreamport.models.lingbot.config import LINGBOT_TINY  # noqa: PLC0415

    files = find(write_random(folder / "checkpoint", LINGBOT_TINY, "flat", seed))
    return write_checkpoint_world(
        folder / NAME,
        record_of(files.layout, files.by_role()),
        LingBotSizes.model_validate(asdict(read_config(files))),
        NewWorld(NAME, "LingBot, tiny and random", valley(WIDTH, HEIGHT), PROMPT),
    )


def valley(width: int, height: int) -> NDArray[np.uint8]:
    """A picture ``[height, width, 3]`` to begin from: a sky, two hills and a meadow."""
    x, y = np.meshgrid(np.linspace(0.0, 1.0, width), np.linspace(0.0, 1.0, height))
    picture = np.stack([0.4 + 0.5 * y, 0.6 + 0.3 * y, 0.9 + 0.0 * y], -1)
    for ridge, colour in (
        (0.45 + 0.1 * np.sin(9 * x), (0.3, 0.4, 0.5)),
        (0.6 + 0.1 * np.cos(7 * x), (0.2, 0.5, 0.2)),
    ):
        picture[y > ridge] = colour
    return np.rint(255 * picture).astype(np.uint8)
