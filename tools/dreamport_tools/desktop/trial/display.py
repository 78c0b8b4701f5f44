"""An X server of its own, without a screen."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from dreamport.errors import DesktopCaptureError

START_S = 20.0


@contextmanager
def running_server(size: tuple[int, int]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Xvfb with a screen of that size, on a display number that was free; gives its name for ``DISPLAY``, and
    its process. Raises ``DesktopCaptureError`` when there is no Xvfb.
    """
    reading, writing = os.pipe()
    screen = f"{size[0]}x{size[1]}x24"
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", screen, "-nolisten", "tcp"]
    try:
        server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise DesktopCaptureError("Xvfb is not installed: install the package xvfb") from error
    finally:
        os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()  # comes when the server takes clients, ends when it ends
        if not number:
            raise DesktopCaptureError("Xvfb did not start")
        yield f":{number}", server
    finally:
        server.terminate()
        server.wait()


@contextmanager
def running_display(size: tuple[int, int]) -> Iterator[str]:
    """Its name alone."""
    with running_server(size) as (name, _):
        yield name
