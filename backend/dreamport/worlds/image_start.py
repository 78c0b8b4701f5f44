"""Where a session of a checkpoint world begins: a picture of the frame's size and what holds there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import PackError
from dreamport.worlds.arrays import ArraysError, read_arrays, take, write_arrays
from dreamport.worlds.manifest import StartEntry, WorldManifest

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True)
class ImageStart:
    """``image [H, W, 3]`` uint8 sRGB, as large as the world's frame; ``prompt``: words, possibly none."""

    name: str
    image: UInt8
    prompt: str


def image_bytes(image: UInt8) -> bytes:
    """The file of a start: the picture as it is, in an ``.npz`` without pickle."""
    return write_arrays({"image": image})


def parse_image_start(data: bytes, manifest: WorldManifest, entry: StartEntry, where: str) -> ImageStart:
    """Start of a start file; ``where`` names it in errors. Raises ``PackError``."""
    try:
        shape = (manifest.frame.height, manifest.frame.width, 3)
        image = take(read_arrays(data), "image", np.uint8, shape)
    except ArraysError as error:
        raise PackError(f"{where} is refused: {error}; add the world again") from None
    return ImageStart(entry.name, image.astype(np.uint8, copy=False), entry.prompt or "")
