"""Makes what is imported in the tests: films, LeRobot data sets and LingBot-World clips of a small room."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
ROOM = 4.0
"""Half the width of the room, in metres."""


def wall(seed: int, pixels: int = 512) -> Picture:
    """A wall's picture: blobs of every size."""
    rng = np.random.default_rng(seed)
    picture = np.full((pixels, pixels, 3), 60, np.uint8)
    for _ in range(260):
        centre = tuple(int(v) for v in rng.integers(0, pixels, 2))
        colour = tuple(int(v) for v in rng.integers(40, 255, 3))
        cv2.circle(picture, centre, int(rng.integers(4, 28)), colour, -1)
    return picture


class Room:
    """A square room with painted walls, drawn by homographies: pictures with exact poses."""

    def __init__(self, seed: int, width: int = 320, height: int = 192) -> None:
        self.size = width, height
        self.camera = np.array([[width / 2, 0, width / 2], [0, width / 2, height / 2], [0, 0, 1.0]])
        self._walls = []
        r = ROOM
        for k, (origin, along, down) in enumerate(
            [
                ((-r, -r, r), (1, 0, 0), (0, 1, 0)),
                ((r, -r, r), (0, 0, -1), (0, 1, 0)),
                ((r, -r, -r), (-1, 0, 0), (0, 1, 0)),
                ((-r, -r, -r), (0, 0, 1), (0, 1, 0)),
                ((-r, r / 3, r), (1, 0, 0), (0, 0, -1)),
                ((-r, -r / 3, -r), (1, 0, 0), (0, 0, 1)),
            ]
        ):
            self._walls.append((wall(seed * 10 + k), np.array(origin), np.array(along), np.array(down)))

    def picture(self, pose: NDArray[np.float64]) -> Picture:
        """What a camera at ``pose`` (camera-to-world) sees."""
        width, height = self.size
        view = np.linalg.inv(pose)
        out = np.zeros((height, width, 3), np.uint8)
        u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(self.camera).T @ view[:3, :3]
        nearest = np.full((height, width), np.inf)
        for texture, origin, along, down in self._walls:
            normal = np.cross(along, down)
            with np.errstate(divide="ignore", invalid="ignore"):
                t = ((origin - pose[:3, 3]) @ normal) / (rays @ normal)
            hit = pose[:3, 3] + t[..., None] * rays - origin
            pixels = texture.shape[0] / (2 * ROOM)
            x, y = hit @ along * pixels, hit @ down * pixels
            seen = (
                (t > 1e-3)
                & (t < nearest)
                & (x >= 0)
                & (y >= 0)
                & (x < texture.shape[1])
                & (y < texture.shape[0])
            )
            painted = cv2.remap(
                texture,
                np.nan_to_num(x).astype(np.float32),
                np.nan_to_num(y).astype(np.float32),
                cv2.INTER_LINEAR,
            )
            out[seen] = painted[seen]
            nearest[seen] = t[seen]
        return out


def pose_at(x: float, z: float, yaw_deg: float, y: float = 0.0) -> NDArray[np.float64]:
    """Level camera-to-world pose; yaw turns right."""
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    return np.array([[c, 0, s, x], [0, 1, 0, y], [-s, 0, c, z], [0, 0, 0, 1.0]])


def walk(frames: int) -> NDArray[np.float64]:
    """A curved walk through the room, ``[frames, 4, 4]``."""
    t = np.arange(frames)
    return np.stack([pose_at(-1.5 + 0.03 * k, -2.0 + 0.04 * k, 25 * np.sin(k / 18)) for k in t])


def film(room: Room, poses: NDArray[np.float64]) -> list[Picture]:
    """Pictures along a path."""
    return [room.picture(pose) for pose in poses]


