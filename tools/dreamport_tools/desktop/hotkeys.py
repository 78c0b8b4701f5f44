"""Hot keys: start, stop, mark, and delete the last minutes. They work while the game has the keyboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.events import InputEvent
from dreamport_tools.desktop.keys import KEY_NAMES

Action = Literal["start", "stop", "mark", "delete"]
MODIFIERS = {
    "ctrl": ("ControlLeft", "ControlRight"),
    "shift": ("ShiftLeft", "ShiftRight"),
    "alt": ("AltLeft", "AltRight"),
    "meta": ("MetaLeft", "MetaRight"),
}
DEFAULT = "start=ctrl+shift+F9 stop=ctrl+shift+F10 mark=ctrl+shift+F11 delete=ctrl+shift+F12"


@dataclass(frozen=True)
class Chord:
    """A key with the modifiers that must be held."""

    modifiers: frozenset[str]
    key: str

    @staticmethod
    def parse(text: str) -> Chord:
        """From ``ctrl+shift+F9``. Raises ``DesktopCaptureError``."""
        *modifiers, key = text.split("+")
        if key not in KEY_NAMES or not set(modifiers) <= set(MODIFIERS):
            raise DesktopCaptureError(
                f"--hotkeys: {text!r} is no hot key; write ctrl, shift, alt or meta and a key, "
                "such as ctrl+shift+F9"
            )
        return Chord(frozenset(modifiers), key)


class HotKeys:
    """Sees every key event and says which are hot keys. Those are for the recorder alone and are not
    recorded; ``pressed``: those that are down.
    """

    def __init__(self, chords: Mapping[Action, Chord]) -> None:
        self._chords = dict(chords)
        self._held: set[str] = set()
        self.pressed: set[str] = set()

    @staticmethod
    def parse(text: str) -> HotKeys:
        """From ``start=ctrl+shift+F9 stop=...``; what is left out is as usual. Raises
        ``DesktopCaptureError``.
        """
        chords: dict[Action, Chord] = {}
        for part in (*DEFAULT.split(), *text.split()):
            name, _, keys = part.partition("=")
            for action in get_args(Action):
                if action == name:
                    chords[action] = Chord.parse(keys)
                    break
            else:
                raise DesktopCaptureError(f"--hotkeys: {name!r} is not one of {', '.join(get_args(Action))}")
        if len({*chords.values()}) < len(chords):
            raise DesktopCaptureError("--hotkeys: two actions have the same keys; give each its own")
        return HotKeys(chords)

    def take(self, event: InputEvent) -> tuple[Action | None, bool]:
        """The action that this event asks for, and whether it is a hot key's stroke (then it is not
        recorded).
        """
        if event.kind == "held":
            self._held = set(event.names)
            return None, False
        if event.kind != "key":
            return None, False
        if not event.down:
            self._held.discard(event.name)
            if event.name in self.pressed:
                self.pressed.discard(event.name)
                return None, True
            return None, False
        again = event.name in self._held
        self._held.add(event.name)
        if event.name in self.pressed:
            return None, True
        held = frozenset(name for name, keys in MODIFIERS.items() if self._held & set(keys))
        for action, chord in self._chords.items():
            if not again and chord.key == event.name and chord.modifiers == held:
                self.pressed.add(event.name)
                return action, True
        return None, False

    def describe(self) -> str:
        """For people: ``start ctrl+shift+F9, ...``."""
        return ", ".join(
            f"{action} {'+'.join((*sorted(chord.modifiers), chord.key))}"
            for action, chord in self._chords.items()
        )
