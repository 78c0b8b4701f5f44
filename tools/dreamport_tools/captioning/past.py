"""What a captioner of a chunk may see of an episode: the frames up to the chunk's end, and nothing
after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.dataset import Episode


class FutureError(LookupError):
    """A captioner looked beyond the end of its chunk: a fault in the captioner."""


@dataclass(frozen=True)
class Past:
    """Rows ``0`` to ``end`` (not included) of an episode, as they were while nothing after them had happened.

    Arrays are copies of just these rows, and a picture of a later row raises :class:`FutureError`.
    """

    episode: Episode
    end: int

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.episode.info.frame_rate

    @property
    def button_names(self) -> tuple[str, ...]:
        """Names of the buttons, the lowest bit first."""
        return self.episode.info.buttons

    def buttons(self) -> NDArray[np.uint32]:
        """``[end]`` bit masks."""
        return self.episode.buttons[: self.end].copy()

    def look_deg(self) -> NDArray[np.float32]:
        """``[end, 2]`` degrees right and down that led to each frame."""
        return self.episode.look_deg[: self.end].copy()

    def positions(self) -> NDArray[np.float64]:
        """``[end, 3]`` metres; NaN where there is no pose."""
        return self.episode.pose[: self.end, :3, 3].copy()

    def colour(self, row: int) -> NDArray[np.uint8]:
        """Picture of a row, ``[H, W, 3]``. Raises ``FutureError``."""
        return self.episode.colour(self._known(row))

    def depth(self, row: int) -> NDArray[np.float32] | None:
        """Depth of a row in metres, ``[H, W]``; ``None`` where none was recorded. Raises ``FutureError``."""
        self._known(row)
        return None if self.episode.info.depth == "none" else self.episode.depth(row)

    def _known(self, row: int) -> int:
        if not 0 <= row < self.end:
            raise FutureError(f"row {row} is not known at row {self.end}")
        return row


def chunk_rows(frames: int, frame_rate: float, seconds: float) -> list[tuple[int, int]]:
    """First row and end of every chunk of about ``seconds``; a rest shorter than half of that joins
    the last."""
    size = max(1, round(seconds * frame_rate))
    borders = list(range(0, frames, size))
    if len(borders) > 1 and frames - borders[-1] < size / 2:
        borders.pop()
    return list(zip(borders, [*borders[1:], frames], strict=True))
