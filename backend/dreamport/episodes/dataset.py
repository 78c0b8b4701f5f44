"""Reads a data set: its episodes, their rows and their pictures. ``layout`` describes the files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

from dreamport.episodes.depth import decode_depth, decode_inverse_depth
from dreamport.episodes.layout import DatasetInfo, episode_paths, read_info
from dreamport.episodes.video import VideoReader
from dreamport.errors import DatasetError

NAMES = {
    "colour.mkv": "its colour video",
    "depth.mkv": "its depth video",
    "raw.jsonl": "its raw record",
    "data.parquet": "its rows",
    "episode.parquet": "its row under meta/episodes",
}
"""The files of an episode, in words."""


class Episode:
    """One recorded episode of ``T`` frames.

    ``pose [T, 4, 4]`` camera-to-world in metres, ``intrinsics [4]`` of the first frame and ``cameras [T,
    4]`` of every one, ``buttons [T]`` bit mask and ``look_deg [T, 2]`` (both of the input that produced the
    frame; zero for the first), ``motion_state [T, 9]``, ``engine [T, 8]`` the engine's own numbers (NaN
    where it gave none). ``frame_number [T]`` the recorder's own count, ``missing_before [T]`` frames lost
    before each, ``client_time_ns [T]`` the recorder's clock (0 if unknown), ``redacted [T]``.
    ``pose_confidence [T]``: 1 as the engine said it, less for an estimate, 0 where the pose is NaN: there is
    none. ``mouse_dxdy [T, 2]`` raw counts of the mouse, NaN where unknown. ``session``: what was recorded in
    one go, or empty. ``facts``: the rest of its row (map, tags, how it ended). Pictures are read from disk
    on demand; not thread-safe.
    """

    def __init__(self, root: Path, info: DatasetInfo, row: Mapping[str, Any]) -> None:
        self.info = info
        self.index = int(row["episode_index"])
        self.seed = int(row["seed"])
        self.split = str(row["split"])
        self.session = str(row.get("session") or "")
        self._length = int(row["length"])
        self._paths = episode_paths(root, self.index)
        if info.depth == "none":
            del self._paths["depth.mkv"]
        self.facts: dict[str, Any] = {key: value for key, value in row.items() if value is not None}
        missing = [f"{NAMES[name]} ({name})" for name, path in self._paths.items() if not path.exists()]
        if missing:
            raise DatasetError(
                f"episode {self.index} of {root} lacks {', '.join(missing)}; copy or record it again"
            )
        if self._length < 1:
            raise DatasetError(f"episode {self.index} is empty: it has no frames; record it again")
        try:
            table = pq.read_table(self._paths["data.parquet"])
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(
                f"episode {self.index}: its rows cannot be read ({error}); copy or record it again"
            ) from error
        if table.num_rows != self._length:
            raise DatasetError(f"episode {self.index} has {table.num_rows} rows, {self._length} are promised")

        def column(name: str, width: int) -> NDArray[Any]:
            return np.array([[0] * width if v is None else v for v in table[name].to_pylist()])

        def later_column(name: str, otherwise: NDArray[Any]) -> NDArray[Any]:
            """A column that data sets of layout dreamport-1 lack."""
            if name not in table.column_names:
                return otherwise
            return np.array([v or 0 for v in table[name].to_pylist()], otherwise.dtype)

        self.buttons: NDArray[np.uint32] = np.array(
            [v or 0 for v in table["action.buttons"].to_pylist()], np.uint32
        )
        self.look_deg: NDArray[np.float32] = column("action.look_deg", 2).astype(np.float32)
        self.pose: NDArray[np.float64] = column("camera.c2w", 16).reshape(-1, 4, 4)
        self.cameras: NDArray[np.float32] = column("camera.intrinsics", 4).astype(np.float32)
        self.intrinsics: NDArray[np.float32] = self.cameras[0]
        self.motion_state: NDArray[np.float64] = column("observation.state", 9)
        self.engine: NDArray[np.float64] = column("observation.engine", 8)
        nothing = np.zeros(self._length, np.int64)
        self.frame_number: NDArray[np.int64] = later_column("frame_number", np.arange(self._length))
        self.missing_before: NDArray[np.int64] = later_column("missing_before", nothing)
        self.client_time_ns: NDArray[np.int64] = later_column("client_time_ns", nothing)
        self.redacted: NDArray[np.bool_] = later_column("redacted", nothing.astype(np.bool_))
        posed = np.isfinite(self.pose).all(axis=(1, 2))
        confidence = later_column("camera.confidence", np.ones(self._length, np.float32))
        self.pose_confidence: NDArray[np.float32] = np.where(posed, confidence, np.float32(0))
        self.mouse_dxdy: NDArray[np.float32] = np.full((self._length, 2), np.nan, np.float32)
        if "action.mouse_dxdy" in table.column_names:
            for i, counts in enumerate(table["action.mouse_dxdy"].to_pylist()):
                if counts is not None:
                    self.mouse_dxdy[i] = counts
        self._colour: VideoReader | None = None
        self._depth: VideoReader | None = None

    def __len__(self) -> int:
        return self._length

    def runs(self) -> list[tuple[int, int]]:
        """First row and end of every run of frames without a gap. The first action of a run is no single
        step: whoever trains on steps takes it as null, like row 0's.
        """
        begins = [0, *(int(i) for i in np.flatnonzero(self.missing_before[1:]) + 1)]
        return list(zip(begins, [*begins[1:], self._length], strict=True))

    def colour(self, index: int) -> NDArray[np.uint8]:
        """RGB picture of a frame, ``[H, W, 3]``."""
        if self._colour is None:
            self._colour = VideoReader(self._paths["colour.mkv"], "rgb24")
        return np.asarray(self._colour.frame(self._check(index)), np.uint8)

    def depth(self, index: int) -> NDArray[np.float32]:
        """Depth of a frame along the optical axis, ``[H, W]`` metres; infinite where there is no surface."""
        stored = self.stored_depth(index)
        if self.info.depth == "inverse":
            return decode_inverse_depth(stored, self.info.depth_near_m)
        return decode_depth(stored)

    def stored_depth(self, index: int) -> NDArray[np.uint16]:
        """Depth as ``info.depth`` says it is stored, ``[H, W]``. Raises ``DatasetError`` when none was
        recorded.
        """
        if self.info.depth == "none":
            raise DatasetError(f"data set {self.info.name} was recorded without depth; record depth as well")
        if self._depth is None:
            self._depth = VideoReader(self._paths["depth.mkv"], "gray16le")
        return np.asarray(self._depth.frame(self._check(index)), np.uint16)

    def jpeg(self, index: int) -> bytes:
        """The JPEG of a frame as the recorder sent it. Raises ``DatasetError`` for any other codec."""
        if self._colour is None:
            self._colour = VideoReader(self._paths["colour.mkv"], "rgb24")
        return self._colour.jpeg(self._check(index))

    def colours(self) -> NDArray[np.uint8]:
        """All pictures, ``[T, H, W, 3]``; read in one go, much faster than one by one."""
        return np.stack([self.colour(i) for i in range(len(self))])

    def depths(self) -> NDArray[np.float32]:
        """All depths, ``[T, H, W]`` metres."""
        return np.stack([self.depth(i) for i in range(len(self))])

    @property
    def paths(self) -> dict[str, Path]:
        """Its files, by the name each has while it is made."""
        return dict(self._paths)

    def raw(self) -> list[dict[str, Any]]:
        """The raw record: a header, then an event a tic or a mark, in the order in which they came. Raises
        ``DatasetError`` when it is damaged.
        """
        try:
            lines = self._paths["raw.jsonl"].read_text(encoding="utf-8").splitlines()
            return [json.loads(line) for line in lines]
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"episode {self.index}: its raw record cannot be read ({error}); copy or record it again"
            ) from error

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
    """The finished episodes under a folder, by index. Raises ``DatasetError`` for any other folder.

    ``unreadable``: what is wrong with episodes whose row under ``meta/episodes`` is damaged, by index; they
    are left out. ``verdicts.usable_episodes`` gives those of a split that can be used.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.info = read_info(self.path)
        files = sorted((self.path / "meta" / "episodes").glob("chunk-*/file-*.parquet"))
        self.unreadable: dict[int, str] = {}
        self._rows: list[dict[str, Any]] = []
        for file in files:
            index = int(file.parent.name[6:]) * 1000 + int(file.stem[5:])
            try:
                rows = pq.read_table(file).to_pylist()
                self._rows += [
                    row for row in rows if {"episode_index", "length", "seed", "split"} <= set(row)
                ]
            except (pa.ArrowException, OSError) as error:
                self.unreadable[index] = (
                    f"episode {index}: its row under meta/episodes cannot be read ({error}); copy it again"
                )

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

    def rows(self) -> list[dict[str, Any]]:
        """What is known of every episode: index, length, seed, split, and since layout dreamport-2 more."""
        return [dict(row) for row in self._rows]

    def next_index(self) -> int:
        """The first episode index not in use."""
        used = [*self.unreadable, *(int(row["episode_index"]) for row in self._rows)]
        return max(used, default=-1) + 1
