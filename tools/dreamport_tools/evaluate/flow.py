"""Optical flow between two pictures, and what it says about the camera: did it turn, did it move forward."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreamport_tools.evaluate.extras import require_opencv
from dreamport_tools.evaluate.metrics import Picture, Plane, luma


def dense_flow(before: Picture, after: Picture) -> NDArray[np.float32]:
    """Farneback's dense flow ``[H, W, 2]`` in pixels (x right, y down): where each point of ``before`` went.

    Local contrast is evened out first (CLAHE): Farneback's regulariser holds dark walls still otherwise.
    Raises ``MissingExtraError`` without OpenCV.
    """
    cv2 = require_opencv()
    even = cv2.createCLAHE(clipLimit=4.0, tileGridSize=(6, 4))
    first, second = (even.apply(np.clip(luma(p) + 0.5, 0, 255).astype(np.uint8)) for p in (before, after))
    flow = cv2.calcOpticalFlowFarneback(
        first,
        second,
        None,
        pyr_scale=0.5,
        levels=4,
        winsize=31,
        iterations=3,
        poly_n=7,
        poly_sigma=1.5,
        flags=0,
    )
    return np.asarray(flow, np.float32)


def shift_x(before: Picture, after: Picture) -> float:
    """How far the picture moved to the right, in pixels: the median flow over its more textured half.

    Turning the camera right moves the picture left, so the sign is opposite to the turn's.
    """
    flow = dense_flow(before, after)
    return float(np.median(flow[..., 0][_textured(luma(before))]))


def expansion(before: Picture, after: Picture) -> float:
    """Relative growth of the picture about its centre: 0.02 means points move outward by 2 % of their radius.

    The least-squares fit of a shift and a growth to the flow of the more textured half. Positive when the
    camera moves forward; a turn is a shift, and leaves this near zero.
    """
    flow = dense_flow(before, after)
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    where = _textured(luma(before))
    place = np.stack([x[where], y[where]], axis=1)
    place -= place.mean(axis=0)
    moved = flow[where] - flow[where].mean(axis=0)
    return float((place * moved).sum() / (place**2).sum())


def _textured(grey: Plane) -> NDArray[np.bool_]:
    """The half of the pixels with the larger gradient: on a flat floor flow is a guess."""
    down, across = np.gradient(grey)
    energy = across**2 + down**2
    return np.asarray(energy >= np.median(energy), np.bool_)
