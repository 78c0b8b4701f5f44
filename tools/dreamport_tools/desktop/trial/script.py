"""Gives an X server real key and mouse events, by the extension XTEST, and writes down when."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dreamport_tools.desktop.grid import SECOND_NS
from dreamport_tools.desktop.keys import MOUSE_BUTTONS, x11_keycode

KEYS = ("KeyW", "KeyA", "KeyS", "KeyD", "Space", "ShiftLeft", "ControlLeft", "KeyE", "ArrowUp")
BUTTONS = {name: number for number, name in MOUSE_BUTTONS.items() if number in (1, 3)}


@dataclass(frozen=True)
class Given:
    """An event that was given: content as in ``InputEvent``, and the times around giving it."""

    kind: str
    name: str
    down: bool
    dx: int
    dy: int
    before_ns: int = 0
    after_ns: int = 0

    @property
    def content(self) -> tuple[str, str, bool, int, int]:
        """All but the time."""
        return self.kind, self.name, self.down, self.dx, self.dy


def play_script(events: int, seed: int) -> Iterator[Given]:
    """So many events as a player makes them: keys and buttons that go down and come up in any order, moves in
    between. Nothing is held in the end.
    """
    rng, held = random.Random(seed), list[tuple[str, str]]()
    left = events
    while left:
        kind = rng.choice(("key", "key", "button", "move"))
        if held and (len(held) >= left or rng.random() < 0.35):
            kind, name = held.pop(rng.randrange(len(held)))
            yield Given(kind, name, False, 0, 0)
        elif kind == "move" or left - len(held) < 2:
            yield Given("move", "", False, rng.choice((-1, 1)) * rng.randint(1, 40), rng.randint(-12, 12))
        else:
            free = [name for name in (KEYS if kind == "key" else BUTTONS) if (kind, name) not in held]
            if not free:
                continue
            held.append((kind, rng.choice(free)))
            yield Given(kind, held[-1][1], True, 0, 0)
        left -= 1


class Player:
    """Gives events to the X server that ``display`` names."""

    def __init__(self, display: str) -> None:
        from Xlib.display import Display  # type: ignore[import-untyped]  # noqa: PLC0415

        self._display: Any = Display(display)

    def give(self, event: Given) -> Given:
        """Give one event; returns it with its time when the server has taken it."""
        from Xlib import X  # type: ignore[import-untyped]  # noqa: PLC0415
        from Xlib.ext import xtest  # type: ignore[import-untyped]  # noqa: PLC0415

        before_ns = time.monotonic_ns()
        if event.kind == "key":
            kind = X.KeyPress if event.down else X.KeyRelease
            xtest.fake_input(self._display, kind, x11_keycode(event.name))
        elif event.kind == "button":
            number = BUTTONS[event.name]
            xtest.fake_input(self._display, X.ButtonPress if event.down else X.ButtonRelease, number)
        else:
            xtest.fake_input(self._display, X.MotionNotify, True, x=event.dx, y=event.dy)
        self._display.sync()
        return Given(*event.content, before_ns, time.monotonic_ns())

    def chord(self, *names: str) -> None:
        """Press keys together and let them go: a hot key."""
        for name in names:
            self.give(Given("key", name, True, 0, 0))
        for name in reversed(names):
            self.give(Given("key", name, False, 0, 0))

    def play(self, events: int, seed: int, rate: float) -> list[Given]:
        """The whole script at ``rate`` events a second, with irregular pauses."""
        rng, given, due = random.Random(seed + 1), [], time.monotonic_ns()
        for event in play_script(events, seed):
            due += round(rng.uniform(0.2, 1.8) * SECOND_NS / rate)
            time.sleep(max(0, due - time.monotonic_ns()) / SECOND_NS)
            given.append(self.give(event))
        return given

    def focus(self, title: str) -> None:
        """Give the keyboard to the window of that title, as a window manager would."""
        from Xlib import X  # noqa: PLC0415

        name = self._display.intern_atom("WM_NAME")
        for window in self._display.screen().root.query_tree().children:
            found = window.get_full_property(name, X.AnyPropertyType)
            if found is not None and found.value in (title, title.encode()):
                window.set_input_focus(X.RevertToPointerRoot, X.CurrentTime)
                window.configure(stack_mode=X.Above)
        self._display.sync()

    def close(self) -> None:
        """Let go of the server."""
        self._display.close()
