"""Noise and noise levels: flow matching (arXiv 2210.02747) with fresh noise between steps.

``x_sigma = (1 - sigma) * x0 + sigma * noise``; the network predicts ``velocity = noise - x0``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

CONTEXT_STEP = 255
_MASK = (1 << 64) - 1


def noise(seed: int, frame: int, step: int, shape: tuple[int, ...]) -> Float32:
    """Standard normal noise for one step (0..255) of one frame.

    Philox is counter-based: the numbers depend on these arguments alone, so replay and snapshots carry no
    generator state. ``frame`` may be negative (a start's past).
    """
    key = (seed & _MASK) | ((((frame & 0xFF_FFFF_FFFF_FFFF) << 8) | step) << 64)
    return np.random.Generator(np.random.Philox(key=key)).standard_normal(shape, np.float32)


def add_noise(clean: Float32, fresh: Float32, sigma: float) -> Float32:
    """``clean`` at noise level ``sigma``."""
    return np.float32(1.0 - sigma) * clean + np.float32(sigma) * fresh


def denoised(noisy: Float32, velocity: Float32, sigma: float) -> Float32:
    """The clean latent that ``velocity`` points at from ``noisy`` at noise level ``sigma``."""
    return noisy - np.float32(sigma) * velocity
