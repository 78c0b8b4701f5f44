"""Keys, buttons and wheel by pynput: the source for Windows and macOS, and for X servers without XInput2.

pynput gives no time: an event's is that of its arrival. Motion comes from the system's own counts where there
are any (Raw Input, Quartz); else it is the pointer's way over the screen, which ends where a game locks the
pointer.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any, Protocol

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop import keys
from dreamport_tools.desktop.events import InputEvent, Put
from dreamport_tools.desktop.source import SNAPSHOT_S


class MouseCounts(Protocol):
    """A system's own source of motion."""

    name: str

    def start(self, put: Put) -> None: ...

    def close(self) -> None: ...


class PynputInput:
    """Raises ``DesktopCaptureError`` where pynput cannot listen."""

    def __init__(self) -> None:
        try:
            from pynput import keyboard, mouse  # type: ignore[import-untyped]  # noqa: PLC0415
        except ImportError as error:
            raise DesktopCaptureError(
                f"pynput cannot listen here ({' '.join(str(error).split())})"
            ) from error
        self._keyboard_module, self._mouse_module = keyboard, mouse
        self._counts = _mouse_counts()
        self.keys = f"pynput {keyboard.Listener.__module__.rpartition('.')[2].strip('_')}"
        self.mouse = "pynput pointer positions" if self._counts is None else self._counts.name
        self._name = _namer()
        self._held: set[str] = set()
        self._at: tuple[int, int] | None = None
        self._end = threading.Event()
        self._asked = threading.Event()
        self._put: Put = lambda _event: None
        self._lock = threading.Lock()
        self._threads: list[Any] = []

    def start(self, put: Put) -> None:
        """Begin; returns when both listeners listen."""
        self._put = put
        self._threads = [
            self._keyboard_module.Listener(
                on_press=lambda key: self._key(key, True), on_release=lambda key: self._key(key, False)
            ),
            self._mouse_module.Listener(
                on_click=self._click,
                on_scroll=self._scroll,
                on_move=self._move if self._counts is None else None,
            ),
        ]
        for listener in self._threads:
            listener.start()
        for listener in self._threads:
            listener.wait()
        if self._counts is not None:
            self._counts.start(put)
        self._snapshots = threading.Thread(target=self._tell_held, name="held keys", daemon=True)
        self._snapshots.start()

    def snapshot(self) -> None:
        """Put what is held, soon."""
        self._asked.set()

    def close(self) -> None:
        """Stop."""
        self._end.set()
        self._asked.set()
        for listener in self._threads:
            listener.stop()
        if self._threads:
            self._snapshots.join()
        if self._counts is not None:
            self._counts.close()

    def _key(self, key: Any, down: bool) -> None:
        self._take("key", self._name(key), down)

    def _click(self, _x: int, _y: int, button: Any, down: bool) -> None:
        number = {"left": 1, "middle": 2, "right": 3, "button8": 8, "x1": 8, "button9": 9, "x2": 9}.get(
            button.name
        )
        self._take("button", f"Mouse#{button.name}" if number is None else keys.MOUSE_BUTTONS[number], down)

    def _take(self, kind: Any, name: str, down: bool) -> None:
        with self._lock:
            (self._held.add if down else self._held.discard)(name)
            self._put(InputEvent(time.monotonic_ns(), kind, name, down))

    def _scroll(self, _x: int, _y: int, dx: int, dy: int) -> None:
        self._put(InputEvent(time.monotonic_ns(), "scroll", dx=dx, dy=-dy))

    def _move(self, x: int, y: int) -> None:
        if self._at is not None and (x, y) != self._at:
            self._put(InputEvent(time.monotonic_ns(), "move", dx=x - self._at[0], dy=y - self._at[1]))
        self._at = (x, y)

    def _tell_held(self) -> None:
        """pynput only listens: what is held is what went down and did not come up. Nothing more is told once
        a listener has ended.
        """
        while not self._end.is_set() and all(listener.is_alive() for listener in self._threads):
            self._asked.wait(SNAPSHOT_S)
            self._asked.clear()
            with self._lock:
                self._put(InputEvent(time.monotonic_ns(), "held", names=tuple(sorted(self._held))))


def _mouse_counts() -> MouseCounts | None:
    if sys.platform == "win32":
        from dreamport_tools.desktop.windows.mouse import RawInputMouse  # noqa: PLC0415

        return RawInputMouse()
    if sys.platform == "darwin":
        from dreamport_tools.desktop.macos.mouse import QuartzMouse  # noqa: PLC0415

        return QuartzMouse()
    return None


def _namer() -> Any:
    """From pynput's keys to ours, which are places on the keyboard: pynput gives X11's key symbols, Windows'
    virtual keys and macOS's key codes.
    """

    def code(key: Any) -> int:
        found = getattr(key, "value", key).vk
        return int(found) if found is not None else -1

    if sys.platform == "darwin":
        return lambda key: keys.from_macos(code(key))
    if sys.platform == "win32":
        from dreamport_tools.desktop.windows import library  # noqa: PLC0415

        user32 = library("user32")

        def from_windows(key: Any) -> str:
            scan = int(
                user32.MapVirtualKeyW(code(key), 4)
            )  # MAPVK_VK_TO_VSC_EX: 0xE0 in front where extended
            return keys.from_windows(scan & 0xFF, scan >> 8 == 0xE0)

        return from_windows
    from Xlib.display import Display  # type: ignore[import-untyped]  # noqa: PLC0415

    display = Display()
    return lambda key: keys.from_x11(display.keysym_to_keycode(code(key)))
