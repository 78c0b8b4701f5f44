"""Writes an episode from pictures, in one go: it is there whole or not at all, however its writer ended.

What must survive a power cut while it is recorded goes through ``recording`` instead.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from dreamport.episodes.depth import encode_depth
from dreamport.episodes.layout import DatasetInfo, episode_paths
from dreamport.episodes.tables import EPISODE_SCHEMA, FRAME_SCHEMA
from dreamport.episodes.video import VideoWriter
from dreamport.errors import DatasetError


@dataclass(frozen=True)
class RecordedFrame:
    """One frame and the input that produced it (``None`` for the first of an episode).

    ``colour [H, W, 3]`` RGB, ``depth [H, W]`` metres, ``pose [4, 4]`` camera-to-world, ``motion_state [9]``,
    ``engine [8]`` the engine's own numbers, ``look_deg`` yaw (right positive) and pitch (down positive).
    """

    colour: NDArray[np.uint8]
    depth: NDArray[np.float32]
    pose: NDArray[np.float64]
    motion_state: NDArray[np.float64]
    engine: Sequence[float]
    buttons: int | None = None
    look_deg: tuple[float, float] | None = None


class EpisodeWriter:
    """Writes one episode; nothing of it can be seen before ``finish``.

    Use as a context manager: leaving it without ``finish`` throws the episode away. ``quality`` is the rate
    factor of a small copy (``None``, lossless, for recordings).
    """

    def __init__(
        self,
        root: Path,
        info: DatasetInfo,
        index: int,
        *,
        seed: int,
        split: str,
        quality: float | None = None,
    ) -> None:
        self._root, self._info, self._index, self._seed, self._split = root, info, index, seed, split
        self._folder = root / ".unfinished" / f"{index:06d}-{os.getpid()}"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        rate, size = info.video_rate, (info.width, info.height)
        self._colour = VideoWriter(self._folder / "colour.mkv", size, "rgb24", rate, quality)
        self._depth = VideoWriter(self._folder / "depth.mkv", size, "gray16le", rate, quality)
        self._raw = (self._folder / "raw.jsonl").open("w")
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def add(self, frame: RecordedFrame) -> None:
        """Append a frame. Raises ``DatasetError`` when its action breaks the alignment rule."""
        first = not self._rows
        if first != (frame.buttons is None) or first != (frame.look_deg is None):
            raise DatasetError("the first frame has no action and every other frame has one (alignment rule)")
        self._colour.add(frame.colour)
        self._depth.add(encode_depth(frame.depth))
        count = len(self._rows)
        self._rows.append(
            {
                "episode_index": self._index,
                "frame_index": count,
                "timestamp": count / self._info.frame_rate,
                "action.buttons": frame.buttons,
                "action.look_deg": None if frame.look_deg is None else list(frame.look_deg),
                "camera.c2w": np.asarray(frame.pose, np.float64).ravel().tolist(),
                "camera.intrinsics": list(self._info.intrinsics),
                "observation.state": np.asarray(frame.motion_state, np.float64).tolist(),
                "observation.engine": [float(v) for v in frame.engine],
                "is_first": first,
                "is_last": False,
                "frame_number": count,
                "missing_before": 0,
                "client_time_ns": None,
                "redacted": False,
            }
        )

    def raw(self, event: Mapping[str, Any]) -> None:
        """Append an event to the raw record."""
        self._raw.write(json.dumps(event) + "\n")

    def finish(self) -> None:
        """Put the episode in its place. Raises ``DatasetError`` when it has no frames."""
        if not self._rows:
            raise DatasetError("an episode needs at least one frame")
        self._rows[-1]["is_last"] = True
        self._close()
        pq.write_table(pa.Table.from_pylist(self._rows, FRAME_SCHEMA), self._folder / "data.parquet")
        chunk, file = divmod(self._index, 1000)
        row = {
            "episode_index": self._index, "length": len(self._rows), "seed": self._seed, "split": self._split,
            "data/chunk_index": chunk, "data/file_index": file,
        }  # fmt: skip
        pq.write_table(pa.Table.from_pylist([row], EPISODE_SCHEMA), self._folder / "episode.parquet")
        paths = episode_paths(self._root, self._index)
        for name in ("colour.mkv", "depth.mkv", "raw.jsonl", "data.parquet", "episode.parquet"):
            target = paths[name]
            target.parent.mkdir(parents=True, exist_ok=True)
            with (self._folder / name).open("rb") as file_:
                os.fsync(file_.fileno())
            os.replace(self._folder / name, target)
        self.discard()

    def discard(self) -> None:
        """Throw away what is not finished."""
        self._close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _close(self) -> None:
        self._colour.close()
        self._depth.close()
        self._raw.close()
