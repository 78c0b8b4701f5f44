"""Every key, button, wheel notch and raw mouse motion of an X server, by XInput2 raw events.

One connection gives all of them in the order in which they happened, with the server's own time, whichever
window has the focus or has grabbed the pointer, as games that look around with the mouse do. Raw motion is in
the mouse's own counts, before acceleration, and goes on when the pointer is locked or at the screen's edge.
Pointer motion that another program feigns by place, through XTEST, cannot be told from motion: use pynput
there. https://www.x.org/releases/current/doc/inputproto/XI2proto.txt
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop import keys
from dreamport_tools.desktop.events import InputEvent, Put
from dreamport_tools.desktop.source import SNAPSHOT_S
from dreamport_tools.desktop.x11.motion import Motion, ranges_of, raw_values

_HEAD = struct.Struct("<HIIHHII")  # deviceid, time, detail, sourceid, words of the mask, flags, padding
_KEY_PRESS, _KEY_RELEASE, _BUTTON_PRESS, _BUTTON_RELEASE, _MOTION = 13, 14, 15, 16, 17
_RAW = (_KEY_PRESS, _KEY_RELEASE, _BUTTON_PRESS, _BUTTON_RELEASE, _MOTION)
_ALL_MASTERS, _POINTER = 1, 3
_REPEATED = 1 << 16
_WHEEL = {4: (0.0, -1.0), 5: (0.0, 1.0), 6: (-1.0, 0.0), 7: (1.0, 0.0)}
_MILLISECOND_NS = 1_000_000
_PLAUSIBLE_MS = 1000
_SNAPSHOT_TRIES = 5


class XInput2:
    """Raw input of the X server that ``DISPLAY`` names."""

    keys = "xinput2 raw"
    mouse = "xinput2 raw counts"

    def __init__(self) -> None:
        from Xlib.display import Display  # type: ignore[import-untyped]  # noqa: PLC0415
        from Xlib.error import ConnectionClosedError, DisplayError  # type: ignore[import-untyped]  # noqa: PLC0415
        from Xlib.ext import ge, xinput  # type: ignore[import-untyped]  # noqa: PLC0415

        self._gone = ConnectionClosedError
        try:
            self._display: Any = Display()
        except DisplayError as error:
            raise DesktopCaptureError(f"no X server can be reached ({error}); set DISPLAY") from error
        for extension in (ge.extname, xinput.extname):
            if not self._display.has_extension(extension):
                raise DesktopCaptureError(
                    f"this X server lacks the extension {extension!r}; use --input pynput"
                )
        # Up to 2.0, which is what python-xlib asks for, a pointer grab keeps raw events from everybody else.
        opcode = self._display.display.get_extension_major(xinput.extname)
        xinput.XIQueryVersion(display=self._display.display, opcode=opcode, major_version=2, minor_version=2)
        mask = sum(1 << kind for kind in _RAW)
        self._display.screen().root.xinput_select_events([(_ALL_MASTERS, mask)])
        self._display.sync()
        screen = self._display.screen()
        size = (screen.width_in_pixels, screen.height_in_pixels)
        self._counts = Motion(partial(ranges_of, self._display), size)
        self._wake, self._woken = socket.socketpair()
        self._end = threading.Event()
        self._last_ns = 0
        self._thread: threading.Thread | None = None

    def pointers(self) -> set[str]:
        """Names of the devices that move its pointer."""
        return {
            device.name for device in self._display.xinput_query_device(0).devices if device.use == _POINTER
        }

    def start(self, put: Put) -> None:
        """Begin to put events."""
        self._thread = threading.Thread(target=self._run, args=(put,), name="xinput2", daemon=True)
        self._thread.start()

    def snapshot(self) -> None:
        """Put what is held now."""
        self._wake.send(b"?")

    def close(self) -> None:
        """Stop."""
        self._end.set()
        self.snapshot()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(self._gone):
            self._display.close()
        self._wake.close()
        self._woken.close()

    def _run(self, put: Put) -> None:
        with contextlib.suppress(self._gone):  # what comes no more is noticed by the recorder
            self._listen(put)

    def _listen(self, put: Put) -> None:
        due = time.monotonic()
        while not self._end.is_set():
            ready = select.select(
                [self._display.fileno(), self._woken], [], [], max(0.0, due - time.monotonic())
            )
            for event in self._waiting():
                put(event)
            asked = self._woken in ready[0]
            if asked:
                self._woken.recv(64)
            if asked or time.monotonic() >= due:
                due = time.monotonic() + SNAPSHOT_S
                self._put_held(put)

    def _put_held(self, put: Put) -> None:
        """Put what is held, at a moment at which nothing changes: the answer is then of the same state as the
        events before it. Somebody who types faster than that is asked again a second later.
        """
        for _ in range(_SNAPSHOT_TRIES):
            names, changed = self._held(), False
            for event in self._waiting():
                put(event)
                changed |= event.kind in ("key", "button")
            if not changed:
                self._last_ns = max(self._last_ns, time.monotonic_ns())
                put(InputEvent(self._last_ns, "held", names=names))
                return

    def _waiting(self) -> Iterator[InputEvent]:
        while self._display.pending_events():
            event = self._display.next_event()
            if event.type == 35 and getattr(event, "evtype", 0) in _RAW:
                found = raw_event(event.evtype, event.data, time.monotonic_ns(), self._counts)
                if found is not None:
                    # The server's milliseconds are rounded down: never back behind an answer of before.
                    self._last_ns = max(self._last_ns, found.time_ns)
                    yield replace(found, time_ns=self._last_ns)

    def _held(self) -> tuple[str, ...]:
        state = self._display.query_keymap()
        mask = self._display.screen().root.query_pointer().mask
        names = [keys.from_x11(code) for code in range(8, 256) if state[code // 8] >> code % 8 & 1]
        names += [keys.MOUSE_BUTTONS[n] for n in (1, 2, 3) if mask >> (7 + n) & 1]
        return tuple(names)


def raw_event(kind: int, data: bytes, arrived_ns: int, motion: Motion) -> InputEvent | None:
    """An XInput2 raw event's content as an event; ``None`` for a repeated key, or motion of the wheel's own
    axes.
    """
    _, server_ms, detail, device, words, flags, _ = _HEAD.unpack_from(data)
    time_ns = event_time_ns(server_ms, arrived_ns)
    if kind in (_KEY_PRESS, _KEY_RELEASE):
        if flags & _REPEATED:
            return None
        return InputEvent(time_ns, "key", keys.from_x11(detail), kind == _KEY_PRESS)
    if kind in (_BUTTON_PRESS, _BUTTON_RELEASE):
        if detail in _WHEEL:
            dx, dy = _WHEEL[detail]
            return InputEvent(time_ns, "scroll", dx=dx, dy=dy) if kind == _BUTTON_PRESS else None
        name = keys.MOUSE_BUTTONS.get(detail, f"Mouse#{detail}")
        return InputEvent(time_ns, "button", name, kind == _BUTTON_PRESS)
    dx, dy = motion.counts(device, raw_values(data, _HEAD.size, words))
    return InputEvent(time_ns, "move", dx=dx, dy=dy) if dx or dy else None


def event_time_ns(server_ms: int, arrived_ns: int) -> int:
    """Monotonic time of an event. An X server on this machine counts milliseconds of the same clock, modulo
    2^32; of one elsewhere the time of arrival is taken.
    """
    arrived_ms = arrived_ns // _MILLISECOND_NS
    age_ms = (arrived_ms - server_ms + 1) % (1 << 32) - 1
    return (arrived_ms - age_ms) * _MILLISECOND_NS if age_ms < _PLAUSIBLE_MS else arrived_ns
