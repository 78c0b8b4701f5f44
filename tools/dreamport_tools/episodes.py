"""Episodes on disk: write them, and read them back. ``episode_layout`` describes the files.

An episode's row under ``meta/episodes`` is put in place last, so an episode is there whole or not at all,
however its recorder ended.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from dreamport.errors import DatasetError
from dreamport_tools.episode_layout import (
    EPISODE_SCHEMA,
    FRAME_SCHEMA,
    DatasetInfo,
    create_dataset,
    decode_depth,
    discard_unfinished,
    encode_depth,
    episode_paths,
)
from dreamport_tools.episode_video import VideoReader, VideoWriter

__all__ = [
    "Dataset",
    "DatasetInfo",
    "Episode",
    "EpisodeWriter",
    "RecordedFrame",
    "create_dataset",
    "discard_unfinished",
]


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
        rate, size = round(info.frame_rate), (info.width, info.height)
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


class Episode:
    """One recorded episode of ``T`` frames.

    ``pose [T, 4, 4]`` camera-to-world in metres, ``intrinsics [4]``, ``buttons [T]`` bit mask and
    ``look_deg [T, 2]`` (both of the input that produced the frame; zero for the first),
    ``motion_state [T, 9]``, ``engine [T, 8]`` the engine's own numbers. Pictures are read from disk on
    demand; not thread-safe.
    """

    def __init__(self, root: Path, info: DatasetInfo, row: Mapping[str, Any]) -> None:
        self.info = info
        self.index = int(row["episode_index"])
        self.seed = int(row["seed"])
        self.split = str(row["split"])
        self._length = int(row["length"])
        self._paths = episode_paths(root, self.index)
        missing = [path.name for path in self._paths.values() if not path.exists()]
        if missing:
            raise DatasetError(
                f"episode {self.index} of {root} lacks {', '.join(missing)}; copy or record it again"
            )
        table = pq.read_table(self._paths["data.parquet"])
        if table.num_rows != self._length:
            raise DatasetError(f"episode {self.index} has {table.num_rows} rows, {self._length} are promised")

        def column(name: str, width: int) -> NDArray[Any]:
            return np.array([[0] * width if v is None else v for v in table[name].to_pylist()])

        self.buttons: NDArray[np.uint32] = np.array(
            [v or 0 for v in table["action.buttons"].to_pylist()], np.uint32
        )
        self.look_deg: NDArray[np.float32] = column("action.look_deg", 2).astype(np.float32)
        self.pose: NDArray[np.float64] = column("camera.c2w", 16).reshape(-1, 4, 4)
        self.intrinsics: NDArray[np.float32] = column("camera.intrinsics", 4)[0].astype(np.float32)
        self.motion_state: NDArray[np.float64] = column("observation.state", 9)
        self.engine: NDArray[np.float64] = column("observation.engine", 8)
        self._colour: VideoReader | None = None
        self._depth: VideoReader | None = None

    def __len__(self) -> int:
        return self._length

    def colour(self, index: int) -> NDArray[np.uint8]:
        """RGB picture of a frame, ``[H, W, 3]``."""
        if self._colour is None:
            self._colour = VideoReader(self._paths["colour.mkv"], "rgb24")
        return np.asarray(self._colour.frame(self._check(index)), np.uint8)

    def depth(self, index: int) -> NDArray[np.float32]:
        """Depth of a frame along the optical axis, ``[H, W]`` metres; infinite where there is no surface."""
        if self._depth is None:
            self._depth = VideoReader(self._paths["depth.mkv"], "gray16le")
        return decode_depth(np.asarray(self._depth.frame(self._check(index)), np.uint16))

    def colours(self) -> NDArray[np.uint8]:
        """All pictures, ``[T, H, W, 3]``; read in one go, much faster than one by one."""
        return np.stack([self.colour(i) for i in range(len(self))])

    def depths(self) -> NDArray[np.float32]:
        """All depths, ``[T, H, W]`` metres."""
        return np.stack([self.depth(i) for i in range(len(self))])

    def raw(self) -> list[dict[str, Any]]:
        """The raw record: a header, then an event a tic."""
        return [json.loads(line) for line in self._paths["raw.jsonl"].read_text().splitlines()]

    def close(self) -> None:
        """Close the videos; they open again on demand."""
        for reader in (self._colour, self._depth):
            if reader is not None:
                reader.close()
        self._colour = self._depth = None

    def _check(self, index: int) -> int:
        if not 0 <= index < self._length:
            raise IndexError(f"frame {index} of an episode with {self._length} frames")
        return index


class Dataset:
    """The finished episodes under a folder, by index. Raises ``DatasetError`` for any other folder."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        info = self.path / "meta" / "info.json"
        if not info.exists():
            raise DatasetError(
                f"{self.path} is no data set (meta/info.json is missing); record one with `dreamport capture`"
            )
        self.info = DatasetInfo.from_json(json.loads(info.read_text()))
        files = sorted((self.path / "meta" / "episodes").glob("chunk-*/file-*.parquet"))
        self._rows = [row for file in files for row in pq.read_table(file).to_pylist()]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Episode:
        return Episode(self.path, self.info, self._rows[index])

    def __iter__(self) -> Iterator[Episode]:
        for i in range(len(self)):
            yield self[i]

    def episodes(self, split: str | None = None) -> list[Episode]:
        """Episodes of one split (``train`` or ``heldout``), or all."""
        return [self[i] for i, row in enumerate(self._rows) if split in (None, row["split"])]

    def seeds(self, split: str | None = None) -> list[int]:
        """Seeds of the episodes of one split, or of all."""
        return [int(row["seed"]) for row in self._rows if split in (None, row["split"])]

    def next_index(self) -> int:
        """The first episode index not in use."""
        return max((int(row["episode_index"]) for row in self._rows), default=-1) + 1
