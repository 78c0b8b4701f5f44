"""The Wan2.1 VAE: video to latents and back, 8 x 8 pixels and 4 frames to one, in pieces of any length.

Structure and names: Wan-Video/Wan2.1 and the configuration of diffusers' ``AutoencoderKLWan``
(arXiv 2503.20314, section 4.1). The first frame of a video is one latent by itself, each later one stands for
four frames. Everything is causal in time, so a video is coded while it grows; what the layers need of its
past are plain tensors (:meth:`WanVAE.decode_past`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from dreamport.models.lingbot.vae_layers import (
    Attention,
    CausalConv3d,
    Downsample,
    Head,
    Layer,
    Past,
    Residual,
    Shape,
    Size,
    Upsample,
)

PIXELS = 8
"""Rows and columns of pixels that one row and column of a latent stands for."""
FRAMES = 4
"""Video frames that one latent frame stands for, the first excepted."""
MEAN = (
    *(-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508),
    *(0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921),
)
STD = (
    *(2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743),
    *(3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160),
)
"""Mean and standard deviation of the 16 latent channels, as published with the VAE; transformers see latents
less the mean, over the deviation."""


@dataclass(frozen=True)
class VAEConfig:
    """``dim``: channels at full size. ``time``: whether a halving of the size also halves the frames."""

    dim: int = 96
    latent_channels: int = 16
    multipliers: tuple[int, ...] = (1, 2, 4, 4)
    residuals: int = 2
    time: tuple[bool, ...] = (False, True, True)


WAN21 = VAEConfig()
WAN21_TINY = VAEConfig(dim=8)
"""For tests and ``bench lingbot --tiny``: the same layers, 1/12 of the width."""


class Encoder(nn.Module):
    """Video ``[B, 3, T, H, W]`` in -1..1 -> moments ``[B, 2 * latent_channels, t, h, w]``."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = [config.dim * factor for factor in config.multipliers]
        last = widths[-1]
        self.conv1 = CausalConv3d(3, widths[0])
        layers: list[nn.Module] = []
        into = widths[0]
        for level, width in enumerate(widths):
            for _ in range(config.residuals):
                layers.append(Residual(into, width))
                into = width
            if level < len(config.time):
                layers.append(Downsample(width, config.time[level]))
        self.downsamples = nn.Sequential(*layers)
        self.middle = _middle(last)
        self.head = Head(last, 2 * config.latent_channels)

    def past(self, size: Size) -> Iterator[Shape]:
        """What its layers need of the past, in their order, for frames of ``size`` pixels."""
        yield from self.conv1.past(size)
        for layer in _layers(self.downsamples, self.middle):
            yield from layer.past(size)
            if isinstance(layer, Downsample):
                size = (size[0] // 2, size[1] // 2)
        yield from self.head.past(size)

    def run(self, x: Tensor, past: Past) -> Tensor:
        """See the class."""
        x = self.conv1.run(x, past)
        for layer in _layers(self.downsamples, self.middle):
            x = layer.run(x, past)
        return self.head.run(x, past)


class Decoder(nn.Module):
    """Latents ``[B, latent_channels, t, h, w]`` -> video ``[B, 3, T, H, W]``, about -1..1."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = [config.dim * factor for factor in config.multipliers[::-1]]
        self.conv1 = CausalConv3d(config.latent_channels, widths[0])
        self.middle = _middle(widths[0])
        layers: list[nn.Module] = []
        into = widths[0]
        for level, width in enumerate(widths):
            for _ in range(config.residuals + 1):
                layers.append(Residual(into, width))
                into = width
            if level < len(config.time):
                layers.append(Upsample(width, config.time[::-1][level]))
                into = width // 2
        self.upsamples = nn.Sequential(*layers)
        self.head = Head(widths[-1], 3)

    def past(self, size: Size) -> Iterator[Shape]:
        """What its layers need of the past, in their order, for latents of ``size``."""
        yield from self.conv1.past(size)
        for layer in _layers(self.middle, self.upsamples):
            yield from layer.past(size)
            if isinstance(layer, Upsample):
                size = (2 * size[0], 2 * size[1])
        yield from self.head.past(size)

    def run(self, x: Tensor, past: Past) -> Tensor:
        """See the class."""
        x = self.conv1.run(x, past)
        for layer in _layers(self.middle, self.upsamples):
            x = layer.run(x, past)
        return self.head.run(x, past)


class WanVAE(nn.Module):
    """Both halves. ``decoder=False``: only what encodes, where another decoder is used.

    Latents are the VAE's own; :func:`normalised` and :func:`denormalised` turn them into the ones that the
    transformer sees and back.
    """

    def __init__(self, config: VAEConfig = WAN21, decoder: bool = True) -> None:
        super().__init__()
        self.config = config
        channels = config.latent_channels
        self.encoder = Encoder(config)
        self.conv1 = nn.Conv3d(2 * channels, 2 * channels, 1)
        if decoder:
            self.conv2 = nn.Conv3d(channels, channels, 1)
            self.decoder = Decoder(config)

    def encode_past(self, size: Size, batch: int = 1) -> tuple[Tensor, ...]:
        """Zeros: what ``encode_step`` needs at the beginning of a video of ``size`` pixels."""
        return _zeros(self.encoder.conv1.weight, self.encoder.past(size), batch)

    def decode_past(self, size: Size, batch: int = 1) -> tuple[Tensor, ...]:
        """Zeros: what ``decode_step`` needs at the beginning of latents of ``size`` (rows, columns)."""
        return _zeros(self.decoder.conv1.weight, self.decoder.past(size), batch)

    def encode_step(
        self, video: Tensor, past: Sequence[Tensor], first: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The next frames ``[B, 3, T, H, W]`` in -1..1 -> mean latents ``[B, C, t, h, w]`` and their past.

        ``first``: the video begins here, and ``T = 1 + 4 (t - 1)``; otherwise ``T = 4 t``.
        """
        kept = Past(past, first)
        moments = self.conv1(self.encoder.run(_as(self.encoder.conv1.weight, video), kept))
        return moments.chunk(2, dim=1)[0], tuple(kept.after)

    def decode_step(
        self, latent: Tensor, past: Sequence[Tensor], first: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The next latents ``[B, C, t, h, w]`` -> frames ``[B, 3, T, H, W]`` in -1..1 and their past.

        ``first`` and ``T`` as in :meth:`encode_step`.
        """
        kept = Past(past, first)
        video = self.decoder.run(self.conv2(_as(self.decoder.conv1.weight, latent)), kept)
        return video.clamp(-1.0, 1.0), tuple(kept.after)

    def encode(self, video: Tensor) -> Tensor:
        """Mean latents of a whole video. Raises ``ValueError`` where its size or length does not fit."""
        batch, _, frames, *size = video.shape
        if (frames - 1) % FRAMES or size[0] % PIXELS or size[1] % PIXELS:
            raise ValueError(
                f"a video of {frames} frames of {size[1]}x{size[0]} cannot be encoded: it has 1 frame and a "
                f"multiple of {FRAMES}, in multiples of {PIXELS} pixels"
            )
        return self.encode_step(video, self.encode_past((size[0], size[1]), batch), True)[0]

    def decode(self, latent: Tensor) -> Tensor:
        """The whole video of ``latent``."""
        size = (latent.shape[-2], latent.shape[-1])
        return self.decode_step(latent, self.decode_past(size, latent.shape[0]), True)[0]


M = TypeVar("M", bound=nn.Module)


def channels_last(module: M) -> M:
    """Lay out the weights of all convolutions with channels last, which cuDNN's kernels for low precision
    want; what passes through them follows.
    """
    for parameter in module.parameters():
        if parameter.dim() in (4, 5):
            layout = torch.channels_last if parameter.dim() == 4 else torch.channels_last_3d
            parameter.data = parameter.data.contiguous(memory_format=layout)
    return module


def subpixel(vae: WanVAE) -> WanVAE:
    """Upsample with fewer products, the same but for rounding (``vae_layers.Upsample``)."""
    for module in vae.modules():
        if isinstance(module, Upsample):
            module.subpixel = True
    return vae


def statistics(like: Tensor) -> tuple[Tensor, Tensor]:
    """``MEAN`` and ``STD`` as ``[1, 16, 1, 1, 1]`` float32, on the device of ``like``."""
    both = torch.tensor([MEAN, STD], device=like.device)[:, None, :, None, None, None]
    return both[0], both[1]


def normalised(latent: Tensor) -> Tensor:
    """The VAE's latents ``[B, 16, t, h, w]`` -> the transformer's, float32."""
    mean, std = statistics(latent)
    return (latent.float() - mean) / std


def denormalised(latent: Tensor) -> Tensor:
    """The transformer's latents ``[B, 16, t, h, w]`` -> the VAE's, float32."""
    mean, std = statistics(latent)
    return latent.float() * std + mean


def _middle(width: int) -> nn.Sequential:
    return nn.Sequential(Residual(width, width), Attention(width), Residual(width, width))


def _layers(*parts: nn.Sequential) -> tuple[Layer, ...]:
    return tuple(cast(Layer, layer) for part in parts for layer in part)


def _zeros(like: Tensor, shapes: Iterator[Shape], batch: int) -> tuple[Tensor, ...]:
    layout = _layout(like)
    return tuple(like.new_zeros((batch, *shape)).to(memory_format=layout) for shape in shapes)


def _as(like: Tensor, x: Tensor) -> Tensor:
    return x.to(dtype=like.dtype, memory_format=_layout(like))


def _layout(weight: Tensor) -> torch.memory_format:
    """Channels last where the 3x3x3 weights are laid out so (:func:`channels_last`)."""
    return torch.channels_last_3d if weight.stride(1) == 1 else torch.contiguous_format
