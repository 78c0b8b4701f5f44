"""The game's window under Windows. Not run by its authors.

https://learn.microsoft.com/windows/win32/winmsg/windows
"""

from __future__ import annotations

import ctypes
from ctypes import wintypes
from typing import Any

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.window import Box, WindowLook
from dreamport_tools.desktop.windows import library

_ABOVE = 3  # GW_HWNDPREV
_EXTENDED_STYLE, _CLICKED_THROUGH = -20, 0x20  # GWL_EXSTYLE, WS_EX_TRANSPARENT: an overlay, not a window
_FRAME, _CLOAKED = 9, 14  # DWMWA_EXTENDED_FRAME_BOUNDS, DWMWA_CLOAKED
_SCREEN = (76, 77, 78, 79)  # SM_XVIRTUALSCREEN and those after it
_MOST_WINDOWS = 1000


class WindowsWindow:
    """The largest visible window whose title holds ``title``; empty: the one that has the keyboard now.

    Raises ``DesktopCaptureError`` when there is none.
    """

    def __init__(self, title: str) -> None:
        self._user32, self._dwm = library("user32"), library("dwmapi")
        for name in ("GetForegroundWindow", "GetWindow"):
            getattr(self._user32, name).restype = wintypes.HWND
        self._user32.GetWindow.argtypes = [wintypes.HWND, wintypes.UINT]
        self._user32.SetProcessDpiAwarenessContext(ctypes.c_void_p(-4))  # pixels as mss has them
        self._window = self._find(title)
        self.title = self._title(self._window)
        pid = wintypes.DWORD()
        self._user32.GetWindowThreadProcessId(self._window, ctypes.byref(pid))
        self.pid = int(pid.value)

    def look(self) -> WindowLook:
        """How it is now."""
        user32 = self._user32
        if not user32.IsWindow(self._window):
            return WindowLook(gone=True)
        if not user32.IsWindowVisible(self._window) or user32.IsIconic(self._window):
            return WindowLook()
        box = self._content(self._window)
        left, top, width, height = (int(user32.GetSystemMetrics(n)) for n in _SCREEN)
        focused = user32.GetForegroundWindow() == self._window
        on_screen = box.common(Box(left, top, width, height)) == box
        return WindowLook(box, focused, self._covers(box), on_screen)

    def close(self) -> None:
        """Nothing is held."""

    def _content(self, window: Any) -> Box:
        rect, corner = wintypes.RECT(), wintypes.POINT(0, 0)
        self._user32.GetClientRect(window, ctypes.byref(rect))
        self._user32.ClientToScreen(window, ctypes.byref(corner))
        return Box(corner.x, corner.y, rect.right, rect.bottom)

    def _covers(self, box: Box) -> tuple[Box, ...]:
        covers, above = [], self._user32.GetWindow(self._window, _ABOVE)
        for _ in range(_MOST_WINDOWS):
            if not above:
                break
            if self._shows(above) and (part := box.common(self._frame(above))) is not None:
                covers.append(part)
            above = self._user32.GetWindow(above, _ABOVE)
        return tuple(covers)

    def _shows(self, window: Any) -> bool:
        cloaked = wintypes.DWORD()
        self._dwm.DwmGetWindowAttribute(window, _CLOAKED, ctypes.byref(cloaked), 4)
        style = self._user32.GetWindowLongW(window, _EXTENDED_STYLE)
        visible = self._user32.IsWindowVisible(window) and not self._user32.IsIconic(window)
        return bool(visible and not cloaked.value and not style & _CLICKED_THROUGH)

    def _frame(self, window: Any) -> Box:
        rect = wintypes.RECT()
        if self._dwm.DwmGetWindowAttribute(window, _FRAME, ctypes.byref(rect), 16) != 0:
            self._user32.GetWindowRect(window, ctypes.byref(rect))
        return Box(rect.left, rect.top, rect.right - rect.left, rect.bottom - rect.top)

    def _title(self, window: Any) -> str:
        text = ctypes.create_unicode_buffer(512)
        self._user32.GetWindowTextW(window, text, 512)
        return str(text.value)

    def _find(self, title: str) -> Any:
        if not title:
            return self._user32.GetForegroundWindow()
        visible: list[Any] = []
        kind = vars(ctypes)["WINFUNCTYPE"](wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)

        def see(window: Any, _parameter: Any) -> bool:
            if self._shows(window) and self._title(window):
                visible.append(window)
            return True

        self._user32.EnumWindows(kind(see), 0)
        found = [window for window in visible if title.lower() in self._title(window).lower()]
        if not found:
            titles = ", ".join(sorted({self._title(window) for window in visible}))
            raise DesktopCaptureError(
                f"no window on the screen has {title!r} in its title; there are: {titles or 'none'}"
            )
        return max(found, key=lambda window: self._content(window).width * self._content(window).height)
