"""From one transformer to the next on the ladder: sizes, adapters, and what a student takes over."""

from __future__ import annotations

from dataclasses import replace

import torch

from dreamport.models.dit import RAY_CHANNELS, CausalDiT, DiTConfig
from dreamport_training.config import WorldConfig
from dreamport_training.data.latents import LatentClips


def transformer_config(config: WorldConfig, clips: LatentClips) -> DiTConfig:
    """Sizes of the played transformer: the configuration's, and the data's latents and controls."""
    return sized_transformer(config, clips.latents.shape[1:], clips.data.control.shape[1])


def sized_transformer(config: WorldConfig, latent: tuple[int, ...], controls: int) -> DiTConfig:
    """The same of data that is not there yet: ``latent`` [C, h, w] and ``controls`` numbers a frame."""
    channels, height, width = latent
    m = config.model
    return DiTConfig(
        latent_channels=channels,
        latent_height=height,
        latent_width=width,
        control_size=controls,
        width=m.width,
        layers=m.layers,
        heads=m.heads,
        patch=m.patch,
        sink_frames=m.sink_frames,
        window_frames=m.window_frames,
        adapters=m.adapters,
        prompt_size=config.prompts.size if config.prompts.enabled else 0,
    )


@torch.no_grad()
def with_adapters(teacher: CausalDiT) -> CausalDiT:
    """A copy with adapters and inputs for rays and control that do nothing yet: with ``use_control`` it
    begins as the teacher is without."""
    model = CausalDiT(replace(teacher.config, adapters=True)).to(teacher.embed.weight.device)
    missing = model.load_state_dict(teacher.state_dict(), strict=False).missing_keys
    unknown = [name for name in missing if ".adapter." not in name and not name.startswith("steering.")]
    if unknown:
        raise ValueError(f"the teacher lacks {', '.join(unknown)}")
    model.embed.weight[:, -_ray_columns(model) :].zero_()
    for last in (model.control_in[-1],):
        assert isinstance(last, torch.nn.Linear)
        last.weight.zero_()
        last.bias.zero_()
    return model


@torch.no_grad()
def taken_over(teacher: CausalDiT, config: DiTConfig) -> CausalDiT:
    """A student of sizes ``config`` that begins with all the teacher has and it has too.

    Where the student has no adapters their ray tokens are folded into its own input, which is exact; their
    scales and shifts are left behind, and the student learns the control again by its own modulation.
    """
    student = CausalDiT(config).to(teacher.embed.weight.device)
    own = student.state_dict()
    fitting = {k: v for k, v in teacher.state_dict().items() if k in own and own[k].shape == v.shape}
    student.load_state_dict(fitting, strict=False)
    if teacher.steering is not None and student.steering is None:
        rays = teacher.steering.ray_in
        student.embed.weight[:, -_ray_columns(student) :].add_(rays.weight)
        student.embed.bias.add_(rays.bias)
    return student


def _ray_columns(model: CausalDiT) -> int:
    return RAY_CHANNELS * model.config.patch**2
