"""What an input source is to the recorder, whatever the system."""

from __future__ import annotations

from typing import Protocol

from dreamport_tools.desktop.events import Put

SNAPSHOT_S = 1.0
"""How often a source says by itself what is held, so that a lost event is noticed, and that it still listens.
"""


class InputSource(Protocol):
    """Keys, mouse buttons, wheel and motion, from ``start`` on, until ``close``. Each event carries its own
    time.

    ``keys`` and ``mouse``: what ran, for the record.
    """

    keys: str
    mouse: str

    def start(self, put: Put) -> None:
        """Begin. Raises ``DesktopCaptureError`` when the system does not let it."""
        ...

    def snapshot(self) -> None:
        """Put what is held now, soon."""
        ...

    def close(self) -> None:
        """Stop; waits for its threads."""
        ...
