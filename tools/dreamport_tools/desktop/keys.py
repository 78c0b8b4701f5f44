"""Names of physical keys: those of the browser's ``KeyboardEvent.code``, as a world's control schema has
them.

A key keeps its name whatever the keyboard's layout and whichever modifiers are held. Linux numbers keys as
the PC's scan codes do, so one table serves evdev, X11 and Windows. https://www.w3.org/TR/uievents-code/
"""

from __future__ import annotations

X11_OFFSET = 8
"""X11 counts the kernel's key codes from 8."""

_ROWS = {
    1: "Escape Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal Backspace",
    15: "Tab KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter ControlLeft",
    30: "KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote ShiftLeft Backslash",
    44: "KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight NumpadMultiply",
    56: "AltLeft Space CapsLock",
    59: "F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock ScrollLock Numpad7 Numpad8 Numpad9 NumpadSubtract",
    75: "Numpad4 Numpad5 Numpad6 NumpadAdd Numpad1 Numpad2 Numpad3 Numpad0 NumpadDecimal",
    86: "IntlBackslash F11 F12",
    96: "NumpadEnter ControlRight NumpadDivide PrintScreen AltRight",
    102: "Home ArrowUp PageUp ArrowLeft ArrowRight End ArrowDown PageDown Insert Delete",
    117: "NumpadEqual",
    119: "Pause",
    125: "MetaLeft MetaRight ContextMenu",
}
_KERNEL = {first + i: name for first, names in _ROWS.items() for i, name in enumerate(names.split())}

_EXTENDED = {
    0x1C: "NumpadEnter", 0x1D: "ControlRight", 0x35: "NumpadDivide", 0x37: "PrintScreen", 0x38: "AltRight",
    0x45: "NumLock", 0x47: "Home", 0x48: "ArrowUp", 0x49: "PageUp", 0x4B: "ArrowLeft", 0x4D: "ArrowRight",
    0x4F: "End", 0x50: "ArrowDown", 0x51: "PageDown", 0x52: "Insert", 0x53: "Delete", 0x5B: "MetaLeft",
    0x5C: "MetaRight", 0x5D: "ContextMenu",
}  # fmt: skip
"""Scan codes of Windows that come with the extended flag."""

_MACOS_FIRST = (
    "KeyA KeyS KeyD KeyF KeyH KeyG KeyZ KeyX KeyC KeyV IntlBackslash KeyB KeyQ KeyW KeyE KeyR KeyY KeyT "
    "Digit1 Digit2 Digit3 Digit4 Digit6 Digit5 Equal Digit9 Digit7 Minus Digit8 Digit0 BracketRight KeyO "
    "KeyU BracketLeft KeyI KeyP Enter KeyL KeyJ Quote KeyK Semicolon Backslash Comma Slash KeyN KeyM "
    "Period Tab Space Backquote Backspace"
)
_MACOS = dict(enumerate(_MACOS_FIRST.split())) | {
    53: "Escape", 54: "MetaRight", 55: "MetaLeft", 56: "ShiftLeft", 57: "CapsLock", 58: "AltLeft",
    59: "ControlLeft", 60: "ShiftRight", 61: "AltRight", 62: "ControlRight", 76: "NumpadEnter", 96: "F5",
    97: "F6", 98: "F7", 99: "F3", 100: "F8", 101: "F9", 103: "F11", 109: "F10", 111: "F12", 115: "Home",
    116: "PageUp", 117: "Delete", 118: "F4", 119: "End", 120: "F2", 121: "PageDown", 122: "F1",
    123: "ArrowLeft", 124: "ArrowRight", 125: "ArrowDown", 126: "ArrowUp",
}  # fmt: skip
"""Virtual key codes of macOS (``kVK_*`` in HIToolbox's Events.h); they too are places, not characters."""

MOUSE_BUTTONS = {1: "MouseLeft", 2: "MouseMiddle", 3: "MouseRight", 8: "MouseBack", 9: "MouseForward"}
"""X11's numbers of mouse buttons; 4 to 7 are the wheel."""

KEY_NAMES = frozenset((*_KERNEL.values(), *_EXTENDED.values(), *_MACOS.values()))
CONTROL_NAMES = KEY_NAMES | frozenset(MOUSE_BUTTONS.values())
"""Everything that can be bound to a button of an episode."""


def from_kernel(code: int) -> str:
    """Name of a key by the Linux kernel's number."""
    return _KERNEL.get(code, f"Key#{code}")


def from_x11(keycode: int) -> str:
    """Name of a key by X11's number, of every server that takes its keys from the kernel, and of Xvfb."""
    return from_kernel(keycode - X11_OFFSET)


def from_windows(scan_code: int, extended: bool) -> str:
    """Name of a key by Windows' scan code."""
    found = _EXTENDED.get(scan_code) if extended else _KERNEL.get(scan_code)
    return found or f"Key#{'E0' if extended else ''}{scan_code:02X}"


def from_macos(key_code: int) -> str:
    """Name of a key by macOS's virtual key code."""
    return _MACOS.get(key_code, f"Key#{key_code}")


def x11_keycode(name: str) -> int:
    """X11's number of a key. Raises ``KeyError`` for a name that no key has."""
    return {known: code for code, known in _KERNEL.items()}[name] + X11_OFFSET
