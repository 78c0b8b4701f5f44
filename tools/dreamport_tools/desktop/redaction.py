"""Blacks out what must not be recorded."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

import numpy as np
from numpy.typing import NDArray

from dreamport_tools.desktop.window import Box


def black_out(picture: NDArray[np.uint8], window: Box, boxes: Iterable[Box]) -> bool:
    """Blacks out ``boxes`` of the screen on a picture ``[H, W, C]`` of ``window``, in place; whether anything
    was. A picture may have more pixels than the window has points.
    """
    done = False
    by_y, by_x = picture.shape[0] / window.height, picture.shape[1] / window.width
    for box in boxes:
        part = window.common(box)
        if part is not None:
            left, top = part.left - window.left, part.top - window.top
            rows = slice(int(top * by_y), ceil((top + part.height) * by_y))
            columns = slice(int(left * by_x), ceil((left + part.width) * by_x))
            picture[rows, columns] = 0
            done = True
    return done
