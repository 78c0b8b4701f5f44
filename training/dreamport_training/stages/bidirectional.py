"""How a bidirectional backbone learns, for the teacher and for the control stage."""

from __future__ import annotations

import copy
from typing import Literal

from torch import Tensor

from dreamport.models.dit import CausalDiT
from dreamport_training.config import ControlSection, TeacherSection
from dreamport_training.data.latents import LatentClips
from dreamport_training.loop import Learner, Loop, Metrics, Step
from dreamport_training.objectives.flow import flow_matching_loss, noised
from dreamport_training.objectives.forcing import continuation_sigmas, velocity_weights
from dreamport_training.run import Run
from dreamport_training.stages.draws import Draws, mean_where
from dreamport_training.stages.experts import Experts
from dreamport_training.stages.optimisers import optimisers_of
from dreamport_training.stages.strips import teacher_strip

Part = Literal["whole", "high", "low"]
"""Which noise levels a backbone is for."""


def fit_backbone(
    run: Run,
    clips: LatentClips,
    model: CausalDiT,
    section: TeacherSection | ControlSection,
    name: str,
    part: Part,
    *,
    steered: bool,
) -> CausalDiT:
    """Flow matching with a clip's first frames given, over the section's curriculum of clip length and shift.

    What of ``model`` does not require a gradient stays as it is. Gives the averaged model, saved as ``name``.
    """
    boundary = run.config.teacher.boundary
    low, high = {"whole": (0.0, 1.0), "high": (boundary, 1.0), "low": (0.0, boundary)}[part]
    average = copy.deepcopy(model).requires_grad_(False)
    model, average = run.parallel.prepare(model), run.parallel.prepare(average)
    draws = Draws(run, section.batch)
    lengths = {phase.frames: clips.of_length(phase.frames) for phase in section.phases}

    def loss_of(step: Step) -> tuple[Tensor, Metrics]:
        phase = section.phase(step.number)
        c = draws.clips(lengths[phase.frames], step)
        sigma = draws.own(
            continuation_sigmas(
                section.batch,
                phase.frames,
                run.config.teacher.video_share,
                step.generator,
                shift=phase.shift,
                low=low,
                high=high,
            )
        )
        noise = draws.noise(c.latent.shape[1:], step)
        with run.autocast():
            velocity = Experts(model, model, boundary, steered).velocity(
                noised(c.latent, noise, sigma), sigma, c
            )
        each = flow_matching_loss(velocity.float(), c.latent, noise)
        loss = run.parallel.mean(each, velocity_weights(sigma))
        return loss, {"loss_at_1": mean_where(each, sigma > 0.999), "frames": float(phase.frames)}

    loop = Loop(
        run,
        name,
        section,
        modules={"dit": model},
        averages={"dit": average},
        learners=[Learner("dit", optimisers_of(model, section.rate), loss_of)],
    )
    loop.resume()
    loop.run(teacher_strip(run, clips, Experts(average, average, boundary, steered)))
    run.save("denoise", average, average.config, name)
    finished = run.load("denoise", name)
    assert isinstance(finished, CausalDiT)
    return finished


def learn_only(model: CausalDiT, *beginnings: str) -> CausalDiT:
    """Freeze all parameters but those whose names begin so, or that belong to an adapter."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(".adapter." in name or name.startswith(beginnings))
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError(f"nothing of the model is left to learn beside {', '.join(beginnings)}")
    return model
