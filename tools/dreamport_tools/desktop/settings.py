"""What the player chooses before recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from dreamport_tools.desktop import bindings, hotkeys

InputChoice: TypeAlias = Literal["auto", "xinput2", "pynput"]


@dataclass(frozen=True)
class DesktopSettings:
    """``out``: the data set. ``window``: part of the title; empty: what has the keyboard when recording
    starts. ``size``: of the pictures; ``None``: of the data set that is there, else the window's.
    ``deg_per_count``: how far a count of the mouse turns the view; ``assumed`` unless it was measured in the
    game. ``wait``: for the start hot key. ``seconds``: end so long after the first frame; ``None``: when the
    player does.
    """

    out: Path
    window: str = ""
    fps: float = 30.0
    size: tuple[int, int] | None = None
    buttons: str = bindings.DEFAULT
    hot_keys: str = hotkeys.DEFAULT
    input: InputChoice = "auto"
    licence: str = "unknown"
    split: str = "train"
    map_name: str = ""
    player: str = ""
    deg_per_count: float = 0.05
    assumed: bool = True
    look_max_deg: float = 30.0
    view_deg: float = 90.0
    quality: int = 90
    episode_minutes: float = 10.0
    delete_minutes: float = 1.0
    wait: bool = False
    seconds: float | None = None
