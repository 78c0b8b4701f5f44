"""Distillation stages: causal consistency to one step, then the decoder on what the student really makes."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dreamport.models.codec import Decoder
from dreamport.models.dit import CausalDiT
from dreamport_training.data.latents import Clips, LatentClips
from dreamport_training.objectives.codec import detail_loss, local_detail, picture_loss
from dreamport_training.objectives.consistency import consistency_loss
from dreamport_training.objectives.flow import clean_from_velocity, noised
from dreamport_training.presets import CONTEXT_SIGMA
from dreamport_training.runs import Stage
from dreamport_training.stages.causal import optimisers_of


def last_frame_velocity(
    model: CausalDiT, context: Tensor, last: Tensor, sigma: Tensor, c: Clips, generator: torch.Generator
) -> Tensor:
    """Velocity ``[B, 1, C, h, w]`` of a clip's last frame, its earlier frames held at the context's noise.

    ``context [B, T-1, C, h, w]``, ``last [B, 1, C, h, w]`` at noise ``sigma [B, 1]``.
    """
    level = torch.full_like(sigma, CONTEXT_SIGMA).expand(-1, context.shape[1])
    noise = torch.randn(context.shape, generator=generator).to(context.device)
    latent = torch.cat([noised(context, noise, level), last], dim=1)
    sigmas = torch.cat([level, sigma], dim=1)
    with torch.autocast(latent.device.type, torch.bfloat16):
        velocity = model.clip(latent, sigmas, c.rays, c.control, c.reprojected)
    return velocity[:, -1:].float()


@torch.no_grad()
def rolled_context(model: CausalDiT, c: Clips, generator: torch.Generator) -> Tensor:
    """The context a session would have: the first frame real, the others made by one-step sampling ``[B,
    T-1, C, h, w]``."""
    made = [c.latent[:, :1]]
    for t in range(1, c.latent.shape[1] - 1):
        part = Clips(
            c.latent[:, : t + 1],
            c.rays[:, : t + 1],
            c.control[:, : t + 1],
            c.reprojected[:, : t + 1],
            c.frames,
            c.prompt,
        )
        sigma = torch.ones(c.latent.shape[0], 1, device=c.latent.device)
        noise = torch.randn(c.latent[:, :1].shape, generator=generator).to(c.latent.device)
        velocity = last_frame_velocity(model, torch.cat(made, 1), noise, sigma, part, generator)
        made.append(clean_from_velocity(noise, velocity, sigma))
    return torch.cat(made, dim=1)


def distil_consistency(
    teacher: CausalDiT,
    clips: LatentClips,
    folder: Path,
    *,
    steps: int,
    batch: int,
    rate: float,
    seed: int,
    device: str = "cpu",
    points: int = 24,
    shift: float = 2.0,
) -> CausalDiT:
    """Consistency distillation with one teacher Euler step and an averaged target (arXiv 2303.01469,
    algorithm 2).

    The context is half real, half the student's own. Gives the averaged student.
    """
    torch.manual_seed(seed)
    student = copy.deepcopy(teacher).train().requires_grad_(True)
    average = copy.deepcopy(teacher).requires_grad_(False)
    stage = Stage(
        "consistency", folder, {"dit": student}, {"dit": average}, optimisers_of(student, rate), steps, rate
    )
    stage.decay = 0.995
    stage.resume()
    t = torch.linspace(1.0, 0.0, points + 1)
    grid = (shift * t / (1.0 + (shift - 1.0) * t)).to(device)

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        rng = np.random.default_rng((seed, 1, step))
        c = clips.batch(batch, rng, device)
        generator = torch.Generator().manual_seed(seed * 104729 + step)
        context = rolled_context(average, c, generator) if rng.random() < 0.5 else c.latent[:, :-1]
        clean = c.latent[:, -1:]
        place = torch.randint(0, points, (batch, 1), generator=generator).to(device)
        place = torch.where(
            torch.rand(batch, 1, generator=generator).to(device) < 0.3, torch.zeros_like(place), place
        )
        high, low = grid[place], grid[place + 1]
        noise = torch.randn(clean.shape, generator=generator).to(device)
        x = noised(clean, noise, high)
        fixed = int(rng.integers(2**31))
        with torch.no_grad():
            v = last_frame_velocity(teacher, context, x, high, c, torch.Generator().manual_seed(fixed))
            nearer = x + (low - high)[..., None, None, None] * v
            v = last_frame_velocity(average, context, nearer, low, c, torch.Generator().manual_seed(fixed))
            target = clean_from_velocity(nearer, v, low)
            target = torch.where(low[..., None, None, None] < 1e-6, clean, target)
        v = last_frame_velocity(student, context, x, high, c, torch.Generator().manual_seed(fixed))
        made = clean_from_velocity(x, v, high)
        error = (made.detach() - clean).square().mean(dim=(2, 3, 4))
        one = error[place == 0]
        return consistency_loss(made, target).mean(), {
            "error_at_1": float(one.mean()) if len(one) else float("nan")
        }

    for _ in stage.train(loss_of):
        pass
    return average.eval()


def refine_decoder(
    student: CausalDiT,
    decoder: Decoder,
    clips: LatentClips,
    folder: Path,
    *,
    steps: int,
    batch: int,
    rate: float,
    seed: int,
    device: str = "cpu",
    detail_weight: float = 6.0,
) -> Decoder:
    """Train the decoder on the student's own latents under play conditions. Gives the averaged decoder."""
    torch.manual_seed(seed)
    model = copy.deepcopy(decoder).train().requires_grad_(True)
    average = copy.deepcopy(decoder).requires_grad_(False)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    stage = Stage("refine", folder, {"decoder": model}, {"decoder": average}, [optimiser], steps, rate)
    stage.decay = 0.995
    stage.resume()

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        rng = np.random.default_rng((seed, 2, step))
        c = clips.batch(batch, rng, device)
        generator = torch.Generator().manual_seed(seed * 104729 + step)
        with torch.no_grad():
            own = rng.random() < 0.5
            context = rolled_context(student, c, generator) if own else c.latent[:, :-1]
            sigma = torch.ones(batch, 1, device=device)
            noise = torch.randn(c.latent[:, :1].shape, generator=generator).to(device)
            v = last_frame_velocity(student, context, noise, sigma, c, generator)
            latent = clean_from_velocity(noise, v, sigma)[:, 0]
        p = clips.data.pictures(c.frames[:, -1])
        # The hint that belongs to the latent hint this clip was given: whole, or empty where it saw none.
        seen = torch.nn.functional.interpolate(c.reprojected[:, -1, -1:], scale_factor=8.0) > 0.02
        valid = p.hint_valid.to(device) * seen.to(p.hint_valid.dtype)
        colour, depth = p.colour.to(device), p.inverse_depth.to(device)
        with torch.autocast(device, torch.bfloat16):
            out = model(latent, p.hint_colour.to(device), p.hint_inverse_depth.to(device), valid)
        made, made_depth = out["colour"].float(), out["inverse_depth"].float()
        error = (made.detach() - colour).square().mean(dim=(1, 2, 3))
        whole = valid.mean(dim=(1, 2, 3)) > 0.5
        psnr = (-10.0 * torch.log10(error + 1e-8))[whole]
        metrics = {"psnr": float(psnr.mean()) if len(psnr) else float("nan")}
        detail = (local_detail(made.detach()).square().mean() / local_detail(colour).square().mean()).sqrt()
        metrics["detail"] = float(detail)
        loss = picture_loss(made, made_depth, colour, depth) + detail_weight * detail_loss(made, colour)
        return loss, metrics

    for _ in stage.train(loss_of):
        pass
    return average.eval()
