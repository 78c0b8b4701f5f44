"""What is measured of a stretch of play: what was pressed, how the camera went, what the pictures
are like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamport_tools.captioning.past import Past

LOOK_EVERY_S = 0.5
STILL_M_PER_S = 0.15
BLOCKED_SHARE = 0.5
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
HUES = (
    (15.0, "red"), (45.0, "orange"), (70.0, "yellow"), (160.0, "green"), (200.0, "teal"), (255.0, "blue"),
    (290.0, "purple"), (345.0, "pink"), (360.0, "red"),
)  # fmt: skip


@dataclass(frozen=True)
class Action:
    """What was done in a stretch. ``held``: share of its frames that each button was held in. ``turned_deg``:
    right and down in all. ``turning_deg``: right and left added up without their signs. ``walked_m``: length
    of the way, ``None`` without poses. ``blocked``: a button was held and the camera hardly moved.
    """

    seconds: float
    held: dict[str, float]
    turned_deg: tuple[float, float]
    turning_deg: float
    walked_m: float | None
    blocked: bool


@dataclass(frozen=True)
class Scene:
    """What a stretch looks like. ``light``: mean luma 0..1. ``colours``: the commonest, with their shares.
    ``contrast``: standard deviation of luma. ``detail``: mean step of luma between neighbouring pixels.
    ``near_m``, ``median_m``: 5th percentile and median of depth; ``None`` without depth.
    """

    light: float
    colours: tuple[tuple[str, float], ...]
    contrast: float
    detail: float
    near_m: float | None
    median_m: float | None


def action_of(past: Past, begin: int) -> Action:
    """What was done in rows ``begin`` to the end of ``past``."""
    rows = slice(begin, past.end)
    buttons, look = past.buttons()[rows], past.look_deg()[rows]
    frames = len(buttons)
    held = {
        name: float(np.mean(buttons >> bit & 1))
        for bit, name in enumerate(past.button_names)
        if (buttons >> bit & 1).any()
    }
    look = np.nan_to_num(look)
    place = past.positions()[rows]
    place = place[np.isfinite(place).all(axis=1)]
    walked = float(np.linalg.norm(np.diff(place, axis=0), axis=1).sum()) if len(place) > 1 else None
    seconds = frames / past.frame_rate
    pressing = sum(share for share in held.values()) > BLOCKED_SHARE
    blocked = walked is not None and pressing and walked / seconds < STILL_M_PER_S
    turned = (float(look[:, 0].sum()), float(look[:, 1].sum()))
    return Action(seconds, held, turned, float(np.abs(look[:, 0]).sum()), walked, blocked)


def rows_to_look_at(begin: int, end: int, frame_rate: float, every_s: float = LOOK_EVERY_S) -> list[int]:
    """Rows spread over a stretch, one every half second or so, at least one."""
    count = max(1, round((end - begin) / frame_rate / every_s))
    return [begin + (2 * i + 1) * (end - begin) // (2 * count) for i in range(count)]


def scene_of(past: Past, begin: int) -> Scene:
    """What rows ``begin`` to the end of ``past`` look like."""
    rows = rows_to_look_at(begin, past.end, past.frame_rate)
    pictures = [past.colour(row)[::4, ::4].astype(np.float32) / 255.0 for row in rows]
    depths = [depth[::4, ::4] for depth in map(past.depth, rows) if depth is not None]
    luma = np.stack([picture @ LUMA for picture in pictures])
    detail = float(np.abs(np.diff(luma, axis=2)).mean())
    near = median = None
    if depths:
        metres = np.concatenate([depth[np.isfinite(depth)] for depth in depths])
        if len(metres):
            near, median = float(np.percentile(metres, 5)), float(np.median(metres))
    return Scene(float(luma.mean()), colour_shares(pictures), float(luma.std()), detail, near, median)


def colour_shares(pictures: Sequence[NDArray[np.float32]]) -> tuple[tuple[str, float], ...]:
    """The commonest colour names of ``[h, w, 3]`` pictures and their shares of the pixels, largest first."""
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures])
    high, low = pixels.max(axis=1), pixels.min(axis=1)
    span = high - low
    safe = np.maximum(span, 1e-6)
    red, green, blue = pixels.T
    hue = np.where(
        high == red,
        (green - blue) / safe % 6,
        np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    degrees = hue * 60.0
    saturation = span / np.maximum(high, 1e-6)
    names = np.full(len(pixels), "pink", dtype=object)
    for limit, name in reversed(HUES):
        names[degrees < limit] = name
    names[((degrees < 45.0) | (degrees >= 345.0)) & (high < 0.65)] = "brown"
    names[saturation < 0.2] = "grey"
    names[(saturation < 0.2) & (high > 0.8)] = "white"
    names[high < 0.12] = "black"
    found, counts = np.unique(names.astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple((str(found[i]), float(counts[i] / len(pixels))) for i in order[:3])


def straight_m(past: Past) -> float | None:
    """Metres between the first place and the last; ``None`` without poses."""
    place = past.positions()
    place = place[np.isfinite(place).all(axis=1)]
    return float(math.dist(place[0], place[-1])) if len(place) > 1 else None
