"""What the fields of a pack's JSON files are made of: bounded text, paths inside the pack, strict models."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def pack_path(text: str) -> str:
    """The one rule for a path inside a pack: relative, forward slashes, plain names, at most 8 deep.

    Raises ``ValueError`` for anything else: absolute paths, ``..``, backslashes, drive letters, hidden files
    and the device names of Windows.
    """
    parts = text.split("/")
    plain = len(text) <= 200 and len(parts) <= 8 and all(_SEGMENT.fullmatch(part) for part in parts)
    if not plain or any(part.endswith(".") or part.split(".")[0].lower() in _RESERVED for part in parts):
        raise ValueError(
            f"{text[:200]!r} is not a path inside the pack; use a relative path such as graphs/encode.onnx"
        )
    return text


SLUG = r"^[a-z0-9][a-z0-9\-]{0,62}$"
"""What the name of a world or a start looks like."""

PackPath = Annotated[str, AfterValidator(pack_path)]
Slug = Annotated[str, StringConstraints(pattern=SLUG)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(max_length=8000)]
EventName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,29}\.[a-z][a-z0-9_]{0,29}$")]
KeyCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,32}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Bounded(BaseModel):
    """Base of all manifest parts: immutable, strict, without unknown fields, NaN or infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def explain(error: ValidationError) -> str:
    """The first problems of a validation error in one line, without echoing the input."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    lines = []
    for problem in problems[:4]:
        field = ".".join(str(part)[:60] for part in problem["loc"]) or "the file"
        if field == "schema_version":
            return "its schema version is not the one that is read here; update the older of the two"
        lines.append(f"{field}: {problem['msg'][:300]}")
    more = len(problems) - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")
