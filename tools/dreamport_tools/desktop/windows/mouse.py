"""The mouse's own counts under Windows, by Raw Input. Not run by its authors, but for ``mouse_counts``.

https://learn.microsoft.com/windows/win32/inputdev/raw-input
"""

from __future__ import annotations

import ctypes
import struct
import threading
import time
from ctypes import wintypes

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.events import InputEvent, Put
from dreamport_tools.desktop.windows import library

_HEADER = struct.Struct("<IIQQ")  # RAWINPUTHEADER of 64 bits: type, size, device, wParam
_MOUSE = struct.Struct("<H2xIIiiI")  # RAWMOUSE: flags, buttons, raw buttons, x, y, extra
_IS_MOUSE, _ABSOLUTE = 0, 1
_WM_INPUT, _WM_QUIT = 0x00FF, 0x0012
_RID_INPUT, _INPUT_SINK = 0x10000003, 0x00000100
_MESSAGES_ONLY = -3
_START_S = 5.0


def mouse_counts(raw: bytes) -> tuple[int, int] | None:
    """Counts right and down of a ``RAWINPUT``; ``None`` when it is no relative motion."""
    if len(raw) < _HEADER.size + _MOUSE.size or _HEADER.unpack_from(raw)[0] != _IS_MOUSE:
        return None
    flags, _, _, x, y, _ = _MOUSE.unpack_from(raw, _HEADER.size)
    return None if flags & _ABSOLUTE or not (x or y) else (x, y)


class _Device(ctypes.Structure):
    """RAWINPUTDEVICE."""

    _fields_ = (
        ("page", wintypes.USHORT),
        ("usage", wintypes.USHORT),
        ("flags", wintypes.DWORD),
        ("target", wintypes.HWND),
    )


class RawInputMouse:
    """Puts motion from a thread with a window for messages."""

    name = "raw input counts"

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._thread_id = 0
        self._failure = ""

    def start(self, put: Put) -> None:
        """Begin. Raises ``DesktopCaptureError`` when Windows refuses."""
        self._thread = threading.Thread(target=self._run, args=(put,), name="raw input", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S) or self._failure:
            raise DesktopCaptureError(f"Raw Input cannot be read: {self._failure or 'no answer'}")

    def close(self) -> None:
        """Stop."""
        if self._thread is not None:
            library("user32").PostThreadMessageW(self._thread_id, _WM_QUIT, 0, 0)
            self._thread.join()

    def _run(self, put: Put) -> None:
        user32 = library("user32")
        self._thread_id = library("kernel32").GetCurrentThreadId()
        user32.CreateWindowExW.restype = wintypes.HWND
        user32.CreateWindowExW.argtypes = [
            wintypes.DWORD, wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD, *[ctypes.c_int] * 4,
            wintypes.HWND, wintypes.HMENU, wintypes.HINSTANCE, wintypes.LPVOID,
        ]  # fmt: skip
        user32.GetRawInputData.argtypes = [
            wintypes.HANDLE, wintypes.UINT, wintypes.LPVOID, ctypes.POINTER(wintypes.UINT), wintypes.UINT
        ]  # fmt: skip
        window = user32.CreateWindowExW(0, "Static", None, 0, 0, 0, 0, 0, _MESSAGES_ONLY, None, None, None)
        device = _Device(
            1, 2, _INPUT_SINK, window
        )  # generic desktop, mouse; also while others have the focus
        if not window or not user32.RegisterRawInputDevices(ctypes.byref(device), 1, ctypes.sizeof(_Device)):
            self._failure = "user32 refuses"
            self._ready.set()
            return
        self._ready.set()
        message, buffer = wintypes.MSG(), ctypes.create_string_buffer(1024)
        while user32.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            if message.message == _WM_INPUT:
                now_ns, size = time.monotonic_ns(), wintypes.UINT(len(buffer))
                user32.GetRawInputData(message.lParam, _RID_INPUT, buffer, ctypes.byref(size), _HEADER.size)
                counts = mouse_counts(buffer.raw[: size.value])
                if counts is not None:
                    put(InputEvent(now_ns, "move", dx=counts[0], dy=counts[1]))
            user32.DispatchMessageW(ctypes.byref(message))
        user32.DestroyWindow(window)
