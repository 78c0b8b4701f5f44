"""What a player did, with the time at which it happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

EventKind = Literal["key", "button", "scroll", "move", "held"]
HIDDEN = "hidden"
"""The name of a key that went into a text field."""


@dataclass(frozen=True, slots=True)
class InputEvent:
    """One event of keyboard or mouse. ``time_ns``: monotonic clock.

    ``key`` and ``button``: ``name`` went ``down`` or up. ``scroll`` and ``move``: ``dx`` right and ``dy``
    down, in notches and raw counts. ``held``: the keys and buttons that the system says are down, ``names``.
    """

    time_ns: int
    kind: EventKind
    name: str = ""
    down: bool = False
    dx: float = 0.0
    dy: float = 0.0
    names: tuple[str, ...] = ()

    def to_json(self) -> list[Any]:
        """``[kind, time_ns, ...]``: name and down (0 or 1), or dx and dy, or the names held."""
        if self.kind == "held":
            return [self.kind, self.time_ns, *self.names]
        if self.kind in ("scroll", "move"):
            return [self.kind, self.time_ns, self.dx, self.dy]
        return [self.kind, self.time_ns, self.name, int(self.down)]

    @staticmethod
    def from_json(value: Sequence[Any]) -> InputEvent:
        """The way back."""
        kind, time_ns, *rest = value
        if kind == "held":
            return InputEvent(time_ns, kind, names=tuple(rest))
        if kind in ("scroll", "move"):
            return InputEvent(time_ns, kind, dx=rest[0], dy=rest[1])
        return InputEvent(time_ns, kind, rest[0], bool(rest[1]))

    def hidden(self) -> InputEvent | None:
        """What of it may be kept while a text field has the focus: that a key was pressed, not which."""
        if self.kind == "key":
            return InputEvent(self.time_ns, "key", HIDDEN, self.down)
        return None if self.kind == "held" else self


Put: TypeAlias = Callable[[InputEvent], None]
"""Takes an event, from any thread."""
