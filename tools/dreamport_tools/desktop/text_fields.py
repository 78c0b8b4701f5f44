"""What is known of text fields: while one has the focus, what is typed and what it shows is nobody's
business.
"""

from __future__ import annotations

from typing import Protocol

from dreamport_tools.desktop.window import Box


class TextFields(Protocol):
    """Watches which element has the focus. ``backend``: what runs, or why nothing does, for the record."""

    backend: str

    def look(self) -> tuple[Box, ...] | None:
        """Where the text field that has the focus is; empty where its place is unknown; ``None``: none has
        it.
        """
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class NoTextFields:
    """Where the system does not tell. ``why`` goes into the record."""

    def __init__(self, why: str) -> None:
        self.backend = f"none: {why}"

    def look(self) -> tuple[Box, ...] | None:
        """Never any."""
        return None

    def close(self) -> None:
        """Nothing to stop."""
