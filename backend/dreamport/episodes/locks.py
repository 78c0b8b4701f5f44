"""A lock on a file that ends with its process, however that ends."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

POLL_S = 0.02


class FileLocked(Exception):
    """Someone else holds the lock."""


class FileLock:
    """Holds the lock on ``path`` from ``take`` to ``release``; a context manager too. The file stays."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def take(self, wait_s: float = 0.0) -> Self:
        """Take it. Raises ``FileLocked`` when it is not free within ``wait_s`` seconds."""
        until = time.monotonic() + wait_s
        while True:
            try:
                _lock(self._file.fileno())
                return self
            except OSError:
                if time.monotonic() >= until:
                    self._file.close()
                    raise FileLocked(self._file.name) from None
            time.sleep(POLL_S)

    def release(self) -> None:
        """Give it back; twice does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
