"""Captions of an episode, beside its other files: ``captions/episode-NNNNNN.json``.

Three levels: a narrative of the whole episode, its scene without camera or action words, and chunks of a few
seconds. What a chunk says is taken from the frames up to its end and from nothing after it, so a model that
knows only the past may be told it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from dreamport.errors import DatasetError

FORMAT: Literal["dreamport-captions-1"] = "dreamport-captions-1"
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CaptionedChunk(_Part):
    """Seconds ``start`` to ``end`` of the episode. ``event``: what happens, in a few words; ``caption``: the
    same at length; ``scene``: what is seen, without camera or action words.
    """

    start: float = Field(ge=0)
    end: float = Field(gt=0)
    event: Line
    caption: Line
    scene: Line

    @model_validator(mode="after")
    def _forward(self) -> CaptionedChunk:
        if self.end <= self.start:
            raise ValueError("end must come after start")
        return self


class EpisodeCaptions(_Part):
    """``source``: who wrote them, a name and version of rules or a model. ``frame_rate``: frames a second."""

    format: Literal["dreamport-captions-1"] = FORMAT
    episode: int = Field(ge=0)
    frames: int = Field(ge=1)
    frame_rate: float = Field(gt=0)
    source: Line
    narrative: Line
    scene: Line
    chunks: tuple[CaptionedChunk, ...]

    @model_validator(mode="after")
    def _in_order(self) -> EpisodeCaptions:
        starts = [chunk.start for chunk in self.chunks]
        if starts != sorted(starts):
            raise ValueError("chunks must stand in the order of time")
        return self

    def at(self, row: int) -> CaptionedChunk | None:
        """The chunk that holds a row of the episode."""
        second = row / self.frame_rate
        return next((chunk for chunk in self.chunks if chunk.start <= second < chunk.end), None)


def captions_path(root: Path, episode: int) -> Path:
    """Where the captions of an episode lie."""
    return root / "captions" / f"episode-{episode:06d}.json"


def read_captions(root: Path, episode: int) -> EpisodeCaptions | None:
    """The captions of an episode, ``None`` if it has none. Raises ``DatasetError`` when they are damaged."""
    path = captions_path(root, episode)
    try:
        return EpisodeCaptions.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise DatasetError(
            f"{path} cannot be read ({first}); remove it and run `dreamport caption` again"
        ) from None


def write_captions(root: Path, captions: EpisodeCaptions) -> Path:
    """Put an episode's captions in place, whole or not at all."""
    path = captions_path(root, captions.episode)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".part-{os.getpid()}")
    part.write_text(captions.model_dump_json(indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)
    return path
