"""The mouse's own counts from the Linux kernel, where /dev/input may be read; keys and buttons from another
source.

Needs membership of the group ``input``, or a rule of udev. Events carry the kernel's monotonic time.
"""

from __future__ import annotations

import contextlib
import fcntl
import select
import struct
import threading
from collections.abc import Iterable, Sequence, Set
from typing import Any

from dreamport_tools.desktop.events import InputEvent, Put
from dreamport_tools.desktop.source import InputSource

_EVIOCSCLOCKID = 0x400445A0  # _IOW('E', 0xa0, int): linux/input.h
_CLOCK_MONOTONIC = 1
_EV_SYN, _EV_REL, _REL_X, _REL_Y = 0, 2, 0, 1
_STOP_S = 0.2
_XWAYLAND = "xwayland"


def readable_mice(pointers: Set[str]) -> list[Any]:
    """Devices with relative motion that this user may read and that move the pointer of the X server, which
    has these ``pointers``, opened. None where python-evdev is missing. XWayland hides the names of its
    devices.
    """
    try:
        import evdev  # noqa: PLC0415
    except ImportError:
        return []
    mice = []
    for path in evdev.list_devices():
        with contextlib.suppress(OSError):
            device = evdev.InputDevice(path)
            moves = {_REL_X, _REL_Y} <= set(device.capabilities().get(_EV_REL, ()))
            if moves and (device.name in pointers or any(name.startswith(_XWAYLAND) for name in pointers)):
                fcntl.ioctl(device.fd, _EVIOCSCLOCKID, struct.pack("i", _CLOCK_MONOTONIC))
                mice.append(device)
            else:
                device.close()
    return mice


def motions(events: Iterable[Any]) -> list[InputEvent]:
    """Kernel events as motion: what comes between two reports of a device is one."""
    found, dx, dy = [], 0.0, 0.0
    for event in events:
        if event.type == _EV_REL and event.code == _REL_X:
            dx += event.value
        elif event.type == _EV_REL and event.code == _REL_Y:
            dy += event.value
        elif event.type == _EV_SYN and (dx or dy):
            time_ns = event.sec * 1_000_000_000 + event.usec * 1_000
            found.append(InputEvent(time_ns, "move", dx=dx, dy=dy))
            dx = dy = 0.0
    return found


class EvdevMouse:
    """``others`` with the motion of ``mice`` in place of their own, until one of them is unplugged."""

    def __init__(self, others: InputSource, mice: Sequence[Any]) -> None:
        self._others, self._mice = others, list(mice)
        self.keys, self.mouse = others.keys, f"evdev: {', '.join(str(mouse.name) for mouse in mice)}"
        self._end, self._unplugged = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, put: Put) -> None:
        """Begin both."""

        def put_others(event: InputEvent) -> None:
            if event.kind != "move" or self._unplugged.is_set():
                put(event)

        self._others.start(put_others)
        self._thread = threading.Thread(target=self._run, args=(put,), name="evdev", daemon=True)
        self._thread.start()

    def snapshot(self) -> None:
        """Put what is held."""
        self._others.snapshot()

    def close(self) -> None:
        """Stop both."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        for mouse in self._mice:
            with contextlib.suppress(OSError):
                mouse.close()
        self._others.close()

    def _run(self, put: Put) -> None:
        waiting: dict[int, list[Any]] = {mouse.fd: [] for mouse in self._mice}
        by_descriptor = {mouse.fd: mouse for mouse in self._mice}
        while not self._end.is_set():
            for descriptor in select.select(list(by_descriptor), [], [], _STOP_S)[0]:
                try:
                    waiting[descriptor] += by_descriptor[descriptor].read()
                except BlockingIOError:
                    continue
                except OSError:  # nobody says when it comes back, but the others hear of every mouse
                    self.mouse += f"; unplugged, then {self._others.mouse}"
                    self._unplugged.set()
                    return
                reports = waiting[descriptor]
                whole = max((i + 1 for i, event in enumerate(reports) if event.type == _EV_SYN), default=0)
                for event in motions(reports[:whole]):
                    put(event)
                del reports[:whole]
