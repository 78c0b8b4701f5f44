"""Where the engine's headers come from, as ``engine_headers.txt`` lists them."""

from __future__ import annotations

from pathlib import Path


def _read() -> dict[str, tuple[str, str]]:
    lines = Path(__file__).with_suffix(".txt").read_text().splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {path: (module, stub) for module, stub, path in rows}


HEADERS = _read()
"""Include path -> (module that a Build.cs must list, stub that stands for it)."""
