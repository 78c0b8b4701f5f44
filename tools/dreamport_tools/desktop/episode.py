"""One episode of a desktop recording on its way to the disk: one thread codes and writes, another syncs.

The folder it grows in is that of engine recordings: what was synced survives a kill, and the next start, or
``dreamport capture recover``, makes an episode of it.
"""

from __future__ import annotations

import json
import queue
import shutil
import threading
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from dreamport.episodes.plan import EpisodePlan, Progress
from dreamport.episodes.rows import FrameFacts
from dreamport.errors import DatasetError
from dreamport_tools.desktop.events import InputEvent

if TYPE_CHECKING:
    from dreamport.episodes.placing import PlacedEpisode

QUEUE_FRAMES = 8
SYNC_S = 0.5
EVENTS_A_MARK = 500
INPUT = "input"
"""Name of the marks whose text is a JSON list of events, as ``InputEvent.to_json`` gives them."""


@dataclass(frozen=True)
class CapturedFrame:
    """A frame and what led to it. ``picture``: BGRA ``[H, W, 4]``, of the data set's size."""

    facts: FrameFacts
    picture: NDArray[np.uint8]
    events: Sequence[InputEvent]


_Work: TypeAlias = Callable[[], None]


class DesktopEpisode:
    """Writes one episode. All methods belong to one thread; none but ``wait`` blocks for the disk.

    ``quality``: of the JPEGs, 1 to 100. ``seconds_left``: what the disk has room for. ``error``: why nothing
    more is written. Raises ``DatasetError`` when the data set has other settings.
    """

    def __init__(self, root: Path, plan: EpisodePlan, *, quality: int) -> None:
        from dreamport.episodes.recording import Recording  # noqa: PLC0415  (an extra)

        self.error: DatasetError | None = None
        self.placed: PlacedEpisode | None = None
        self.seconds_left: float | None = None
        self._recording = Recording(root, plan)
        self._quality = quality
        self._times: array[int] = array("q")
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._counting = threading.Lock()
        self._frames_waiting = 0
        self._ended: str | None = None
        self._written = threading.Event()
        self._writer = threading.Thread(target=self._write, name="episode write", daemon=True)
        self._syncer = threading.Thread(target=self._sync, name="episode sync", daemon=True)
        self._writer.start()
        self._syncer.start()

    def ready(self) -> bool:
        """False while the disk or the coder is too far behind for another frame."""
        return self._frames_waiting < QUEUE_FRAMES

    def add(self, frame: CapturedFrame) -> None:
        """Take a frame to write."""
        with self._counting:
            self._frames_waiting += 1
        self._work.put(lambda: self._add(frame))

    def mark(self, name: str, text: str, time_ns: int) -> None:
        """Mark the frame offered last."""
        self._work.put(lambda: self._recording.mark(name, text, time_ns))

    def cut(self, since_ns: int) -> None:
        """Take away for good all frames from ``since_ns`` on, and the input with them."""
        self._work.put(lambda: self._cut(since_ns))

    def finish(self, ended: str | None) -> None:
        """Write what waits, then put the episode in place; ``None`` throws it away. Does not wait for it."""
        self._ended = ended
        self._work.put(None)

    def wait(self) -> PlacedEpisode | None:
        """Wait until a finished episode is in place; ``None`` when it has no frame, or when there is an
        ``error``.
        """
        self._writer.join()
        return self.placed

    def _add(self, frame: CapturedFrame) -> None:
        try:
            jpeg = simplejpeg.encode_jpeg(frame.picture, self._quality, "BGRX", "420")
            self._recording.add(frame.facts, jpeg, None)
            self._times.append(frame.facts.client_time_ns)
            for begin in range(0, len(frame.events), EVENTS_A_MARK):
                events = [event.to_json() for event in frame.events[begin : begin + EVENTS_A_MARK]]
                text = json.dumps(events, separators=(",", ":"))
                self._recording.mark(INPUT, text, frame.facts.client_time_ns)
        finally:
            with self._counting:
                self._frames_waiting -= 1

    def _cut(self, since_ns: int) -> None:
        keep = bisect_left(self._times, since_ns)
        self._recording.cut(keep)
        del self._times[keep:]

    def _write(self) -> None:
        while (work := self._work.get()) is not None:
            if self.error is None:
                try:
                    work()
                except DatasetError as error:
                    self.error = error
        self._written.set()
        self._syncer.join()
        try:
            self._end()
        except DatasetError as error:
            self.error = self.error or error
        self._recording.release()

    def _end(self) -> None:
        from dreamport.episodes.placing import place  # noqa: PLC0415  (an extra)

        if self._ended is None:
            self._recording.discard()
            return
        if self.error is None:
            self._recording.sync()
        self._recording.close()
        self.placed = place(
            self._recording.folder, self._ended if self.error is None else "disk full", verify=False
        )

    def _sync(self) -> None:
        synced = -1
        while not self._written.wait(SYNC_S):
            try:
                if self._recording.written.frames != synced:
                    progress = self._recording.sync()
                    synced = progress.frames
                    self._look_for_space(progress)
            except DatasetError as error:
                self.error = self.error or error
                return

    def _look_for_space(self, progress: Progress) -> None:
        plan = self._recording.plan
        a_second = progress.bytes / max(progress.frames, 1) * plan.info.frame_rate
        self.seconds_left = shutil.disk_usage(self._recording.folder).free / max(a_second, 1.0)


def input_events(raw: Sequence[dict[str, object]]) -> list[tuple[int, InputEvent]]:
    """Every event of an episode's raw record (``Episode.raw()``) with the row whose control it belongs to."""
    found = []
    for line in raw:
        if line.get("mark") == INPUT:
            for value in json.loads(str(line["text"])):
                found.append((int(str(line["row"])), InputEvent.from_json(value)))
    return found
