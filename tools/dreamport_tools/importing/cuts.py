"""Where one shot ends and the next begins.

PySceneDetect's adaptive detector proposes: it compares a picture's change with that of its neighbours. In a
game the camera turns so fast that a cut between two dark rooms changes less than the turn before it, so the
detector is set to propose too much, and a proposal counts only if what could be followed into the picture is
gone: over 200 steps of play at least 7.5 % of the corners were found again, over 60 cuts at most 6 %.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from dreamport_tools.importing.tracks import Grey, evened, find_corners, follow, grey_of

WIDTH = 320
"""Pictures are this wide when they are compared."""
PROPOSED_RATIO, PROPOSED_CHANGE, WINDOW = 1.1, 5.0, 2
CORNERS, FEWEST_CORNERS = 200, 12
FOUND_AGAIN = 0.068


class CutFinder:
    """Is shown pictures ``[H, W, 3]`` RGB, ``WIDTH`` wide, in order; tells after which a cut was found."""

    def __init__(self, rate: float) -> None:
        from scenedetect import AdaptiveDetector  # noqa: PLC0415

        self._rate = rate
        self._detector = AdaptiveDetector(
            adaptive_threshold=PROPOSED_RATIO,
            min_content_val=PROPOSED_CHANGE,
            min_scene_len=1,
            window_width=WINDOW,
        )
        self._newest: deque[Grey] = deque(maxlen=WINDOW + 2)
        self._count = 0

    def show(self, rgb: NDArray[np.uint8]) -> int | None:
        """The number of the picture that begins a shot, if one is found now: ``WINDOW`` pictures back."""
        from scenedetect import FrameTimecode  # noqa: PLC0415

        self._newest.append(evened(grey_of(rgb)))
        at = FrameTimecode(self._count, fps=self._rate)
        self._count += 1
        proposed = self._detector.process_frame(at, np.ascontiguousarray(rgb[..., ::-1]))
        if not proposed or len(self._newest) < WINDOW + 2:
            return None
        before, after = self._newest[0], self._newest[1]
        return proposed[0].frame_num if before.shape != after.shape or not _goes_on(before, after) else None


def _goes_on(before: Grey, after: Grey) -> bool:
    """Something of ``before`` is found again in ``after``."""
    corners = find_corners(before, np.zeros((0, 2)), None, CORNERS)
    if len(corners) < FEWEST_CORNERS:  # a flat picture: it goes on if the next is flat too
        return len(find_corners(after, np.zeros((0, 2)), None, CORNERS)) < FEWEST_CORNERS
    return float(follow(before, after, corners, corners)[1].mean()) > FOUND_AGAIN
