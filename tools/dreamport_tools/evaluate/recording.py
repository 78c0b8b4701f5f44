"""What the evaluator needs of an episode, and where held-out episodes are found."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import DatasetError


class Recording(Protocol):
    """One episode of real play, T frames long. ``dreamport.episodes.dataset.Episode`` is one.

    Row t's control is the input held during (t-1, t] that produced frame t; row 0's is null.
    """

    @property
    def pose(self) -> NDArray[np.floating]:
        """``[T, 4, 4]`` camera-to-world, metres."""
        ...

    @property
    def intrinsics(self) -> NDArray[np.floating]:
        """``[4]`` fx, fy, cx, cy in pixels."""
        ...

    @property
    def buttons(self) -> NDArray[np.integer]:
        """``[T]`` bit masks in the order of the world's buttons."""
        ...

    @property
    def look_deg(self) -> NDArray[np.floating]:
        """``[T, 2]`` yaw (right positive) and pitch (down positive) turned for each frame, degrees."""
        ...

    @property
    def motion_state(self) -> NDArray[np.floating]:
        """``[T, S]`` state of the motion head after each frame."""
        ...

    def colour(self, index: int, /) -> NDArray[np.uint8]:
        """``[H, W, 3]`` uint8."""
        ...

    def depth(self, index: int, /) -> NDArray[np.float32]:
        """``[H, W]`` float32 metres."""
        ...


class RememberedRecording:
    """A recording that keeps its last ``capacity`` decoded pictures.

    A small set's video has few key frames: walking back along it would decode each stretch again and again.
    """

    def __init__(self, recording: Recording, capacity: int) -> None:
        self._recording, self._capacity = recording, capacity
        self._pictures: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self.pose, self.intrinsics = recording.pose, recording.intrinsics
        self.buttons, self.look_deg = recording.buttons, recording.look_deg
        self.motion_state = recording.motion_state

    def colour(self, index: int, /) -> NDArray[np.uint8]:
        """``[H, W, 3]`` uint8."""
        if index not in self._pictures:
            self._pictures[index] = self._recording.colour(index)
            if len(self._pictures) > self._capacity:
                self._pictures.popitem(last=False)
        self._pictures.move_to_end(index)
        return self._pictures[index]

    def depth(self, index: int, /) -> NDArray[np.float32]:
        """``[H, W]`` float32 metres."""
        return self._recording.depth(index)


def length(recording: Recording) -> int:
    """Number of frames T."""
    return int(recording.pose.shape[0])


def shipped_heldout() -> Path | None:
    """The small held-out set of the checkout this runs in or from; ``None`` outside of one."""
    for checkout in (Path(__file__).resolve().parents[3], Path.cwd()):
        folder = checkout / "benchmarks" / "heldout"
        if (folder / "meta" / "info.json").is_file():
            return folder
    return None


def resolve_data(path: str | Path | None) -> Path:
    """The folder of held-out episodes to use: the one given, else the one shipped in the checkout.

    Raises ``DatasetError`` when there is none.
    """
    if path is not None:
        folder = Path(path)
        if not folder.is_dir():
            raise DatasetError(f"no data set at {folder}: give the folder that holds meta/info.json")
        return folder
    shipped = shipped_heldout()
    if shipped is None:
        raise DatasetError(
            "no held-out episodes here: run from a checkout of Dreamport (benchmarks/heldout), "
            "give --data FOLDER, or record some with --record 4 (needs the capture extra)"
        )
    return shipped


def spread(items: Sequence[int], count: int) -> list[int]:
    """At most ``count`` of ``items``, evenly spread, first and last included; in order."""
    if len(items) <= count:
        return list(items)
    if count == 1:
        return [items[len(items) // 2]]
    return [items[round(k * (len(items) - 1) / (count - 1))] for k in range(count)]
