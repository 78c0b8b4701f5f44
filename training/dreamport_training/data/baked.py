"""Baked training data: frames beside what memory would have shown of them, as memory-mapped arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamport.errors import DatasetError
from dreamport.worlds.views import STEPS

CELL = 8  # pixels of the frame a latent cell


@dataclass(frozen=True)
class Pictures:
    """A batch: colour ``[B, 3, H, W]``, inverse depth ``[B, 1, H, W]`` and the reprojected hint of the same
    frames."""

    colour: Tensor
    inverse_depth: Tensor
    hint_colour: Tensor
    hint_inverse_depth: Tensor
    hint_valid: Tensor


class Baked:
    """Read access to a folder written by :mod:`dreamport_training.data.bake`, memory-mapped.

    ``first[i]``: index of the first frame of frame i's episode, or of its run where an episode has gaps.
    ``control[i]`` led to frame i (zeros where a run begins). ``episode[i]`` and ``row[i]``: which row of
    which episode of the data set it is (-1 in bakes of old). ``pose_kind``: recorded, pseudo or none.
    ``has_depth``, ``has_rays``, ``has_hints``: what there is of the data; the arrays of what there is not are
    zeros that take no room.
    """

    def __init__(self, folder: Path) -> None:
        index = folder / "index.json"
        if not index.exists():
            raise DatasetError(f"{folder} holds no baked data; run the bake stage first")
        self.folder, self.info = folder, json.loads(index.read_text())
        self.pose_kind: str = self.info.get("pose", "recorded")
        self.has_depth: bool = self.info.get("depth", True)
        self.has_rays = self.pose_kind != "none"
        self.has_hints = self.has_depth and self.pose_kind == "recorded"
        self.colour = np.load(folder / "colour.npy", mmap_mode="r")
        n, height, width = self.colour.shape[:3]
        plane, cells = (n, height, width), (n, 6, height // CELL, width // CELL)
        self.inverse_depth = self._array("inverse_depth", self.has_depth, plane, np.uint16)
        self.hint_colour = self._array("hint_colour", self.has_hints, (*plane, 3), np.uint8)
        self.hint_inverse_depth = self._array("hint_inverse_depth", self.has_hints, plane, np.uint16)
        self.hint_valid = self._array("hint_valid", self.has_hints, plane, np.uint8)
        self.rays = self._array("rays", self.has_rays, cells, np.float16)
        self.control: NDArray[np.float32] = np.load(folder / "control.npy")
        self.pose: NDArray[np.float32] = np.load(folder / "pose.npy")
        self.first: NDArray[np.int64] = np.load(folder / "first.npy")
        self.episode, self.row = (self._whose(name) for name in ("episode", "row"))

    def __len__(self) -> int:
        return len(self.first)

    def _array(self, name: str, there: bool, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
        if there:
            return np.asanyarray(np.load(self.folder / f"{name}.npy", mmap_mode="r"))
        return np.broadcast_to(np.zeros((), kind), shape)

    def _whose(self, name: str) -> NDArray[np.int64]:
        path = self.folder / f"{name}.npy"
        return np.load(path) if path.exists() else np.full(len(self.first), -1, np.int64)

    def pictures(self, frames: NDArray[np.int64], crop: tuple[int, int, int, int] | None = None) -> Pictures:
        """Frames by index; ``crop``: top, left, height, width."""
        top, left, h, w = crop or (0, 0, self.colour.shape[1], self.colour.shape[2])
        rows, columns = slice(top, top + h), slice(left, left + w)

        def take(array: NDArray[np.generic], scale: float) -> Tensor:
            picked = np.stack([array[i, rows, columns] for i in frames]).astype(np.float32) / scale
            t = torch.from_numpy(picked)
            return t.permute(0, 3, 1, 2).contiguous() if t.ndim == 4 else t[:, None]

        return Pictures(
            take(self.colour, 255.0),
            take(self.inverse_depth, STEPS),
            take(self.hint_colour, 255.0),
            take(self.hint_inverse_depth, STEPS),
            take(self.hint_valid, 1.0),
        )

    def clip_starts(self, frames: int) -> NDArray[np.int64]:
        """Every index from which ``frames`` frames of one episode follow without a gap."""
        i = np.arange(len(self) - frames + 1)
        whole: NDArray[np.int64] = i[self.first[i] == self.first[i + frames - 1]]
        return whole


def hole_masks(batch: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Random holes for hints: ``[batch, 1, height, width]`` of 0 and 1. Half keep all, some lose boxes or a
    side, some all."""
    mask = torch.ones(batch, 1, height, width)
    kind = torch.rand(batch, generator=generator)
    for i in range(batch):
        if kind[i] < 0.5:
            continue
        if kind[i] > 0.88:
            mask[i] = 0.0
            continue
        for _ in range(int(torch.randint(1, 4, (1,), generator=generator))):
            r = torch.rand(4, generator=generator)
            h, w = int(height * (0.1 + 0.6 * r[0])), int(width * (0.1 + 0.6 * r[1]))
            top, left = int((height + h) * r[2]) - h, int((width + w) * r[3]) - w
            mask[i, 0, max(0, top) : max(0, top + h), max(0, left) : max(0, left + w)] = 0.0
    return mask
