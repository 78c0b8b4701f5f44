"""Control stage: a frozen teacher learns to follow rays and buttons through adapters."""

from __future__ import annotations

import torch

from dreamport_training.architecture import with_adapters
from dreamport_training.data.latents import LatentClips
from dreamport_training.run import Run
from dreamport_training.stages.bidirectional import fit_backbone, learn_only
from dreamport_training.stages.experts import Experts

LEARNS = ("steering.", "control_in.")


def train_control(run: Run, clips: LatentClips, teacher: Experts) -> Experts:
    """Adapters scale and shift the tokens of every block by rays and control (LingBot-World, arXiv
    2601.20540, section 3.2), the backbone is frozen; every expert gets its own. Saved as ``control`` and
    ``control_low``.
    """
    section = run.config.control
    torch.manual_seed(run.seed + 1)
    if teacher.low is teacher.high:
        model = learn_only(with_adapters(teacher.high), *LEARNS)
        model = fit_backbone(run, clips, model, section, "control", "whole", steered=True)
        return Experts(model, model, teacher.boundary, steered=True)
    high = learn_only(with_adapters(teacher.high), *LEARNS)
    high = fit_backbone(run, clips, high, section, "control", "high", steered=True)
    low = learn_only(with_adapters(teacher.low), *LEARNS)
    low = fit_backbone(run, clips, low, section, "control_low", "low", steered=True)
    return Experts(high, low, teacher.boundary, steered=True)
