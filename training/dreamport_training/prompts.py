"""What the clips of a world are told while it learns, and what its pack may be told at play.

The prompt vector: a place for every choice of light, weather and palette but the first of each, then the
text's vector, then nothing up to ``prompts.size``. A clip is told its look by events, by a sentence, or by
both; a share of the clips is told nothing and looks as it was captured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dreamport.episodes.captions import read_captions
from dreamport.errors import DatasetError
from dreamport.generator.words import tokens
from dreamport.models import save_module
from dreamport.models.codec import Encoder
from dreamport.models.text import TextConfig, TextEncoder
from dreamport_training.conditions import Conditions, Look
from dreamport_training.config import WorldConfig
from dreamport_training.data.baked import Baked, Pictures
from dreamport_training.data.latents import Told
from dreamport_training.data.looks import Looks, bake_looks
from dreamport_training.onnx_export import round_to_half
from dreamport_training.run import Run
from dreamport_training.text import caption_vectors, sentence, supplied_vectors, train_text

EVENTS, TEXT, BOTH = 0, 1, 2
TOLD_SHARES = (0.5, 0.3, 0.2)
CAPTIONS = "captions.json"


def conditions_of(config: WorldConfig, data: Baked) -> Conditions | None:
    """The groups of this world; weather needs depth. ``None`` without prompts or without any group."""
    if not config.prompts.enabled:
        return None
    groups = [name for name in config.prompts.conditions if data.has_depth or name != "weather"]
    return Conditions(groups, float(data.info.get("near_m", config.data.near_m))) if groups else None


def text_config(config: WorldConfig, conditions: Conditions | None) -> TextConfig | None:
    """The text encoder's sizes: what ``prompts.size`` leaves beside the events. Raises ``DatasetError``."""
    prompts = config.prompts
    if not (prompts.enabled and prompts.text):
        return None
    left = prompts.size - (conditions.slots if conditions else 0)
    if left < 4:
        raise DatasetError(
            f"prompts.size is {prompts.size} and leaves {max(0, left)} places for text; give "
            f"{prompts.size - left + 16} or more, or set prompts.text to false"
        )
    return TextConfig(words=prompts.words, buckets=prompts.buckets, size=left)


def bake_prompts(run: Run, data: Baked, encoder: Encoder) -> None:
    """After the latents: train the text encoder (saved as ``text``), note every frame's caption, and bake the
    latents of other looks. Nothing in a world without prompts. Raises ``DatasetError``."""
    prompts = run.config.prompts
    if not prompts.enabled:
        return
    conditions = conditions_of(run.config, data)
    sizes = text_config(run.config, conditions)
    if conditions is None and sizes is None:
        raise DatasetError(
            "prompts are enabled but offer neither conditions nor text; set prompts.enabled false"
        )
    texts, of_frame = captions_of(run.data, data)
    (run.baked / CAPTIONS).write_text(json.dumps({"texts": texts, "frames": of_frame.tolist()}))
    if sizes is not None:
        if prompts.encoder is not None and texts:
            meaning = supplied_vectors(Path(prompts.encoder), texts, sizes.size)
        else:
            meaning = caption_vectors(texts, sizes.size, sizes)
        model = train_text(conditions, texts, meaning, sizes, steps=prompts.steps, seed=run.seed)
        path = run.module("text")
        path.parent.mkdir(parents=True, exist_ok=True)
        save_module(round_to_half(model), sizes, path, torch.float32)
    if conditions is not None:
        bake_looks(data, encoder, conditions, run.baked, prompts.looks, run.seed, run.device)


def captions_of(dataset: Path, data: Baked) -> tuple[list[str], NDArray[np.int32]]:
    """The scenes that the data set's captions tell, and which of them is each frame's (-1: none). A frame's
    is that of its own chunk, which was written without knowing what comes after it."""
    texts: dict[str, int] = {}
    of_frame = np.full(len(data), -1, np.int32)
    for episode in np.unique(data.episode[data.episode >= 0]):
        captions = read_captions(dataset, int(episode))
        if captions is None:
            continue
        for i in np.flatnonzero(data.episode == episode):
            chunk = captions.at(int(data.row[i]))
            if chunk is not None:
                of_frame[i] = texts.setdefault(chunk.scene, len(texts))
    return list(texts), of_frame


def dressed_pictures(pictures: Pictures, conditions: Conditions | None, look: Look | None) -> Pictures:
    """The pictures under ``look [B, G]``; their hints stay as the bank shows them."""
    if conditions is None or look is None:
        return pictures
    colour = conditions.dress(pictures.colour, pictures.inverse_depth, look)
    return Pictures(
        colour, pictures.inverse_depth, pictures.hint_colour, pictures.hint_inverse_depth, pictures.hint_valid
    )