def write_film(
    path: Path, pictures: Sequence[Picture], rate: float = 20.0, *, codec: str = "libx264",
    said: float | None = None, options: dict[str, str] | None = None, pts: Sequence[int] | None = None,
) -> Path:  # fmt: skip
    """A video file. ``said``: the rate its header claims. ``pts``: time stamps in thousandths of a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    container: Any = av.open(str(path), "w", options=options or {})
    stream = container.add_stream(codec, rate=Fraction(said or rate).limit_denominator(1001))
    stream.height, stream.width = pictures[0].shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
    stream.codec_context.thread_count = 1
    if codec == "libx264":
        stream.options = {"crf": "16", "preset": "veryfast", "g": "20"}
    for k, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        frame.pts, frame.time_base = (pts[k] if pts else round(1000 * k / rate)), Fraction(1, 1000)
        for packet in stream.encode(frame):
            container.mux(packet)
    for packet in stream.encode():
        container.mux(packet)
    container.close()
    return path


def write_lerobot(
    root: Path, episodes: Sequence[Sequence[Picture]], rows: Sequence[dict[str, list[Any]]], *,
    version: str = "v3.0", rate: float = 20.0, features: dict[str, Any] | None = None,
) -> Path:  # fmt: skip
    """A LeRobot data set with one camera, ``observation.images.front``: v3.0 with all episodes in one
    file, or v2.1.
    """
    height, width = episodes[0][0].shape[:2]
    key, v3 = "observation.images.front", version == "v3.0"
    info = {
        "codebase_version": version,
        "fps": rate,
        "chunks_size": 1000,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
        if v3
        else "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
        if v3
        else "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": {
            key: {"dtype": "video", "shape": [height, width, 3], "names": ["height", "width", "channels"]},
            **(features or {}),
        },
    }
    (root / "meta").mkdir(parents=True)
    (root / "meta" / "info.json").write_text(json.dumps(info))
    tables, metas, begins = [], [], 0.0
    for index, (pictures, columns) in enumerate(zip(episodes, rows, strict=True)):
        count = len(next(iter(columns.values())))
        table = pa.table(
            {
                **columns,
                "timestamp": [k / rate for k in range(count)],
                "frame_index": list(range(count)),
                "episode_index": [index] * count,
            }
        )
        tables.append(table)
        metas.append(
            {
                "episode_index": index, "length": count, "tasks": ["walk"], "data/chunk_index": 0,
                "data/file_index": 0, f"videos/{key}/chunk_index": 0, f"videos/{key}/file_index": 0,
                f"videos/{key}/from_timestamp": begins, f"videos/{key}/to_timestamp": begins + count / rate,
            }
        )  # fmt: skip
        begins += len(pictures) / rate
        if not v3:
            (root / "data/chunk-000").mkdir(parents=True, exist_ok=True)
            pq.write_table(table, root / f"data/chunk-000/episode_{index:06d}.parquet")
            write_film(root / f"videos/chunk-000/{key}/episode_{index:06d}.mp4", pictures, rate)
    if v3:
        (root / "data/chunk-000").mkdir(parents=True)
        pq.write_table(pa.concat_tables(tables), root / "data/chunk-000/file-000.parquet")
        (root / "meta/episodes/chunk-000").mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(metas), root / "meta/episodes/chunk-000/file-000.parquet")
        write_film(
            root / f"videos/{key}/chunk-000/file-000.mp4", [p for each in episodes for p in each], rate
        )
    else:
        lines = [
            json.dumps({name: meta[name] for name in ("episode_index", "length", "tasks")}) for meta in metas
        ]
        (root / "meta" / "episodes.jsonl").write_text("\n".join(lines))
    return root


def numbered(count: int, size: tuple[int, int] = (64, 48)) -> list[Picture]:
    """Pictures that tell their number: brightness 40 + 8 * number, with a grid for the coder."""
    width, height = size
    return [np.full((height, width, 3), 40 + 8 * k, np.uint8) for k in range(count)]


def number_of(picture: Picture) -> int:
    """Which of ``numbered`` it is."""
    return round((float(picture.mean()) - 40) / 8)
