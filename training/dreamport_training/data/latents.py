"""Baked latents: what the transformer trains on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from dreamport.errors import DatasetError
from dreamport.models.codec import Encoder
from dreamport_training.conditions import Look
from dreamport_training.data.baked import CELL, Baked, hole_masks
from dreamport_training.data.columns import Column, create_column, room_for

HINT_VARIANTS = 3  # whole, with holes, none
BATCH, SAVE_EVERY = 16, 64
"""Frames that are encoded at once; and batches after which it is noted that they are."""
MARK = "latents.json"


@torch.no_grad()
def bake_latents(
    data: Baked, encoder: Encoder, folder: Path, seed: int, device: str | torch.device = "cpu"
) -> None:
    """Encode every frame, and its hint whole, with holes and empty; written as float16 arrays ``latents.npy
    [n, C, h, w]`` and ``hints.npy [n, 3, C + 1, h, w]`` (``[1, 1, C + 1, h, w]`` of a world without hints,
    where all are the same empty one).

    Work that was stopped goes on where it was, as long as the encoder, the seed and the frames are the same.
    Raises ``DiskFullError``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n, c = len(data), int(encoder.mean.shape[1])
    height, width = data.colour.shape[1:3]
    h, w = height // CELL, width // CELL
    made_of = {"encoder": _digest(encoder), "seed": seed, "frames": n, "size": [height, width]}
    done = _done(folder / MARK, made_of)
    hint_shape = (n, HINT_VARIANTS, c + 1, h, w) if data.has_hints else (1, 1, c + 1, h, w)
    if done == n:
        return
    with room_for("the latents"):
        if done == 0:
            (folder / MARK).unlink(missing_ok=True)
        create_column(folder / "latents.npy", np.float16, (n, c, h, w))
        create_column(folder / "hints.npy", np.float16, hint_shape)
        with Column(folder / "latents.npy") as latents, Column(folder / "hints.npy") as hints:
            if not data.has_hints:
                hints.write(0, _hints(encoder, torch.zeros(1, 5, height, width), device)[None])
            for begin in track(range(done, n, BATCH), description="encode"):
                frames = np.arange(begin, min(n, begin + BATCH))
                p = data.pictures(frames)
                latent = encoder(p.colour.to(device), p.inverse_depth.to(device))["latent"]
                latents.write(begin, latent.cpu().half().numpy())
                if data.has_hints:
                    generator = torch.Generator().manual_seed(seed * 7919 + begin)
                    holes = hole_masks(len(frames), height, width, generator)
                    seen = torch.cat([p.hint_colour, p.hint_inverse_depth, p.hint_valid], dim=1)
                    masks = (torch.ones_like(holes), holes, torch.zeros_like(holes))
                    variants = [_hints(encoder, seen * mask, device) for mask in masks]
                    hints.write(begin, np.stack(variants, axis=1))
                last = int(frames[-1]) + 1
                if last == n or (last // BATCH) % SAVE_EVERY == 0:
                    latents.sync()
                    hints.sync()
                    _mark(folder / MARK, {**made_of, "done": last})


def _hints(encoder: Encoder, seen: Tensor, device: str | torch.device) -> NDArray[np.float16]:
    """``seen [B, 5, H, W]``: colour, inverse depth and validity -> ``[B, C + 1, h, w]``."""
    seen = seen.to(device)
    valid = seen[:, 4:]
    latent = encoder(seen[:, :3] * valid, seen[:, 3:4] * valid)["latent"]
    return torch.cat([latent, F.avg_pool2d(valid, CELL)], dim=1).cpu().half().numpy()


def _digest(encoder: Encoder) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _done(mark: Path, made_of: dict[str, object]) -> int:
    """Frames that are encoded already, by this encoder."""
    try:
        found = json.loads(mark.read_text())
        done = int(found.pop("done"))
    except (FileNotFoundError, ValueError, KeyError, AttributeError):
        return 0
    return done if found == made_of else 0


def _mark(mark: Path, value: dict[str, object]) -> None:
    part = mark.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.replace(mark)


@dataclass(frozen=True)
class Clips:
    """``latent [B, T, C, h, w]``, ``rays [B, T, 6, h, w]``, ``control [B, T, A]``, ``reprojected [B, T, C +
    1, h, w]``, ``frames [B, T]``, ``prompt [B, T, P]`` (zero width in a world without prompts), ``look [B, T,
    G]``: what its pictures were dressed in (likewise)."""

    latent: Tensor
    rays: Tensor
    control: Tensor
    reprojected: Tensor
    frames: NDArray[np.int64]
    prompt: Tensor
    look: Look

    def part(self, begin: int, end: int | None = None) -> Clips:
        """The clips' frames from ``begin`` up to ``end``."""
        cut = slice(begin, end)
        return replace(
            self,
            latent=self.latent[:, cut],
            rays=self.rays[:, cut],
            control=self.control[:, cut],
            reprojected=self.reprojected[:, cut],
            frames=self.frames[:, cut],
            prompt=self.prompt[:, cut],
            look=self.look[:, cut],
        )


@dataclass(frozen=True)
class Told:
    """Clips under what they are told: ``latent [B, T, C, h, w]``, ``look [B, T, G]``, ``prompt [B,
    T, P]``."""

    latent: NDArray[np.float32]
    look: Look
    prompt: Tensor


def untold(latent: NDArray[np.float32]) -> Told:
    """Clips of a world without prompts."""
    batch, frames = latent.shape[:2]
    return Told(latent, np.zeros((batch, frames, 0), np.int8), torch.zeros(batch, frames, 0))


class ClipPrompts(Protocol):
    """Tells clips something: :class:`dreamport_training.prompts.ClipPrompts`. ``size``: of a prompt's
    vector."""

    size: int

    def of(
        self,
        index: NDArray[np.int64],
        latent: NDArray[np.float32],
        size: int,
        part: slice,
        rng: np.random.Generator,
    ) -> Told:
        """For the clips ``part`` of a batch of ``size``: frames ``index [B, T]``, latents as captured."""
        ...


class LatentClips:
    """Random clips of baked latents, and what they are told where ``prompts`` say so."""

    def __init__(self, data: Baked, folder: Path, frames: int, prompts: ClipPrompts | None = None) -> None:
        self.data, self.folder, self.frames, self.prompts = data, folder, frames, prompts
        self.latents = np.load(folder / "latents.npy", mmap_mode="r")
        hints = np.load(folder / "hints.npy", mmap_mode="r")
        self.hints = (
            hints if data.has_hints else np.broadcast_to(hints, (len(data), HINT_VARIANTS, *hints.shape[2:]))
        )
        self.starts = data.clip_starts(frames)
        if len(self.starts) == 0:
            raise DatasetError(
                f"no recorded run is {frames} frames long, as long as a clip; record longer episodes, or ask "
                "for shorter clips (frames in the configuration)"
            )

    def of_length(self, frames: int) -> LatentClips:
        """The same data in clips of another length. Raises ``DatasetError`` when no run is that long."""
        return self if frames == self.frames else LatentClips(self.data, self.folder, frames, self.prompts)

    def batch(
        self, size: int, rng: np.random.Generator, device: str | torch.device, rows: slice | None = None
    ) -> Clips:
        """``size`` clips; two in three see their whole hint, the rest one with holes or none. Controls are
        dropped at times. ``rows``: only these of them are read and given."""
        part = slice(None) if rows is None else rows
        index = (rng.choice(self.starts, size)[:, None] + np.arange(self.frames))[part]
        variant = rng.choice(HINT_VARIANTS, size, p=(0.65, 0.2, 0.15))[part]
        control = self.data.control[index].copy()
        control[(rng.random(size) < 0.1)[part]] = 0.0
        latent = self.latents[index].astype(np.float32)
        told = self.prompts.of(index, latent, size, part, rng) if self.prompts is not None else untold(latent)
        return self._clips(index, variant, control, told, device)

    def at(self, starts: NDArray[np.int64], variant: int, device: str | torch.device) -> Clips:
        """The clips that begin at frames ``starts``, with their controls and hint ``variant`` (0 whole, 1
        with holes, 2 none), told nothing: for measuring."""
        index = np.asarray(starts, np.int64)[:, None] + np.arange(self.frames)
        told = untold(self.latents[index].astype(np.float32))
        if self.prompts is not None:
            told = replace(told, prompt=torch.zeros(*index.shape, self.prompts.size))
        return self._clips(index, np.full(len(index), variant), self.data.control[index].copy(), told, device)

    def _clips(
        self,
        index: NDArray[np.int64],
        variant: NDArray[np.int64],
        control: NDArray[np.float32],
        told: Told,
        device: str | torch.device,
    ) -> Clips:
        hint = np.stack([[self.hints[i, v] for i in row] for row, v in zip(index, variant, strict=True)])
        return Clips(
            torch.from_numpy(told.latent).to(device),
            torch.from_numpy(np.ascontiguousarray(self.data.rays[index]).astype(np.float32)).to(device),
            torch.from_numpy(control).to(device),
            torch.from_numpy(hint.astype(np.float32)).to(device),
            index,
            told.prompt.to(device),
            told.look,
        )
