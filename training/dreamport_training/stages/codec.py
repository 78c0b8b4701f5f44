"""Codec stage: encoder and hint-conditioned decoder, on crops."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch

from dreamport.models.codec import CodecConfig, Decoder, Encoder
from dreamport_training.data.baked import Baked, hole_masks
from dreamport_training.objectives.codec import picture_loss
from dreamport_training.runs import Stage


def train_codec(
    data: Baked,
    folder: Path,
    config: CodecConfig,
    *,
    steps: int,
    batch: int,
    crop: tuple[int, int],
    rate: float,
    seed: int,
    device: str = "cpu",
) -> tuple[Encoder, Decoder]:
    """Train both halves together and fix the latent's normalisation. Gives the averaged modules."""
    torch.manual_seed(seed)
    encoder, decoder = Encoder(config).to(device), Decoder(config).to(device)
    modules: dict[str, torch.nn.Module] = {"encoder": encoder, "decoder": decoder}
    averages = {k: copy.deepcopy(m).requires_grad_(False) for k, m in modules.items()}
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    stage = Stage("codec", folder, modules, averages, [optimiser], steps, rate)
    stage.resume()
    height, width = data.colour.shape[1], data.colour.shape[2]

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng((seed, step))
        top = int(rng.integers(0, (height - crop[0]) // 8 + 1)) * 8
        left = int(rng.integers(0, (width - crop[1]) // 8 + 1)) * 8
        p = data.pictures(rng.integers(0, len(data), batch), (top, left, *crop))
        holes = hole_masks(batch, *crop, torch.Generator().manual_seed(seed * 7919 + step))
        torch.manual_seed(seed * 104729 + step)
        colour, depth = p.colour.to(device), p.inverse_depth.to(device)
        hints = (p.hint_colour.to(device), p.hint_inverse_depth.to(device), (p.hint_valid * holes).to(device))
        with torch.autocast(device, torch.bfloat16):
            latent = encoder(colour, depth)["latent"]
            out = decoder(latent + 0.05 * torch.randn_like(latent), *hints)
        made = out["colour"].float()
        error = (made.detach() - colour).square().mean(dim=(1, 2, 3))
        psnr = float((-10.0 * torch.log10(error + 1e-8)).mean())
        return picture_loss(made, out["inverse_depth"].float(), colour, depth), {"psnr": psnr}

    for _ in stage.train(loss_of):
        pass
    average_encoder, average_decoder = averages["encoder"], averages["decoder"]
    assert isinstance(average_encoder, Encoder) and isinstance(average_decoder, Decoder)
    normalise_latents(average_encoder, average_decoder, data, seed, device)
    return average_encoder.eval(), average_decoder.eval()


@torch.no_grad()
def normalise_latents(encoder: Encoder, decoder: Decoder, data: Baked, seed: int, device: str) -> None:
    """Set both halves' mean and deviation from 256 frames, so that the latent has unit variance in every
    channel."""
    encoder.mean.zero_()
    encoder.deviation.fill_(1.0)
    p = data.pictures(np.random.default_rng(seed).integers(0, len(data), 256))
    latent = torch.cat(
        [
            encoder(c.to(device), d.to(device))["latent"]
            for c, d in zip(torch.split(p.colour, 32), torch.split(p.inverse_depth, 32), strict=True)
        ]
    )
    mean = latent.mean(dim=(0, 2, 3), keepdim=True)
    deviation = latent.std(dim=(0, 2, 3), keepdim=True).clamp(min=1e-2)
    for module in (encoder, decoder):
        module.mean.copy_(mean)
        module.deviation.copy_(deviation)
