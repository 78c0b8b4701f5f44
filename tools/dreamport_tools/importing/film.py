"""A video file: what it says of itself, what its time stamps say, and its pictures on an even grid of
time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from dreamport.errors import DatasetError

SEEK_BACK_S = 1.0
SLACK_S = 0.25
"""How much sooner than promised a video may end."""
RATE_SLACK = 1.15


@dataclass(frozen=True)
class FilmFacts:
    """What a video says of itself: ``width`` and ``height`` in pixels as shown, ``said_rate`` pictures a
    second (0: says nothing), ``said_seconds`` (0: says nothing).
    """

    width: int
    height: int
    said_rate: float
    said_seconds: float


@dataclass(frozen=True)
class Shown:
    """A picture: ``time`` in seconds from the beginning of the video, and the decoded ``frame``."""

    time: float
    frame: Any

    def rgb(self, width: int, height: int) -> NDArray[np.uint8]:
        """``[height, width, 3]``, the whole picture scaled."""
        turned = self.frame.rotation % 180 != 0
        size = (height, width) if turned else (width, height)
        scaled = self.frame.reformat(*size, format="rgb24", interpolation="AREA")
        picture: NDArray[np.uint8] = scaled.to_ndarray()
        return np.ascontiguousarray(np.rot90(picture, self.frame.rotation // 90))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as shown."""
        turned = self.frame.rotation % 180 != 0
        return (self.frame.height, self.frame.width) if turned else (self.frame.width, self.frame.height)


class Film:
    """A video that may be damaged. Raises ``DatasetError`` when nothing of it can be read.

    ``problem``: what was wrong with it, once ``pictures`` came to its end; what stands before is good.
    """

    def __init__(self, path: Path, rate: float | None = None) -> None:
        self.path, self._rate = path, rate
        self.problem: str | None = None
        with self._open() as container:
            stream = container.streams.video[0]
            first = next(self._decode(container), None)
            if first is None:
                raise DatasetError(
                    f"{path.name} has no picture that can be read; copy it again, or leave it out"
                )
            width, height = Shown(0.0, first).size
            said = float(stream.average_rate or 0)
            seconds = float(container.duration or 0) / av.time_base
            self.facts = FilmFacts(width, height, said, seconds)
            self._begin = float(first.time or 0.0)

    def pictures(self, start: float = 0.0) -> Iterator[Shown]:
        """Pictures from about ``start`` seconds on (a little earlier, where the video can be entered), by
        their time stamps; by the rate the film was opened with, if one was given.
        """
        with self._open() as container:
            stream = container.streams.video[0]
            number = 0
            if start > SEEK_BACK_S and self._rate is None:
                offset = int((start + self._begin - SEEK_BACK_S) / stream.time_base)
                container.seek(max(0, offset), stream=stream, backward=True)
            newest = -1.0
            for frame in self._decode(container):
                if self._rate is not None:
                    time = number / self._rate
                elif frame.time is None:
                    time = newest + 1 / (self.facts.said_rate or 25.0) if newest >= 0 else 0.0
                else:
                    time = float(frame.time) - self._begin
                number += 1
                if time <= newest:  # time stamps that go back
                    continue
                newest = time
                yield Shown(time, frame)
        left = self.facts.said_seconds - newest - 1 / (self.facts.said_rate or 25.0)
        if self.problem is None and self._rate is None and left > SLACK_S:
            self.problem = (
                f"{self.path.name} is cut off: it promises {self.facts.said_seconds:.1f} s and ends after "
                f"{newest:.1f} s; what can be read is imported, copy it again for the rest"
            )

    def on_grid(
        self,
        rate: float,
        start: int = 0,
        end: int | None = None,
        *,
        origin: float = 0.0,
        slack: float = SLACK_S,
        times: list[float] | None = None,
    ) -> Iterator[tuple[int, Shown]]:
        """Moments ``start`` to ``end`` of a grid of ``rate`` a second that begins at ``origin`` seconds,
        each with the picture nearest in time. A moment for which there is no picture within ``slack``
        seconds is left out. ``times`` is given the time stamps of all pictures on the way.
        """
        moment, before = start, None
        slack = max(slack, 0.5 / rate) + 1e-6
        for shown in self.pictures(origin + start / rate):
            if times is not None:
                times.append(shown.time)
            while before is not None and (end is None or moment < end):
                at = origin + moment / rate
                if at > shown.time:
                    break
                near = shown if shown.time - at < at - before.time else before
                if abs(near.time - at) <= slack:
                    yield moment, near
                moment += 1
            if end is not None and moment >= end:
                return
            before = shown
        left = before is not None and (end is None or moment < end)
        if before is not None and left and origin + moment / rate <= before.time + 0.25 / rate:
            yield moment, before

    def _open(self) -> Any:
        try:
            container = av.open(str(self.path))
        except av.FFmpegError as error:
            raise DatasetError(
                f"{self.path.name} is not a readable video ({error.strerror}): it may be cut off "
                "before its index, or "
                "no video at all; copy or record it again, or leave it out"
            ) from error
        if not container.streams.video:
            container.close()
            raise DatasetError(f"{self.path.name} holds no video; leave it out")
        container.streams.video[0].thread_type = "AUTO"
        return container

    def _decode(self, container: Any) -> Iterator[Any]:
        """Decoded frames up to the first damage."""
        last = 0.0
        try:
            for frame in container.decode(video=0):
                if frame.is_corrupt:
                    self.problem = (
                        f"{self.path.name} is damaged after {last:.1f} s; what stands before is imported"
                    )
                    return
                last = float(frame.time or last)
                yield frame
        except av.FFmpegError as error:
            self.problem = (
                f"{self.path.name} is damaged after {last:.1f} s ({error.strerror}); what stands "
                "before is imported"
            )


def rate_of(times: NDArray[np.float64]) -> float:
    """Pictures a second, by time stamps ``[N]``: the median, so that gaps do not matter; 0 for fewer
    than two.
    """
    return float(1 / np.median(np.diff(times))) if len(times) > 1 else 0.0


def rate_note(name: str, said: float, measured: float) -> str | None:
    """What to tell a person when a video's rate is not what it says."""
    if said <= 0 or measured <= 0 or max(said / measured, measured / said) < RATE_SLACK:
        return None
    return (
        f"{name} says {said:g} pictures a second, its time stamps say {measured:.3g}: the time stamps "
        "are used "
        f"(--source-fps {said:g} takes its word)"
    )
