"""Writes an episode from pictures, in one go: it is there whole or not at all, however its writer ended.

What must survive a power cut while it is recorded goes through ``recording`` instead.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from dreamport.episodes.depth import encode_depth, encode_inverse_depth
from dreamport.episodes.layout import DatasetInfo, episode_paths
from dreamport.episodes.rows import ENGINE_NUMBERS
from dreamport.episodes.tables import EPISODE_SCHEMA, FRAME_SCHEMA
from dreamport.episodes.video import VideoWriter
from dreamport.errors import DatasetError


@dataclass(frozen=True)
class RecordedFrame:
    """One frame and the input that produced it (``None`` for the first of an episode).

    ``colour [H, W, 3]`` RGB, ``depth [H, W]`` metres (``None`` only where the data set has none), ``pose [4,
    4]`` camera-to-world or ``None``, ``motion_state [9]`` (``None``: from the pose and the one before),
    ``engine`` at most 8 numbers of the engine's own, ``look_deg`` yaw (right positive) and pitch (down
    positive), ``confidence`` of the pose, ``mouse_dxdy`` raw counts right and down, ``intrinsics`` fx, fy,
    cx, cy if not the data set's, ``missing_before`` frames lost before this one, ``client_time_ns`` the
    recorder's clock, ``redacted``: something on the picture was hidden.
    """

    colour: NDArray[np.uint8]
    depth: NDArray[np.float32] | None = None
    pose: NDArray[np.float64] | None = None
    motion_state: NDArray[np.float64] | None = None
    engine: Sequence[float] = ()
    buttons: int | None = None
    look_deg: tuple[float, float] | None = None
    confidence: float = 1.0
    mouse_dxdy: tuple[float, float] | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    missing_before: int = 0
    client_time_ns: int | None = None
    redacted: bool = False


@dataclass(frozen=True)
class EpisodeFacts:
    """What is known of an episode besides its frames; empty means unknown. ``session``: what was played, or
    filmed, in one go; it belongs to one split. ``ended``: how the recording ended.
    """

    episode_id: str = ""
    session: str = ""
    ended: str = ""
    map_name: str = ""
    map_digest: str = ""
    played_by: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


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
        facts: EpisodeFacts | None = None,
    ) -> None:
        self._root, self._info, self._index, self._seed, self._split = root, info, index, seed, split
        self._facts = facts or EpisodeFacts()
        self._folder = root / ".unfinished" / f"{index:06d}-{os.getpid()}"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        rate, size = info.video_rate, (info.width, info.height)
        self._colour = VideoWriter(self._folder / "colour.mkv", size, "rgb24", rate, quality)
        self._depth = None
        if info.depth != "none":
            self._depth = VideoWriter(self._folder / "depth.mkv", size, "gray16le", rate, quality)
        self._raw = (self._folder / "raw.jsonl").open("w", encoding="utf-8")
        self._rows: list[dict[str, Any]] = []
        self._missing = 0
        self._position: NDArray[np.float64] | None = None

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def add(self, frame: RecordedFrame) -> None:
        """Append a frame. Raises ``DatasetError`` when its action breaks the alignment rule, or when its
        size, depth or pose are not what the data set promises.
        """
        first = not self._rows
        if first != (frame.buttons is None) or first != (frame.look_deg is None):
            raise DatasetError("the first frame has no action and every other frame has one (alignment rule)")
        self._check(frame)
        self._colour.add(frame.colour)
        if self._depth is not None and frame.depth is not None:
            inverse = self._info.depth == "inverse"
            near_m = self._info.depth_near_m
            self._depth.add(
                encode_inverse_depth(frame.depth, near_m) if inverse else encode_depth(frame.depth)
            )
        count = len(self._rows)
        self._missing += frame.missing_before
        pose = np.full((4, 4), np.nan) if frame.pose is None else np.asarray(frame.pose, np.float64)
        self._rows.append(
            {
                "episode_index": self._index,
                "frame_index": count,
                "timestamp": count / self._info.frame_rate,
                "action.buttons": frame.buttons,
                "action.look_deg": None if frame.look_deg is None else list(frame.look_deg),
                "action.mouse_dxdy": None if frame.mouse_dxdy is None else list(frame.mouse_dxdy),
                "camera.c2w": pose.ravel().tolist(),
                "camera.confidence": 0.0 if frame.pose is None else frame.confidence,
                "camera.intrinsics": list(frame.intrinsics or self._info.intrinsics),
                "observation.state": self._state(frame, pose),
                "observation.engine": [float(v) for v in frame.engine]
                + [math.nan] * (ENGINE_NUMBERS - len(frame.engine)),
                "is_first": first,
                "is_last": False,
                "frame_number": count + self._missing,
                "missing_before": frame.missing_before,
                "client_time_ns": frame.client_time_ns,
                "redacted": frame.redacted,
            }
        )
        self._position = None if frame.pose is None else pose[:3, 3]

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
            "data/chunk_index": chunk, "data/file_index": file, "missing": self._missing,
            **{name: value or None for name, value in asdict(self._facts).items() if name != "map_name"},
            "map": self._facts.map_name or None,
            "tags": json.dumps(dict(self._facts.tags)) if self._facts.tags else None,
        }  # fmt: skip
        pq.write_table(pa.Table.from_pylist([row], EPISODE_SCHEMA), self._folder / "episode.parquet")
        paths = episode_paths(self._root, self._index)
        for name in ("colour.mkv", "depth.mkv", "raw.jsonl", "data.parquet", "episode.parquet"):
            if name == "depth.mkv" and self._depth is None:
                continue
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

    def _check(self, frame: RecordedFrame) -> None:
        info, at = self._info, f"episode {self._index}, frame {len(self._rows)}"
        for name, picture in (("colour", frame.colour), ("depth", frame.depth)):
            if picture is not None and picture.shape[:2] != (info.height, info.width):
                height, width = picture.shape[:2]
                raise DatasetError(
                    f"{at}: {name} is {width}x{height}, the data set is {info.width}x{info.height}; scale "
                    "it, or record into another folder"
                )
        if (frame.depth is None) != (info.depth == "none"):
            raise DatasetError(
                f"{at} has {'no ' if frame.depth is None else ''}depth, info.depth is {info.depth!r}; "
                "make them agree"
            )
        if frame.pose is not None and info.pose == "none":
            raise DatasetError(f"{at} has a pose, info.pose is 'none'; say where poses come from")

    def _state(self, frame: RecordedFrame, pose: NDArray[np.float64]) -> list[float]:
        if frame.motion_state is not None:
            return [float(v) for v in frame.motion_state]
        if frame.pose is None:
            return [math.nan] * 9
        velocity = np.zeros(3)
        if self._position is not None:
            velocity = (pose[:3, 3] - self._position) / (frame.missing_before + 1)
        yaw = math.atan2(pose[0, 2], pose[2, 2])
        pitch = math.asin(max(-1.0, min(1.0, float(pose[1, 2]))))
        return [*pose[:3, 3].tolist(), math.sin(yaw), math.cos(yaw), pitch, *velocity.tolist()]

    def _close(self) -> None:
        self._colour.close()
        if self._depth is not None:
            self._depth.close()
        self._raw.close()
