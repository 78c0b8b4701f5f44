"""Trains the text encoder that ships with a world: sentences to vectors, before anything else learns from
them.

It learns two things at once from sentences put together at random: which light, weather and palette they
speak of (read off its vector by a linear head), and what they say of the scene (the caption's own embedding,
read off by another). The vectors are then fixed, and the transformer learns what the world looks like under
them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from dreamport.errors import DatasetError, MissingExtraError
from dreamport.generator.words import tokens
from dreamport.models.text import TextConfig, TextEncoder
from dreamport_training.conditions import Conditions, Look

OPENINGS = ("", "", "", "the level ", "this place ", "it is ", "make it ", "now it is ", "let it be ")
JOINTS = (", ", ", ", " and ", "; ", ". ")


def sentence(
    conditions: Conditions | None, look: Look, caption: str, rng: np.random.Generator, share: float = 0.5
) -> str:
    """One way of saying ``look [G]``, with the scene's caption at times (``share``), in any order."""
    parts = conditions.phrases(look, rng) if conditions is not None else []
    if caption and (not parts or rng.random() < share):
        parts.insert(int(rng.integers(0, len(parts) + 1)), caption.rstrip("."))
    joint = str(rng.choice(JOINTS))
    return str(rng.choice(OPENINGS)) + joint.join(parts) if parts else ""


def caption_vectors(captions: Sequence[str], size: int, config: TextConfig) -> NDArray[np.float32]:
    """``[N, size]``: what each caption says, as a random projection of its words, rare words first (Johnson
    and Lindenstrauss; weights: inverse document frequency)."""
    ids = [set(tokens(text, config.words, config.buckets).tolist()) - {0} for text in captions]
    seen = np.zeros(config.buckets)
    for words in ids:
        seen[list(words)] += 1
    weight = np.log((1.0 + len(captions)) / (1.0 + seen))
    projection = np.random.default_rng(20).standard_normal((config.buckets, size)).astype(np.float32)
    out = np.zeros((len(captions), size), np.float32)
    for i, words in enumerate(ids):
        picked = sorted(words)
        out[i] = weight[picked] @ projection[picked]
    unit: NDArray[np.float32] = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)
    return unit


def supplied_vectors(folder: Path, captions: Sequence[str], size: int) -> NDArray[np.float32]:
    """``[N, size]``: what each caption says, by a text encoder of the user's own in ``folder`` (Hugging
    Face's format): its mean hidden state, reduced to ``size`` by principal components. Nothing is downloaded
    and no code of the folder is run. Raises ``DatasetError`` or ``MissingExtraError``."""
    if not folder.is_dir():
        raise DatasetError(
            f"prompts.encoder: {folder} is no folder; give one with config.json and a tokenizer"
        )
    try:
        from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415 - optional
    except ImportError:
        raise MissingExtraError(
            "a text encoder of your own needs transformers; install it with: pip install transformers"
        ) from None
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        model = AutoModel.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, use_safetensors=True
        ).eval()
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(
            f"prompts.encoder: {folder} cannot be loaded by transformers ({str(error).splitlines()[0]}); it "
            "must hold config.json, a tokenizer and safetensors"
        ) from error
    found = []
    with torch.no_grad():
        for begin in range(0, len(captions), 32):
            batch = tokenizer(
                list(captions[begin : begin + 32]), padding=True, truncation=True, return_tensors="pt"
            )
            hidden = model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None].to(hidden.dtype)
            found.append((hidden * mask).sum(1) / mask.sum(1).clamp(min=1.0))
    all_of_them = torch.cat(found).float().numpy()
    centred = all_of_them - all_of_them.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    reduced = centred @ axes[:size].T
    padded = np.zeros((len(captions), size), np.float32)
    padded[:, : reduced.shape[1]] = reduced
    return padded / max(float(np.abs(padded).max()), 1e-6)


def train_text(
    conditions: Conditions | None,
    captions: Sequence[str],
    meaning: NDArray[np.float32],
    config: TextConfig,
    *,
    steps: int,
    seed: int,
    batch: int = 64,
    rate: float = 3e-3,
) -> TextEncoder:
    """The encoder, on the CPU. ``captions`` may be empty; ``meaning [N, D]`` is what each of them says."""
    torch.manual_seed(seed)
    model = TextEncoder(config)
    counts = conditions.counts if conditions is not None else ()
    choices = nn.Linear(config.size, sum(counts)) if counts else None
    scene = nn.Linear(config.size, meaning.shape[1]) if len(captions) else None
    heads = [head for head in (choices, scene) if head is not None]
    parameters = [*model.parameters(), *(p for head in heads for p in head.parameters())]
    optimiser = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    for step in range(steps):
        rng = np.random.default_rng((seed, 3, step))
        looks = conditions.draw(batch, rng) if conditions is not None else np.zeros((batch, 0), np.int8)
        said, about = [], np.full(batch, -1, np.int64)
        for i, look in enumerate(looks):
            spoken = len(captions) > 0 and rng.random() < 0.6
            if spoken:
                about[i] = rng.integers(len(captions))
            said.append(sentence(conditions, look, captions[about[i]] if spoken else "", rng, share=1.0))
        ids = np.stack([tokens(text, config.words, config.buckets) for text in said])
        # A word missing here and there: what is left must do.
        ids = np.where(rng.random(ids.shape) < 0.05, 0, ids)
        vector = model(torch.from_numpy(ids))["text"]
        loss = _choice_loss(choices, counts, vector, looks) if choices is not None else vector.sum() * 0.0
        if scene is not None and (about >= 0).any():
            spoken_of = torch.from_numpy(about >= 0)
            target = torch.from_numpy(meaning[about[about >= 0]])
            loss = loss + 20.0 * F.mse_loss(scene(vector[spoken_of]), target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for group in optimiser.param_groups:
            group["lr"] = rate * (1.0 - 0.9 * step / max(1, steps))
        optimiser.step()
    return model.eval().requires_grad_(False)


def _choice_loss(head: nn.Linear, counts: Sequence[int], vector: Tensor, looks: Look) -> Tensor:
    """Cross-entropy of every group's choice; what is not said is the first."""
    parts = head(vector).split(list(counts), dim=1)
    targets = torch.from_numpy(looks.astype(np.int64))
    return torch.stack([F.cross_entropy(part, targets[:, i]) for i, part in enumerate(parts)]).sum()
