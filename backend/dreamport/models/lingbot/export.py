"""One pass of the transformer as an ONNX graph, for runtimes other than torch: the cache comes in, the
chunk's keys and values go out. One graph for each length of history.
"""

from __future__ import annotations

import logging
import warnings

import torch
from torch import Tensor, nn

from dreamport.models.lingbot.rope import angles
from dreamport.models.lingbot.transformer import LingBotTransformer, TextKeys

OPSET = 20
OUTPUTS = ("velocity", "k", "v")


class StepGraph(nn.Module):
    """:meth:`LingBotTransformer.step` with flat inputs, as named by :func:`step_inputs`."""

    def __init__(self, model: LingBotTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        latent: Tensor,
        time: Tensor,
        camera: Tensor,
        text_k: Tensor,
        text_v: Tensor,
        cosine: Tensor,
        sine: Tensor,
        cache_k: Tensor | None = None,
        cache_v: Tensor | None = None,
        cache_cosine: Tensor | None = None,
        cache_sine: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``(velocity, k, v)``; without a cache, the first chunk of a session."""
        past = None
        if cache_k is None or cache_v is None:
            heads = (self.model.config.heads, self.model.config.head_dim)
            cache_k = cache_v = latent.new_zeros(self.model.config.layers, latent.shape[0], 0, *heads)
        elif cache_cosine is not None and cache_sine is not None:
            past = (cache_cosine, cache_sine)
        text, now = TextKeys(text_k, text_v), (cosine, sine)
        out = self.model.step(latent, time, camera, text, cache_k, cache_v, past, now)
        return out.velocity, out.k, out.v


def step_inputs(model: LingBotTransformer, height: int, width: int, history: int) -> dict[str, Tensor]:
    """Inputs of the graph by name, float32, at the start of a session or behind ``history`` cached latent
    frames; latents of ``height`` x ``width``. Their numbers mean nothing but the rotary tables.

    ``latent [1, 36, F, h, w]``, ``time [1, F, freq_dim]`` (``time_features``), ``camera [1, N, dim]``
    (``camera_tokens``), ``text_k``, ``text_v [layers, 1, T, heads, D]``, ``cosine``, ``sine [N, D / 2]``;
    with history ``cache_k``, ``cache_v [layers, 1, history * tokens, heads, D]`` before rotary embedding and
    their ``cache_cosine``, ``cache_sine``.
    """
    config = model.config
    rows, columns = config.grid(height, width)
    tokens, chunk, head = rows * columns, config.chunk_latents, (config.heads, config.head_dim)
    draw = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=draw)

    cosine, sine = angles(torch.arange(history, history + chunk), rows, columns, config.head_dim)
    inputs = {
        "latent": random(1, config.in_channels, chunk, height, width),
        "time": random(1, chunk, config.freq_dim).clamp(-1, 1),
        "camera": random(1, chunk * tokens, config.dim),
        "text_k": random(config.layers, 1, config.text_tokens, *head),
        "text_v": random(config.layers, 1, config.text_tokens, *head),
        "cosine": cosine,
        "sine": sine,
    }
    if history:
        inputs["cache_k"] = random(config.layers, 1, history * tokens, *head)
        inputs["cache_v"] = random(config.layers, 1, history * tokens, *head)
        places = torch.arange(history)
        inputs["cache_cosine"], inputs["cache_sine"] = angles(places, rows, columns, config.head_dim)
    return inputs


def step_graph(model: LingBotTransformer, height: int, width: int, history: int) -> bytes:
    """The ONNX graph of one pass, weights inside, outputs :data:`OUTPUTS`. ``model`` in float32 and small
    enough for one ONNX file of 2 GB."""
    example = step_inputs(model, height, width, history)
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                StepGraph(model).eval(),
                tuple(example.values()),
                input_names=list(example),
                output_names=list(OUTPUTS),
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
        # Where the code lay that made it is nobody's business.
        del node.metadata_props[:]
        node.doc_string = ""
    del graph.graph.metadata_props[:]
    del graph.graph.value_info[:]
    del graph.metadata_props[:]
    return bytes(graph.SerializeToString())
