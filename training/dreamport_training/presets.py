"""Sizes of a training run, by what it runs on."""

from __future__ import annotations

from dataclasses import dataclass

from dreamport.models.codec import CodecConfig

CONTEXT_SIGMA = 0.03
"""Noise on the frames that a new one looks back on: the same when distilling and at play."""


@dataclass(frozen=True)
class Budget:
    """Steps, batch and peak learning rate of one stage."""

    steps: int
    batch: int
    rate: float


@dataclass(frozen=True)
class Preset:
    """Everything a run is made of besides its data and its seed."""

    codec: CodecConfig
    crop: tuple[int, int]
    views: int
    width: int
    layers: int
    heads: int
    clip_frames: int
    codec_budget: Budget
    motion_budget: Budget
    causal_budget: Budget
    consistency_budget: Budget
    refine_budget: Budget
    near_m: float = 0.35
    far_m: float = 32.0
    sigmas: tuple[float, ...] = (1.0,)
    per_frame: int = 4
    jpeg_quality: int = 82


PRESETS: dict[str, Preset] = {
    # The shipped world: two CPU cores, under two hours.
    "cpu": Preset(
        codec=CodecConfig(),
        crop=(96, 160),
        views=1350,
        width=192,
        layers=4,
        heads=4,
        clip_frames=4,
        codec_budget=Budget(3000, 16, 2e-3),
        motion_budget=Budget(6000, 512, 2e-3),
        causal_budget=Budget(400, 8, 2e-3),
        consistency_budget=Budget(40, 8, 4e-4),
        refine_budget=Budget(900, 4, 1e-3),
    ),
    # The same world, longer, on one data-centre GPU; every stage is one command of under ten minutes.
    "gpu": Preset(
        codec=CodecConfig(),
        crop=(192, 320),
        views=1350,
        width=192,
        layers=4,
        heads=4,
        clip_frames=8,
        codec_budget=Budget(20000, 64, 2e-3),
        motion_budget=Budget(30000, 1024, 2e-3),
        causal_budget=Budget(20000, 64, 2e-3),
        consistency_budget=Budget(3000, 64, 4e-4),
        refine_budget=Budget(5000, 32, 1e-3),
    ),
    # Minutes on anything: to see that every stage runs.
    "tiny": Preset(
        codec=CodecConfig(fine_width=8, coarse_width=16, decoder_blocks=1),
        crop=(96, 160),
        views=60,
        width=48,
        layers=2,
        heads=2,
        clip_frames=4,
        codec_budget=Budget(60, 8, 2e-3),
        motion_budget=Budget(200, 128, 2e-3),
        causal_budget=Budget(40, 4, 2e-3),
        consistency_budget=Budget(10, 2, 4e-4),
        refine_budget=Budget(20, 2, 1e-3),
    ),
}
