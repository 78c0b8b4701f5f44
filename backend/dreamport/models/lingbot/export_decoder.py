"""A decoder's step as an ONNX graph, for runtimes other than torch: its past comes in, the next step's goes
out.
"""

from __future__ import annotations

import logging
import warnings

import torch
from torch import Tensor, nn

from dreamport.models.lingbot.export import OPSET
from dreamport.models.lingbot.streams import FrameDecoder
from dreamport.models.lingbot.vae_layers import Size


class StepGraph(nn.Module):
    """``decode_step`` behind the first latent, with the past as flat inputs ``past_0``, ``past_1`` ..."""

    def __init__(self, decoder: FrameDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latent: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """``(video, after_0, after_1, ...)``."""
        video, after = self.decoder.decode_step(latent, past, False)
        return (video, *after)


def decoder_inputs(
    decoder: FrameDecoder, size: Size, latents: int = 4, channels: int = 16
) -> dict[str, Tensor]:
    """Inputs of the graph by name, made up: ``latent [1, channels, latents, *size]`` and the decoder's past,
    in its own type.
    """
    past = decoder.decode_past(size)
    draw = torch.Generator(past[0].device).manual_seed(0)
    latent = torch.randn((1, channels, latents, *size), generator=draw, device=past[0].device)
    return {"latent": latent, **{f"past_{i}": tensor for i, tensor in enumerate(past)}}


def decoder_graph(decoder: FrameDecoder, size: Size, latents: int = 4) -> bytes:
    """The ONNX graph of one step, weights inside. ``decoder`` in float32."""
    example = decoder_inputs(decoder, size, latents)
    outputs = ["video", *(f"after_{i}" for i in range(len(example) - 1))]
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                StepGraph(decoder).eval(),
                tuple(example.values()),
                input_names=list(example),
                output_names=outputs,
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    finally:
        quiet.setLevel(level)
    if program is None:
        raise RuntimeError("torch.onnx gave no program")
    graph = program.model_proto
    for node in graph.graph.node:
        del node.metadata_props[:]  # paths of this machine
        node.doc_string = ""
    del graph.graph.metadata_props[:]
    del graph.graph.value_info[:]
    del graph.metadata_props[:]
    return bytes(graph.SerializeToString())
