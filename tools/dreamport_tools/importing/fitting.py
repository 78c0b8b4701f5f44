"""Pictures of any size made to fit a data set: scaled, then cropped at the middle, the camera with them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamport_tools.importing.film import Shown

Camera = tuple[float, float, float, float]
"""fx, fy, cx, cy in pixels."""


@dataclass(frozen=True)
class Fit:
    """From pictures of ``source`` (width, height) to those of ``target``, square pixels kept square."""

    source: tuple[int, int]
    target: tuple[int, int]

    @property
    def scaled(self) -> tuple[int, int]:
        """Size before cropping."""
        factor = max(self.target[0] / self.source[0], self.target[1] / self.source[1])
        return (
            max(self.target[0], round(self.source[0] * factor)),
            max(self.target[1], round(self.source[1] * factor)),
        )

    @property
    def corner(self) -> tuple[int, int]:
        """Left and top of what is kept."""
        return (self.scaled[0] - self.target[0]) // 2, (self.scaled[1] - self.target[1]) // 2

    @property
    def kept(self) -> float:
        """Share of the source's area that is kept."""
        return self.target[0] * self.target[1] / (self.scaled[0] * self.scaled[1])

    def picture(self, shown: Shown) -> NDArray[np.uint8]:
        """``[H, W, 3]`` of the target's size."""
        left, top = self.corner
        width, height = self.target
        return np.ascontiguousarray(shown.rgb(*self.scaled)[top : top + height, left : left + width])

    def array(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The same of a picture ``[H, W, 3]`` of the source's size."""
        left, top = self.corner
        width, height = self.target
        whole = cv2.resize(picture, self.scaled, interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(np.asarray(whole, np.uint8)[top : top + height, left : left + width])

    def camera(self, source: Camera) -> Camera:
        """Intrinsics of the fitted picture."""
        x, y = self.scaled[0] / self.source[0], self.scaled[1] / self.source[1]
        fx, fy, cx, cy = source
        left, top = self.corner
        return fx * x, fy * y, cx * x - left, cy * y - top


def camera_of_view(width: int, height: int, fov_deg: float) -> Camera:
    """Intrinsics of a picture that shows ``fov_deg`` degrees from left to right."""
    focal = width / 2 / math.tan(math.radians(fov_deg) / 2)
    return focal, focal, width / 2, height / 2
