"""Sizes of LingBot-World's causal transformer (arXiv 2601.20540, 2607.07534)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LingBotConfig:
    """Sizes of one transformer. ``window_frames``: latent frames in all, the current chunk included."""

    dim: int
    ffn: int
    heads: int
    layers: int
    in_channels: int = 36
    out_channels: int = 16
    patch: tuple[int, int, int] = (1, 2, 2)
    text_tokens: int = 512
    text_dim: int = 4096
    freq_dim: int = 256
    camera_channels: int = 1536
    sink_frames: int = 6
    window_frames: int = 18
    chunk_latents: int = 4
    eps: float = 1e-6


LINGBOT_1_3B = LingBotConfig(dim=1536, ffn=8960, heads=12, layers=30)
LINGBOT_14B = LingBotConfig(dim=5120, ffn=13824, heads=40, layers=40)
LINGBOT_TINY = LingBotConfig(dim=256, ffn=512, heads=2, layers=2, text_dim=64)
