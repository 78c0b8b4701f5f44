"""Where a world comes from and how good it was measured to be."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, JsonValue, StringConstraints, model_validator

from dreamport.worlds.fields import Bounded, Line, Text

MAX_JSON_DEPTH = 6


class Provenance(Bounded):
    """Where the world comes from and how good it was measured to be."""

    data: Text
    licence: Line
    commit: Line
    trained_on: Text
    metrics: dict[Annotated[str, StringConstraints(max_length=100)], JsonValue] = Field(
        default_factory=dict, max_length=200
    )
    notes: Text = ""

    @model_validator(mode="after")
    def _shallow(self) -> Provenance:
        level: list[JsonValue] = list(self.metrics.values())
        for _ in range(MAX_JSON_DEPTH):
            deeper: list[JsonValue] = []
            for value in level:
                if isinstance(value, dict):
                    deeper.extend(value.values())
                elif isinstance(value, list):
                    deeper.extend(value)
                elif isinstance(value, float) and not math.isfinite(value):
                    raise ValueError("metrics hold a number that is not finite; leave it out")
            level = deeper
        if level:
            raise ValueError(f"metrics are nested more than {MAX_JSON_DEPTH} deep; flatten them")
        return self
