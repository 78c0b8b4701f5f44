"""Sample strips: what was recorded above what the model makes of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from dreamport.models.dit import CausalDiT
from dreamport_training.data.baked import Baked, Pictures
from dreamport_training.data.latents import Clips, LatentClips
from dreamport_training.prompts import conditions_of, dressed_pictures
from dreamport_training.rollout import self_rollout
from dreamport_training.run import Run
from dreamport_training.stages.experts import Experts

Sample = Callable[[], NDArray[np.uint8]]
CLIPS, TEACHER_STEPS, CODEC_FRAMES = 2, 8, 6


def pictures_of(run: Run, source: LatentClips, clips: Clips) -> Pictures:
    """The pictures of all frames of clips ``[B * T, ...]``, in the look that the clips were told."""
    pictures = source.data.pictures(clips.frames.reshape(-1))
    look = clips.look.reshape(clips.frames.size, -1)
    return dressed_pictures(pictures, conditions_of(run.config, source.data), look)


def hints_shown(clips: Clips, pictures: Pictures, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The decoder's hints for all frames of clips ``[B * T, ...]``: those that belong to the latent hints the
    clips were given, empty where they saw none. ``pictures``: of ``clips.frames``, flattened."""
    share = clips.reprojected.flatten(0, 1)[:, -1:]
    seen = F.interpolate(share, size=pictures.hint_valid.shape[-2:]) > 0.02
    valid = pictures.hint_valid.to(device) * seen.to(pictures.hint_valid.dtype)
    return pictures.hint_colour.to(device), pictures.hint_inverse_depth.to(device), valid


def strip_of(
    run: Run, clips: LatentClips, make: Callable[[Clips], Tensor], decoder: nn.Module | None = None
) -> Sample | None:
    """Two clips, each a row as recorded and a row that ``make`` made (latents like ``Clips.latent``), seen
    through ``decoder``, the codec's when left out. None while there is none."""
    if decoder is None:
        if not run.module("decode_codec").exists():
            return None
        decoder = run.load("decode", "decode_codec")

    def sample() -> NDArray[np.uint8]:
        c = clips.batch(CLIPS, np.random.default_rng(run.seed), run.device)
        made = make(c)
        pictures = pictures_of(run, clips, c)
        with run.autocast():
            colour = decoder(made.flatten(0, 1).float(), *hints_shown(c, pictures, run.device))["colour"]
        rows = []
        for clip in range(CLIPS):
            part = slice(clip * clips.frames, (clip + 1) * clips.frames)
            rows += [pictures.colour[part], colour[part]]
        return stacked(rows)

    return sample


def codec_strip(run: Run, data: Baked, encoder: nn.Module, decoder: nn.Module) -> Sample:
    """Some frames in a row as recorded, and below them as they come through the codec without a hint."""
    frames = np.random.default_rng(run.seed).integers(0, len(data), CODEC_FRAMES)

    def sample() -> NDArray[np.uint8]:
        p = data.pictures(frames)
        colour, depth = p.colour.to(run.device), p.inverse_depth.to(run.device)
        with run.autocast():
            latent = encoder(colour, depth)["latent"]
            nothing = torch.zeros_like(depth)
            made = decoder(latent, torch.zeros_like(colour), nothing, nothing)["colour"]
        return stacked([p.colour, made])

    return sample


def stacked(rows: list[Tensor]) -> NDArray[np.uint8]:
    """Rows of pictures ``[T, 3, H, W]`` in 0..1 below each other: ``[R * H, T * W, 3]``."""
    whole = torch.cat([torch.cat(list(row.float().cpu()), dim=-1) for row in rows], dim=-2)
    whole = (whole.clamp(0.0, 1.0) * 255.0).round().byte()
    return np.ascontiguousarray(whole.permute(1, 2, 0).numpy())


def teacher_strip(run: Run, clips: LatentClips, experts: Experts) -> Sample | None:
    """The first frame given, the others made together."""

    def make(c: Clips) -> Tensor:
        noise = torch.randn(c.latent.shape, generator=torch.Generator().manual_seed(run.seed))
        return experts.sample(c, noise.to(run.device), TEACHER_STEPS, precision=run.autocast)

    return strip_of(run, clips, make)


def played_strip(
    run: Run, clips: LatentClips, model: CausalDiT, decoder: nn.Module | None = None
) -> Sample | None:
    """The first frame given, the others made one after the other, as at play."""
    m = run.config.model

    def make(c: Clips) -> Tensor:
        shape = (*c.latent.shape[:2], len(m.sigmas) + 1, *c.latent.shape[2:])
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(run.seed)).to(run.device)
        return self_rollout(
            model, c, noise, sigmas=m.sigmas, context_sigma=m.context_sigma, precision=run.autocast
        )

    return strip_of(run, clips, make, decoder)
