"""Mouse motion under macOS, by a Quartz event tap that only listens. Not run by its authors.

The deltas go on while a game has taken the pointer from the mouse, but they are accelerated: macOS keeps a
mouse's own counts to itself. https://developer.apple.com/documentation/coregraphics/quartz-event-services
"""

from __future__ import annotations

import threading
import time
from importlib import import_module
from typing import Any

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.events import InputEvent, Put

_START_S = 5.0


class QuartzMouse:
    """Puts motion from a thread with a run loop."""

    name = "quartz deltas, accelerated"

    def __init__(self) -> None:
        self._quartz: Any = import_module("Quartz")
        self._ready = threading.Event()
        self._loop: Any = None
        self._thread: threading.Thread | None = None

    def start(self, put: Put) -> None:
        """Begin. Raises ``DesktopCaptureError`` when macOS refuses."""
        self._thread = threading.Thread(target=self._run, args=(put,), name="quartz", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S) or self._loop is None:
            raise DesktopCaptureError(
                "macOS does not let this terminal see the mouse: allow it in System Settings, Privacy & "
                "Security, Input Monitoring, then start it again"
            )

    def close(self) -> None:
        """Stop."""
        if self._loop is not None and self._thread is not None:
            self._quartz.CFRunLoopStop(self._loop)
            self._thread.join()

    def _run(self, put: Put) -> None:
        quartz = self._quartz
        kinds = (
            quartz.kCGEventMouseMoved, quartz.kCGEventLeftMouseDragged, quartz.kCGEventRightMouseDragged,
            quartz.kCGEventOtherMouseDragged,
        )  # fmt: skip

        def see(_proxy: Any, _kind: Any, event: Any, _refcon: Any) -> Any:
            dx = quartz.CGEventGetIntegerValueField(event, quartz.kCGMouseEventDeltaX)
            dy = quartz.CGEventGetIntegerValueField(event, quartz.kCGMouseEventDeltaY)
            if dx or dy:
                put(InputEvent(time.monotonic_ns(), "move", dx=dx, dy=dy))
            return event

        mask = sum(quartz.CGEventMaskBit(kind) for kind in kinds)
        tap = quartz.CGEventTapCreate(
            quartz.kCGSessionEventTap, quartz.kCGHeadInsertEventTap, quartz.kCGEventTapOptionListenOnly, mask,
            see, None,
        )  # fmt: skip
        if tap is not None:
            source = quartz.CFMachPortCreateRunLoopSource(None, tap, 0)
            self._loop = quartz.CFRunLoopGetCurrent()
            quartz.CFRunLoopAddSource(self._loop, source, quartz.kCFRunLoopDefaultMode)
            quartz.CGEventTapEnable(tap, True)
        self._ready.set()
        if tap is not None:
            quartz.CFRunLoopRun()
