"""Takes pictures of the game's window, or says why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.grid import Clock
from dreamport_tools.desktop.screen import Screen
from dreamport_tools.desktop.window import Box, GameWindow, WindowLook

SAME_SHAPE = 0.01
"""Windows whose proportions differ from the pictures' by more are not squeezed into them."""


@dataclass(frozen=True)
class Shot:
    """A grabbed frame. ``number``: its point of the grid, which was due at ``due_ns``; ``before_ns`` and
    ``after_ns``: around the grab. ``picture`` BGRA ``[H, W, 4]`` of ``window``; ``covers``: what other
    windows hide of it.
    """

    number: int
    due_ns: int
    before_ns: int
    after_ns: int
    window: Box
    picture: NDArray[np.uint8]
    covers: tuple[Box, ...]


@dataclass(frozen=True)
class Obstacle:
    """Why there is no picture. ``gone``: nor will there be."""

    why: str
    gone: bool = False


Found: TypeAlias = Shot | Obstacle


class Camera:
    """Pictures of one window in ``size`` (width, height); ``None`` takes the window's size of now.

    Raises ``DesktopCaptureError`` when the window is not to be seen and no size is given.
    """

    def __init__(
        self, screen: Screen, window: GameWindow, clock: Clock, size: tuple[int, int] | None
    ) -> None:
        self._screen, self._window, self._clock = screen, window, clock
        if size is None:
            box = window.look().box
            if box is None:
                raise DesktopCaptureError(
                    f"the window {window.title!r} is not to be seen; bring it to the front"
                )
            size = (box.width, box.height)
        self.size = size

    def shoot(self, number: int, due_ns: int) -> Found:
        """A frame for point ``number``. The window is looked at before and after the grab: a picture counts
        only when it had the keyboard, and did not move, all that time.
        """
        look = self._window.look()
        found = self._obstacle(look)
        if found is not None or look.box is None:
            return found or Obstacle("the window is not to be seen")
        before_ns = self._clock.now_ns()
        try:
            picture = self._screen.grab(look.box)
        except DesktopCaptureError as error:
            return Obstacle(str(error))
        after_ns = self._clock.now_ns()
        then = self._window.look()
        found = self._obstacle(then)
        if found is not None:
            return found
        if then.box != look.box:
            return Obstacle("the window moves")
        covers = (*look.covers, *then.covers)
        return Shot(number, due_ns, before_ns, after_ns, look.box, picture, covers)

    def fit(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture in the camera's size."""
        width, height = self.size
        if picture.shape[:2] == (height, width):
            return picture
        import cv2  # noqa: PLC0415  (an extra, and only where pictures are scaled)

        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)

    def _obstacle(self, look: WindowLook) -> Obstacle | None:
        if look.gone:
            return Obstacle("the window is closed", gone=True)
        if look.box is None:
            return Obstacle("the window is not to be seen")
        if not look.focused:
            return Obstacle("another window has the keyboard")
        if not look.on_screen:
            return Obstacle("the window is partly off the screen")
        width, height = self.size
        if abs(look.box.width * height / (look.box.height * width) - 1) > SAME_SHAPE:
            return Obstacle(f"the window is {look.box.width}x{look.box.height}, which is no {width}x{height}")
        return None
