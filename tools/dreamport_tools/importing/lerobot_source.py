"""A LeRobot data set on disk: layouts v2.0, v2.1 and v3.0, read by their files, without the lerobot
package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from dreamport.errors import DatasetError
from dreamport_tools.importing.tracks import Float64

READABLE = ("v2.0", "v2.1", "v3.0")


@dataclass(frozen=True)
class SourceEpisode:
    """An episode: its rows are in ``data``, its pictures in ``film`` from ``begins`` seconds on (``None``:
    the rows hold them).
    """

    index: int
    length: int
    data: Path
    film: Path | None
    begins: float
    task: str


class LeRobotSource:
    """The data set at ``root``. Raises ``DatasetError`` when it is none, or of another layout.

    ``rate`` frames a second, ``features`` by name as ``info.json`` has them, ``camera`` the feature whose
    pictures are taken, ``size`` their width and height.
    """

    def __init__(self, root: Path, camera: str | None = None) -> None:
        self.root = root
        info = _read_json(root / "meta" / "info.json", root)
        if "layout" in info:
            raise DatasetError(f"{root} is a Dreamport data set already; train on it as it is")
        self.version = str(info.get("codebase_version"))
        if self.version not in READABLE:
            raise DatasetError(
                f"{root} has LeRobot layout {self.version!r}, {', '.join(READABLE)} can be read; "
                "convert it with lerobot"
            )
        try:
            self.rate = float(info["fps"])
            self.features: dict[str, dict[str, Any]] = dict(info["features"])
            self._data_path = str(info["data_path"])
            self._video_path = str(info.get("video_path") or "")
            self._chunk = int(info.get("chunks_size") or 1000)
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"{root}/meta/info.json is incomplete ({error!r}); copy the data set again"
            ) from error
        self.cameras = [key for key, each in self.features.items() if each.get("dtype") in ("video", "image")]
        if not self.cameras:
            raise DatasetError(f"{root} has no pictures; a world cannot be learned from it")
        if camera is not None and camera not in self.cameras:
            raise DatasetError(
                f"{root} has no camera {camera!r}; it has {', '.join(self.cameras)} (--camera)"
            )
        self.camera = camera or self.cameras[0]
        self.filmed = self.features[self.camera]["dtype"] == "video"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that ``info.json`` promises; either order of axes is in use."""
        shape = [int(v) for v in self.features[self.camera]["shape"]]
        height, width = shape[1:] if shape[0] in (1, 3) else shape[:2]
        return width, height

    def episodes(self) -> list[SourceEpisode]:
        """All episodes, in order."""
        rows = self._rows_v3() if self.version == "v3.0" else self._rows_v2()
        if not rows:
            raise DatasetError(f"{self.root} has no episodes; record some, or copy it again")
        return sorted((self._episode(row) for row in rows), key=lambda each: each.index)

    def table(self, episode: SourceEpisode) -> pa.Table:
        """Its rows, in order. Raises ``DatasetError`` when they cannot be read."""
        only = [("episode_index", "==", episode.index)]
        table = self.read(episode.data, f"{self.label(episode)}: {episode.data.name}", None, only)
        return table.sort_by("frame_index") if "frame_index" in table.column_names else table

    def read(
        self,
        path: Path,
        name: str,
        columns: list[str] | None = None,
        only: list[tuple[str, str, int]] | None = None,
    ) -> pa.Table:
        """A file of rows, or some of it. Raises ``DatasetError`` with ``name`` when it cannot be read."""
        try:
            return pq.read_table(path, columns=columns, filters=only)
        except FileNotFoundError:
            raise DatasetError(f"{name} is missing; copy it again") from None
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(f"{name} cannot be read ({error}); copy it again") from error

    def column(self, table: pa.Table, name: str, at: str) -> Float64:
        """A numeric feature ``[T, D]`` of a table. Raises ``DatasetError`` when it is none."""
        if name not in table.column_names:
            raise DatasetError(f"{at} has no column {name}; it has {', '.join(table.column_names)}")
        try:
            values = np.array(table[name].to_pylist(), np.float64)
        except (TypeError, ValueError) as error:
            raise DatasetError(f"{at}: column {name} is not numbers of one width in every row") from error
        return values.reshape(len(values), -1)

    def names(self, feature: str) -> list[str]:
        """Names of a feature's columns, as ``info.json`` has them, else their numbers."""
        names: Any = self.features[feature].get("names")
        if isinstance(names, Mapping):
            names = next(iter(names.values()), None)
        width = int(np.prod(self.features[feature].get("shape") or [1]))
        if isinstance(names, list) and len(names) == width:
            return [str(name) for name in names]
        return [str(i) for i in range(width)]

    def label(self, episode: SourceEpisode) -> str:
        """What people call an episode."""
        return f"{self.root} episode {episode.index}"

    def _rows_v3(self) -> list[dict[str, Any]]:
        files = sorted((self.root / "meta" / "episodes").glob("chunk-*/file-*.parquet"))
        try:
            return [row for file in files for row in pq.read_table(file).to_pylist()]
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(
                f"{self.root}/meta/episodes cannot be read ({error}); copy it again"
            ) from error

    def _rows_v2(self) -> list[dict[str, Any]]:
        path = self.root / "meta" / "episodes.jsonl"
        try:
            return [
                json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
            ]
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} cannot be read ({error}); copy the data set again") from error

    def _episode(self, row: Mapping[str, Any]) -> SourceEpisode:
        key = self.camera
        try:
            index, length = int(row["episode_index"]), int(row["length"])
            if self.version == "v3.0":
                data = {"chunk_index": row["data/chunk_index"], "file_index": row["data/file_index"]}
                film = {
                    "chunk_index": row.get(f"videos/{key}/chunk_index"),
                    "file_index": row.get(f"videos/{key}/file_index"),
                }
                begins = float(row.get(f"videos/{key}/from_timestamp") or 0.0)
            else:
                data = film = {"episode_chunk": index // self._chunk, "episode_index": index}
                begins = 0.0
            tasks = row.get("tasks") or []
            return SourceEpisode(
                index,
                length,
                self._inside(self._data_path.format(**data)),
                self._inside(self._video_path.format(video_key=key, **film)) if self.filmed else None,
                begins,
                "; ".join(str(task) for task in tasks) if isinstance(tasks, list) else str(tasks),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DatasetError(
                f"{self.root}: the list of its episodes is incomplete ({error!r}); copy it again"
            ) from error

    def _inside(self, name: str) -> Path:
        """A file of the data set; a path that leads out of it is refused."""
        path = (self.root / name).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise DatasetError(f"{self.root}: {name} leads out of the data set; it is not read")
        return path


def _read_json(path: Path, root: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(
            f"{root} is no LeRobot data set (meta/info.json is missing); give its folder"
        ) from None
    except (ValueError, OSError) as error:
        raise DatasetError(f"{path} cannot be read ({error}); copy the data set again") from error
    if not isinstance(value, dict):
        raise DatasetError(f"{path} holds no object; copy the data set again")
    return value
