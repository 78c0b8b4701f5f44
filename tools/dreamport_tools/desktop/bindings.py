"""Which keys make which buttons of an episode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.keys import CONTROL_NAMES

MAX_BUTTONS = 32
DEFAULT = (
    "forward=KeyW,ArrowUp backward=KeyS,ArrowDown left=KeyA right=KeyD turn_left=ArrowLeft "
    "turn_right=ArrowRight "
    "jump=Space crouch=ControlLeft,KeyC sprint=ShiftLeft use=KeyE reload=KeyR fire=MouseLeft aim=MouseRight"
)
"""What most first-person games have."""


@dataclass(frozen=True)
class Bindings:
    """Buttons in the order of their bits, each with the keys and mouse buttons that make it."""

    buttons: tuple[tuple[str, tuple[str, ...]], ...]

    @staticmethod
    def parse(text: str) -> Bindings:
        """From ``name=KEY,KEY name=KEY``. Raises ``DesktopCaptureError`` for a key unknown or bound twice."""
        buttons: dict[str, tuple[str, ...]] = {}
        bound: dict[str, str] = {}
        for part in text.split():
            name, equals, keys = part.partition("=")
            if not name or not equals or not keys:
                raise DesktopCaptureError(
                    f"--buttons: {part!r} is not NAME=KEY,KEY, for example forward=KeyW,ArrowUp"
                )
            for key in keys.split(","):
                if key not in CONTROL_NAMES:
                    raise DesktopCaptureError(
                        f"--buttons: no key is called {key!r}; names are those of KeyboardEvent.code, such "
                        "as KeyW, Space, ArrowUp, and MouseLeft, MouseMiddle, MouseRight"
                    )
                if key in bound:
                    raise DesktopCaptureError(
                        f"--buttons: {key} is bound to {bound[key]} and to {name}; take one away"
                    )
                bound[key] = name
            buttons[name] = (*buttons.get(name, ()), *keys.split(","))
        if not 1 <= len(buttons) <= MAX_BUTTONS:
            raise DesktopCaptureError(f"--buttons: {len(buttons)} buttons; an episode has 1 to {MAX_BUTTONS}")
        return Bindings(tuple(buttons.items()))

    @property
    def names(self) -> tuple[str, ...]:
        """The buttons' names, bit 0 first."""
        return tuple(name for name, _ in self.buttons)

    @cached_property
    def _bits(self) -> Mapping[str, int]:
        return {key: 1 << bit for bit, (_, keys) in enumerate(self.buttons) for key in keys}

    def mask(self, names: Iterable[str]) -> int:
        """Bits of the buttons that these keys and mouse buttons make."""
        mask = 0
        for name in names:
            mask |= self._bits.get(name, 0)
        return mask
