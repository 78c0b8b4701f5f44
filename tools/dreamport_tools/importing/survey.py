"""One look at a whole video, small: where shots begin and end, how it moves, how bright it is, where it
writes.

Motion: dense inverse search flow (Kroeger et al., ECCV 2016).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamport_tools.importing.cuts import WIDTH, CutFinder
from dreamport_tools.importing.film import Film, rate_of
from dreamport_tools.importing.tracks import grey_of
from dreamport_tools.importing.writing import strokes_of, text_share

TEXT_WIDTH = 480
TEXT_EVERY_S = 0.5
REPEATED = 0.35
"""Pictures whose brightness differs by less, on average, are the same picture twice."""


@dataclass(frozen=True)
class Survey:
    """``N`` moments of a video's grid that have a picture. ``moment [N]`` their numbers; ``brightness [N]``
    mean and ``contrast [N]`` standard deviation, 0 to 255; ``motion [N]`` median flow since the picture
    before in shares of the width, NaN after a cut; ``repeated [N]``: it is the picture before again; ``text
    [N]``: share of the picture that is writing, NaN where it was not looked at; ``width [N]`` and ``height
    [N]`` of the source. ``cuts``: indices (0 to N) at which shots begin. ``rate``: the source's own, by its
    time stamps.
    """

    moment: NDArray[np.int64]
    brightness: NDArray[np.float64]
    contrast: NDArray[np.float64]
    motion: NDArray[np.float64]
    repeated: NDArray[np.bool_]
    text: NDArray[np.float64]
    width: NDArray[np.int64]
    height: NDArray[np.int64]
    cuts: tuple[int, ...]
    rate: float


def survey(film: Film, rate: float, told: Callable[[int], None]) -> Survey:
    """Look at the whole film on a grid of ``rate`` moments a second. ``told`` hears how many are done."""
    finder = CutFinder(rate)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    rows: list[tuple[Any, ...]] = []
    cuts = {0}
    before: NDArray[np.uint8] | None = None
    strokes: NDArray[np.uint8] | None = None
    times: list[float] = []
    last_size: tuple[int, int] | None = None
    text_every = max(1, round(TEXT_EVERY_S * rate))
    for moment, shown in film.on_grid(rate, times=times):
        number, (width, height) = len(rows), shown.size
        rgb = shown.rgb(WIDTH, max(2, round(WIDTH * height / width)))
        grey = grey_of(rgb)
        # The finder counts pictures, not moments: a gap is a cut anyway.
        cut = finder.show(rgb)
        if cut is not None:
            cuts.add(cut)
        if rows and (moment != rows[-1][0] + 1 or last_size != (width, height)):
            cuts.add(number)
        last_size = (width, height)
        motion, repeated = np.nan, False
        if before is not None and before.shape == grey.shape:
            repeated = float(cv2.absdiff(before, grey).mean()) < REPEATED
            way = flow.calc(before, grey, np.zeros((*grey.shape, 2), np.float32))
            motion = float(np.median(np.linalg.norm(way, axis=2))) / WIDTH
        text = np.nan
        if number % text_every == 0:
            large = grey_of(shown.rgb(TEXT_WIDTH, max(2, round(TEXT_WIDTH * height / width))))
            newest = strokes_of(large)
            if strokes is not None and strokes.shape == newest.shape:
                text = text_share(strokes & newest)
            strokes = newest
        rows.append((moment, float(grey.mean()), float(grey.std()), motion, repeated, text, width, height))
        before = grey
        told(len(rows))
    columns = list(zip(*rows, strict=True)) if rows else [()] * 8
    moving = np.array(columns[3], np.float64)
    for cut in cuts:
        if cut < len(moving):
            moving[cut] = np.nan
    return Survey(
        moment=np.array(columns[0], np.int64),
        brightness=np.array(columns[1], np.float64),
        contrast=np.array(columns[2], np.float64),
        motion=moving,
        repeated=np.array(columns[4], np.bool_),
        text=np.array(columns[5], np.float64),
        width=np.array(columns[6], np.int64),
        height=np.array(columns[7], np.int64),
        cuts=tuple(sorted(cut for cut in cuts if cut < len(rows))),
        rate=rate_of(np.array(times)),
    )
