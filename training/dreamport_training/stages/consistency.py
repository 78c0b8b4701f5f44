"""Consistency stage: the causal transformer's path from noise in one step."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from dreamport.models.dit import CausalDiT
from dreamport_training.data.latents import Clips, LatentClips
from dreamport_training.loop import Learner, Loop, Metrics, Step
from dreamport_training.objectives.consistency import consistency_loss, grid_places, noise_grid
from dreamport_training.objectives.flow import clean_from_velocity, euler_step, noised
from dreamport_training.rollout import self_rollout
from dreamport_training.run import Run
from dreamport_training.stages.draws import Draws, mean_where
from dreamport_training.stages.optimisers import optimisers_of
from dreamport_training.stages.strips import played_strip

AT_NOISE = 0.3
"""Share of clips that begin at pure noise, as a session's frames do."""


def last_frame_velocity(
    run: Run, model: CausalDiT, context: Tensor, last: Tensor, sigma: Tensor, c: Clips
) -> Tensor:
    """Velocity ``[B, 1, C, h, w]`` of a clip's last frame. ``context [B, T-1, C, h, w]`` is at the context's
    noise already, ``last [B, 1, C, h, w]`` at ``sigma [B, 1]``."""
    level = torch.full_like(sigma, run.config.model.context_sigma).expand(-1, context.shape[1])
    with run.autocast():
        velocity = model.clip(
            torch.cat([context, last], dim=1),
            torch.cat([level, sigma], dim=1),
            c.rays,
            c.control,
            c.reprojected,
            c.prompt,
        )
    return velocity[:, -1:].float()


def train_consistency(run: Run, clips: LatentClips, teacher: CausalDiT) -> CausalDiT:
    """Consistency distillation with one Euler step of the teacher and an averaged target (arXiv 2303.01469,
    algorithm 2), on the last frame of clips whose past is half real and half the student's own.

    ``teacher``: the causal stage's. Gives the averaged student, saved as ``denoise_consistency``.
    """
    section, m = run.config.consistency, run.config.model
    methods = ("clip", "step")
    student = run.parallel.prepare(copy.deepcopy(teacher).train().requires_grad_(True), methods)
    average = run.parallel.prepare(copy.deepcopy(teacher).requires_grad_(False), methods)
    known = run.parallel.prepare(copy.deepcopy(teacher).requires_grad_(False), methods)
    draws, source = Draws(run, section.batch), clips.of_length(section.frames)
    grid = noise_grid(section.points, section.shift).to(run.device)

    def loss_of(step: Step) -> tuple[Tensor, Metrics]:
        c = draws.clips(source, step)
        clean, past = c.latent[:, -1:], c.part(0, -1)
        noises = draws.noise((section.frames - 1, len(m.sigmas) + 1, *clean.shape[2:]), step)
        own_past = bool(step.rng.random() < 0.5)
        context = (
            self_rollout(
                average, past, noises, sigmas=m.sigmas, context_sigma=m.context_sigma, precision=run.autocast
            )
            if own_past
            else past.latent
        )
        level = torch.full(context.shape[:2], m.context_sigma, device=run.device)
        context = noised(context, draws.noise(context.shape[1:], step), level)
        place = draws.own(grid_places(section.batch, section.points, AT_NOISE, step.generator))
        high, low = grid[place], grid[place + 1]
        x = noised(clean, draws.noise(clean.shape[1:], step), high)
        with torch.no_grad():
            nearer = euler_step(x, last_frame_velocity(run, known, context, x, high, c), high, low)
            v = last_frame_velocity(run, average, context, nearer, low, c)
            target = clean_from_velocity(nearer, v, low)
            target = torch.where(low[..., None, None, None] < 1e-6, clean, target)
        made = clean_from_velocity(x, last_frame_velocity(run, student, context, x, high, c), high)
        error = (made.detach() - clean).square().mean(dim=(2, 3, 4))
        loss = run.parallel.mean(consistency_loss(made, target))
        return loss, {"error_at_1": mean_where(error, place == 0), "own_past": float(own_past)}

    loop = Loop(
        run,
        "consistency",
        section,
        modules={"dit": student},
        averages={"dit": average},
        learners=[Learner("dit", optimisers_of(student, section.rate), loss_of)],
    )
    loop.resume()
    loop.run(played_strip(run, source, average))
    run.save("denoise", average, teacher.config, "denoise_consistency")
    finished = run.load("denoise", "denoise_consistency")
    assert isinstance(finished, CausalDiT)
    return finished
