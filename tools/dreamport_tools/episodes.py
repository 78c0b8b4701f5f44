"""Episodes on disk: one layout for recording, training and evaluation.

The layout follows LeRobot v3: ``meta/info.json``, ``meta/episodes/*.parquet``, ``data/*.parquet`` with a row
a frame, ``videos/<key>/*.mkv`` and ``raw/*.jsonl`` with what is needed to play an episode again. Colour and
depth are FFV1 video, which is lossless and lets any frame be read on its own. Every episode has files of
its own; its row under ``meta/episodes`` is written last, so an episode is there whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from dreamport.errors import DatasetError
from numpy.typing import NDArray

from dreamport_tools.lossless_video import LosslessReader, LosslessWriter

LAYOUT_VERSION = "dreamport-1"
ALIGNMENT = (
    "Row t's action is the input held during (t-1, t] that produced frame t; row 0's action is null. "
    "Row t's camera and state are those of frame t."
)
COLOUR, DEPTH = "observation.colour", "observation.depth"
DEPTH_UNITS_PER_METRE = 1000.0  # 16 bits of millimetres; 0 means no surface (sky or beyond 65 m)


@dataclass(frozen=True)
class DatasetInfo:
    """What all episodes of a data set share. ``intrinsics`` fx, fy, cx, cy in pixels."""

    name: str
    licence: str
    frame_rate: float
    width: int
    height: int
    intrinsics: tuple[float, float, float, float]
    buttons: tuple[str, ...]
    look_max_deg: float
    source: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Content of ``meta/info.json``."""
        video = {"shape": [self.height, self.width, 3], "dtype": "video", "codec": "ffv1"}
        return {
            "codebase_version": "v3.0",
            "layout": LAYOUT_VERSION,
            "name": self.name,
            "licence": self.licence,
            "fps": self.frame_rate,
            "alignment": ALIGNMENT,
            "axes": "OpenCV camera-to-world: x right, y down, z forward; level metres, right-handed, y down",
            "buttons": list(self.buttons),
            "look_max_deg": self.look_max_deg,
            "intrinsics": list(self.intrinsics),
            "depth": {"units_per_metre": DEPTH_UNITS_PER_METRE, "none": 0, "along": "optical axis"},
            "state": "x y z m, sin yaw, cos yaw, pitch rad, vx vy vz m/frame",
            "source": dict(self.source),
            "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
            "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mkv",
            "raw_path": "raw/episode-{episode_index:06d}.jsonl",
            "features": {
                COLOUR: video,
                DEPTH: {**video, "shape": [self.height, self.width, 1], "pixel_format": "gray16le"},
                "action.buttons": {"dtype": "uint32", "shape": [1]},
                "action.look_deg": {"dtype": "float32", "shape": [2], "names": ["yaw_right", "pitch_down"]},
                "camera.c2w": {"dtype": "float64", "shape": [16]},
                "camera.intrinsics": {"dtype": "float32", "shape": [4]},
                "observation.state": {"dtype": "float64", "shape": [9]},
                "observation.engine": {"dtype": "float64", "shape": [8]},
            },
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> DatasetInfo:
        """From the content of ``meta/info.json``. Raises ``DatasetError`` when it is another layout."""
        if value.get("layout") != LAYOUT_VERSION:
            raise DatasetError(
                f"data set layout is {value.get('layout')!r}, this version reads {LAYOUT_VERSION!r}; record it again"
            )
        try:
            height, width = value["features"][COLOUR]["shape"][:2]
            fx, fy, cx, cy = (float(v) for v in value["intrinsics"])
            return DatasetInfo(
                value["name"], value["licence"], float(value["fps"]), int(width), int(height), (fx, fy, cx, cy),
                tuple(value["buttons"]), float(value["look_max_deg"]), value["source"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"meta/info.json is incomplete ({error!r}); record the data set again") from error


_FRAME_SCHEMA = pa.schema(
    [
        ("episode_index", pa.int64()),
        ("frame_index", pa.int64()),
        ("timestamp", pa.float64()),
        ("action.buttons", pa.uint32()),
        ("action.look_deg", pa.list_(pa.float32(), 2)),
        ("camera.c2w", pa.list_(pa.float64(), 16)),
        ("camera.intrinsics", pa.list_(pa.float32(), 4)),
        ("observation.state", pa.list_(pa.float64(), 9)),
        ("observation.engine", pa.list_(pa.float64(), 8)),
        ("is_first", pa.bool_()),
        ("is_last", pa.bool_()),
    ]
)
_EPISODE_SCHEMA = pa.schema(
    [
        ("episode_index", pa.int64()),
        ("length", pa.int64()),
        ("seed", pa.int64()),
        ("split", pa.string()),
        ("data/chunk_index", pa.int64()),
        ("data/file_index", pa.int64()),
    ]
)


def create_dataset(root: Path, info: DatasetInfo) -> None:
    """Begin a data set at ``root``, or check that the one there agrees. Raises ``DatasetError`` if it does not."""
    path = root / "meta" / "info.json"
    text = json.dumps(info.to_json(), indent=1)
    if path.exists():
        if json.loads(path.read_text()) != json.loads(text):
            raise DatasetError(f"{root} holds a data set with other settings; record into another folder")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".part-{os.getpid()}")
    part.write_text(text)
    os.replace(part, path)


def discard_unfinished(root: Path) -> None:
    """Remove what a killed recorder left behind. Only while nothing records into ``root``."""
    shutil.rmtree(root / ".unfinished", ignore_errors=True)


class EpisodeWriter:
    """Writes one episode; nothing of it can be seen before ``finish``.

    Use as a context manager: leaving it without ``finish`` throws the episode away.
    """

    def __init__(self, root: Path, info: DatasetInfo, index: int, seed: int, split: str) -> None:
        self._root, self._info, self._index, self._seed, self._split = root, info, index, seed, split
        self._folder = root / ".unfinished" / f"{index:06d}-{os.getpid()}"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        rate = round(info.frame_rate)
        self._colour = LosslessWriter(self._folder / "colour.mkv", info.width, info.height, "rgb24", rate)
        self._depth = LosslessWriter(self._folder / "depth.mkv", info.width, info.height, "gray16le", rate)
        self._raw = (self._folder / "raw.jsonl").open("w")
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def add(
        self,
        colour: NDArray[np.uint8],
        depth: NDArray[np.float32],
        pose: NDArray[np.float64],
        motion_state: NDArray[np.float64],
        engine: Sequence[float],
        buttons: int | None = None,
        look_deg: tuple[float, float] | None = None,
    ) -> None:
        """Append a frame with the input that produced it (none for the first, and only for the first).

        ``colour [H, W, 3]`` RGB, ``depth [H, W]`` metres, ``pose [4, 4]`` camera-to-world.
        """
        first = not self._rows
        if first != (buttons is None) or first != (look_deg is None):
            raise DatasetError("the first frame has no action and every other frame has one (alignment rule)")
        self._colour.add(colour)
        self._depth.add(encode_depth(depth))
        count = len(self._rows)
        self._rows.append(
            {
                "episode_index": self._index,
                "frame_index": count,
                "timestamp": count / self._info.frame_rate,
                "action.buttons": buttons,
                "action.look_deg": None if look_deg is None else list(look_deg),
                "camera.c2w": np.asarray(pose, np.float64).ravel().tolist(),
                "camera.intrinsics": list(self._info.intrinsics),
                "observation.state": np.asarray(motion_state, np.float64).tolist(),
                "observation.engine": [float(v) for v in engine],
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
        pq.write_table(pa.Table.from_pylist(self._rows, _FRAME_SCHEMA), self._folder / "data.parquet")
        chunk, file = divmod(self._index, 1000)
        row = {
            "episode_index": self._index, "length": len(self._rows), "seed": self._seed, "split": self._split,
            "data/chunk_index": chunk, "data/file_index": file,
        }  # fmt: skip
        pq.write_table(pa.Table.from_pylist([row], _EPISODE_SCHEMA), self._folder / "episode.parquet")
        paths = _paths(self._root, self._index)
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

    ``pose [T, 4, 4]`` camera-to-world in metres, ``intrinsics [4]``, ``buttons [T]`` bit mask and ``look_deg
    [T, 2]`` (both of the input that produced the frame; zero for the first), ``motion_state [T, 9]``, ``engine
    [T, 8]`` the engine's own numbers. Pictures are read from disk on demand; not thread-safe.
    """

    def __init__(self, root: Path, info: DatasetInfo, row: Mapping[str, Any]) -> None:
        self.info = info
        self.index = int(row["episode_index"])
        self.seed = int(row["seed"])
        self.split = str(row["split"])
        self._length = int(row["length"])
        self._paths = _paths(root, self.index)
        missing = [path.name for path in self._paths.values() if not path.exists()]
        if missing:
            raise DatasetError(f"episode {self.index} of {root} lacks {', '.join(missing)}; copy or record it again")
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
        self._colour: LosslessReader | None = None
        self._depth: LosslessReader | None = None

    def __len__(self) -> int:
        return self._length

    def colour(self, index: int) -> NDArray[np.uint8]:
        """RGB picture of a frame, ``[H, W, 3]``."""
        if self._colour is None:
            self._colour = LosslessReader(self._paths["colour.mkv"], "rgb24")
        return np.asarray(self._colour.frame(self._check(index)), np.uint8)

    def depth(self, index: int) -> NDArray[np.float32]:
        """Depth of a frame along the optical axis, ``[H, W]`` metres; infinite where there is no surface."""
        if self._depth is None:
            self._depth = LosslessReader(self._paths["depth.mkv"], "gray16le")
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
    """The finished episodes under a folder, in order of their index. Raises ``DatasetError`` when there is none."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        info = self.path / "meta" / "info.json"
        if not info.exists():
            raise DatasetError(f"{self.path} is no data set (meta/info.json is missing); record one with `dreamport capture`")
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


def encode_depth(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Metres to 16-bit millimetres; 0 where there is no surface within 65 m."""
    units = np.rint(np.where(np.isfinite(depth), depth, 0.0) * DEPTH_UNITS_PER_METRE)
    return np.where(units <= 65535, np.maximum(units, 0), 0).astype(np.uint16)


def decode_depth(units: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Inverse of ``encode_depth``; infinite where there is no surface."""
    metres = units.astype(np.float32) / np.float32(DEPTH_UNITS_PER_METRE)
    return np.where(units == 0, np.float32(np.inf), metres)


def _paths(root: Path, index: int) -> dict[str, Path]:
    chunk, file = divmod(index, 1000)
    place = f"chunk-{chunk:03d}/file-{file:03d}"
    return {
        "colour.mkv": root / "videos" / COLOUR / f"{place}.mkv",
        "depth.mkv": root / "videos" / DEPTH / f"{place}.mkv",
        "raw.jsonl": root / "raw" / f"episode-{index:06d}.jsonl",
        "data.parquet": root / "data" / f"{place}.parquet",
        "episode.parquet": root / "meta" / "episodes" / f"{place}.parquet",
    }
