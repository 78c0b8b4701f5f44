"""The layout of a data set: its files, its ``meta/info.json`` and how depth is stored.

It follows LeRobot v3: ``meta/info.json``, ``meta/episodes/*.parquet``, ``data/*.parquet`` with a row a frame,
``videos/<key>/*.mkv``, and ``raw/*.jsonl`` with what is needed to play an episode again. Every episode has
files of its own.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from dreamport.errors import DatasetError

LAYOUT_VERSION = "dreamport-1"
ALIGNMENT = (
    "Row t's action is the input held during (t-1, t] that produced frame t; row 0's action is null. "
    "Row t's camera and state are those of frame t."
)
COLOUR, DEPTH = "observation.colour", "observation.depth"
DEPTH_UNITS_PER_METRE = 1000.0  # 16 bits of millimetres; 0 means no surface (sky or beyond 65 m)


@dataclass(frozen=True)
class DatasetInfo:
    """What all episodes of a data set share.

    ``intrinsics`` fx, fy, cx, cy in pixels; ``lossless`` false for a small copy with H.265 colour.
    """

    name: str
    licence: str
    frame_rate: float
    width: int
    height: int
    intrinsics: tuple[float, float, float, float]
    buttons: tuple[str, ...]
    look_max_deg: float
    source: Mapping[str, Any] = field(default_factory=dict)
    lossless: bool = True

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
                COLOUR: {**video, "codec": "ffv1" if self.lossless else "hevc"},
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
                f"data set layout is {value.get('layout')!r}, this version reads {LAYOUT_VERSION!r}; "
                "record it again"
            )
        try:
            height, width = value["features"][COLOUR]["shape"][:2]
            fx, fy, cx, cy = (float(v) for v in value["intrinsics"])
            return DatasetInfo(
                name=value["name"],
                licence=value["licence"],
                frame_rate=float(value["fps"]),
                width=int(width),
                height=int(height),
                intrinsics=(fx, fy, cx, cy),
                buttons=tuple(value["buttons"]),
                look_max_deg=float(value["look_max_deg"]),
                source=value["source"],
                lossless=value["features"][COLOUR]["codec"] == "ffv1",
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"meta/info.json is incomplete ({error!r}); record the data set again"
            ) from error


FRAME_SCHEMA = pa.schema(
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
EPISODE_SCHEMA = pa.schema(
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
    """Begin a data set at ``root``. Raises ``DatasetError`` when one with other settings is there."""
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


def encode_depth(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Metres to 16-bit millimetres; 0 where there is no surface within 65 m."""
    units = np.rint(np.where(np.isfinite(depth), depth, 0.0) * DEPTH_UNITS_PER_METRE)
    return np.where(units <= 65535, np.maximum(units, 0), 0).astype(np.uint16)


def decode_depth(units: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Inverse of ``encode_depth``; infinite where there is no surface."""
    metres = units.astype(np.float32) / np.float32(DEPTH_UNITS_PER_METRE)
    return np.where(units == 0, np.float32(np.inf), metres)


def episode_paths(root: Path, index: int) -> dict[str, Path]:
    """The files of one episode."""
    chunk, file = divmod(index, 1000)
    place = f"chunk-{chunk:03d}/file-{file:03d}"
    return {
        "colour.mkv": root / "videos" / COLOUR / f"{place}.mkv",
        "depth.mkv": root / "videos" / DEPTH / f"{place}.mkv",
        "raw.jsonl": root / "raw" / f"episode-{index:06d}.jsonl",
        "data.parquet": root / "data" / f"{place}.parquet",
        "episode.parquet": root / "meta" / "episodes" / f"{place}.parquet",
    }
