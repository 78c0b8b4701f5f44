"""The game's window under macOS. Not run by its authors. Boxes are in points, with the title bar.

https://developer.apple.com/documentation/coregraphics/quartz-window-services
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.window import Box, WindowLook

_NORMAL_LAYER = 0


class MacWindow:
    """The largest window whose title, or whose program's name, holds ``title``; empty: the frontmost
    program's.

    Raises ``DesktopCaptureError`` when there is none, or when macOS does not let this program record the
    screen.
    """

    def __init__(self, title: str) -> None:
        self._quartz: Any = import_module("Quartz")
        self._appkit: Any = import_module("AppKit")
        if not self._quartz.CGPreflightScreenCaptureAccess():
            raise DesktopCaptureError(
                "macOS does not let this terminal record the screen: allow it in System Settings, Privacy & "
                "Security, Screen & System Audio Recording, and Input Monitoring, then start it again"
            )
        front = self._front()
        shown = [each for each in self._shown() if each["layer"] == _NORMAL_LAYER]
        found = [
            each for each in shown
            if (title.lower() in each["title"].lower() if title else each["pid"] == front)
        ]  # fmt: skip
        if not found:
            titles = ", ".join(sorted({each["title"] for each in shown}))
            raise DesktopCaptureError(
                f"no window on the screen has {title!r} in its title; there are: {titles}"
            )
        best = max(found, key=lambda each: each["box"].width * each["box"].height)
        self._number, self.pid, self.title = best["number"], best["pid"], best["title"]

    def look(self) -> WindowLook:
        """How it is now."""
        covers: list[Box] = []
        for each in self._shown():  # front to back
            if each["number"] == self._number:
                box = each["box"]
                parts = tuple(part for other in covers if (part := box.common(other)) is not None)
                return WindowLook(box, self._front() == self.pid, parts, self._on_screen(box))
            if each["opaque"]:
                covers.append(each["box"])
        quartz = self._quartz
        there = quartz.CGWindowListCopyWindowInfo(quartz.kCGWindowListOptionIncludingWindow, self._number)
        return WindowLook(gone=not there)

    def close(self) -> None:
        """Nothing is held."""

    def _front(self) -> int:
        return int(self._appkit.NSWorkspace.sharedWorkspace().frontmostApplication().processIdentifier())

    def _on_screen(self, box: Box) -> bool:
        quartz = self._quartz
        _, displays, _ = quartz.CGGetActiveDisplayList(16, None, None)
        area = 0
        for display in displays:
            bounds = quartz.CGDisplayBounds(display)
            screen = Box(
                int(bounds.origin.x), int(bounds.origin.y), int(bounds.size.width), int(bounds.size.height)
            )
            part = box.common(screen)
            area += 0 if part is None else part.width * part.height
        return area == box.width * box.height

    def _shown(self) -> Iterator[dict[str, Any]]:
        quartz = self._quartz
        choice = quartz.kCGWindowListOptionOnScreenOnly | quartz.kCGWindowListExcludeDesktopElements
        for each in quartz.CGWindowListCopyWindowInfo(choice, quartz.kCGNullWindowID):
            bounds = each["kCGWindowBounds"]
            yield {
                "number": int(each["kCGWindowNumber"]),
                "pid": int(each["kCGWindowOwnerPID"]),
                "layer": int(each["kCGWindowLayer"]),
                "opaque": float(each.get("kCGWindowAlpha", 1.0)) > 0,
                "title": " ".join(
                    str(each.get(name) or "") for name in ("kCGWindowOwnerName", "kCGWindowName")
                ),
                "box": Box(*(int(bounds[name]) for name in ("X", "Y", "Width", "Height"))),
            }
