"""A whole checkpoint of random numbers on disk, as small as one likes: for tests, and for a trial where no
weights are at hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from dreamport.models.lingbot.checkpoint.layouts import TEXT_FILES, TOKENIZER_FOLDERS, VAE_FILES
from dreamport.models.lingbot.checkpoint.random_weights import SCALE, random_module, random_transformer
from dreamport.models.lingbot.config import LingBotConfig
from dreamport.models.lingbot.vae import WAN21_TINY, WanVAE

LETTERS = " abcdefghijklmnopqrstuvwxyz0123456789.,!?'-"
SPECIAL = ("<pad>", "</s>", "<unk>")
WORDS = len(SPECIAL) + len(LETTERS)
TEXT_LAYERS, TEXT_HEAD_DIM, BUCKETS = 2, 64, 32
FOLDERS = {"v1_fast": "lingbot_world_fast", "v2_14b": "transformers", "flat": "."}


def write_random(folder: Path, config: LingBotConfig, layout: str, seed: int, shards: int = 2) -> Path:
    """A checkpoint of those sizes in ``folder``, laid out as ``v1_fast``, ``v2_14b`` or ``flat``, with a
    small VAE, text encoder and tokenizer. Equal arguments give equal files.
    """
    place = folder / FOLDERS[layout]
    transformer = random_transformer(config, "cpu", torch.bfloat16, seed)
    _write_shards(place, transformer.state_dict(), "model", shards)
    if layout == "v2_14b":
        (folder / "config.json").write_text(json.dumps(_config_json(config)))
    vae = random_module(lambda: WanVAE(WAN21_TINY), "cpu", torch.float32, seed + 1)
    torch.save(vae.state_dict(), folder / VAE_FILES[0])
    torch.save(random_text_tensors(config.text_dim, seed + 2), folder / TEXT_FILES[0])
    write_letters_tokenizer(folder / TOKENIZER_FOLDERS[0])
    return folder


def random_text_tensors(dim: int, seed: int) -> dict[str, Tensor]:
    """A small umT5 encoder of width ``dim`` that knows letters, by the names of the original file."""
    numbers = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {"token_embedding.weight": (WORDS, dim), "norm.weight": (dim,)}
    for block in (f"blocks.{number}" for number in range(TEXT_LAYERS)):
        shapes |= {f"{block}.norm{number}.weight": (dim,) for number in (1, 2)}
        shapes |= {f"{block}.attn.{part}.weight": (dim, dim) for part in "qkvo"}
        shapes[f"{block}.ffn.gate.0.weight"] = shapes[f"{block}.ffn.fc1.weight"] = (2 * dim, dim)
        shapes[f"{block}.ffn.fc2.weight"] = (dim, 2 * dim)
        shapes[f"{block}.pos_embedding.embedding.weight"] = (BUCKETS, dim // TEXT_HEAD_DIM)
    return {
        name: torch.ones(shape, dtype=torch.bfloat16)
        if "norm" in name
        else (torch.randn(shape, generator=numbers) * SCALE).bfloat16()
        for name, shape in shapes.items()
    }


def write_letters_tokenizer(folder: Path) -> None:
    """A tokenizer folder whose tokens are letters."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415

    known = [(token, 0.0) for token in SPECIAL]
    known += [("▁" if letter == " " else letter, -1.0 - at) for at, letter in enumerate(LETTERS)]
    tokenizer = Tokenizer(models.Unigram(known, unk_id=2))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "model_max_length": 512,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(told))


def _write_shards(folder: Path, tensors: Mapping[str, Tensor], stem: str, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(tensors)
    where: dict[str, str] = {}
    for number in range(count):
        file = f"{stem}-{number + 1:05d}-of-{count:05d}.safetensors"
        part = names[number::count]
        save_file({name: tensors[name].contiguous() for name in part}, folder / file)
        where |= dict.fromkeys(part, file)
    (folder / f"{stem}.safetensors.index.json").write_text(json.dumps({"weight_map": where}))


def _config_json(config: LingBotConfig) -> dict[str, object]:
    told = asdict(config)
    return {
        "dim": told["dim"],
        "ffn_dim": told["ffn"],
        "num_heads": told["heads"],
        "num_layers": told["layers"],
        "text_dim": told["text_dim"],
        "freq_dim": told["freq_dim"],
        "text_len": told["text_tokens"],
        "eps": told["eps"],
    }
