"""Teacher stage: the bidirectional transformer learns how the level looks and moves, without controls."""

from __future__ import annotations

import copy

import torch

from dreamport.models.dit import CausalDiT
from dreamport_training.architecture import transformer_config
from dreamport_training.data.latents import LatentClips
from dreamport_training.run import Run
from dreamport_training.stages.bidirectional import fit_backbone
from dreamport_training.stages.experts import Experts


def train_teacher(run: Run, clips: LatentClips) -> Experts:
    """One backbone, or two experts by noise level (LingBot-World, arXiv 2601.20540, section 3.2), saved as
    ``teacher`` and ``teacher_low``. The lower expert begins where the upper one ended.

    Rays and buttons are left out. The reprojected picture stays: it is memory, given in two of three clips.
    """
    section = run.config.teacher
    torch.manual_seed(run.seed)
    model = CausalDiT(transformer_config(run.config, clips))
    if section.experts == 1:
        model = fit_backbone(run, clips, model, section, "teacher", "whole", steered=False)
        return Experts(model, model, section.boundary)
    high = fit_backbone(run, clips, model, section, "teacher", "high", steered=False)
    lower = copy.deepcopy(high).requires_grad_(True)
    low = fit_backbone(run, clips, lower, section, "teacher_low", "low", steered=False)
    return Experts(high, low, section.boundary)
