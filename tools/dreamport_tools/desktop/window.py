"""What a window is to the recorder, whatever the system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Box:
    """A rectangle of the screen, pixels."""

    left: int
    top: int
    width: int
    height: int

    def common(self, other: Box) -> Box | None:
        """The part that both have."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right = min(self.left + self.width, other.left + other.width)
        bottom = min(self.top + self.height, other.top + other.height)
        return Box(left, top, right - left, bottom - top) if right > left and bottom > top else None


@dataclass(frozen=True)
class WindowLook:
    """How the game's window is now. ``box``: its content, ``None`` while it is not to be seen. ``covers``:
    what of it other windows hide. ``focused``: it has the keyboard. ``on_screen``: all of it is on the
    screen. ``gone``: closed.
    """

    box: Box | None = None
    focused: bool = False
    covers: tuple[Box, ...] = ()
    on_screen: bool = True
    gone: bool = False


class GameWindow(Protocol):
    """The window that is recorded. One thread uses it."""

    title: str
    pid: int

    def look(self) -> WindowLook:
        """How it is now; changes that happened before the call are in it."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
