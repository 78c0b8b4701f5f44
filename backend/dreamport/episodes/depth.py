"""How depth along the optical axis is stored in 16 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.layout import DEPTH_UNITS_PER_METRE


def encode_depth(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Metres to 16-bit millimetres; 0 where there is no surface within 65 m."""
    units = np.rint(np.where(np.isfinite(depth), depth, 0.0) * DEPTH_UNITS_PER_METRE)
    return np.where(units <= 65535, np.maximum(units, 0), 0).astype(np.uint16)


def decode_depth(units: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Inverse of ``encode_depth``; infinite where there is no surface."""
    metres = units.astype(np.float32) / np.float32(DEPTH_UNITS_PER_METRE)
    return np.where(units == 0, np.float32(np.inf), metres)


def encode_inverse_depth(depth: NDArray[np.floating], near_m: float) -> NDArray[np.uint16]:
    """Metres to ``round(65535 * near_m / depth)``; 0 is infinitely far, nearer than ``near_m`` counts as
    there.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.rint(65535.0 * near_m / depth.astype(np.float64))
    return np.where(np.isnan(steps), 0, np.clip(steps, 0, 65535)).astype("<u2")


def decode_inverse_depth(values: NDArray[np.uint16], near_m: float) -> NDArray[np.float32]:
    """Values ``round(65535 * near_m / depth)`` to metres; 0 is infinitely far."""
    with np.errstate(divide="ignore"):
        metres: NDArray[np.float32] = np.float32(65535.0 * near_m) / values.astype(np.float32)
    return metres
