"""Which text field has the focus under Windows: classic edit controls. Not run by its authors.

Browsers, Electron and XAML draw their own fields, which only UI Automation knows; those are not seen.
https://learn.microsoft.com/windows/win32/api/winuser/nf-winuser-getguithreadinfo
"""

from __future__ import annotations

import ctypes
from ctypes import wintypes

from dreamport_tools.desktop.window import Box
from dreamport_tools.desktop.windows import library

_EDITS = ("edit", "richedit", "scintilla", "tedit", "tmemo", "windowsforms10.edit")


class _Info(ctypes.Structure):
    """GUITHREADINFO."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("flags", wintypes.DWORD),
        *((name, wintypes.HWND) for name in ("active", "focus", "capture", "menu", "move", "caret")),
        ("caret_box", wintypes.RECT),
    )
    focus: int | None
    size: int


class WindowsTextFields:
    """Asks at every look."""

    backend = "edit controls of user32"

    def __init__(self) -> None:
        self._user32 = library("user32")

    def look(self) -> tuple[Box, ...] | None:
        """Where the edit control with the focus is."""
        info = _Info()
        info.size = ctypes.sizeof(info)
        if not self._user32.GetGUIThreadInfo(0, ctypes.byref(info)) or not info.focus:
            return None
        name = ctypes.create_unicode_buffer(256)
        self._user32.RealGetWindowClassW(info.focus, name, 256)
        if not name.value.lower().startswith(_EDITS):
            return None
        rect = wintypes.RECT()
        self._user32.GetWindowRect(info.focus, ctypes.byref(rect))
        return (Box(rect.left, rect.top, rect.right - rect.left, rect.bottom - rect.top),)

    def close(self) -> None:
        """Nothing is held."""
