"""Gets one episode's frames onto the disk on two threads: one codes and writes, the other syncs.

While a sync waits for the disk, the next frames are written; the sync after it covers all of them. So frames
are synced as often as the disk takes it, and never one by one.
"""

from __future__ import annotations

import queue
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import structlog

from dreamport.episodes.plan import Progress
from dreamport.errors import DatasetError, DreamportError
from dreamport.service.capture_checks import CheckedFrame
from dreamport.service.capture_watch import BLACK, FROZEN, PictureWatch
from dreamport.v1 import capture_pb2

if TYPE_CHECKING:
    from dreamport.episodes.recording import Recording

LOW_SPACE_S = 60.0
SPACE_INTERVAL_S = 0.5
_CODES = {
    BLACK: capture_pb2.CAPTURE_NOTICE_CODE_BLACK,
    FROZEN: capture_pb2.CAPTURE_NOTICE_CODE_FROZEN,
}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Written:
    """So many frames, with so many bytes of pixels, have left this process's memory."""

    frames: int
    pixel_bytes: int


@dataclass(frozen=True)
class Remark:
    """Something the recorder should know."""

    code: capture_pb2.CaptureNoticeCode
    message: str


News: TypeAlias = Written | Progress | Remark | DreamportError
"""What a writer tells: frames written, frames on disk, a remark, or why it cannot go on."""
_Item: TypeAlias = CheckedFrame | tuple[str, str, int] | None


class CaptureWriter:
    """Writes one recording. ``tell`` is called from its threads. After an error nothing more is written."""

    def __init__(self, recording: Recording, tell: Callable[[News], None]) -> None:
        self._recording = recording
        self._tell = tell
        self._watch = PictureWatch(recording.plan)
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._wrote_all = False
        self._failed = False
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=f"capture {name}", daemon=True)
            for name, work in (("write", self._write), ("sync", self._sync))
        ]
        for thread in self._threads:
            thread.start()

    def frame(self, frame: CheckedFrame) -> None:
        """Queue a frame."""
        self._items.put(frame)

    def mark(self, name: str, text: str, client_time_ns: int) -> None:
        """Queue a mark."""
        self._items.put((name, text, client_time_ns))

    def finish(self) -> None:
        """Write and sync what is queued, then close the files. Blocks."""
        self._items.put(None)
        for thread in self._threads:
            thread.join()
        self._recording.close()

    def _write(self) -> None:
        frames = pixel_bytes = 0
        try:
            while (item := self._items.get()) is not None:
                if self._failed:
                    continue
                if not isinstance(item, CheckedFrame):
                    self._recording.mark(*item)
                    continue
                self._recording.add(item.facts, item.colour, item.depth)
                with self._changed:
                    self._changed.notify()
                frames, pixel_bytes = frames + 1, pixel_bytes + item.size
                self._tell(Written(frames, pixel_bytes))
                remark = self._watch.look(item.facts, item.colour)
                if remark is not None:
                    self._tell(Remark(_CODES[remark], remark))
        finally:
            with self._changed:
                self._wrote_all = True
                self._changed.notify()

    def _sync(self) -> None:
        synced, next_look_s, low = 0, 0.0, False
        while True:
            with self._changed:
                while not self._wrote_all and self._recording.written.frames == synced:
                    self._changed.wait()
                last = self._wrote_all
            progress = self._recording.sync()
            if progress.frames > synced:
                synced = progress.frames
                self._tell(progress)
            if last:
                return
            if not low and time.monotonic() >= next_look_s:
                next_look_s = time.monotonic() + SPACE_INTERVAL_S
                low = self._look_for_space(progress)

    def _look_for_space(self, progress: Progress) -> bool:
        plan = self._recording.plan
        needed = progress.bytes / progress.frames * plan.info.frame_rate * LOW_SPACE_S
        free = shutil.disk_usage(self._recording.folder).free
        if free >= needed:
            return False
        seconds = free / needed * LOW_SPACE_S
        message = f"The captures folder has space for {seconds:.0f} s more: delete something, or finish."
        self._tell(Remark(capture_pb2.CAPTURE_NOTICE_CODE_LOW_SPACE, message))
        return True

    def _guarded(self, work: Callable[[], None]) -> None:
        """Nothing may end a thread unheard."""
        try:
            work()
        except DatasetError as error:
            self._fail(error)
        except Exception as error:
            incident = secrets.token_hex(4)
            _log.error("recording failed", incident=incident, exc_info=error)
            self._fail(DreamportError(f"The server failed. Incident {incident} in its log."))

    def _fail(self, error: DreamportError) -> None:
        self._failed = True
        self._tell(error)
