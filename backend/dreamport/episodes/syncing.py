"""Getting bytes onto the disk for good, on every system."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform == "darwin":
    import fcntl

    def sync_file(descriptor: int) -> None:
        """Wait until the file's bytes survive a power cut (macOS: fsync alone leaves them in the drive)."""
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)

elif sys.platform == "win32":

    def sync_file(descriptor: int) -> None:
        """Wait until the file's bytes survive a power cut."""
        os.fsync(descriptor)

else:

    def sync_file(descriptor: int) -> None:
        """Wait until the file's bytes survive a power cut."""
        os.fdatasync(descriptor)


def sync_path(path: Path) -> None:
    """``sync_file`` for a file that is closed."""
    with path.open("r+b") as file:
        sync_file(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until names made in, or moved into, the folder survive a power cut. Windows does so by itself."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
