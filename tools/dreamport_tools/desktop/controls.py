"""Folds events into the control of each frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dreamport_tools.desktop.bindings import Bindings
from dreamport_tools.desktop.events import InputEvent


@dataclass(frozen=True)
class RowControl:
    """The input of the time between two frames. ``buttons``: everything that was down at any moment of it, so
    that a tap between two frames is not lost. ``dx``, ``dy``: raw counts, added up.
    """

    buttons: int
    dx: float
    dy: float


class HeldControls:
    """Knows what is held. ``repairs``: how often a snapshot of the system knew better, that is, an event was
    lost.
    """

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self.held: set[str] = set()
        self.repairs = 0

    def take(self, event: InputEvent) -> bool:
        """Follow one event; False for the repetition of a key that is held, or of one that is not."""
        if event.kind == "held":
            if self.held != set(event.names):
                self.repairs += 1
                self.held = set(event.names)
        elif event.kind in ("key", "button"):
            if (event.name in self.held) == event.down:
                return False
            (self.held.add if event.down else self.held.discard)(event.name)
        return True

    def row(self, events: Iterable[InputEvent]) -> tuple[RowControl, list[InputEvent]]:
        """Follow the events between two frames, in their order: that time's control, and the events that
        count.
        """
        touched, kept, dx, dy = set(self.held), [], 0.0, 0.0
        for event in events:
            if not self.take(event):
                continue
            kept.append(event)
            touched |= self.held
            if event.kind == "move":
                dx, dy = dx + event.dx, dy + event.dy
        return RowControl(self._bindings.mask(touched), dx, dy), kept
