"""What a picture, a depth map or a path is worth, as pure functions of numpy arrays.

Pictures are ``[H, W, 3]`` uint8 sRGB. Nothing here reads a file, runs a graph or draws a random number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]

PSNR_CEILING_DB = 99.0
"""What identical pictures score: JSON has no infinity, and a mean needs a finite number."""

_SSIM_RADIUS = 5
_SSIM_SIGMA = 1.5


def luma(picture: Picture) -> Plane:
    """BT.601 luma of ``[H, W, 3]`` uint8 as ``[H, W]`` float32, 0 to 255."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(picture.astype(np.float32) @ weights, np.float32)


def psnr(real: Picture, generated: Picture) -> float:
    """Peak signal-to-noise ratio in dB over all three channels, peak 255, at most ``PSNR_CEILING_DB``."""
    _same_shape(real, generated)
    error = real.astype(np.float32) - generated.astype(np.float32)
    mean_square = float(np.mean(np.square(error), dtype=np.float64))
    if mean_square == 0.0:
        return PSNR_CEILING_DB
    return min(PSNR_CEILING_DB, 10.0 * math.log10(255.0**2 / mean_square))


def ssim(real: Picture, generated: Picture) -> float:
    """Structural similarity of the luma, -1 to 1 (Wang et al. 2004: 11x11 Gaussian window, sigma 1.5).

    Pictures must be at least 11 pixels wide and high.
    """
    _same_shape(real, generated)
    a, b = luma(real), luma(generated)
    mean_a, mean_b, square_a, square_b, product = _gaussian_window(np.stack([a, b, a * a, b * b, a * b]))
    variance_a, variance_b = square_a - mean_a**2, square_b - mean_b**2
    covariance = product - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    score = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    )
    return float(score.mean())


def depth_relative_error(real: Plane, generated: Plane, max_m: float) -> float:
    """Median over pixels of ``|generated - real| / real``.

    ``[H, W]`` float32 metres each. Only pixels whose real depth is finite, positive and below ``max_m`` count
    (beyond it the world promises nothing). NaN when no pixel counts.
    """
    _same_shape(real, generated)
    counts = np.isfinite(real) & (real > 0) & (real < max_m)
    if not counts.any():
        return math.nan
    truth = real[counts]
    return float(np.median(np.abs(np.minimum(generated[counts], max_m) - truth) / truth))


@dataclass(frozen=True)
class PictureStatistics:
    """What drifts when a world decays: how sharp, contrasty and colourful a picture is.

    ``sharpness``: variance of the Laplacian of the luma. ``gradient``: mean squared luma gradient (a second,
    less noise-prone view of sharpness). ``contrast``: standard deviation of the luma. ``saturation``: mean
    HSV saturation, 0 to 1.
    """

    sharpness: float
    gradient: float
    contrast: float
    saturation: float


def picture_statistics(picture: Picture) -> PictureStatistics:
    """The statistics of one picture."""
    grey = luma(picture)
    brightest, darkest = picture.max(axis=2).astype(np.float32), picture.min(axis=2).astype(np.float32)
    saturation = float(np.mean((brightest - darkest) / np.maximum(brightest, 1.0)))
    return PictureStatistics(sharpness(grey), gradient_energy(grey), float(grey.std()), saturation)


def sharpness(grey: Plane) -> float:
    """Variance of the 4-neighbour Laplacian of a ``[H, W]`` luma plane, borders left out."""
    centre = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * centre
    return float(laplacian.var())


def gradient_energy(grey: Plane) -> float:
    """Mean squared central-difference gradient of a ``[H, W]`` luma plane, borders left out."""
    across = (grey[1:-1, 2:] - grey[1:-1, :-2]) / 2
    down = (grey[2:, 1:-1] - grey[:-2, 1:-1]) / 2
    return float(np.mean(across**2 + down**2))


def statistics_ratio(real: list[PictureStatistics], generated: list[PictureStatistics]) -> dict[str, float]:
    """Mean of each statistic over ``generated``, over its mean over ``real``; NaN where one is empty.

    A ratio of means, not a mean of ratios: one blank wall must not outweigh a hall.
    """
    ratios = {}
    for name in ("sharpness", "gradient", "contrast", "saturation"):
        truth = float(np.mean([getattr(s, name) for s in real])) if real else 0.0
        made = float(np.mean([getattr(s, name) for s in generated])) if generated else math.nan
        ratios[f"{name}_ratio"] = made / truth if truth > 0 else math.nan
    return ratios


def picture_change(before: Picture, after: Picture) -> float:
    """Mean absolute luma difference of two pictures, 0 to 255."""
    _same_shape(before, after)
    return float(np.mean(np.abs(luma(after) - luma(before))))


def yaw_difference_deg(a: float, b: float) -> float:
    """``a - b`` wrapped to (-180, 180], all in degrees."""
    return -((b - a + 180.0) % 360.0 - 180.0)


def yaw_of(pose: NDArray[np.floating]) -> float:
    """Heading of a ``[4, 4]`` camera-to-world matrix in degrees, 0 along +z, right positive."""
    return math.degrees(math.atan2(float(pose[0, 2]), float(pose[2, 2])))


def _gaussian_window(planes: Plane) -> NDArray[np.float64]:
    """``[N, H, W]`` weighted by the SSIM window, only where it fits: ``[N, H - 10, W - 10]``."""
    offsets = np.arange(-_SSIM_RADIUS, _SSIM_RADIUS + 1)
    weights = np.exp(-(offsets**2) / (2 * _SSIM_SIGMA**2))
    weights /= weights.sum()
    size = 2 * _SSIM_RADIUS
    height, width = planes.shape[1] - size, planes.shape[2] - size
    if height < 1 or width < 1:
        raise ValueError(f"SSIM needs pictures of at least 11 x 11 pixels, got {planes.shape[1:]}")
    # Variances are differences of large numbers: float64 keeps them non-negative.
    rows = np.zeros((planes.shape[0], height, planes.shape[2]))
    for k, weight in enumerate(weights):
        rows += weight * planes[:, k : k + height]
    both = np.zeros((planes.shape[0], height, width))
    for k, weight in enumerate(weights):
        both += weight * rows[:, :, k : k + width]
    return both


def _same_shape(a: NDArray[np.generic], b: NDArray[np.generic]) -> None:
    if a.shape != b.shape:
        raise ValueError(f"pictures to compare differ in shape: {a.shape} and {b.shape}")
