"""The layout of a data set: its files and its ``meta/info.json``.

It follows LeRobot v3: ``meta/info.json``, ``meta/episodes/*.parquet``, ``data/*.parquet`` with a row a frame,
``videos/<key>/*.mkv``, and ``raw/*.jsonl`` with what is needed to play an episode again, or what was noted
while it was recorded. Every episode has files of its own.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, cast, get_args

from dreamport.errors import DatasetError

LAYOUT_VERSION = "dreamport-3"
READABLE_LAYOUTS = ("dreamport-1", "dreamport-2", LAYOUT_VERSION)
ALIGNMENT = (
    "Row t's action is the input held during (t-1, t] that produced frame t; row 0's action is null. "
    "Row t's camera and state are those of frame t."
)
GAPS = (
    "missing_before counts frames lost between row t-1 and row t. Where it is not 0 a run begins: row t's "
    "action covers the whole gap, so it is no step of one frame."
)
RECORDINGS = ".recording"
"""Folder of a data set that holds recordings which are not episodes yet."""
COLOUR, DEPTH = "observation.colour", "observation.depth"
DEPTH_UNITS_PER_METRE = 1000.0  # 16 bits of millimetres; 0 means no surface (sky or beyond 65 m)

ColourCodec = Literal["ffv1", "hevc", "mjpeg", "utvideo"]
DepthCodec = Literal["ffv1", "ffvhuff"]
DepthKind = Literal["millimetres", "inverse", "none"]
PoseSource = Literal["recorded", "pseudo", "none"]


@dataclass(frozen=True)
class LookScale:
    """How far one count of the mouse turns the view. ``assumed``: nobody measured it in the game."""

    deg_per_count: float
    assumed: bool = True


@dataclass(frozen=True)
class DatasetInfo:
    """What all episodes of a data set share.

    ``intrinsics`` fx, fy, cx, cy in pixels, of every frame that names none. ``colour_codec``: ``ffv1`` and
    ``utvideo`` are lossless, ``mjpeg`` holds the JPEGs as they came, ``hevc`` is a small copy. ``depth``:
    ``millimetres``, or ``inverse`` (v = round(65535 * ``depth_near_m`` / depth), 0 infinitely far), or
    ``none``. ``pose``: ``recorded`` by the engine, ``pseudo`` (estimated from the pictures, each with a
    confidence), or ``none``: poses are NaN. ``look_scale``: set where looking was recorded as counts of a
    mouse; ``action.look_deg`` is those counts times the scale.
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
    colour_codec: ColourCodec = "ffv1"
    depth: DepthKind = "millimetres"
    depth_near_m: float = 0.0
    depth_codec: DepthCodec = "ffv1"
    pose: PoseSource = "recorded"
    look_scale: LookScale | None = None

    @property
    def lossless(self) -> bool:
        """True when pictures are those of the recording, bit for bit."""
        return self.colour_codec != "hevc"

    @property
    def video_rate(self) -> Fraction:
        """Pictures a second of the videos: ``frame_rate`` as a fraction."""
        return Fraction(self.frame_rate).limit_denominator(1001)

    def to_json(self) -> dict[str, Any]:
        """Content of ``meta/info.json``."""
        video = {"shape": [self.height, self.width, 3], "dtype": "video", "codec": self.colour_codec}
        depth_video = {**video, "shape": [self.height, self.width, 1], "codec": self.depth_codec}
        depth_video["pixel_format"] = "gray16le"
        return {
            "codebase_version": "v3.0",
            "layout": LAYOUT_VERSION,
            "name": self.name,
            "licence": self.licence,
            "fps": self.frame_rate,
            "alignment": ALIGNMENT,
            "gaps": GAPS,
            "axes": "OpenCV camera-to-world: x right, y down, z forward; level metres, right-handed, y down",
            "buttons": list(self.buttons),
            "look_max_deg": self.look_max_deg,
            "intrinsics": list(self.intrinsics),
            "depth": self._depth_json(),
            "pose": self.pose,
            "look_scale": None if self.look_scale is None else asdict(self.look_scale),
            "state": "x y z m, sin yaw, cos yaw, pitch rad, vx vy vz m/frame",
            "source": dict(self.source),
            "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
            "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mkv",
            "raw_path": "raw/episode-{episode_index:06d}.jsonl",
            "features": {
                COLOUR: video,
                **({} if self.depth == "none" else {DEPTH: depth_video}),
                "action.buttons": {"dtype": "uint32", "shape": [1]},
                "action.look_deg": {"dtype": "float32", "shape": [2], "names": ["yaw_right", "pitch_down"]},
                "action.mouse_dxdy": {"dtype": "float32", "shape": [2], "names": ["right", "down"]},
                "camera.c2w": {"dtype": "float64", "shape": [16]},
                "camera.confidence": {"dtype": "float32", "shape": [1]},
                "camera.intrinsics": {"dtype": "float32", "shape": [4]},
                "observation.state": {"dtype": "float64", "shape": [9]},
                "observation.engine": {"dtype": "float64", "shape": [8]},
                "frame_number": {"dtype": "int64", "shape": [1]},
                "missing_before": {"dtype": "int64", "shape": [1]},
                "client_time_ns": {"dtype": "int64", "shape": [1]},
                "redacted": {"dtype": "bool", "shape": [1]},
            },
        }

    def _depth_json(self) -> dict[str, Any]:
        if self.depth == "none":
            return {"encoding": "none"}
        if self.depth == "inverse":
            formula = "v = round(65535 * near_m / depth)"
            return {"encoding": "inverse", "near_m": self.depth_near_m, "formula": formula, "none": 0,
                    "along": "optical axis"}  # fmt: skip
        return {"encoding": "millimetres", "units_per_metre": DEPTH_UNITS_PER_METRE, "none": 0,
                "along": "optical axis"}  # fmt: skip

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> DatasetInfo:
        """From the content of ``meta/info.json``. Raises ``DatasetError`` when it is another layout."""
        if value.get("layout") not in READABLE_LAYOUTS:
            raise DatasetError(
                f"data set layout is {value.get('layout')!r}, this version reads "
                f"{', '.join(repr(layout) for layout in READABLE_LAYOUTS)}; record it again"
            )
        try:
            height, width = value["features"][COLOUR]["shape"][:2]
            fx, fy, cx, cy = (float(v) for v in value["intrinsics"])
            codec = value["features"][COLOUR]["codec"]
            depth = value["depth"].get("encoding", "millimetres")
            depth_codec = value["features"].get(DEPTH, {}).get("codec", "ffv1")
            pose, look_scale = value.get("pose", "recorded"), value.get("look_scale")
            for name, known in (
                (codec, ColourCodec),
                (depth, DepthKind),
                (depth_codec, DepthCodec),
                (pose, PoseSource),
            ):
                if name not in get_args(known):
                    raise ValueError(name)
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
                colour_codec=cast(ColourCodec, codec),
                depth=cast(DepthKind, depth),
                depth_near_m=float(value["depth"].get("near_m", 0.0)),
                depth_codec=cast(DepthCodec, depth_codec),
                pose=cast(PoseSource, pose),
                look_scale=None
                if look_scale is None
                else LookScale(float(look_scale["deg_per_count"]), bool(look_scale["assumed"])),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError(
                f"meta/info.json is incomplete ({error!r}); record the data set again"
            ) from error


