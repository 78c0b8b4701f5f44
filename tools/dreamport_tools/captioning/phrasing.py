"""Words that do not belong: the camera and actions in a scene, the future in a chunk."""

from __future__ import annotations

import re

CAMERA = (
    "camera", "shot", "view", "viewpoint", "viewer", "pan", "pans", "panning", "tilt", "tilts", "zoom",
    "zooms", "zooming", "dolly", "footage", "video", "frame", "frames", "clip", "first-person",
    "third-person", "perspective", "pov", "angle", "lens",
)  # fmt: skip
ACTION = (
    "player", "agent", "protagonist", "walk", "walks", "walking", "run", "runs", "running", "move", "moves",
    "moving", "movement", "turn", "turns", "turning", "step", "steps", "stepping", "strafe", "strafes",
    "strafing", "jump", "jumps", "jumping", "look", "looks", "looking", "shoot", "shoots", "shooting", "fire",
    "fires", "firing", "attack", "attacks", "attacking", "enter", "enters", "entering", "approach",
    "approaches", "approaching", "press", "presses", "forward", "backward", "backwards", "rotate", "rotates",
    "rotating", "explore", "explores", "exploring",
)  # fmt: skip
FUTURE = (
    "will", "later", "soon", "eventually", "afterwards", "afterward", "upcoming", "next", "finally",
    "subsequently", "about to", "going to", "before long", "in the end", "turns out", "leads to what",
    "foreshadows", "yet to come",
)  # fmt: skip

_SENTENCE = re.compile(r"[^.!?]+[.!?]*\s*")


def words_in(text: str, unwanted: tuple[str, ...]) -> list[str]:
    """Which of the unwanted words stand in the text, as whole words, whatever their case."""
    low = text.casefold()
    return [word for word in unwanted if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", low)]


def scene_faults(text: str) -> list[str]:
    """Camera and action words in a scene's description; empty when it is static."""
    return words_in(text, CAMERA + ACTION)


def future_faults(text: str) -> list[str]:
    """Words in a chunk's caption that speak of what comes after it; empty when it tells the present
    and past."""
    return words_in(text, FUTURE)


def without_faults(text: str, unwanted: tuple[str, ...]) -> str:
    """The sentences of a text that hold none of the unwanted words; may be empty."""
    kept = [part for part in _SENTENCE.findall(text) if not words_in(part, unwanted)]
    return "".join(kept).strip()
