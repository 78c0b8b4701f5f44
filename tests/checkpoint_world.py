"""A pack of a checkpoint world whose weight files are stand-ins: all that is read before a model is built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from dreamport.worlds import WorldPack
from dreamport.worlds.checkpoint import LingBotSizes
from dreamport.worlds.from_checkpoint import NewWorld, write_checkpoint_world
from dreamport.worlds.weights import record_of

SIZES: dict[str, Any] = {
    "dim": 256,
    "ffn": 512,
    "heads": 2,
    "layers": 2,
    "in_channels": 36,
    "out_channels": 16,
    "patch": (1, 2, 2),
    "text_tokens": 16,
    "text_dim": 64,
    "freq_dim": 256,
    "camera_channels": 1536,
    "sink_frames": 6,
    "window_frames": 18,
    "chunk_latents": 4,
    "eps": 1e-6,
}


def stub_safetensors(path: Path, *names: str) -> Path:
    """A safetensors file of one-number tensors with these names."""
    header = {
        name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4]}
        for at, name in enumerate(names)
    }
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4 * len(names)))
    return path


def stub_checkpoint(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Stand-ins for the files of a checkpoint, by role."""
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "tokenizer" / "tokenizer.json").write_text("{}")
    return {
        "transformer": (stub_safetensors(folder / "model.safetensors", "a", "b"),),
        "vae": (stub_safetensors(folder / "vae.safetensors", "c"),),
        "text": (stub_safetensors(folder / "text.safetensors", "d"),),
        "tokenizer": (folder / "tokenizer" / "tokenizer.json",),
    }


def stub_checkpoint_world(
    folder: Path, width: int = 64, height: int = 32, name: str = "stub-checkpoint", **sizes: Any
) -> WorldPack:
    """The pack in ``folder / name``, its stand-in weights in ``folder / "checkpoint"``."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 0] = np.arange(width, dtype=np.uint8)
    new = NewWorld(name, "Stub", image, "a quiet valley")
    chosen = LingBotSizes.model_validate(SIZES | sizes)
    record = record_of("flat", stub_checkpoint(folder / "checkpoint"))
    return write_checkpoint_world(folder / name, record, chosen, new)
