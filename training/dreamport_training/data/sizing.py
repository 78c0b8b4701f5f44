"""From recorded pictures to the world's frames: which size, what is cut off, which intrinsics follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import DatasetError

UNIT = 16
"""Frames are whole multiples of this: 8 pixels a latent cell, 2 cells a token."""
PIXELS = 320 * 192
"""A world's frame has at most so many pixels unless told otherwise: two CPU cores play them at 20 fps."""
LEAST, MOST = 32, 4096


@dataclass(frozen=True)
class Sizing:
    """How a recorded picture becomes a frame of ``width`` x ``height``: the middle ``cut`` (left, top, width,
    height, in recorded pixels) of it, scaled. Pixels stay as square as whole pixels allow."""

    width: int
    height: int
    recorded: tuple[int, int]
    cut: tuple[int, int, int, int]

    @property
    def same(self) -> bool:
        """Nothing has to be done: frames are the recorded pictures, bit for bit."""
        return self.recorded == (self.width, self.height)

    def colour(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """``[H, W, 3]`` as recorded to the world's size: averaged where it shrinks, interpolated where it
        grows."""
        if self.same:
            return picture
        import cv2  # noqa: PLC0415 - needs the extra

        left, top, width, height = self.cut
        part = picture[top : top + height, left : left + width]
        shrinks = width >= self.width
        method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(part, (self.width, self.height), interpolation=method), np.uint8)

    def depth(self, metres: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[H, W]`` metres as recorded to the world's size: the nearest pixel's, because the mean of a near
        and a far surface is a place where nothing is."""
        if self.same:
            return metres
        left, top, width, height = self.cut
        rows = top + ((np.arange(self.height) + 0.5) * height / self.height).astype(np.int64)
        columns = left + ((np.arange(self.width) + 0.5) * width / self.width).astype(np.int64)
        return np.ascontiguousarray(metres[rows[:, None], columns[None]])

    def cameras(self, intrinsics: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[T, 4]`` fx, fy, cx, cy of recorded pixels to those of the frame."""
        if self.same:
            return intrinsics
        left, top, width, height = self.cut
        across, down = self.width / width, self.height / height
        moved = intrinsics.astype(np.float64) - [0.0, 0.0, left, top]
        return (moved * [across, down, across, down]).astype(np.float32)


def sizing_of(recorded: tuple[int, int], width: int | None = None, height: int | None = None) -> Sizing:
    """How pictures of ``recorded`` (width, height) become frames.

    Without a wish they stay as they are where they are small enough and whole multiples of 16; else they
    shrink to at most ``PIXELS`` with nearly the recorded shape. With one of ``width`` and ``height`` the
    other follows. Raises ``DatasetError`` for a size that no world can have.
    """
    for name, wish in (("width", width), ("height", height)):
        if wish is not None and (wish % UNIT or not LEAST <= wish <= MOST):
            near = min(MOST, max(LEAST, round(wish / UNIT) * UNIT))
            raise DatasetError(
                f"{name} {wish} cannot be a world's: it must be a multiple of {UNIT} from {LEAST} to {MOST}; "
                f"take {near}"
            )
    w, h = recorded
    if width is None and height is None:
        width, height = recorded if _fits(recorded) else _shrunk(recorded)
    elif width is None:
        assert height is not None
        width = _whole(height * w / h)
    elif height is None:
        height = _whole(width * h / w)
    scale = max(width / w, height / h)
    cut_w, cut_h = min(w, round(width / scale)), min(h, round(height / scale))
    return Sizing(width, height, recorded, ((w - cut_w) // 2, (h - cut_h) // 2, cut_w, cut_h))


def _fits(size: tuple[int, int]) -> bool:
    return size[0] * size[1] <= PIXELS and all(side % UNIT == 0 and side >= LEAST for side in size)


def _shrunk(recorded: tuple[int, int]) -> tuple[int, int]:
    """The largest size of at most ``PIXELS`` that cuts off little: a cut counts threefold."""
    w, h = recorded
    most = min(PIXELS, w * h)
    best, chosen = -1.0, (LEAST, LEAST)
    for width in range(LEAST, MOST + 1, UNIT):
        for height in range(LEAST, most // width + 1, UNIT):
            stretch = (width / height) / (w / h)
            worth = width * height * min(stretch, 1.0 / stretch) ** 3
            if worth > best:
                best, chosen = worth, (width, height)
    return chosen


def _whole(side: float) -> int:
    return min(MOST, max(LEAST, round(side / UNIT) * UNIT))
