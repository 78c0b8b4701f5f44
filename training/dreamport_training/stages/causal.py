"""Causal stage: the block-causal transformer, from the teacher, by diffusion forcing and teacher forcing."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from dreamport.models.dit import CausalDiT
from dreamport_training.architecture import taken_over, transformer_config
from dreamport_training.data.latents import LatentClips
from dreamport_training.loop import Learner, Loop, Metrics, Step
from dreamport_training.objectives.flow import flow_matching_loss, noised
from dreamport_training.objectives.forcing import (
    diffusion_forcing_sigmas,
    teacher_forcing_sigmas,
    velocity_weights,
)
from dreamport_training.run import Run
from dreamport_training.stages.draws import Draws, mean_where
from dreamport_training.stages.experts import Experts
from dreamport_training.stages.optimisers import optimisers_of
from dreamport_training.stages.strips import played_strip


def train_causal(run: Run, clips: LatentClips, teacher: Experts | None = None) -> CausalDiT:
    """A ``forcing_share`` of the clips have a past at the context's noise and a noisy last frame (teacher
    forcing), the others a level for every frame (diffusion forcing). Begins from the teacher's upper expert,
    or from nothing. Gives the averaged model, saved as ``denoise_causal``.
    """
    section, context_sigma = run.config.causal, run.config.model.context_sigma
    torch.manual_seed(run.seed)
    config = transformer_config(run.config, clips)
    model = CausalDiT(config) if teacher is None else taken_over(teacher.high, config)
    average = copy.deepcopy(model).requires_grad_(False)
    methods = ("clip", "step")
    model, average = run.parallel.prepare(model, methods), run.parallel.prepare(average, methods)
    draws = Draws(run, section.batch)
    lengths = {phase.frames: clips.of_length(phase.frames) for phase in section.phases}

    def loss_of(step: Step) -> tuple[Tensor, Metrics]:
        phase, generator, batch = section.phase(step.number), step.generator, section.batch
        c = draws.clips(lengths[phase.frames], step)
        forced = torch.rand(batch, generator=generator) < section.forcing_share
        sigma = torch.where(
            forced[:, None],
            teacher_forcing_sigmas(batch, phase.frames, context_sigma, generator, phase.shift),
            diffusion_forcing_sigmas(batch, phase.frames, section.context_share, generator, phase.shift),
        )
        sigma = draws.own(sigma)
        noise = draws.noise(c.latent.shape[1:], step)
        with run.autocast():
            velocity = model.clip(
                noised(c.latent, noise, sigma), sigma, c.rays, c.control, c.reprojected, c.prompt
            )
        each = flow_matching_loss(velocity.float(), c.latent, noise)
        loss = run.parallel.mean(each, velocity_weights(sigma))
        return loss, {"loss_at_1": mean_where(each, sigma > 0.999), "frames": float(phase.frames)}

    loop = Loop(
        run,
        "causal",
        section,
        modules={"dit": model},
        averages={"dit": average},
        learners=[Learner("dit", optimisers_of(model, section.rate), loss_of)],
    )
    loop.resume()
    loop.run(played_strip(run, clips, average))
    run.save("denoise", average, config, "denoise_causal")
    finished = run.load("denoise", "denoise_causal")
    assert isinstance(finished, CausalDiT)
    return finished
