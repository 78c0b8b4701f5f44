"""What one pass over an episode's pictures tells: light, change, movement, and whether all can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.dataset import Episode
from dreamport.errors import DatasetError

WIDTH = 160
"""Pictures are looked at this wide; movement is in these pixels."""


@dataclass(frozen=True)
class PictureFacts:
    """Of ``T`` pictures. ``brightness [T]`` and ``contrast [T]``: mean and standard deviation of grey,
    ``brightest [T]``, all 0 to 255. ``change [T]`` mean absolute difference to the picture before, grey
    levels (NaN for the first). ``shift [T, 2]`` how far the picture moved right and down since the one
    before, pixels of a picture ``WIDTH`` wide (phase correlation); NaN where there is nothing to see.
    ``likeness [T]`` of the histograms of a picture and the one before, 1 for equal. ``depth_share [T]``
    share of pixels that have depth, or ``None``. ``damage``: the first picture that cannot be read, in words.
    """

    brightness: NDArray[np.float32]
    contrast: NDArray[np.float32]
    brightest: NDArray[np.float32]
    change: NDArray[np.float32]
    shift: NDArray[np.float32]
    likeness: NDArray[np.float32]
    depth_share: NDArray[np.float32] | None
    damage: str = ""


def look_at(episode: Episode) -> PictureFacts:
    """Decodes every picture of ``episode`` once. Stops at the first one that is damaged."""
    rows: list[tuple[float, ...]] = []
    depths: list[float] = []
    damage = ""
    before: NDArray[Any] | None = None
    height = max(16, round(WIDTH * episode.info.height / episode.info.width))
    window = cv2.createHanningWindow((WIDTH, height), cv2.CV_32F)
    has_depth = episode.info.depth != "none"
    for number in range(len(episode)):
        try:
            colour = episode.colour(number)
            if colour.shape[:2] != (episode.info.height, episode.info.width):
                high, wide = colour.shape[:2]
                damage = (
                    f"picture {number} is {wide}x{high}, the data set is {episode.info.width}x"
                    f"{episode.info.height}: mixed resolutions; put it into a data set of its own"
                )
                break
            if has_depth:
                depths.append(float(np.count_nonzero(episode.stored_depth(number)) / colour[..., 0].size))
        except DatasetError as error:
            damage = str(error)
            break
        grey = cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, (WIDTH, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        rows.append(_of_picture(small, before, window))
        before = small
    episode.close()
    table = np.array(rows, np.float32).reshape(-1, 7)
    return PictureFacts(
        brightness=table[:, 0],
        contrast=table[:, 1],
        brightest=table[:, 2],
        change=table[:, 3],
        shift=table[:, 4:6],
        likeness=table[:, 6],
        depth_share=np.array(depths, np.float32)[: len(table)] if has_depth else None,
        damage=damage,
    )


def _of_picture(small: NDArray[Any], before: NDArray[Any] | None, window: NDArray[Any]) -> tuple[float, ...]:
    light = (float(small.mean()), float(small.std()), float(small.max()))
    if before is None:
        return (*light, np.nan, np.nan, np.nan, np.nan)
    change = float(np.abs(small - before).mean())
    right = down = float("nan")
    if min(light[1], float(before.std())) > 1:
        # It multiplies what it is given by the window where no padding is needed, so it is given copies.
        (right, down), _ = cv2.phaseCorrelate(before.copy(), small.copy(), window)
    histograms = [np.histogram(picture, 32, (0, 256))[0] / picture.size for picture in (small, before)]
    likeness = float(np.minimum(*histograms).sum())
    return (*light, change, right, down, likeness)
