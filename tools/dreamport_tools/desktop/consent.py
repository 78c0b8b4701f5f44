"""Asks once, before anything is recorded, and remembers the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from dreamport.errors import DesktopCaptureError

VERSION = 1
"""Of the text: a changed text is asked about again."""
TEXT = """\
dreamport capture desktop records, while the chosen window is in front:
  - what that window shows, as video (not the rest of the screen; what covers it is blacked out);
  - every key and mouse button you press, how you move the mouse, and when.
It pauses when another window gets the keyboard. Text fields that the system reports are blacked out, and
keys typed into them are not named; a game's own chat box cannot be seen: stop, or delete the last minutes,
with the hot keys. Everything stays in the folder you name; nothing is sent anywhere. Other people's names,
messages and faces may be on the picture: record only what you may record."""


def ask_once(
    remembered: Path, *, given: bool, ask: Callable[[str], bool] | None, now: Callable[[], datetime]
) -> None:
    """Return when the player agrees, now or in an earlier run. ``given``: said on the command line. ``ask``:
    ``None`` where nobody can be asked. ``remembered``: the file that holds the answer.

    Raises ``DesktopCaptureError`` when the player does not agree.
    """
    if _agreed(remembered):
        return
    if not given:
        if ask is None:
            raise DesktopCaptureError(
                "recording needs your consent once, and there is no terminal to ask on: read "
                "`dreamport capture desktop --help`, then add --consent"
            )
        if not ask(TEXT):
            raise DesktopCaptureError("nothing was recorded, because you did not agree")
    remembered.parent.mkdir(parents=True, exist_ok=True)
    answer = {"version": VERSION, "agreed_at": now().isoformat(), "text": TEXT}
    remembered.write_text(json.dumps(answer, indent=1), encoding="utf-8")


def _agreed(path: Path) -> bool:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("version") == VERSION
