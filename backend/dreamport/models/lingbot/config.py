"""Sizes of LingBot-World's causal transformer (arXiv 2601.20540, 2607.07534)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LingBotConfig:
    """Sizes of one transformer. ``window_frames``: latent frames that attention sees in all, the sink and
    the chunk in work included.
    """

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

    @property
    def head_dim(self) -> int:
        """Numbers of one head: 128 in every public checkpoint."""
        return self.dim // self.heads

    @property
    def history_frames(self) -> int:
        """Latent frames that the cache holds at most: what attention sees besides the chunk in work."""
        return self.window_frames - self.chunk_latents

    @property
    def history_lengths(self) -> tuple[int, ...]:
        """Every number of cached latent frames that a chunk can meet, rising; the graph has one static shape
        for each."""
        filling = range(0, self.history_frames, self.chunk_latents)
        return (*filling, self.history_frames)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of tokens of one latent frame of ``height`` x ``width``."""
        return height // self.patch[1], width // self.patch[2]


LINGBOT_1_3B = LingBotConfig(dim=1536, ffn=8960, heads=12, layers=30)
LINGBOT_14B = LingBotConfig(dim=5120, ffn=13824, heads=40, layers=40)
LINGBOT_TINY = LingBotConfig(dim=256, ffn=512, heads=2, layers=2, text_dim=64)
