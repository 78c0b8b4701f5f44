"""How much of a picture is writing: titles, subtitles, displays.

Writing is many thin strokes of strong contrast side by side in a line, which stay where they are while the
picture behind them moves. So strokes are taken from pictures half a second apart, only what is in both is
looked at, strokes are joined along the line, and what has the shape and the filling of a line is counted.
Writing that moves (credits) is not found this way.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

STROKE_CONTRAST = 40
LEAST_HEIGHT, MOST_HEIGHT_SHARE = 6, 0.2
LEAST_ASPECT = 1.8
FILLED = (0.18, 0.9)


def strokes_of(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """255 where a picture ``[H, W]`` has thin strokes much lighter or darker than what is around them."""
    around = cv2.getStructuringElement(cv2.MORPH_RECT, (7, 7))
    light = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, around)
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, around)
    return np.where(np.maximum(light, dark) > STROKE_CONTRAST, 255, 0).astype(np.uint8)


def text_share(strokes: NDArray[np.uint8]) -> float:
    """Share of the picture inside lines of writing, given its lasting ``strokes [H, W]`` (0 or 255)."""
    joined = cv2.morphologyEx(
        strokes,
        cv2.MORPH_CLOSE,
        cv2.getStructuringElement(cv2.MORPH_RECT, (max(9, strokes.shape[1] // 48), 3)),
    )
    count, _, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    area = 0
    for x, y, width, height, _ in boxes[1:count]:
        inside = float(np.mean(strokes[y : y + height, x : x + width] > 0))
        if (
            LEAST_HEIGHT <= height <= MOST_HEIGHT_SHARE * strokes.shape[0]
            and width >= LEAST_ASPECT * height
            and FILLED[0] <= inside <= FILLED[1]
        ):
            area += int(width) * int(height)
    return area / strokes.size
