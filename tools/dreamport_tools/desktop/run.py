"""``dreamport capture desktop``, but for its command line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from dreamport.errors import DatasetError, DesktopCaptureError
from dreamport_tools.desktop.bindings import Bindings
from dreamport_tools.desktop.grid import Clock
from dreamport_tools.desktop.hotkeys import HotKeys
from dreamport_tools.desktop.quality import Tell
from dreamport_tools.desktop.recorder import Recorder, Summary
from dreamport_tools.desktop.settings import DesktopSettings
from dreamport_tools.desktop.this_system import open_desktop, open_window


def record_desktop(
    settings: DesktopSettings,
    *,
    clock: Clock,
    wall: Callable[[], datetime],
    stop: threading.Event,
    tell: Tell,
    say: Callable[[str], None],
) -> Summary:
    """Record until ``stop`` is set, or the settings or the player end it. ``say``: what people should know at
    the start. What an earlier run left unfinished becomes an episode first.

    Raises ``DesktopCaptureError`` and ``DatasetError``; what was recorded until then is kept.
    """
    check(settings)
    _recover(settings, say)
    desktop = open_desktop(settings)
    try:
        for name, value in desktop.backends().items():
            say(f"{name}: {value}")
        say(f"hot keys: {HotKeys.parse(settings.hot_keys).describe()}")
        return Recorder(settings, desktop, open_window, clock, wall, stop, tell).run()
    finally:
        desktop.close()


def check(settings: DesktopSettings) -> None:
    """Raises ``DesktopCaptureError`` for settings that make no sense."""
    Bindings.parse(settings.buttons)
    HotKeys.parse(settings.hot_keys)
    limits = (
        ("--fps", settings.fps, 1, 240),
        ("--quality", settings.quality, 1, 100),
        ("--view-deg", settings.view_deg, 10, 170),
        ("--episode-minutes", settings.episode_minutes, 0.01, 600),
        ("--delete-minutes", settings.delete_minutes, 0.01, 600),
    )
    for name, value, least, most in limits:
        if not least <= value <= most:
            raise DesktopCaptureError(f"{name} {value:g} is not between {least:g} and {most:g}")
    if settings.size is not None and not all(16 <= side <= 4096 for side in settings.size):
        raise DesktopCaptureError(
            f"--size {settings.size[0]}x{settings.size[1]}: each side is 16 to 4096 pixels"
        )


def _recover(settings: DesktopSettings, say: Callable[[str], None]) -> None:
    from dreamport.episodes.placing import recover  # noqa: PLC0415  (an extra)

    for found in recover(settings.out):
        if isinstance(found, DatasetError):
            say(f"not recovered: {found}")
        else:
            say(
                f"recovered episode {found.index}: {found.frames} frames that an interrupted run had recorded"
            )
