"""Opens what this system offers: screen, window, input and text fields."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.screen import Screen
from dreamport_tools.desktop.settings import DesktopSettings, InputChoice
from dreamport_tools.desktop.source import InputSource
from dreamport_tools.desktop.text_fields import NoTextFields, TextFields
from dreamport_tools.desktop.window import GameWindow


@dataclass
class Desktop:
    """All that is read while recording."""

    screen: Screen
    input: InputSource
    fields: TextFields

    def backends(self) -> dict[str, str]:
        """What ran, for the record."""
        return {
            "system": f"{sys.platform} {os.environ.get('XDG_SESSION_TYPE', '')}".strip(),
            "screen": self.screen.backend,
            "keys": self.input.keys,
            "mouse": self.input.mouse,
            "text_fields": self.fields.backend,
        }

    def close(self) -> None:
        """Let go of everything."""
        for part in (self.input, self.fields, self.screen):
            part.close()


def open_desktop(settings: DesktopSettings) -> Desktop:
    """Raises ``DesktopCaptureError`` when screen or input cannot be read."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        raise DesktopCaptureError(
            "no X server is named by DISPLAY; under Wayland start the game through XWayland, and this "
            "command with its DISPLAY"
        )
    screen = Screen()
    try:
        return Desktop(screen, open_input(settings.input), open_text_fields())
    except BaseException:
        screen.close()
        raise


def open_window(title: str) -> GameWindow:
    """The game's window, by a part of its title; empty: the one that has the keyboard. Raises
    ``DesktopCaptureError``.
    """
    if sys.platform == "win32":
        from dreamport_tools.desktop.windows.window import WindowsWindow  # noqa: PLC0415

        return WindowsWindow(title)
    if sys.platform == "darwin":
        from dreamport_tools.desktop.macos.window import MacWindow  # noqa: PLC0415

        return MacWindow(title)
    from dreamport_tools.desktop.x11.window import X11Window  # noqa: PLC0415

    return X11Window(title)


def open_input(choice: InputChoice) -> InputSource:
    """The best source there is, or the one that is named. Raises ``DesktopCaptureError``."""
    if sys.platform.startswith("linux") and choice in ("auto", "xinput2"):
        from dreamport_tools.desktop.evdev_mouse import EvdevMouse, readable_mice  # noqa: PLC0415
        from dreamport_tools.desktop.x11.input import XInput2  # noqa: PLC0415

        source = XInput2()
        mice = readable_mice(source.pointers()) if choice == "auto" else []
        return EvdevMouse(source, mice) if mice else source
    if choice == "xinput2":
        raise DesktopCaptureError("xinput2 is of X servers; leave --input out")
    from dreamport_tools.desktop.pynput_input import PynputInput  # noqa: PLC0415

    return PynputInput()


def open_text_fields() -> TextFields:
    """What tells of text fields; where nothing does, its ``backend`` says why."""
    try:
        if sys.platform == "win32":
            from dreamport_tools.desktop.windows.text_fields import WindowsTextFields  # noqa: PLC0415

            return WindowsTextFields()
        if sys.platform == "darwin":
            from dreamport_tools.desktop.macos.text_fields import MacTextFields  # noqa: PLC0415

            return MacTextFields()
        from dreamport_tools.desktop.x11.text_fields import AtSpiTextFields  # noqa: PLC0415

        return AtSpiTextFields()
    except DesktopCaptureError as error:
        return NoTextFields(str(error))
