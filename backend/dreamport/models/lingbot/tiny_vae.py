"""Tiny decoders in place of the VAE's own: TAEHV's layout (madebyollin/taehv), which LightTAE shares.

Two-dimensional convolutions of about 5 million parameters; a block sees its own input of the frame before,
and that is all the memory there is. Each latent gives four frames; of the first latent's only the last is
shown, which stands where the VAE's first frame does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamport.models.lingbot.vae_layers import Shape, Size


@dataclass(frozen=True)
class TinyConfig:
    """``widths``: channels at an eighth, a quarter, half and the full size."""

    latent_channels: int = 16
    widths: tuple[int, int, int, int] = (256, 128, 64, 64)
    time: tuple[int, int, int] = (1, 2, 2)
    blocks: int = 3


TAEW21 = TinyConfig()
TAEW21_TINY = TinyConfig(widths=(16, 8, 8, 8))
"""For tests: the same layers, a sixteenth of the width."""


class Bounded(nn.Module):
    """Latents softly held within -3..3."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3.0) * 3.0


class MemoryBlock(nn.Module):
    """Three convolutions of a frame beside the frame before, added to it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            _conv(2 * width, width), nn.ReLU(), _conv(width, width), nn.ReLU(), _conv(width, width)
        )

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """``x [B, T, C, H, W]``, ``before [B, 1, C, H, W]`` -> the shape of ``x``."""
        earlier = torch.cat([before, x[:, :-1]], dim=1)
        changed = self.conv(torch.cat([x, earlier], dim=2).flatten(0, 1))
        return F.relu(changed.reshape(x.shape) + x)


class Grow(nn.Module):
    """Each frame becomes ``stride`` frames."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(width, width * stride, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, H, W]`` -> ``[N * stride, C, H, W]``, the frames of one after the other."""
        grown: Tensor = self.conv(x)
        return grown.reshape(-1, *x.shape[1:])


class TinyDecoder(nn.Module):
    """Latents to video. Places of the layers in ``decoder`` are the files'."""

    def __init__(self, config: TinyConfig = TAEW21) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        layers: list[nn.Module] = [Bounded(), _conv(config.latent_channels, widths[0]), nn.ReLU()]
        for width, after, stride in zip(widths, widths[1:], config.time, strict=False):
            layers += [MemoryBlock(width) for _ in range(config.blocks)]
            layers += [nn.Upsample(scale_factor=2.0), Grow(width, stride), _conv(width, after, bias=False)]
        layers += [nn.ReLU(), _conv(widths[-1], 3)]
        self.decoder = nn.Sequential(*layers)

    def decode_past(self, size: Size, batch: int = 1) -> tuple[Tensor, ...]:
        """Zeros: what ``decode_step`` needs at the beginning of latents of ``size`` (rows, columns)."""
        weight = self._first.weight
        return tuple(weight.new_zeros((batch, *shape)) for shape in self._past(size))

    def decode_step(
        self, latent: Tensor, past: Sequence[Tensor], first: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The next latents ``[B, C, t, h, w]`` -> frames ``[B, 3, T, H, W]`` in -1..1 and what the next step
        needs. ``first``: the video begins here, and ``T = 1 + 4 (t - 1)``; otherwise ``T = 4 t``.
        """
        batch = latent.shape[0]
        x = latent.to(self._first.weight.dtype).transpose(1, 2).flatten(0, 1)
        after: list[Tensor] = []
        for layer in self.decoder:
            if isinstance(layer, MemoryBlock):
                video = x.reshape(batch, -1, *x.shape[1:])
                x = layer(video, past[len(after)]).flatten(0, 1)
                after.append(video[:, -1:].clone())
            else:
                x = layer(x)
        frames = x.reshape(batch, -1, *x.shape[1:])
        if first:
            frames = frames[:, frames.shape[1] // latent.shape[2] - 1 :]
        return frames.transpose(1, 2).clamp(0.0, 1.0) * 2.0 - 1.0, tuple(after)

    def decode(self, latent: Tensor) -> Tensor:
        """The whole video of ``latent``."""
        size = (latent.shape[-2], latent.shape[-1])
        return self.decode_step(latent, self.decode_past(size, latent.shape[0]), True)[0]

    @property
    def _first(self) -> nn.Conv2d:
        return cast(nn.Conv2d, self.decoder[1])

    def _past(self, size: Size) -> list[Shape]:
        """One frame of the input of every memory block: frames, channels, rows, columns."""
        found: list[Shape] = []
        for level, width in enumerate(self.config.widths[:-1]):
            found += [(1, width, size[0] << level, size[1] << level)] * self.config.blocks
        return found


def tiny_name(name: str) -> str | None:
    """The place of a tensor of the files in :class:`TinyDecoder`; ``None`` for the encoder's."""
    name = name.removeprefix("taehv.")
    return None if name.startswith("encoder.") else name


def _conv(into: int, out: int, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(into, out, 3, padding=1, bias=bias)
