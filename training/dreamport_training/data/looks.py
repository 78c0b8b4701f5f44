"""Latents of frames under other looks, beside those of the frames as they were captured.

``dressed.npy [n, copies, C, h, w]`` float16, and ``looks.npy [n, copies, G]`` int8, the look of each. A look
holds for a stretch of a run and then gives way to another, as when an event is heard: clips that lie over the
border teach the change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from dreamport.models.codec import Encoder
from dreamport_training.conditions import Conditions, Look
from dreamport_training.data.baked import Baked
from dreamport_training.data.columns import Column, create_column, room_for, save_array

STRETCH = 16
"""Frames for which a look holds."""


def looks_of(data: Baked, conditions: Conditions, copies: int, seed: int) -> Look:
    """``[n, copies, G]``: a look for every stretch of every run, drawn from (seed, run, stretch, copy)."""
    looks = np.zeros((len(data), copies, len(conditions.groups)), np.int8)
    place = np.arange(len(data)) - data.first
    for first, stretch in {(int(f), int(s)) for f, s in zip(data.first, place // STRETCH, strict=True)}:
        here = (data.first == first) & (place // STRETCH == stretch)
        looks[here] = conditions.draw(copies, np.random.default_rng((seed, 5, first, stretch)))
    return looks


@torch.no_grad()
def bake_looks(
    data: Baked,
    encoder: Encoder,
    conditions: Conditions,
    folder: Path,
    copies: int,
    seed: int,
    device: str | torch.device = "cpu",
) -> None:
    """Dress every frame ``copies`` times and encode it. Raises ``DiskFullError``."""
    looks = looks_of(data, conditions, copies, seed)
    n, c = len(data), int(encoder.mean.shape[1])
    h, w = data.colour.shape[1] // 8, data.colour.shape[2] // 8
    with room_for("the latents of other looks"):
        create_column(folder / "dressed.npy", np.float16, (n, copies, c, h, w))
        with Column(folder / "dressed.npy") as dressed:
            for begin in track(range(0, n, 16), description="looks"):
                frames = np.arange(begin, min(n, begin + 16))
                p = data.pictures(frames)
                latents = []
                for copy in range(copies):
                    colour = conditions.dress(p.colour, p.inverse_depth, looks[frames, copy])
                    latent = encoder(colour.to(device), p.inverse_depth.to(device))["latent"]
                    latents.append(latent.cpu().half().numpy())
                dressed.write(begin, np.stack(latents, axis=1))
            dressed.sync()
        save_array(folder / "looks.npy", looks)  # last: it says that the rest is whole


class Looks:
    """Reads what :func:`bake_looks` wrote. Copy 0 is the captured frame, copy ``i`` the dressed one ``i -
    1``."""

    def __init__(self, folder: Path) -> None:
        self.looks: Look = np.load(folder / "looks.npy")
        self._dressed = np.load(folder / "dressed.npy", mmap_mode="r")

    @property
    def copies(self) -> int:
        """Dressed copies of each frame."""
        return int(self.looks.shape[1])

    def look(self, frames: NDArray[np.int64], copy: NDArray[np.int64]) -> Look:
        """``frames [B, T]``, ``copy [B]`` -> ``[B, T, G]``."""
        looks = self.looks[frames, np.maximum(copy - 1, 0)[:, None]].copy()
        looks[copy == 0] = 0
        return looks

    def dress(
        self, latent: NDArray[np.float32], frames: NDArray[np.int64], copy: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """``latent [B, T, C, h, w]`` of the captured frames with those of other copies in their place."""
        out = latent.copy()
        for i in np.flatnonzero(copy):
            out[i] = self._dressed[frames[i], copy[i] - 1]
        return out
