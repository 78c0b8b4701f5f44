"""Codec stage: encoder and hint-conditioned decoder, on crops."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from dreamport.errors import DatasetError
from dreamport.models.codec import Decoder, Encoder
from dreamport_training.data.baked import Baked, hole_masks
from dreamport_training.loop import Learner, Loop, Metrics, Step
from dreamport_training.objectives.codec import picture_loss
from dreamport_training.prompts import conditions_of, dressed_pictures
from dreamport_training.run import Run
from dreamport_training.stages.draws import Draws
from dreamport_training.stages.strips import codec_strip

LATENT_NOISE = 0.05
"""On the latent in front of the decoder, so that it bears what the transformer gets wrong."""


def train_codec(run: Run, data: Baked) -> tuple[Encoder, Decoder]:
    """Train both halves together and fix the latent's normalisation. Gives the averaged modules, saved as
    ``encode`` and ``decode_codec``. Raises ``DatasetError`` when the pictures are smaller than the crop."""
    section = run.config.codec
    crop, config = section.crop, section.architecture
    height, width = data.colour.shape[1], data.colour.shape[2]
    if height < crop[0] or width < crop[1]:
        raise DatasetError(
            f"codec.crop is {crop[0]} x {crop[1]}, but the pictures are {height} x {width}; "
            "give a smaller crop"
        )
    torch.manual_seed(run.seed)
    encoder, decoder = Encoder(config), Decoder(config)
    modules: dict[str, torch.nn.Module] = {"encoder": encoder, "decoder": decoder}
    averages = {k: run.parallel.prepare(copy.deepcopy(m).requires_grad_(False)) for k, m in modules.items()}
    modules = {k: run.parallel.prepare(m) for k, m in modules.items()}
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=section.rate, betas=(0.9, 0.98), weight_decay=0.01)
    draws = Draws(run, section.batch)
    depth_weight = 1.0 if data.has_depth else 0.0
    conditions = conditions_of(run.config, data)
    latent_shape = (config.latent_channels, crop[0] // 8, crop[1] // 8)

    def loss_of(step: Step) -> tuple[Tensor, Metrics]:
        rng = step.rng
        top = int(rng.integers(0, (height - crop[0]) // 8 + 1)) * 8
        left = int(rng.integers(0, (width - crop[1]) // 8 + 1)) * 8
        frames = rng.integers(0, len(data), section.batch)[draws.rows]
        p = data.pictures(frames, (top, left, *crop))
        if conditions is not None:
            p = dressed_pictures(p, conditions, conditions.draw(section.batch, rng)[draws.rows])
        holes = hole_masks(section.batch, *crop, step.generator)[draws.rows]
        colour, depth = p.colour.to(run.device), p.inverse_depth.to(run.device)
        hints = (p.hint_colour, p.hint_inverse_depth, p.hint_valid * holes)
        with run.autocast():
            latent = encoder(colour, depth)["latent"]
            noise = LATENT_NOISE * draws.noise(latent_shape, step)
            out = decoder(latent + noise, *(h.to(run.device) for h in hints))
        made = out["colour"].float()
        error = (made.detach() - colour).square().mean(dim=(1, 2, 3))
        psnr = float((-10.0 * torch.log10(error + 1e-8)).mean())
        loss = picture_loss(made, out["inverse_depth"].float(), colour, depth, depth_weight)
        return run.parallel.mean(loss[None]), {"psnr": psnr}

    loop = Loop(
        run,
        "codec",
        section,
        modules=modules,
        averages=averages,
        learners=[Learner("codec", [optimiser], loss_of)],
    )
    loop.resume()
    loop.run(codec_strip(run, data, averages["encoder"], averages["decoder"]))
    names = {"encoder": ("encode", "encode"), "decoder": ("decode", "decode_codec")}
    for key, (graph, name) in names.items():
        run.save(graph, averages[key], config, name)
    whole_encoder, whole_decoder = (run.load(graph, name) for graph, name in names.values())
    assert isinstance(whole_encoder, Encoder) and isinstance(whole_decoder, Decoder)
    normalise_latents(whole_encoder, whole_decoder, data, run.seed, run.device)
    for module, (graph, name) in zip((whole_encoder, whole_decoder), names.values(), strict=True):
        run.save(graph, module, config, name)
    return whole_encoder, whole_decoder


@torch.no_grad()
def normalise_latents(
    encoder: Encoder, decoder: Decoder, data: Baked, seed: int, device: torch.device
) -> None:
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
