"""How long the stages will take here, from a few steps of each kind on made-up numbers: seconds of work."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from dreamport.models.codec import Decoder, Encoder
from dreamport.models.dit import CausalDiT
from dreamport_training.architecture import sized_transformer
from dreamport_training.config import Curriculum, WorldConfig
from dreamport_training.data.sizing import Sizing
from dreamport_training.survey import Machine, Survey

BAKE_CORE_S = 0.9e-6
"""Seconds that one core takes to bake a pixel of a frame with its hints: 24,000 frames of 320x192 took two
cores ten minutes."""
PLAIN_BAKE_CORE_S = 0.1e-6
MOTION_S = 1.0e-4
"""Seconds of a frame of the motion head's roll-out a 512 of batch, beside a fixed part."""
EXPORT_MINUTES = 0.5


def minutes_of(
    config: WorldConfig, survey: Survey, sizing: Sizing, machine: Machine
) -> dict[str, float | None]:
    """Minutes of every stage. The codec and the transformer are measured, the bake is taken from its known
    rate, and what a stage makes of them is counted: a step back and forth is three passes."""
    device = torch.device(machine.device)
    height, width = config.codec.crop
    encoder, decoder = (
        Encoder(config.codec.architecture).to(device),
        Decoder(config.codec.architecture).to(device),
    )
    picture = _codec_seconds(encoder, decoder, height, width, device) / (height * width)
    pixels = sizing.width * sizing.height
    frame = _frame_seconds(config, sizing, len(survey.buttons) + 2, device)
    decode = picture * pixels

    def curriculum(stage: Curriculum, passes: float) -> float:
        clips = sum(stage.steps * p.share * p.frames for p in stage.phases)
        return clips * stage.batch * frame * passes

    has_hints = survey.near_m is not None and survey.pose != "none"
    bake = survey.frames * pixels * (BAKE_CORE_S if has_hints else PLAIN_BAKE_CORE_S) / machine.cores
    c, d, r = config.consistency, config.dmd, config.refine
    fake_share = 3.0 * d.critic_repeats
    seconds = {
        "bake": bake,
        "codec": config.codec.steps * config.codec.batch * height * width * picture,
        "motion": config.motion.steps * (0.01 + MOTION_S * 4 * config.motion.batch / 2),
        "latents": survey.frames * decode * (0.5 if has_hints else 0.25),
        "teacher": curriculum(config.teacher, 3.0),
        "control": curriculum(config.control, 2.5),
        "causal": curriculum(config.causal, 3.0),
        "consistency": c.steps * c.batch * c.frames * frame * 5.0,
        "dmd": d.steps * d.batch * frame * (d.rollout * 2.0 + d.frames * (3.0 + fake_share)),
        "refine": r.steps * r.batch * r.frames * (2.0 * frame + decode),
    }
    return {**{name: s / 60.0 for name, s in seconds.items()}, "export": EXPORT_MINUTES}


def _codec_seconds(
    encoder: nn.Module, decoder: nn.Module, height: int, width: int, device: torch.device
) -> float:
    """Of one picture, there, back and the gradients."""
    batch = 2
    colour = torch.rand(batch, 3, height, width, device=device)
    plane = torch.rand(batch, 1, height, width, device=device)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16):
            latent = encoder(colour, plane)["latent"]
            out = decoder(latent, colour, plane, plane)
        (out["colour"].float().mean() + out["inverse_depth"].float().mean()).backward()

    return _seconds(step, device) / batch


def _frame_seconds(config: WorldConfig, sizing: Sizing, controls: int, device: torch.device) -> float:
    """Of one frame of one clip through the transformer, forward."""
    channels, rows, columns, frames = config.codec.latent_channels, sizing.height // 8, sizing.width // 8, 4
    sizes = sized_transformer(config, (channels, rows, columns), controls)
    model = CausalDiT(replace(sizes, adapters=True, prompt_size=0)).to(device)
    latent = torch.randn(1, frames, channels, rows, columns, device=device)
    shown = torch.randn(1, frames, channels + 1, rows, columns, device=device)
    rays = torch.randn(1, frames, 6, rows, columns, device=device)
    sigma, control = torch.rand(1, frames, device=device), torch.zeros(1, frames, controls, device=device)

    def step() -> None:
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            model.clip(latent, sigma, rays, control, shown)

    return _seconds(step, device) / frames


def _seconds(
    step: Callable[[], None], device: torch.device, least: int = 2, patience_s: float = 2.0
) -> float:
    """Of one step: the quickest of some, after one that warms up."""
    taken: list[float] = []
    begun = time.monotonic()
    step()
    while len(taken) < least or (time.monotonic() - begun < patience_s and len(taken) < 5):
        if device.type == "cuda":
            torch.cuda.synchronize()
        start = time.monotonic()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.monotonic() - start)
    return min(taken)
