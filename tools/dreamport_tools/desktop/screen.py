"""Grabs the pixels of a box of the screen, by mss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import CaptureError
from dreamport_tools.desktop.window import Box


class Screen:
    """Belongs to the thread that made it. ``backend``: what grabs, for the record."""

    def __init__(self) -> None:
        import mss  # noqa: PLC0415  (an extra)
        from mss.exception import ScreenShotError  # noqa: PLC0415

        self._failures = ScreenShotError
        try:
            self._mss = mss.MSS()
        except ScreenShotError as error:
            raise CaptureError(
                f"the screen cannot be read ({error}); on Linux an X server must run and DISPLAY name it"
            ) from error
        implementation = type(self._mss._impl).__name__.removeprefix("MSSImpl")
        self.backend = f"mss {mss.__version__} {implementation}"

    def grab(self, box: Box) -> NDArray[np.uint8]:
        """Pixels of the box, BGRA ``[H, W, 4]``. Raises ``CaptureError``."""
        area = {"left": box.left, "top": box.top, "width": box.width, "height": box.height}
        try:
            shot = self._mss.grab(area)
        except self._failures as error:
            raise CaptureError(
                f"the window could not be grabbed ({error}); is it partly off the screen?"
            ) from error
        return np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)

    def close(self) -> None:
        """Let go of the screen."""
        self._mss.close()
