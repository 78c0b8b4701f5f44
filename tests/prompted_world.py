"""The stub room with prompts: night darkens its pictures, words tint them; a source that serves it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamport.generator import Generator
from dreamport.generator.types import WorldGenerator
from dreamport.service.world_source import ExecutorInfo, OpenWorld, describe
from dreamport.v1 import world_pb2
from dreamport.worlds import WorldPack, write_pack
from dreamport.worlds.manifest import EVENT_HOLDS
from stub_worlds import (
    BANK_HEADINGS,
    CHANNELS,
    StubExecutor,
    manifest_fields,
    write_graphs,
    write_stub_folder,
)

TEXT_SIZE, WORDS, BUCKETS = 3, 8, 64
EVENTS: tuple[dict[str, Any], ...] = (
    {"name": "light.day", "label": "Day"},
    {"name": "light.dusk", "label": "Dusk", "slot": 0},
    {"name": "light.night", "label": "Night", "slot": 1},
    {"name": "weather.clear", "label": "Clear"},
    {"name": "weather.fog", "label": "Fog", "slot": 2},
)
SIZE = 3 + TEXT_SIZE


def prompted_fields(text: bool = True, headings: int = BANK_HEADINGS) -> dict[str, Any]:
    """The manifest, without ``files``."""
    fields = manifest_fields(headings)
    fields["prompts"] = {"size": SIZE, "events": list(EVENTS)}
    if text:
        fields["prompts"]["text"] = {"words": WORDS, "buckets": BUCKETS, "size": TEXT_SIZE}
        fields["graphs"] = {**fields["graphs"], "text": "graphs/text.onnx"}
    return fields


def write_prompted_pack(folder: Path, headings: int = BANK_HEADINGS, arc_deg: float = 360.0) -> WorldPack:
    """Written and opened; the bank looks ``arc_deg`` far around."""
    write_stub_folder(folder, headings, arc_deg)
    fields = prompted_fields(headings=headings)
    write_graphs(folder, fields)
    return write_pack(folder, fields)


class PromptedExecutor(StubExecutor):
    """Darkens what it makes by what the events say, and moves it by what the words say."""

    def _denoise(self, prompt: Any = None, **feeds: Any) -> dict[str, NDArray[Any]]:
        outputs = super()._denoise(**feeds)
        if prompt is None:
            return outputs
        told = 0.08 * prompt[0, :3].sum() / EVENT_HOLDS - 0.02 * prompt[0, 3:].sum()
        push = np.zeros((1, 1, CHANNELS, 1, 1), np.float32)
        push[:, :, :3] = told / np.maximum(feeds["sigma"].reshape(()), np.float32(1e-3))
        return {**outputs, "velocity": (outputs["velocity"] + push).astype(np.float32)}

    def _text(self, tokens: Any) -> dict[str, NDArray[Any]]:
        sums = np.array([[tokens.sum() % 7, tokens.max() % 5, (tokens > 0).sum()]], np.float32)
        return {"text": np.tanh(sums / 4).astype(np.float32)}

    def _decode(
        self, latent: Any, hint_colour: Any, hint_inverse_depth: Any, hint_valid: Any
    ) -> dict[str, Any]:
        # What memory shows is tinted as the latent is, so that a prompt is seen everywhere.
        outputs = super()._decode(latent, hint_colour, hint_inverse_depth, hint_valid)
        tint = np.float32(1.0) + (latent[:, :3].mean() - np.float32(0.5)) * np.float32(0.8)
        return {**outputs, "colour": np.clip(outputs["colour"] * tint, 0, 1)}


class PromptedSource:
    """Serves one prompted pack."""

    def __init__(self, pack: WorldPack) -> None:
        self.pack = pack
        self.executor = ExecutorInfo("stub", "numpy", "f32", threads=1)

    def worlds(self) -> Sequence[world_pb2.World]:
        """The one."""
        return [describe(self.pack)]

    def open(self, name: str) -> OpenWorld:
        """The one."""
        return self

    def generator(self, seed: int, start: str) -> WorldGenerator:
        """A generator with an executor of its own."""
        return Generator(self.pack, PromptedExecutor(self.pack), seed, start)
