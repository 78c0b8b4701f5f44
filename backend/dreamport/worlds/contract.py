"""What each graph of a world takes and gives: the one place where names and shapes are written down.

Inputs are fed by name. Outputs are taken by position, because an ONNX graph may not give an output the name
of an input (``motion`` turns a state into a state); executors name them as listed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dreamport.worlds.manifest import WorldManifest

GRAPHS = ("encode", "reproject", "denoise", "decode", "motion")
"""Graphs of a world with a camera, remembered views and no words; :func:`signatures` has those that a given
world has."""


@dataclass(frozen=True)
class TensorSpec:
    """Name, element type and static shape of one input or output."""

    name: str
    shape: tuple[int, ...]
    dtype: Literal["float32", "int64"] = "float32"


@dataclass(frozen=True)
class Signature:
    """Inputs (by name) and outputs (by position) of one graph."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def signatures(manifest: WorldManifest) -> dict[str, Signature]:
    """Signature of every graph that a world has, with the manifest's sizes filled in; none of a checkpoint
    world.
    """
    if manifest.graphs is None:
        return {}
    height, width = manifest.frame.height, manifest.frame.width
    channels, rows, columns = manifest.latent.channels, manifest.latent.height, manifest.latent.width
    controls, state = manifest.control_size, manifest.state_size
    cache = manifest.cache
    colour = (1, 3, height, width)
    plane = (1, 1, height, width)
    latent = (1, channels, rows, columns)
    tokens = (cache.layers, cache.heads, cache.tokens_per_frame, cache.head_dim)

    def of(**shapes: tuple[int, ...]) -> tuple[TensorSpec, ...]:
        return tuple(TensorSpec(name, shape) for name, shape in shapes.items())

    reproject: dict[str, Signature] = {}
    if manifest.views is not None:
        views = manifest.views.per_frame
        reproject["reproject"] = Signature(
            of(
                colour=(views, 3, height, width),
                inverse_depth=(views, 1, height, width),
                target_from_source=(views, 4, 4),
                intrinsics=(views, 4),
                target_intrinsics=(4,),
            ),
            of(colour=colour, inverse_depth=plane, valid=plane),
        )
    motion: dict[str, Signature] = {}
    if manifest.motion is not None:
        motion["motion"] = Signature(of(state=(1, state), control=(1, controls)), of(state=(1, state)))
    prompts = manifest.prompts
    words: dict[str, Signature] = {}
    if prompts is not None and prompts.text is not None:
        tokens_in = TensorSpec("tokens", (1, prompts.text.words), "int64")
        words["text"] = Signature((tokens_in,), of(text=(1, prompts.text.size)))

    return {
        "encode": Signature(of(colour=colour, inverse_depth=plane), of(latent=latent)),
        **reproject,
        "denoise": Signature(
            (
                *of(
                    latent=(1, *latent),
                    sigma=(1, 1),
                    rays=(1, 1, 6, rows, columns),
                    control=(1, 1, controls),
                    reprojected=(1, 1, channels + 1, rows, columns),
                    cache_k=cache.shape,
                    cache_v=cache.shape,
                ),
                TensorSpec("cache_length", (1,), "int64"),
                *(of(prompt=(1, prompts.size)) if prompts is not None else ()),
            ),
            of(velocity=(1, *latent), k=tokens, v=tokens),
        ),
        "decode": Signature(
            of(latent=latent, hint_colour=colour, hint_inverse_depth=plane, hint_valid=plane),
            of(colour=colour, inverse_depth=plane),
        ),
        **motion,
        **words,
    }
