"""Answers that were paid for once, by what was asked: a file each, so that a run that was cut short loses
none."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class AnswerCache:
    """``folder`` ``None`` keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @staticmethod
    def key(request: Mapping[str, Any]) -> str:
        """Digest of everything that was asked, pictures included."""
        return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()

    def get(self, key: str) -> str | None:
        """The answer's text, ``None`` when it was never given; a damaged file counts as none."""
        if self._folder is None:
            return None
        try:
            answer = json.loads((self._folder / f"{key}.json").read_text(encoding="utf-8"))["answer"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return answer if isinstance(answer, str) else None

    def put(self, key: str, model: str, answer: str) -> None:
        """Keep an answer, whole or not at all."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{key}.part-{os.getpid()}"
        part.write_text(json.dumps({"model": model, "answer": answer}), encoding="utf-8")
        os.replace(part, self._folder / f"{key}.json")
