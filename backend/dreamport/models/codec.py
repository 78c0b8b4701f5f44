"""Frame codec: colour and inverse depth to an 8x smaller latent and back.

The decoder is conditional, as in learned video compression (DCVC, arXiv 2109.15047): the reprojected picture
comes in beside the latent, so that detail which memory already holds is carried over at full resolution and
the latent only has to say what differs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class CodecConfig:
    """``latent_channels``: channels of the latent at 1/8 resolution. Widths: channels inside, fine at 1/4,
    coarse at 1/8."""

    latent_channels: int = 16
    fine_width: int = 32
    coarse_width: int = 96
    encoder_blocks: int = 1
    decoder_blocks: int = 2


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width, h, w]`` to the same shape."""
        change: Tensor = self.second(F.silu(self.first(F.silu(x))))
        return x + change


class Encoder(nn.Module):
    """Colour and inverse depth to a bounded latent."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.fine = nn.Conv2d(16 * 4, config.fine_width, 3, padding=1)
        self.coarse = nn.Conv2d(4 * config.fine_width, config.coarse_width, 1)
        self.blocks = nn.Sequential(
            *[ResidualBlock(config.coarse_width) for _ in range(config.encoder_blocks)]
        )
        self.out = nn.Conv2d(config.coarse_width, config.latent_channels, 1)
        self.register_buffer("mean", torch.zeros(1, config.latent_channels, 1, 1))
        self.register_buffer("deviation", torch.ones(1, config.latent_channels, 1, 1))
        self.mean: Tensor
        self.deviation: Tensor

    def forward(self, colour: Tensor, inverse_depth: Tensor) -> dict[str, Tensor]:
        """``colour [B, 3, H, W]`` 0..1, ``inverse_depth [B, 1, H, W]`` 0..1 -> latent ``[B, C, H/8, W/8]``.

        Bounded to +-3, then normalised by each channel's mean and deviation over the training frames.
        """
        x = torch.cat([colour * 2.0 - 1.0, inverse_depth * 2.0 - 1.0], dim=1)
        x = F.silu(self.fine(F.pixel_unshuffle(x, 4)))
        x = self.blocks(self.coarse(F.pixel_unshuffle(x, 2)))
        return {"latent": (torch.tanh(self.out(x) / 3.0) * 3.0 - self.mean) / self.deviation}


class Decoder(nn.Module):
    """Latent and reprojected picture to colour and inverse depth."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        fine, coarse = config.fine_width, config.coarse_width
        self.hint_fine = nn.Conv2d(16 * 5, fine, 3, padding=1)
        self.hint_coarse = nn.Conv2d(4 * fine, coarse, 1)
        self.latent_in = nn.Conv2d(config.latent_channels, coarse, 3, padding=1)
        self.blocks = nn.Sequential(*[ResidualBlock(coarse) for _ in range(config.decoder_blocks)])
        self.up = nn.Conv2d(coarse, 4 * fine, 1)
        self.merge = nn.Conv2d(2 * fine, fine, 3, padding=1)
        self.refine = ResidualBlock(fine)
        self.register_buffer("mean", torch.zeros(1, config.latent_channels, 1, 1))
        self.register_buffer("deviation", torch.ones(1, config.latent_channels, 1, 1))
        self.mean: Tensor
        self.deviation: Tensor
        # Per pixel: three colour residuals, one inverse-depth residual, two gates for the hint.
        self.out = nn.Conv2d(fine, 16 * 6, 3, padding=1)

    def forward(
        self, latent: Tensor, hint_colour: Tensor, hint_inverse_depth: Tensor, hint_valid: Tensor
    ) -> dict[str, Tensor]:
        """``latent [B, C, h, w]``; hints ``[B, 3 or 1, H, W]``, zero where not valid -> colour,
        inverse_depth in 0..1."""
        hint_colour, hint_inverse_depth = hint_colour * hint_valid, hint_inverse_depth * hint_valid
        hint = torch.cat(
            [hint_colour * 2.0 - hint_valid, hint_inverse_depth * 2.0 - hint_valid, hint_valid], dim=1
        )
        fine = F.silu(self.hint_fine(F.pixel_unshuffle(hint, 4)))
        x = self.latent_in(latent * self.deviation + self.mean) + self.hint_coarse(F.pixel_unshuffle(fine, 2))
        x = self.up(F.silu(self.blocks(x)))
        x = F.silu(self.merge(torch.cat([F.pixel_shuffle(x, 2), fine], dim=1)))
        x = F.pixel_shuffle(self.out(self.refine(x)), 4)
        gate_colour = torch.sigmoid(x[:, 4:5] + 2.0)
        gate_depth = torch.sigmoid(x[:, 5:6] + 2.0)
        colour = gate_colour * hint_colour + x[:, :3] + 0.5 * (1.0 - gate_colour * hint_valid)
        inverse_depth = gate_depth * hint_inverse_depth + x[:, 3:4] + 0.2 * (1.0 - gate_depth * hint_valid)
        return {"colour": colour.clamp(0.0, 1.0), "inverse_depth": inverse_depth.clamp(0.0, 1.0)}
