"""Torch definitions of the graphs in a world pack. Imported only by training and by the torch executor."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from dreamport.errors import PackError
from dreamport.models.codec import CodecConfig, Decoder, Encoder
from dreamport.models.dit import CausalDiT, DiTConfig
from dreamport.models.motion import MotionConfig, MotionHead
from dreamport.models.reprojection import Reprojection
from dreamport.models.text import TextConfig, TextEncoder

BUILDERS: dict[str, tuple[type, Callable[[Any], nn.Module]]] = {
    "encode": (CodecConfig, Encoder),
    "decode": (CodecConfig, Decoder),
    "denoise": (DiTConfig, CausalDiT),
    "motion": (MotionConfig, MotionHead),
    "text": (TextConfig, TextEncoder),
}


def save_module(module: nn.Module, config: Any, path: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write a module's parameters and its configuration as safetensors (no code, no pickle)."""
    tensors = {k: v.detach().to(dtype).contiguous() for k, v in module.state_dict().items()}
    safetensors.torch.save_file(tensors, path, metadata={"config": json.dumps(asdict(config))})


def load_module(name: str, path: Path) -> nn.Module:
    """The module that :func:`save_module` wrote for graph ``name``, in float32. Raises ``PackError``."""
    if name not in BUILDERS:
        raise PackError(f"no torch definition for graph {name!r}; known: {', '.join(BUILDERS)}")
    config_type, build = BUILDERS[name]
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    try:
        values = {
            k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(metadata["config"]).items()
        }
        module = build(config_type(**values))
        module.load_state_dict({k: v.float() for k, v in safetensors.torch.load_file(path).items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise PackError(f"{path.name} does not hold the weights of graph {name!r}: {error}") from error
    return module.eval()


def load_graph(name: str, manifest: Any, path: Path | None) -> nn.Module:
    """The torch twin of an ONNX graph: same feeds by name, a dict of outputs. ``reproject`` has no
    weights."""
    if name == "reproject" and manifest.depth is not None:
        return Reprojection(manifest.frame.height, manifest.frame.width, manifest.depth.min_m).eval()
    if path is None:
        raise PackError(f"the pack has no weights for graph {name!r}; the torch executor needs them")
    return load_module(name, path)
