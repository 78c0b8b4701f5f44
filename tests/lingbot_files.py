"""Files of a LingBot-World checkpoint with the documented names and shapes, tiny and random, written without
any model of ours: what a loader is held against.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Sizes:
    """Sizes of the transformer that matter for the shapes of its tensors."""

    dim: int = 256
    ffn: int = 256
    layers: int = 2
    inputs: int = 36
    text_dim: int = 64
    camera: int = 1536


def transformer_shapes(sizes: Sizes) -> Shapes:
    """Every tensor of the causal transformer, by its original name."""
    d, found = sizes.dim, Shapes()

    def linear(name: str, out: int, into: int) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = (out, into), (out,)

    found["patch_embedding.weight"], found["patch_embedding.bias"] = (d, sizes.inputs, 1, 2, 2), (d,)
    linear("patch_embedding_wancamctrl", d, sizes.camera)
    linear("c2ws_hidden_states_layer1", d, d)
    linear("c2ws_hidden_states_layer2", d, d)
    linear("text_embedding.0", d, sizes.text_dim)
    linear("text_embedding.2", d, d)
    linear("time_embedding.0", d, 256)
    linear("time_embedding.2", d, d)
    linear("time_projection.1", 6 * d, d)
    for block in (f"blocks.{number}" for number in range(sizes.layers)):
        found[f"{block}.modulation"] = (1, 6, d)
        for attention in ("self_attn", "cross_attn"):
            for part in "qkvo":
                linear(f"{block}.{attention}.{part}", d, d)
            found[f"{block}.{attention}.norm_q.weight"] = (d,)
            found[f"{block}.{attention}.norm_k.weight"] = (d,)
        found[f"{block}.norm3.weight"], found[f"{block}.norm3.bias"] = (d,), (d,)
        linear(f"{block}.ffn.0", sizes.ffn, d)
        linear(f"{block}.ffn.2", d, sizes.ffn)
        for part in ("cam_injector_layer1", "cam_injector_layer2", "cam_scale_layer", "cam_shift_layer"):
            linear(f"{block}.{part}", d, d)
    linear("head.head", 64, d)
    found["head.modulation"] = (1, 2, d)
    return found


def random_tensors(shapes: Shapes, seed: int = 0, dtype: torch.dtype = torch.bfloat16) -> dict[str, Tensor]:
    """Small normal numbers of those shapes."""
    numbers = torch.Generator().manual_seed(seed)
    return {name: (torch.randn(shape, generator=numbers) * 0.02).to(dtype) for name, shape in shapes.items()}


def write_shards(
    folder: Path, tensors: dict[str, Tensor], stem: str, count: int, index: bool = True
) -> list[Path]:
    """The tensors as ``STEM-0000N-of-0000M.safetensors``, with their index."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(tensors)
    paths: list[Path] = []
    where: dict[str, str] = {}
    for number in range(count):
        path = folder / f"{stem}-{number + 1:05d}-of-{count:05d}.safetensors"
        part = names[number::count]
        save_file({name: tensors[name].contiguous() for name in part}, path)
        where |= dict.fromkeys(part, path.name)
        paths.append(path)
    if index:
        (folder / f"{stem}.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    return paths


def write_parts(folder: Path) -> None:
    """Stand-ins for the VAE, the text encoder and the tokenizer, where only their places matter."""
    (folder / "google" / "umt5-xxl").mkdir(parents=True)
    (folder / "google" / "umt5-xxl" / "tokenizer.json").write_text("{}")
    for name in ("Wan2.1_VAE.pth", "models_t5_umt5-xxl-enc-bf16.pth"):
        torch.save({"weight": torch.zeros(2)}, folder / name)
