"""What a vision model may answer: one JSON object with these fields, without words that do not belong."""

from __future__ import annotations

import json
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from dreamport_tools.captioning.phrasing import (
    ACTION,
    CAMERA,
    FUTURE,
    future_faults,
    scene_faults,
    without_faults,
)

Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=120)]
Long = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=2000)]


class Answer(BaseModel):
    """Base of the answers: every field there, none beside."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def faults(self) -> list[str]:
        """What is wrong with it, in words for the model; empty when nothing is."""
        raise NotImplementedError

    def mended(self) -> dict[str, str]:
        """Its fields without the sentences that are at fault; some may be empty."""
        raise NotImplementedError


class ChunkAnswer(Answer):
    """Of one chunk."""

    event: Short
    caption: Long
    scene: Long

    def faults(self) -> list[str]:
        """Future words anywhere, camera and action words in the scene."""
        found = [_complaint("scene", "the camera or actions", scene_faults(self.scene))]
        for name in ("event", "caption", "scene"):
            found.append(_complaint(name, "the future", future_faults(getattr(self, name))))
        return [fault for fault in found if fault]

    def mended(self) -> dict[str, str]:
        """See :class:`Answer`."""
        return {
            "event": without_faults(self.event, FUTURE),
            "caption": without_faults(self.caption, FUTURE),
            "scene": without_faults(self.scene, CAMERA + ACTION + FUTURE),
        }


class WholeAnswer(Answer):
    """Of the whole episode."""

    narrative: Long
    scene: Long

    def faults(self) -> list[str]:
        """Camera and action words in the scene."""
        fault = _complaint("scene", "the camera or actions", scene_faults(self.scene))
        return [fault] if fault else []

    def mended(self) -> dict[str, str]:
        """See :class:`Answer`."""
        return {"narrative": self.narrative, "scene": without_faults(self.scene, CAMERA + ACTION)}


Kind = TypeVar("Kind", bound=Answer)


def read_answer(text: str, kind: type[Kind]) -> Kind:
    """The answer in a model's text, with or without a Markdown fence. Raises ``ValueError`` with what is
    wrong."""
    body = text.strip()
    if body.startswith("```"):
        body = body.split("\n", 1)[-1].rsplit("```", 1)[0]
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("it is not one JSON object") from None
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False, include_context=False)
        said = "; ".join(f"{'.'.join(map(str, p['loc'])) or 'it'}: {p['msg']}" for p in problems[:4])
        raise ValueError(said) from None


def _complaint(field: str, about: str, words: list[str]) -> str:
    return f"{field} speaks of {about} ({', '.join(words[:5])})" if words else ""
