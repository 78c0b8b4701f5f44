"""``RUN/progress.json``: where a run stands, for whoever watches its folder."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Progress:
    """``step`` of ``steps`` of ``stage``; ``loss`` of the last row, if there is one; ``seconds`` spent on the
    stage so far, over all its runs; ``seconds_left`` of the stage, once that can be said; ``message`` for a
    person."""

    stage: str
    step: int = 0
    steps: int = 0
    loss: float | None = None
    seconds: float = 0.0
    seconds_left: float | None = None
    state: Literal["running", "done", "stopped", "failed"] = "running"
    message: str = ""

    def write(self, folder: Path) -> None:
        """Replace the folder's file in one step, so that a reader never sees half of it."""
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / "progress.json.partial"
        partial.write_text(json.dumps(asdict(self)), encoding="utf-8")
        os.replace(partial, folder / "progress.json")


def read_progress(folder: Path) -> Progress | None:
    """What :meth:`Progress.write` wrote last; nothing when there is none or it is not ours."""
    try:
        return replace(Progress(""), **json.loads((folder / "progress.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
