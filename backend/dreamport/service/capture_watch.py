"""Cheap looks at what is recorded, so that nobody finds out at the end that all of it is black."""

from __future__ import annotations

import zlib

import numpy as np
import simplejpeg

from dreamport.episodes.plan import EpisodePlan
from dreamport.episodes.rows import FrameFacts

DARK = 8
"""A picture whose brightest sample is below this (of 255) is black."""
LOOKS_A_SECOND = 2.0
BLACK_LOOKS = 4
FROZEN_S = 1.0
MOVED_M = 0.05
TURNED = 0.01
"""Largest difference of quaternion components that is no turn."""

BLACK = (
    "Pictures have been black for a while: check the camera that is recorded, and whether the engine renders."
)
FROZEN = (
    "Pictures have not changed for a while although the camera moves: check that the engine renders into the "
    "recorded texture in every frame."
)


class PictureWatch:
    """Looks at the frames of one episode; says each thing once until it is over."""

    def __init__(self, plan: EpisodePlan) -> None:
        info = plan.info
        self._jpeg = plan.colour == "jpeg"
        self._shape = (info.height, info.width, 4)
        self._every = max(1, round(info.frame_rate / LOOKS_A_SECOND))
        self._frozen_after = max(4, round(info.frame_rate * FROZEN_S))
        self._count = self._dark = self._same = 0
        self._fingerprint: int | None = None
        self._since: FrameFacts | None = None
        self._told_frozen = False

    def look(self, facts: FrameFacts, colour: bytes) -> str | None:
        """``BLACK`` or ``FROZEN`` when it has just come to that."""
        found = self._look_for_black(colour) if self._count % self._every == 0 else None
        self._count += 1
        return found or self._look_for_frozen(facts, colour)

    def _look_for_black(self, colour: bytes) -> str | None:
        self._dark = self._dark + 1 if int(self._samples(colour).max()) < DARK else 0
        return BLACK if self._dark == BLACK_LOOKS else None

    def _look_for_frozen(self, facts: FrameFacts, colour: bytes) -> str | None:
        fingerprint = zlib.crc32(colour if self._jpeg else self._samples(colour).tobytes())
        if fingerprint != self._fingerprint or self._since is None:
            self._fingerprint, self._since, self._same = fingerprint, facts, 0
            return None
        self._same += 1
        if self._told_frozen or self._same < self._frozen_after or not _moved(self._since, facts):
            return None
        self._told_frozen = True
        return FROZEN

    def _samples(self, colour: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """A few pixels of a picture, all channels but alpha."""
        if self._jpeg:
            try:
                small = simplejpeg.decode_jpeg(colour, "RGB", min_height=1, min_width=1, strict=False)
            except ValueError:  # nothing to be seen on it
                return np.zeros((1, 1, 3), np.uint8)
            return np.asarray(small)[::2, ::2]
        return np.frombuffer(colour, np.uint8).reshape(self._shape)[::16, ::16, :3]


def _moved(before: FrameFacts, now: FrameFacts) -> bool:
    if (
        before.position is None
        or now.position is None
        or before.orientation is None
        or now.orientation is None
    ):
        return False
    way = max(abs(a - b) for a, b in zip(before.position, now.position, strict=True))
    turn = max(abs(a - b) for a, b in zip(before.orientation, now.orientation, strict=True))
    return way > MOVED_M or turn > TURNED