def read_info(root: Path) -> DatasetInfo:
    """``meta/info.json`` of the data set at ``root``. Raises ``DatasetError`` when there is none."""
    path = root / "meta" / "info.json"
    try:
        return DatasetInfo.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise DatasetError(
            f"{root} is no data set (meta/info.json is missing); record one with `dreamport capture`"
        ) from None
    except (ValueError, OSError) as error:
        raise DatasetError(f"{path} cannot be read ({error}); copy or record the data set again") from error


def create_dataset(root: Path, info: DatasetInfo) -> None:
    """Begin a data set at ``root``. Raises ``DatasetError`` when one with other settings is there."""
    path = root / "meta" / "info.json"
    if path.exists():
        there = read_info(root)
        if there != info:
            names = [f.name for f in fields(info) if getattr(there, f.name) != getattr(info, f.name)]
            raise DatasetError(
                f"{root.name} holds a data set with other settings ({', '.join(names)}); "
                "record into another folder"
            )
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".part-{os.getpid()}")
    with part.open("w", encoding="utf-8") as file:
        file.write(json.dumps(info.to_json(), indent=1))
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def discard_unfinished(root: Path) -> None:
    """Remove what a killed ``EpisodeWriter`` left behind. Only while nothing records into ``root``."""
    shutil.rmtree(root / ".unfinished", ignore_errors=True)


def recordings_left(captures: Path) -> list[Path]:
    """Data sets under ``captures`` (or itself) that hold recordings which are not episodes yet."""
    places = [captures, *sorted(captures.glob("*"))] if captures.is_dir() else []
    return [root for root in places if any(path.is_dir() for path in (root / RECORDINGS).glob("*"))]


def episode_paths(root: Path, index: int) -> dict[str, Path]:
    """The files of one episode, by the name each has while it is made."""
    chunk, file = divmod(index, 1000)
    place = f"chunk-{chunk:03d}/file-{file:03d}"
    return {
        "colour.mkv": root / "videos" / COLOUR / f"{place}.mkv",
        "depth.mkv": root / "videos" / DEPTH / f"{place}.mkv",
        "raw.jsonl": root / "raw" / f"episode-{index:06d}.jsonl",
        "data.parquet": root / "data" / f"{place}.parquet",
        "episode.parquet": root / "meta" / "episodes" / f"{place}.parquet",
    }
