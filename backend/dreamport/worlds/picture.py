"""Turns a picture that somebody has into one of a world's frame size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import PackError

MAX_PIXELS = 100_000_000
FORMATS = ("PNG", "JPEG", "WEBP")


def picture_of(path: Path, width: int, height: int) -> NDArray[np.uint8]:
    """``[height, width, 3]`` uint8 sRGB: the picture scaled to cover the frame and cut to its middle.

    Turned as its camera says; transparent parts are black. Raises ``PackError``. Needs Pillow.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415  (part of an extra)

    try:
        with Image.open(path, formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise PackError(
                    f"{path} has more than {MAX_PIXELS // 10**6} million pixels; give a smaller picture"
                )
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
            black = Image.new("RGBA", upright.size, (0, 0, 0, 255))
            shown = Image.alpha_composite(black, upright).convert("RGB")
            fitted = ImageOps.fit(shown, (width, height), Image.Resampling.LANCZOS)
    except FileNotFoundError:
        raise PackError(f"there is no picture at {path}; check --image") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise PackError(f"{path} is no picture that can be read; give a PNG, JPEG or WebP file") from None
    return np.asarray(fitted, np.uint8)