class ClipPrompts:
    """Draws looks and prompts for clips of baked frames."""

    def __init__(
        self,
        size: int,
        conditions: Conditions | None,
        looks: Looks | None,
        encoder: TextEncoder | None,
        texts: list[str],
        of_frame: NDArray[np.int32],
        drop: float,
    ) -> None:
        self.size, self.conditions = size, conditions
        self._looks, self._encoder = looks, encoder
        self._texts, self._of_frame, self._drop = texts, of_frame, drop

    def of(
        self,
        index: NDArray[np.int64],
        latent: NDArray[np.float32],
        size: int,
        part: slice,
        rng: np.random.Generator,
    ) -> Told:
        """For the clips ``part`` of a batch of ``size``: frames ``index [B, T]``, latents as captured."""
        copies = self._looks.copies if self._looks is not None else 0
        plain = rng.random(size) < self._drop
        copy = np.where(plain, 0, rng.integers(0, copies + 1, size))[part]
        how = rng.choice(3, size, p=TOLD_SHARES)
        if self._encoder is None:
            how[:] = EVENTS
        elif self.conditions is None:
            how[:] = TEXT
        seeds = rng.integers(0, 1 << 31, size)[part]
        plain, how = plain[part], how[part]
        look = np.zeros((*index.shape, len(self.conditions.groups) if self.conditions else 0), np.int8)
        if self._looks is not None:
            look = self._looks.look(index, copy)
            latent = self._looks.dress(latent, index, copy)
        prompt = np.zeros((*index.shape, self.size), np.float32)
        if self.conditions is not None:
            by_events = np.where(how == TEXT, 0.0, 1.0).astype(np.float32)
            prompt[..., : self.conditions.slots] = self.conditions.vector(look) * by_events[:, None, None]
        spoken = (how != EVENTS) & ~plain
        if self._encoder is not None and spoken.any():
            prompt[spoken, :, -self._encoder.config.size :] = self._say(index, look, spoken, seeds)
        return Told(latent, look, torch.from_numpy(prompt))

    def _say(
        self, index: NDArray[np.int64], look: Look, spoken: NDArray[np.bool_], seeds: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Text vectors of the clips that are told by words: a new sentence where the look changes."""
        assert self._encoder is not None
        config = self._encoder.config
        said: list[str] = []
        for i in np.flatnonzero(spoken):
            rng = np.random.default_rng(int(seeds[i]))
            number = int(self._of_frame[index[i, 0]])
            caption = self._texts[number] if number >= 0 else ""
            for t in range(index.shape[1]):
                if t and np.array_equal(look[i, t], look[i, t - 1]):
                    said.append(said[-1])
                else:
                    said.append(sentence(self.conditions, look[i, t], caption, rng))
        ids = torch.from_numpy(np.stack([tokens(text, config.words, config.buckets) for text in said]))
        with torch.no_grad():
            vectors: NDArray[np.float32] = self._encoder(ids)["text"].numpy()
        vectors[~ids.any(dim=1).numpy()] = 0.0
        return vectors.reshape(int(spoken.sum()), index.shape[1], config.size)


def clip_prompts(run: Run, data: Baked) -> ClipPrompts | None:
    """What :func:`bake_prompts` left, ready for clips; ``None`` in a world without prompts."""
    if not run.config.prompts.enabled:
        return None
    conditions = conditions_of(run.config, data)
    sizes = text_config(run.config, conditions)
    encoder = None
    if sizes is not None:
        loaded = run.load("text", "text").cpu()
        assert isinstance(loaded, TextEncoder)
        encoder = loaded
    noted = json.loads((run.baked / CAPTIONS).read_text())
    return ClipPrompts(
        run.config.prompts.size,
        conditions,
        Looks(run.baked) if conditions is not None else None,
        encoder,
        noted["texts"],
        np.array(noted["frames"], np.int32),
        run.config.prompts.drop,
    )


def manifest_prompts(config: WorldConfig, data: Baked) -> dict[str, Any] | None:
    """``prompts`` of the manifest; ``None`` for a world without."""
    if not config.prompts.enabled:
        return None
    conditions = conditions_of(config, data)
    sizes = text_config(config, conditions)
    return {
        "size": config.prompts.size,
        "events": conditions.events() if conditions is not None else [],
        **(
            {"text": {"words": sizes.words, "buckets": sizes.buckets, "size": sizes.size}}
            if sizes is not None
            else {}
        ),
    }
