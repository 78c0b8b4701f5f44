"""A made-up level of baked frames and latents, small enough to train every stage on in seconds.

A strip of texture, closed to a ring, seen through a window that moves along it. Where the window stands is
in the rays, so that a model that is given them may know what no hint shows, and one without may not.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dreamport.worlds.views import STEPS
from dreamport_training.config import WorldConfig, load_config
from dreamport_training.parallel import Parallel
from dreamport_training.run import Run

CHANNELS, ROWS, COLUMNS, STRIP = 4, 4, 6, 8
SMALL: dict[str, object] = {
    "codec.crop": [32, 32],
    "codec.latent_channels": CHANNELS,
    "model.width": 48,
    "model.layers": 2,
    "model.heads": 2,
    "logging.every": 1,
    "logging.sample_every": 0,
    "logging.tensorboard": False,
    "parallel.precision": "float32",
}


def small_config(**changes: object) -> WorldConfig:
    """The tiny preset at the size of the made-up level; ``changes`` like ``teacher__steps=20``."""
    over = {key.replace("__", "."): value for key, value in changes.items()}
    return load_config("tiny", overrides={**SMALL, **over})


def small_run(folder: Path, **changes: object) -> Run:
    """A run over a level written by :func:`write_level` in ``folder/baked``."""
    return Run(folder / "data", folder, small_config(**changes), 0, Parallel())


def write_level(folder: Path, episodes: int = 4, frames: int = 24, seed: int = 0) -> None:
    """Baked frames, hints and latents of ``episodes`` walks along the strip."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    strip = rng.normal(size=(CHANNELS, ROWS, STRIP)).astype(np.float32)
    texture = rng.integers(0, 256, (ROWS, STRIP, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    total = episodes * frames
    control = np.zeros((total, 4), np.float32)
    place = np.zeros(total, np.int64)
    for i in range(total):
        if i % frames == 0:
            place[i] = rng.integers(0, STRIP)
        else:
            way = int(rng.integers(-1, 2))
            place[i] = (place[i - 1] + way) % STRIP
            control[i, :2] = way == -1, way == 1
    cells = (place[:, None] + np.arange(COLUMNS)) % STRIP
    pixels = (place[:, None] * 8 + np.arange(COLUMNS * 8)) % (STRIP * 8)
    latents = strip[:, :, cells].transpose(2, 0, 1, 3)
    colour = texture[:, pixels].transpose(1, 0, 2, 3)
    angle = 2.0 * np.pi * cells / STRIP
    rays = np.zeros((total, 6, ROWS, COLUMNS), np.float16)
    rays[:, 3], rays[:, 4] = np.sin(angle)[:, None], np.cos(angle)[:, None]
    hints = np.zeros((total, 3, CHANNELS + 1, ROWS, COLUMNS), np.float16)
    hints[:, 0, :CHANNELS], hints[:, 0, CHANNELS] = latents, 1.0
    half = COLUMNS // 2
    hints[:, 1, :CHANNELS, :, :half], hints[:, 1, CHANNELS, :, :half] = latents[..., :half], 1.0
    plane = np.full(colour.shape[:3], STEPS // 8, np.uint16)
    arrays = {
        "colour": colour,
        "inverse_depth": plane,
        "hint_colour": colour,
        "hint_inverse_depth": plane,
        "hint_valid": np.ones(plane.shape, np.uint8),
        "rays": rays,
        "control": control,
        "pose": np.tile(np.eye(4, dtype=np.float32), (total, 1, 1)),
        "first": (np.arange(total) // frames) * frames,
        "latents": latents.astype(np.float16),
        "hints": hints,
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array))
    (folder / "index.json").write_text(json.dumps({"frames": total}))
