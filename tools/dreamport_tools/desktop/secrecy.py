"""Keeps what is typed into text fields out of the recording, and their place for blacking out.

A field has the focus during a row's time when it had it at the look before, at its end, or at the look after.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dreamport_tools.desktop.events import InputEvent
from dreamport_tools.desktop.window import Box

_LOOKS = 3


class Secrecy:
    """Is told of the focus at every look."""

    def __init__(self) -> None:
        self._looks: list[tuple[Box, ...] | None] = []
        self._pressed: set[str] = set()

    def between(self, fields: tuple[Box, ...] | None) -> bool:
        """Take what a look found; whether the row that it completes is secret."""
        self._looks = [*self._looks, fields][-_LOOKS:]
        return any(look is not None for look in self._looks)

    def boxes(self, window: Box) -> list[Box]:
        """What to black out on it: the fields, or all of the window where a field's place is unknown."""
        looks = [look for look in self._looks if look is not None]
        return [window] if () in looks else [box for look in looks for box in look]

    def filter(self, events: Iterable[InputEvent], hidden: bool) -> list[InputEvent]:
        """What may be recorded. A key that was pressed in secret stays secret until it is up."""
        kept = []
        for event in events:
            if event.kind == "key" and event.down and hidden:
                self._pressed.add(event.name)
            secret = hidden or (event.kind == "key" and event.name in self._pressed)
            if event.kind == "key" and not event.down:
                self._pressed.discard(event.name)
            shown = event.hidden() if secret else event
            if shown is not None and shown.kind == "held":
                shown = replace(shown, names=tuple(name for name in shown.names if name not in self._pressed))
            if shown is not None:
                kept.append(shown)
        return kept
