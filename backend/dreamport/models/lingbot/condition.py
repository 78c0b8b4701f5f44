"""The picture that a session begins from, as the transformer sees it with every chunk.

The condition is the latent of a video that shows the picture once and is grey (0 in -1..1) from then on, with
a mask that marks the picture's latent frame (Wan's image-to-video input, arXiv 2503.20314, section 5.1.1).
Grey goes on for ever and the encoder looks back over a limited time, so its latents become constant: they are
computed once, and a session of any length reads from them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dreamport.models.lingbot.streams import EncodeStream, Step, as_video
from dreamport.models.lingbot.vae import FRAMES, VAEConfig, WanVAE

MASK_CHANNELS = 4


def settled_latents(config: VAEConfig) -> int:
    """The first latent frame from which on none depends on the video's first frame: 29 for Wan2.1."""
    last_level = 2 * config.residuals
    # frames before its own that a latent frame sees: two for each convolution, doubled where time is halved
    before = 2 * (1 + 4 + last_level)
    for halved in config.time[::-1]:
        before = (2 * before + 2 if halved else before) + 2 * last_level
    before += 2
    return -(-(before + 1) // FRAMES)


@torch.no_grad()
def picture_latents(vae: WanVAE, picture: Tensor, at_once: int = 4, step: Step | None = None) -> Tensor:
    """Latents of ``picture [H, W, 3]`` uint8 and of the grey behind it, as long as they change:
    ``[1, 16, settled_latents + 1, h, w]`` float32, normalised, on the picture's device.

    ``at_once``: latent frames of one step of the encoder; fewer take less memory. ``step``: ``encode_step``
    of ``vae``, compiled.
    """
    height, width = picture.shape[:2]
    stream = EncodeStream(vae, (height, width), step=step)
    first = as_video(picture)
    left = settled_latents(vae.config)
    grey = first.new_zeros((1, 3, 1, 1, 1)).expand(1, 3, FRAMES * at_once, height, width)
    found = [stream.push(first)]
    while left > 0:
        count = min(left, at_once)
        found.append(stream.push(grey[:, :, : FRAMES * count]))
        left -= count
    return torch.cat(found, dim=2)


def condition(latents: Tensor, start: int, frames: int) -> Tensor:
    """What is given to the transformer beside the noisy latents of frames ``start`` to ``start + frames``:
    ``[1, 4 + 16, frames, h, w]`` of the ``picture_latents``, the mask first.
    """
    last = latents.shape[2] - 1
    places = torch.arange(start, start + frames, device=latents.device)
    chosen = latents.index_select(2, places.clamp(max=last))
    mask = (places == 0).to(latents.dtype)[None, None, :, None, None]
    return torch.cat([mask.expand(1, MASK_CHANNELS, -1, *latents.shape[-2:]), chosen], dim=1)
