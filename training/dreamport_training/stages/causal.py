"""Causal stage: the block-causal transformer by diffusion forcing with context noise."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch

from dreamport.models.dit import CausalDiT, DiTConfig
from dreamport_training.data.latents import LatentClips
from dreamport_training.objectives.flow import flow_matching_loss, noised
from dreamport_training.objectives.forcing import diffusion_forcing_sigmas
from dreamport_training.runs import Stage


def optimisers_of(model: CausalDiT, rate: float) -> list[torch.optim.Optimizer]:
    """Muon on the blocks' matrices, AdamW on everything else (reference recipe of small video
    transformers)."""
    matrices = [p for n, p in model.named_parameters() if n.startswith("blocks.") and p.ndim == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def train_causal(
    clips: LatentClips,
    folder: Path,
    config: DiTConfig,
    *,
    steps: int,
    batch: int,
    rate: float,
    seed: int,
    device: str = "cpu",
) -> CausalDiT:
    """Diffusion forcing; gives the averaged model."""
    torch.manual_seed(seed)
    model = CausalDiT(config).to(device)
    average = copy.deepcopy(model).requires_grad_(False)
    stage = Stage("causal", folder, {"dit": model}, {"dit": average}, optimisers_of(model, rate), steps, rate)
    stage.resume()

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        c = clips.batch(batch, np.random.default_rng((seed, step)), device)
        generator = torch.Generator().manual_seed(seed * 104729 + step)
        sigma = diffusion_forcing_sigmas(batch, clips.frames, 0.4, generator).to(device)
        noise = torch.randn(c.latent.shape, generator=generator).to(device)
        with torch.autocast(device, torch.bfloat16):
            velocity = model.clip(noised(c.latent, noise, sigma), sigma, c.rays, c.control, c.reprojected)
        each = flow_matching_loss(velocity.float(), c.latent, noise)
        # Nearly clean frames have an easy, noisy target; they are there as context.
        weight = (sigma / 0.3).clamp(0.1, 1.0)
        loss = (each * weight).sum() / weight.sum()
        first_step = sigma > 0.999
        at_one = float(each[first_step].mean().detach()) if bool(first_step.any()) else float("nan")
        return loss, {"loss_at_1": at_one}

    for _ in stage.train(loss_of):
        pass
    return average.eval()
