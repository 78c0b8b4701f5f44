"""Which shots are worth importing: limits, and for each shot the reasons why it is not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dreamport_tools.importing.survey import Survey


@dataclass(frozen=True)
class Limits:
    """``least_width`` and ``least_height`` in pixels; ``least_seconds``; ``least_motion`` median flow in
    shares of the width a second; ``darkest`` and ``brightest`` mean brightness and ``least_contrast``
    standard deviation, 0 to 255; ``most_text`` share of the picture; ``most_repeated`` share of the
    pictures; ``least_posed`` share of pictures whose estimated pose can be trusted.
    """

    least_width: int = 320
    least_height: int = 180
    least_seconds: float = 2.0
    least_motion: float = 0.01
    darkest: float = 12.0
    brightest: float = 243.0
    least_contrast: float = 6.0
    most_text: float = 0.08
    most_repeated: float = 0.35
    least_posed: float = 0.5


@dataclass(frozen=True)
class Shot:
    """Moments ``start`` to ``end`` of a video's grid, one after the other, and what the survey saw of
    them.
    """

    start: int
    end: int
    width: int
    height: int
    brightness: float
    contrast: float
    motion: float
    repeated: float
    text: float

    def reasons(self, limits: Limits, rate: float) -> tuple[str, ...]:
        """Why this shot is refused; empty if it is not. ``rate``: moments a second."""
        seconds = (self.end - self.start) / rate
        found = [
            (
                self.width < limits.least_width or self.height < limits.least_height,
                f"{self.width}x{self.height} is smaller than "
                f"{limits.least_width}x{limits.least_height} (--min-size)",
            ),
            (
                seconds < limits.least_seconds,
                f"{seconds:.1f} s is shorter than {limits.least_seconds:g} s (--min-seconds)",
            ),
            (
                self.brightness < limits.darkest,
                f"too dark: mean brightness {self.brightness:.0f} of 255, {limits.darkest:g} is the "
                "least (--brightness)",
            ),
            (
                self.brightness > limits.brightest,
                f"too bright: mean brightness {self.brightness:.0f} of 255, {limits.brightest:g} is the most "
                "(--brightness)",
            ),
            (
                self.contrast < limits.least_contrast,
                f"flat: brightness deviates by {self.contrast:.1f} of 255, {limits.least_contrast:g} "
                "is the least "
                "(--min-contrast)",
            ),
            (
                self.motion < limits.least_motion,
                f"hardly moves: {self.motion:.2%} of the width a second, {limits.least_motion:.2%} is "
                "the least "
                "(--min-motion)",
            ),
            (
                self.repeated > limits.most_repeated and self.motion >= limits.least_motion,
                f"{self.repeated:.0%} of its pictures repeat the one before, "
                f"{limits.most_repeated:.0%} is the most: "
                "the game ran slower than the video (--fps lower, or --max-repeats)",
            ),
            (
                self.text > limits.most_text,
                f"writing covers {self.text:.0%} of the picture, {limits.most_text:.0%} is the most "
                "(--max-text)",
            ),
        ]
        return tuple(reason for refused, reason in found if refused)


def shots(seen: Survey, rate: float, longest: int) -> list[Shot]:
    """The shots of a survey, none longer than ``longest`` moments."""
    edges = [*seen.cuts, len(seen.moment)]
    found = []
    for first, last in pairwise(edges):
        pieces = max(1, math.ceil((last - first) / longest))
        for k in range(pieces):
            start, end = first + (last - first) * k // pieces, first + (last - first) * (k + 1) // pieces
            if end > start:
                found.append(_shot(seen, start, end, rate))
    return found


def _shot(seen: Survey, start: int, end: int, rate: float) -> Shot:
    part = slice(start, end)
    motion, text = seen.motion[part], seen.text[part]
    motion, text = motion[np.isfinite(motion)], text[np.isfinite(text)]
    return Shot(
        int(seen.moment[start]), int(seen.moment[end - 1]) + 1, int(seen.width[start]),
        int(seen.height[start]), float(np.mean(seen.brightness[part])), float(np.mean(seen.contrast[part])),
        float(np.mean(motion)) * rate if len(motion) else 0.0, float(np.mean(seen.repeated[part])),
        float(np.median(text)) if len(text) else 0.0,
    )  # fmt: skip
