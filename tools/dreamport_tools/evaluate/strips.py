"""Pictures side by side: film strips for the report, the contact sheet for the world card."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import simplejpeg

from dreamport_tools.evaluate.metrics import Picture

GAP = 4
BACKGROUND = 24


def film_strip(rows: Sequence[Sequence[Picture]]) -> Picture:
    """Rows of equally large pictures as one, with thin gaps. Rows may differ in length."""
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    sheet = np.full(
        (len(rows) * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), BACKGROUND, np.uint8
    )
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            top, left = r * (height + GAP), c * (width + GAP)
            sheet[top : top + height, left : left + width] = picture
    return sheet


def jpeg(picture: Picture, quality: int = 88) -> bytes:
    """A picture as JPEG without chroma subsampling: small coloured detail is what is being judged."""
    return bytes(
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(picture), quality=quality, colorspace="RGB", colorsubsampling="444"
        )
    )


def data_uri(picture: Picture, quality: int = 88) -> str:
    """A picture as the ``src`` of an ``<img>``."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(picture, quality)).decode()


def contact_sheet(pairs: Sequence[tuple[Picture, Picture]], columns: int = 3, quality: int = 88) -> bytes:
    """JPEG of (real, generated) pairs, real on the left of each pair, ``columns`` pairs a row."""
    if not pairs:
        raise ValueError("a contact sheet needs at least one pair of pictures")
    cells = [film_strip([[real, generated]]) for real, generated in pairs]
    return jpeg(film_strip([cells[k : k + columns] for k in range(0, len(cells), columns)]), quality)
