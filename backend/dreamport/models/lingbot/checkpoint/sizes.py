"""Sizes of a checkpoint's transformer, read from the shapes of its tensors.

Shapes cannot be wrong about themselves, and not every checkpoint has a ``config.json``; where there is one,
it is compared and fills in what no shape tells (text tokens, epsilon).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from dreamport.errors import PackError
from dreamport.models.lingbot.checkpoint.fitting import Shape
from dreamport.models.lingbot.checkpoint.layouts import CheckpointFiles
from dreamport.models.lingbot.checkpoint.names import transformer_name
from dreamport.models.lingbot.checkpoint.tensors import shapes
from dreamport.models.lingbot.config import LINGBOT_1_3B, LingBotConfig

HEAD_DIM = 128
MAX_CONFIG_BYTES = 1 << 20
MAX_FRAMES = 64
"""Latent frames of a sink, a chunk or a window that are believed."""
TELLING = (
    "patch_embedding.weight",
    "patch_embedding_wancamctrl.weight",
    "text_embedding.0.weight",
    "time_embedding.0.weight",
    "blocks.0.ffn.0.weight",
    "head.head.weight",
)
_NAMES_IN_CONFIG = {
    "dim": "dim",
    "ffn_dim": "ffn",
    "num_heads": "heads",
    "num_attention_heads": "heads",
    "num_layers": "layers",
    "text_dim": "text_dim",
    "freq_dim": "freq_dim",
}
_ATTENDING_IN_CONFIG = {
    "num_frames_per_block": "chunk_latents",
    "sink_size": "sink_frames",
    "sliding_window_num_frames": "window_frames",
}
"""What ports write into ``config.json`` about chunks, sink and window (vLLM-Omni's names)."""


def read_config(files: CheckpointFiles) -> LingBotConfig:
    """Sizes of the transformer of ``files``. v1, of which the diffusers port is one, attends in chunks of 3
    behind a sink of 9 latent frames, v2 in chunks of 4 behind a sink of 6, both in a window of 18, unless a
    ``config.json`` says otherwise. Raises ``PackError``.
    """
    config = config_of(shapes(files.transformer, transformer_name), str(files.transformer[0].parent))
    if files.layout in ("v1_fast", "diffusers"):
        config = replace(config, chunk_latents=3, sink_frames=9)
    path = files.config_json
    return config if path is None else _compared(config, path)


def config_of(found: Mapping[str, Shape], where: str) -> LingBotConfig:
    """Sizes that a transformer with these tensors has. ``where`` names it in errors. Raises ``PackError``."""
    absent = [name for name in TELLING if name not in found]
    if absent:
        raise PackError(
            f"{where} holds no transformer of LingBot-World: it lacks {', '.join(absent)}"
            + ("; it is a Wan model without camera" if absent == list(TELLING[1:2]) else "; check the path")
        )
    dim, inputs, *patch = found["patch_embedding.weight"] if _rank(found, 5) else (0, 0, 0, 0, 0)
    if not dim or dim % HEAD_DIM or not prod(patch) or len(found["blocks.0.ffn.0.weight"]) != 2:
        raise PackError(
            f"{where}: patch_embedding.weight is {list(found['patch_embedding.weight'])} and must be "
            f"[dim, channels, frames, height, width] with dim a multiple of {HEAD_DIM}; check the path"
        )
    blocks = {int(match[1]) for name in found if (match := re.match(r"blocks\.(\d+)\.", name))}
    return replace(
        LINGBOT_1_3B,
        dim=dim,
        ffn=found["blocks.0.ffn.0.weight"][0],
        heads=dim // HEAD_DIM,
        layers=max(blocks) + 1,
        in_channels=inputs,
        out_channels=found["head.head.weight"][0] // prod(patch),
        patch=(patch[0], patch[1], patch[2]),
        text_dim=found["text_embedding.0.weight"][-1],
        freq_dim=found["time_embedding.0.weight"][-1],
        camera_channels=found["patch_embedding_wancamctrl.weight"][-1],
    )


def _rank(found: Mapping[str, Shape], rank: int) -> bool:
    return len(found["patch_embedding.weight"]) == rank


def _compared(config: LingBotConfig, path: Path) -> LingBotConfig:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ValueError
        told: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(told, dict):
            raise ValueError
    except (OSError, ValueError, RecursionError):
        raise PackError(f"{path} is no readable JSON; download it again") from None
    for name, field in _NAMES_IN_CONFIG.items():
        value = told.get(name)
        if isinstance(value, int) and value != getattr(config, field):
            raise PackError(
                f"{path} says {name} {value} and the weight files beside it have {getattr(config, field)}; "
                "they do not belong together: download both again"
            )
    attending: dict[str, Any] = {
        field: value
        for name, field in _ATTENDING_IN_CONFIG.items()
        if isinstance(value := told.get(name), int) and 1 <= value <= MAX_FRAMES
    }
    config = replace(config, **attending)
    tokens, eps = told.get("text_len"), told.get("eps")
    if isinstance(tokens, int) and 1 <= tokens <= 4096:
        config = replace(config, text_tokens=tokens)
    if isinstance(eps, float) and 0 < eps <= 1e-2:
        config = replace(config, eps=eps)
    return config
