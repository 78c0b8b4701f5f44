"""Grabs the pixels of a box of the screen, by mss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.window import Box

if TYPE_CHECKING:
    from mss import MSS


class Screen:
    """Belongs to the thread that made it. ``backend``: what grabs, for the record."""

    def __init__(self) -> None:
        import mss  # noqa: PLC0415  (an extra)
        from mss.exception import ScreenShotError  # noqa: PLC0415

        self._failures = ScreenShotError
        self._mss = self._open()
        implementation = type(getattr(self._mss, "_impl", self._mss)).__name__.removeprefix("MSSImpl")
        self.backend = f"mss {mss.__version__} {implementation}"

    def grab(self, box: Box) -> NDArray[np.uint8]:
        """Pixels of the box, BGRA ``[H, W, 4]``. Raises ``DesktopCaptureError``."""
        area = {"left": box.left, "top": box.top, "width": box.width, "height": box.height}
        try:
            shot = self._mss.grab(area)
        except self._failures:
            self._mss.close()
            self._mss = self._open()  # the screen may have another size now
            try:
                shot = self._mss.grab(area)
            except self._failures as error:
                raise DesktopCaptureError(f"the window cannot be grabbed ({error})") from error
        return np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)

    def _open(self) -> MSS:
        import mss  # noqa: PLC0415  (an extra)

        try:
            return mss.MSS()
        except self._failures as error:
            raise DesktopCaptureError(
                f"the screen cannot be read ({error}); on Linux an X server must run and DISPLAY name it"
            ) from error

    def close(self) -> None:
        """Let go of the screen."""
        self._mss.close()
