"""Refine stage: the decoder learns on what the student really makes."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from dreamport.models.codec import Decoder
from dreamport.models.dit import CausalDiT
from dreamport_training.data.latents import LatentClips
from dreamport_training.loop import Learner, Loop, Metrics, Step
from dreamport_training.objectives.codec import detail_loss, local_detail, picture_loss
from dreamport_training.prompts import conditions_of, dressed_pictures
from dreamport_training.rollout import self_rollout
from dreamport_training.run import Run
from dreamport_training.stages.draws import Draws, mean_where
from dreamport_training.stages.strips import hints_shown, played_strip


def train_refine(run: Run, clips: LatentClips, student: CausalDiT, decoder: Decoder) -> Decoder:
    """Train the decoder on the last frame of clips that the student made under play conditions, half after a
    real past and half after its own. Gives the averaged decoder, saved as ``decode``."""
    section, m = run.config.refine, run.config.model
    model = run.parallel.prepare(copy.deepcopy(decoder).train().requires_grad_(True))
    average = run.parallel.prepare(copy.deepcopy(decoder).requires_grad_(False))
    maker = run.parallel.prepare(copy.deepcopy(student).requires_grad_(False), ("clip", "step"))
    optimiser = torch.optim.AdamW(model.parameters(), lr=section.rate, betas=(0.9, 0.98), weight_decay=0.01)
    draws, source = Draws(run, section.batch), clips.of_length(section.frames)
    shape = source.latents.shape[1:]
    conditions = conditions_of(run.config, clips.data)
    depth_weight = 1.0 if clips.data.has_depth else 0.0

    def loss_of(step: Step) -> tuple[Tensor, Metrics]:
        c = draws.clips(source, step)
        given = 1 if step.rng.random() < 0.5 else section.frames - 1
        latent = self_rollout(
            maker,
            c,
            draws.noise((section.frames, len(m.sigmas) + 1, *shape), step),
            sigmas=m.sigmas,
            context_sigma=m.context_sigma,
            given=given,
            precision=run.autocast,
        )[:, -1].detach()
        last = c.part(-1)
        p = dressed_pictures(clips.data.pictures(last.frames.reshape(-1)), conditions, last.look[:, -1])
        hint_colour, hint_depth, valid = hints_shown(last, p, run.device)
        colour, depth = p.colour.to(run.device), p.inverse_depth.to(run.device)
        with run.autocast():
            out = model(latent, hint_colour, hint_depth, valid)
        made, made_depth = out["colour"].float(), out["inverse_depth"].float()
        error = (made.detach() - colour).square().mean(dim=(1, 2, 3))
        whole = valid.mean(dim=(1, 2, 3)) > 0.5
        detail = (local_detail(made.detach()).square().mean() / local_detail(colour).square().mean()).sqrt()
        loss = picture_loss(made, made_depth, colour, depth, depth_weight)
        loss = loss + section.detail_weight * detail_loss(made, colour)
        psnr = -10.0 * torch.log10(error + 1e-8)
        return run.parallel.mean(loss[None]), {"psnr": mean_where(psnr, whole), "detail": float(detail)}

    loop = Loop(
        run,
        "refine",
        section,
        modules={"decoder": model},
        averages={"decoder": average},
        learners=[Learner("decoder", [optimiser], loss_of)],
    )
    loop.resume()
    loop.run(played_strip(run, source, maker, average))
    run.save("decode", average, decoder.config, "decode")
    finished = run.load("decode", "decode")
    assert isinstance(finished, Decoder)
    return finished
