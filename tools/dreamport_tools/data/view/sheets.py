"""Pictures of an episode as sheets: many small frames on one JPEG, for a page that decodes no video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from dreamport.episodes.dataset import Episode
from dreamport.errors import DatasetError

COLUMNS, ROWS = 6, 6
A_SHEET = COLUMNS * ROWS
QUALITY = 82
NEAR_SHARE = 0.98
"""Of the inverse depths of an episode so many stay below the brightest shade."""
LOOKS = 12


def write_sheets(episode: Episode, folder: Path, width: int) -> dict[str, Any]:
    """Write ``colour-NN.jpg`` and ``depth-NN.jpg``. Gives their cell size and how many there are: ``colour``,
    ``depth``, 0 when there are none. What cannot be read stays black and is told in ``damage``.
    """
    info = episode.info
    width = min(width, info.width)
    height = max(1, round(width * info.height / info.width))
    size = (width, height)
    damage: list[str] = []

    def colour(number: int) -> NDArray[np.uint8]:
        return _scaled(episode.colour(number), size)

    count = _write(folder, "colour", len(episode), size, colour, damage)
    depths = 0
    if info.depth != "none":
        brightest = _brightest(episode)

        def depth(number: int) -> NDArray[np.uint8]:
            return _scaled(depth_picture(episode.depth(number), brightest), size)

        depths = _write(folder, "depth", len(episode), size, depth, damage)
    episode.close()
    return {
        "width": width,
        "height": height,
        "columns": COLUMNS,
        "aSheet": A_SHEET,
        "colour": count,
        "depth": depths,
        "damage": damage,
    }


def depth_picture(depth: NDArray[np.floating], brightest: float) -> NDArray[np.uint8]:
    """Metres ``[H, W]`` to RGB ``[H, W, 3]``: near is warm, far is dark, no surface is black."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(np.isfinite(depth), 1 / depth, 0)
    shade = np.clip(255 * np.sqrt(inverse / brightest), 0, 255).astype(np.uint8)
    picture = cv2.cvtColor(cv2.applyColorMap(shade, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    picture[inverse <= 0] = 0
    return np.asarray(picture, np.uint8)


def _write(
    folder: Path, name: str, frames: int, size: tuple[int, int], picture: Any, damage: list[str]
) -> int:
    width, height = size
    sheets = -(-frames // A_SHEET)
    for sheet in range(sheets):
        first = sheet * A_SHEET
        here = min(A_SHEET, frames - first)
        page = np.zeros((-(-here // COLUMNS) * height, COLUMNS * width, 3), np.uint8)
        for cell in range(here):
            row, column = divmod(cell, COLUMNS)
            try:
                shown = picture(first + cell)
            except DatasetError as error:
                damage.append(str(error))
                break
            page[row * height : (row + 1) * height, column * width : (column + 1) * width] = shown
        jpeg = simplejpeg.encode_jpeg(page, quality=QUALITY, colorspace="RGB")
        (folder / f"{name}-{sheet:02d}.jpg").write_bytes(jpeg)
        if damage:
            return sheet + 1
    return sheets


def _brightest(episode: Episode) -> float:
    """The inverse depth, 1 / metres, that is shown brightest, from a few frames."""
    found = []
    for number in np.linspace(0, len(episode) - 1, min(LOOKS, len(episode))).astype(int):
        try:
            depth = episode.depth(int(number))[::4, ::4]
        except DatasetError:  # the sheets tell of it
            continue
        found.append(1 / depth[np.isfinite(depth)])
    near = np.concatenate(found) if found else np.zeros(0)
    return float(np.quantile(near, NEAR_SHARE)) if len(near) else 1.0


def _scaled(picture: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    if (picture.shape[1], picture.shape[0]) == size:
        return np.asarray(picture, np.uint8)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
