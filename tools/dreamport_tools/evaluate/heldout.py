"""More held-out play, recorded where the engine is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import platformdirs

from dreamport_tools.evaluate.extras import require

HELDOUT_SEED = 9500
"""Seeds from here on are never trained on."""
FRAMES = 1320
"""A little over a minute at 20 frames a second: long enough for every part of the evaluation."""


def record_heldout(
    episodes: int, folder: Path | None = None, progress: Callable[[str, int, int], None] | None = None
) -> Path:
    """Record ``episodes`` held-out episodes and give their folder; those recorded before are kept.

    ``folder``: the user's cache unless given. Raises ``MissingExtraError`` without ViZDoom.
    """
    for module in ("vizdoom", "numba", "cv2", "av", "pyarrow"):
        require(module, "Recording held-out play", "capture")
    from dreamport_tools.vizdoom_recorder import record  # noqa: PLC0415 - needs the engine

    where = folder or Path(platformdirs.user_cache_dir("dreamport")) / "heldout"
    where.mkdir(parents=True, exist_ok=True)
    told = None if progress is None else lambda done, total: progress("recording", done, total)
    record(where, episodes=episodes, frames=FRAMES, seed=HELDOUT_SEED, split="heldout", progress=told)
    return where
