"""DMD stage: the student's own play is moved to where the whole teacher says real play lies."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from dreamport.models.dit import CausalDiT
from dreamport_training.data.latents import Clips, LatentClips
from dreamport_training.loop import Learner, Loop, Metrics, Step
from dreamport_training.objectives.adversarial import critic_loss, generator_loss, smoothness_loss
from dreamport_training.objectives.dmd import dmd_loss, score_sigmas
from dreamport_training.objectives.flow import clean_from_velocity, flow_matching_loss, noised
from dreamport_training.rollout import self_rollout
from dreamport_training.run import Run
from dreamport_training.stages.critic import AdversarialHead, features_of, logits_by_frame
from dreamport_training.stages.draws import Draws
from dreamport_training.stages.experts import Experts
from dreamport_training.stages.optimisers import optimisers_of
from dreamport_training.stages.strips import played_strip

NEARBY = 0.01
"""Noise of the adversarial head's smoothness term, in latent deviations."""
SMOOTHNESS = 0.1 / NEARBY**2
"""Its weight; it is computed in the first of the critic's updates of a step."""


def train_dmd(run: Run, clips: LatentClips, student: CausalDiT, teacher: Experts) -> CausalDiT:
    """Distribution matching distillation on self-rollouts (arXiv 2506.08009, algorithm 1; LingBot-World,
    arXiv 2601.20540, section 3.3).

    The student plays ``rollout`` frames through its cache as in a session; gradient goes through the last
    ``grad_frames``. The real score is the whole teacher, both experts of it; the fake score begins as the
    upper one, learns the student's samples ``critic_repeats`` times a step, and carries the adversarial
    head. ``student``: of the consistency (or causal) stage. Gives the averaged student, saved as
    ``denoise_dmd``.
    """
    section, m, parallel = run.config.dmd, run.config.model, run.parallel
    torch.manual_seed(run.seed + 3)
    methods = ("clip", "step")
    model = parallel.prepare(copy.deepcopy(student).train().requires_grad_(True), methods)
    average = parallel.prepare(copy.deepcopy(student).requires_grad_(False), methods)
    fake_model = parallel.prepare(copy.deepcopy(teacher.high).train().requires_grad_(True))
    head = parallel.prepare(AdversarialHead(student.config.width))
    fake = Experts(fake_model, fake_model, teacher.boundary, teacher.steered)
    high = parallel.prepare(copy.deepcopy(teacher.high).requires_grad_(False))
    low = (
        high
        if teacher.low is teacher.high
        else parallel.prepare(copy.deepcopy(teacher.low).requires_grad_(False))
    )
    real = Experts(high, low, teacher.boundary, teacher.steered)
    draws, source = Draws(run, section.batch), clips.of_length(section.frames)
    given = section.frames - section.rollout
    shape = source.latents.shape[1:]

    def played(c: Clips, step: Step, grad_frames: int) -> Tensor:
        """The student's own clip ``[B, T, C, h, w]``."""
        return self_rollout(
            model,
            c,
            draws.noise((section.frames, len(m.sigmas) + 1, *shape), step),
            sigmas=m.sigmas,
            context_sigma=m.context_sigma,
            given=given,
            grad_frames=grad_frames,
            precision=run.autocast,
        )

    def drawn_sigma(step: Step) -> Tensor:
        """One level a clip, its given frames clean: ``[B, T]``."""
        level = draws.own(score_sigmas(section.batch, section.levels, step.generator))
        return torch.cat(
            [torch.zeros_like(level).expand(-1, given), level.expand(-1, section.rollout)], dim=1
        )

    def judged(x: Tensor, noise: Tensor, sigma: Tensor, c: Clips) -> tuple[Tensor, Tensor]:
        """The fake score's velocity and the head's logits ``[B, T, N]`` of clips at noise ``sigma``."""
        with features_of(fake_model) as features, run.autocast():
            velocity = fake.velocity(noised(x, noise, sigma), sigma, c)
        return velocity.float(), logits_by_frame(fake_model, head, features[0], len(x))

    def critic_loss_of(step: Step) -> tuple[Tensor, Metrics]:
        c = draws.clips(source, step)
        x = played(c, step, 0)
        sigma, noise = drawn_sigma(step), draws.noise((section.frames, *shape), step)
        velocity, fake_logits = judged(x, noise, sigma, c)
        weights = (sigma > 0.0).to(x.dtype)
        score = parallel.mean(flow_matching_loss(velocity, x, noise), weights)
        if section.adversarial == 0.0:
            return score + 0.0 * parallel.mean(fake_logits.mean(2), weights), {"score": float(score.detach())}
        _, real_logits = judged(c.latent, noise, sigma, c)
        apart = critic_loss(real_logits, fake_logits).mean(2)
        if step.repeat == 0:
            moved = c.latent + NEARBY * draws.noise((section.frames, *shape), step)
            _, nearby = judged(moved, noise, sigma, c)
            apart = apart + SMOOTHNESS * smoothness_loss(real_logits, nearby).mean(2)
        loss = score + section.adversarial * parallel.mean(apart, weights)
        rolled = sigma > 0.0
        right = 0.5 * (
            (real_logits.detach()[rolled] > 0.0).float().mean()
            + (fake_logits.detach()[rolled] < 0.0).float().mean()
        )
        return loss, {"score": float(score.detach()), "told_apart": float(right)}

    def student_loss_of(step: Step) -> tuple[Tensor, Metrics]:
        c = draws.clips(source, step)
        x = played(c, step, section.grad_frames)
        sigma, noise = drawn_sigma(step), draws.noise((section.frames, *shape), step)
        velocity, logits = judged(x, noise, sigma, c)
        with torch.no_grad():
            noisy = noised(x, noise, sigma)
            fake_clean = clean_from_velocity(noisy, velocity, sigma)
            with run.autocast():
                real_velocity = real.velocity(noisy, sigma, c)
            real_clean = clean_from_velocity(noisy, real_velocity.float(), sigma)
        # Only made frames are compared, and only the last of them learn.
        learn = torch.zeros_like(sigma)
        learn[:, -section.grad_frames :] = 1.0
        matching = torch.zeros_like(sigma)
        matching[:, given:] = dmd_loss(x[:, given:], real_clean[:, given:], fake_clean[:, given:])
        each = matching + section.adversarial * generator_loss(logits).mean(2)
        error = (x.detach() - c.latent).square().mean(dim=(2, 3, 4))
        apart = (real_clean - fake_clean).square().mean(dim=(2, 3, 4))
        return parallel.mean(each, learn), {
            "error": float(error[:, given:].mean()),
            "scores_apart": float(apart[:, given:].mean()),
        }

    critic_optimisers = [
        *optimisers_of(fake_model, section.critic_rate),
        torch.optim.AdamW(head.parameters(), lr=section.critic_rate, betas=(0.0, 0.98), weight_decay=0.0),
    ]
    for group in (g for o in critic_optimisers for g in o.param_groups):
        group["rate_scale"] = section.critic_rate / section.rate
    loop = Loop(
        run,
        "dmd",
        section,
        modules={"dit": model, "fake": fake_model, "head": head},
        averages={"dit": average},
        learners=[
            Learner("critic", critic_optimisers, critic_loss_of, repeats=section.critic_repeats),
            Learner("dit", optimisers_of(model, section.rate), student_loss_of, first=section.critic_first),
        ],
    )
    loop.resume()
    loop.run(played_strip(run, source, average))
    run.save("denoise", average, student.config, "denoise_dmd")
    finished = run.load("denoise", "denoise_dmd")
    assert isinstance(finished, CausalDiT)
    return finished
