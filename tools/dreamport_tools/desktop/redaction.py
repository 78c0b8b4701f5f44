"""Blacks out what must not be recorded."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dreamport_tools.desktop.window import Box


def black_out(picture: NDArray[np.uint8], window: Box, boxes: Iterable[Box]) -> bool:
    """Blacks out ``boxes`` of the screen on a picture of ``window``, in place; whether anything was."""
    done = False
    for box in boxes:
        part = window.common(box)
        if part is not None:
            left, top = part.left - window.left, part.top - window.top
            picture[top : top + part.height, left : left + part.width] = 0
            done = True
    return done
