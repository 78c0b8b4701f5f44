"""An episode while it is recorded: a folder of files that only grow, whole up to the last sync.

::

    DATASET/.recording/EPISODE_ID/
        plan.json    what the recorder said when it began
        colour.mkv   depth.mkv       the pictures, in the order of the rows
        rows         the journal: a row after its pictures, and marks
        lock         held while the recording goes on
        reserve      bytes kept free, so that a full disk still takes the episode's tables

``placing`` makes an episode of such a folder, whether its recorder finished, went away or was killed.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dreamport.episodes.encoders import PictureEncoder, jpeg_track
from dreamport.episodes.layout import RECORDINGS, create_dataset
from dreamport.episodes.locks import FileLock, FileLocked
from dreamport.episodes.matroska import GrowingVideo, Track
from dreamport.episodes.plan import EpisodePlan, Progress
from dreamport.episodes.rows import FrameFacts, Mark, Row, RowsWriter, row_offset
from dreamport.episodes.syncing import sync_file, sync_folder
from dreamport.errors import DatasetError, DiskFullError

LOCK_WAIT_S = 30.0
RESERVE_BASE = 1 << 20
RESERVE_A_ROW = 640
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Recording:
    """Writes one episode. ``add`` and ``mark`` belong to one thread; ``sync`` may be called from another.

    Raises ``DatasetError`` when the data set has other settings, ``DiskFullError`` when there is no space;
    what was synced before stands.
    """

    def __init__(self, root: Path, plan: EpisodePlan) -> None:
        self.folder = root / RECORDINGS / plan.episode_id
        self.plan = plan
        self._written = Progress(0, 0, 0)
        with disk_errors(root), dataset_lock(root):
            create_dataset(root, plan.info)
            self.folder.mkdir()
            self._lock = FileLock(self.folder / "lock").take()
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, self.folder, True)
            undo.callback(self._lock.release)
            with disk_errors(root):
                self._open()
            undo.pop_all()

    def add(self, facts: FrameFacts, colour: bytes, depth: bytes | None) -> None:
        """Write a frame: a JPEG or RGBA, and 16-bit depth, as the plan says."""
        info = self.plan.info
        with disk_errors(self.folder):
            row = self._written.frames
            self._keep_reserve(row)
            picture: bytes | memoryview = colour
            if self._colour_encoder is not None:
                rgba = np.frombuffer(colour, np.uint8).reshape(info.height, info.width, 4)
                picture = self._colour_encoder.encode(rgba)
            coded = None
            if self._depth_encoder is not None and depth is not None:
                coded = self._depth_encoder.encode(
                    np.frombuffer(depth, "<u2").reshape(info.height, info.width)
                )
            colour_block = self._colour.append(row, picture)
            depth_block = None if self._depth is None or coded is None else self._depth.append(row, coded)
            self._rows.row(Row(facts, colour_block, depth_block))
            self._written = Progress(row + 1, facts.index, self._size())

    def mark(self, name: str, text: str, client_time_ns: int) -> None:
        """Mark the last frame (the first one, when there is none yet)."""
        with disk_errors(self.folder):
            self._rows.mark(Mark(max(0, self._written.frames - 1), name, text, client_time_ns))

    def cut(self, frames: int) -> None:
        """Take away every frame from row ``frames`` on, and what was marked since, for good: from the disk
        too. The rows go first: an interruption leaves no row without its pictures. For the thread of ``add``.
        """
        with disk_errors(self.folder):
            found = row_offset(self.folder / "rows", frames)
            if found is None:
                return
            begin, row = found
            self._rows.cut(begin)
            sync_file(self._rows.fileno())
            self._colour.cut(row.colour.offset)
            if self._depth is not None and row.depth is not None:
                self._depth.cut(row.depth.offset)
            last = row_offset(self.folder / "rows", frames - 1) if frames else None
            index = 0 if last is None else last[1].facts.index
            self._written = Progress(frames, index, self._size())
            self.sync()

    @property
    def written(self) -> Progress:
        """What was handed to the system; it is safe after the next ``sync``."""
        return self._written

    def sync(self) -> Progress:
        """Wait until everything written so far survives a power cut."""
        written = self._written
        with disk_errors(self.folder):
            for file in (self._colour, self._depth, self._rows):
                if file is not None:
                    sync_file(file.fileno())
        return written

    def close(self) -> None:
        """Close the files, for ``placing.place``. The recording stays locked until ``release``."""
        for file in (self._colour, self._depth, self._rows):
            if file is not None:
                file.close()

    def release(self) -> None:
        """Give the folder up: whoever recovers may take it. One that is done with goes for good now: Windows
        removes no lock that is held.
        """
        self._lock.release()
        if not (self.folder / "plan.json").exists():
            shutil.rmtree(self.folder, ignore_errors=True)

    def discard(self) -> None:
        """Throw the recording away."""
        self.close()
        remove_recording(self.folder)
        self.release()

    def _open(self) -> None:
        info, folder = self.plan.info, self.folder
        size, rate = (info.width, info.height), info.video_rate
        self._colour_encoder = PictureEncoder("colour", size, rate) if self.plan.colour == "rgba" else None
        self._depth_encoder = PictureEncoder("depth", size, rate) if info.depth != "none" else None
        colour_track = self._colour_encoder.track if self._colour_encoder else jpeg_track(size, rate)
        depth_track = self._depth_encoder.track if self._depth_encoder else None
        self._reserved = 0
        self._keep_reserve(0)
        self._colour = GrowingVideo(folder / "colour.mkv", colour_track)
        self._depth = None if depth_track is None else GrowingVideo(folder / "depth.mkv", depth_track)
        self._rows = RowsWriter(folder / "rows")
        part = folder / "plan.part"
        with part.open("w", encoding="utf-8") as file:
            tracks = {"colour": _track_json(colour_track), "depth": _track_json(depth_track)}
            json.dump({"plan": self.plan.to_json(), "tracks": tracks}, file)
            file.flush()
            sync_file(file.fileno())
        os.replace(part, folder / "plan.json")
        self.sync()
        for place in (folder, folder.parent, folder.parent.parent, folder.parent.parent.parent):
            sync_folder(place)

    def _size(self) -> int:
        return self._colour.size + self._rows.size + (0 if self._depth is None else self._depth.size)

    def _keep_reserve(self, rows: int) -> None:
        """Hold enough of the disk for the tables of so many rows and some more."""
        wanted = RESERVE_BASE * (1 + (rows * RESERVE_A_ROW) // RESERVE_BASE)
        if wanted <= self._reserved:
            return
        with (self.folder / "reserve").open("ab") as file:
            file.write(b"\x00" * (wanted - self._reserved))
        self._reserved = wanted


def remove_recording(folder: Path) -> None:
    """Remove the folder of a recording that is thrown away or in place. Its plan goes first: without one
    nobody makes an episode of what an interruption leaves.
    """
    with contextlib.suppress(OSError):
        (folder / "plan.json").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def read_plan(folder: Path) -> tuple[EpisodePlan, Track, Track | None]:
    """The plan of a recording and the tracks of its colour and depth. Raises ``DatasetError``."""
    try:
        value = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
        plan = EpisodePlan.from_json(value["plan"])
        info, tracks = plan.info, value["tracks"]

        def track(name: str) -> Track | None:
            found = tracks[name]
            if found is None:
                return None
            private = bytes.fromhex(found["private"])
            return Track(found["codec_id"], private, info.width, info.height, info.video_rate)

        colour = track("colour")
        if colour is None:
            raise KeyError("colour")
        return plan, colour, track("depth")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{folder} has no readable plan.json ({error!r}): nothing can be recovered"
        ) from error


def dataset_lock(root: Path) -> FileLock:
    """The lock under which episodes are begun and put in place; waits for its turn."""
    (root / RECORDINGS).mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(root / RECORDINGS / "lock").take(LOCK_WAIT_S)
    except FileLocked as error:
        raise DatasetError(
            f"data set {root.name} is held by another program; end it, or wait until it is done"
        ) from error


@contextlib.contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turns what the system says of a full or failing disk into words for people."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            free = shutil.disk_usage(place if place.exists() else place.parent).free
            raise DiskFullError(
                f"the disk of the captures folder is full ({free / 1e6:.0f} MB free): delete something, "
                "or record into another folder (dreamport serve --captures)"
            ) from error
        raise DatasetError(
            f"the captures folder cannot be written ({error.strerror}): check its disk and its permissions"
        ) from error


def _track_json(track: Track | None) -> dict[str, str] | None:
    return None if track is None else {"codec_id": track.codec_id, "private": track.private.hex()}
