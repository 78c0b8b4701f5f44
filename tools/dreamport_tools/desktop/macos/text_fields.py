"""Which text field has the focus under macOS, by the accessibility API. Not run by its authors.

Needs the permission Accessibility.
https://developer.apple.com/documentation/applicationservices/axuielement_h
"""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.window import Box

_ROLES = frozenset({"AXTextField", "AXTextArea", "AXComboBox", "AXSearchField"})
_LOOK_S = 0.1


class MacTextFields:
    """Asks ten times a second, from its own thread. Raises ``DesktopCaptureError`` without the permission."""

    backend = "accessibility api"

    def __init__(self) -> None:
        self._api: Any = import_module("ApplicationServices")
        if not self._api.AXIsProcessTrusted():
            raise DesktopCaptureError("this terminal has not the permission Accessibility")
        self._system = self._api.AXUIElementCreateSystemWide()
        self._boxes: tuple[Box, ...] | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="text fields", daemon=True)
        self._thread.start()

    def look(self) -> tuple[Box, ...] | None:
        """Where the field with the focus is."""
        return self._boxes

    def close(self) -> None:
        """Stop asking."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(_LOOK_S):
            element = self._get(self._system, "AXFocusedUIElement")
            is_text = element is not None and self._get(element, "AXRole") in _ROLES
            self._boxes = self._place(element) if is_text else None

    def _place(self, element: Any) -> tuple[Box, ...]:
        at, size = self._get(element, "AXPosition"), self._get(element, "AXSize")
        if at is None or size is None:
            return ()
        _, point = self._api.AXValueGetValue(at, self._api.kAXValueCGPointType, None)
        _, extent = self._api.AXValueGetValue(size, self._api.kAXValueCGSizeType, None)
        return (Box(int(point.x), int(point.y), int(extent.width), int(extent.height)),)

    def _get(self, element: Any, name: str) -> Any:
        error, value = self._api.AXUIElementCopyAttributeValue(element, name, None)
        return None if error else value
