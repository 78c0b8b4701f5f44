"""``dreamport import lerobot``: episodes of a LeRobot data set.

Alignment. Their row t holds what was seen and the action that was chosen then, so it leads to frame t+1;
row t here takes their row t-1, row 0 none, and their last action goes with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from dreamport.episodes.layout import DatasetInfo
from dreamport.episodes.writer import EpisodeWriter, RecordedFrame
from dreamport.errors import DatasetError
from dreamport_tools.importing.controls import mapping_of
from dreamport_tools.importing.desk import Part, Progress, digest_of
from dreamport_tools.importing.film import Film
from dreamport_tools.importing.fitting import Fit, camera_of_view
from dreamport_tools.importing.lerobot_source import LeRobotSource, SourceEpisode
from dreamport_tools.importing.recorded_poses import believable, poses_of, rows_text, runs_of
from dreamport_tools.importing.tracks import Chosen, Float64

POSE_NAMES = ("camera.c2w", "observation.camera_pose", "camera_pose")
ACTIONS = "action"

ActionOf = Literal["next", "same"]


@dataclass(frozen=True)
class LeRobotSettings:
    """``size`` (width, height) of the data set; ``fov_deg`` of its camera from left to right;
    ``action_of``: whether their row t's action leads to frame t+1 (``next``) or led to frame t (``same``);
    ``pose``: the feature that holds camera-to-world poses, if there is one.
    """

    name: str
    licence: str
    size: tuple[int, int]
    fov_deg: float = 60.0
    action_of: ActionOf = "next"
    pose: str | None = None
    look_max_deg: float = 30.0


class LeRobotImport:
    """All of a LeRobot data set that is imported. Raises ``DatasetError`` when it is none, or a column
    is not.
    """

    def __init__(
        self,
        root: Path,
        *,
        name: str,
        licence: str,
        camera: str | None = None,
        size: tuple[int, int] | None = None,
        fov_deg: float = 60.0,
        action_of: ActionOf = "next",
        pose: str | None = None,
        buttons: list[str] | None = None,
        yaw: str | None = None,
        pitch: str | None = None,
    ) -> None:
        self.source = LeRobotSource(root, camera)
        self._digests: dict[Path, str] = {}
        if pose is not None and pose not in self.source.features:
            raise DatasetError(
                f"{root} has no feature {pose!r}; it has {', '.join(self.source.features)} (--pose)"
            )
        known = next((each for each in POSE_NAMES if each in self.source.features), None)
        self.settings = LeRobotSettings(
            name, licence, size or self.source.size, fov_deg, action_of, pose if pose is not None else known
        )
        self.controls = mapping_of(self.source, buttons or [], yaw, pitch, self._binary())

    def info(self) -> DatasetInfo:
        """Of the data set."""
        settings, controls = self.settings, self.controls
        return DatasetInfo(
            name=settings.name,
            licence=settings.licence,
            frame_rate=self.source.rate,
            width=settings.size[0],
            height=settings.size[1],
            intrinsics=camera_of_view(*settings.size, settings.fov_deg),
            buttons=tuple(name for name, _ in controls.buttons),
            look_max_deg=settings.look_max_deg,
            source={
                "engine": f"lerobot {self.source.version}",
                "camera": self.source.camera,
                "fov_deg": settings.fov_deg,
                "fov": "assumed, not measured",
                "action_of": settings.action_of,
                "actions_left_out": list(controls.unused),
            },
            depth="none",
            pose="none" if settings.pose is None else "recorded",
        )

    def items(self) -> list[LeRobotItem]:
        """An item an episode."""
        return [LeRobotItem(self, episode) for episode in self.source.episodes()]

    def digest_of_rows(self, path: Path) -> str:
        """Of a file of rows, which many episodes may share."""
        if path not in self._digests:
            self._digests[path] = digest_of(path)
        return self._digests[path]

    def _binary(self) -> dict[str, Chosen]:
        """Of every action feature, which columns are only ever 0 or 1."""
        source = self.source
        names = [name for name in source.features if name == ACTIONS or name.startswith(f"{ACTIONS}.")]
        found: dict[str, Chosen] = {}
        for path in sorted({episode.data for episode in source.episodes()}):
            try:
                table = source.read(path, path.name, names)
                for name in names:
                    values = source.column(table, name, path.name)
                    only: Chosen = np.asarray(np.isin(values, (0.0, 1.0)).all(axis=0))
                    found[name] = np.asarray(only & found[name]) if name in found else only
            except (DatasetError, ValueError):  # the import of its episodes says what is wrong with it
                continue
        return found


class LeRobotItem:
    """An episode of a LeRobot data set as an item."""

    limits: str = ""

    def __init__(self, whole: LeRobotImport, episode: SourceEpisode) -> None:
        self._whole, self._source, self._episode = whole, whole.source, episode
        self.name = whole.source.label(episode)
        self._notes: list[str] = []

    def digest(self) -> str:
        """Of its rows' file and its number, and of how much its video holds: videos are shared by
        episodes.
        """
        film = self._episode.film
        facts = [self._episode.index, self._episode.length, self._source.camera, self._episode.begins]
        facts += [film.stat().st_size] if film is not None and film.exists() else []
        return sha256((self._whole.digest_of_rows(self._episode.data) + repr(facts)).encode()).hexdigest()

    def notes(self) -> list[str]:
        """What is wrong with it, and what was made of that."""
        return list(self._notes)

    def parts(self, told: Progress) -> Iterator[Part]:
        """A part for every stretch of good rows."""
        source, settings, controls = self._source, self._whole.settings, self._whole.controls
        told(str(source.root), self._episode.index, self._episode.index + 1)
        table = source.table(self._episode)
        count = table.num_rows
        if count == 0 or self._episode.length == 0:
            raise DatasetError(f"{self.name} is empty; leave it out")
        if count != self._episode.length:
            self._notes.append(f"{self.name} has {count} rows where {self._episode.length} are promised")
        self._check_times(table)
        values = {name: source.column(table, name, self.name) for name in controls.features()}
        if not values:
            values = {"": np.zeros((count, 1))}
        pose = None
        good: Chosen = np.ones(count, np.bool_)
        for name, value in values.items():
            bad: Chosen = np.asarray(~np.isfinite(value).all(axis=1))
            # The last action leads to no frame: it need not be a number.
            good = good & ~self._shifted(bad, False)
            if self._shifted(bad, False).any():
                self._notes.append(
                    f"{self.name}: {name} of rows {rows_text(bad)} is no number; the episode is cut there"
                )
        if settings.pose is not None:
            pose = poses_of(source.column(table, settings.pose, self.name), f"{self.name}: {settings.pose}")
            fine = believable(pose)
            if not fine.all():
                self._notes.append(
                    f"{self.name}: poses of rows {rows_text(~fine)} are no poses; the episode is cut there"
                )
            good &= fine
        runs = runs_of(good)
        if not runs:
            raise DatasetError(f"{self.name} has no two good rows in a row; record it again, or leave it out")
        masks = self._shifted(controls.masks(values), 0)
        looks = self._shifted(controls.looks(values), 0)
        for start, end in runs:
            tags = {"task": self._episode.task} if self._episode.task else {}
            yield Part(
                f"{start}-{end}", partial(self._write, table, pose, masks, looks, start, end), tags=tags
            )

    def _shifted(self, rows: NDArray[Any], first: Any) -> NDArray[Any]:
        """Rows of actions, moved to the frames they led to."""
        if self._whole.settings.action_of == "same":
            return rows
        moved = np.roll(rows, 1, axis=0)
        moved[0] = first
        return moved

    def _check_times(self, table: pa.Table) -> None:
        if "timestamp" not in table.column_names or table.num_rows < 2:
            return
        times = np.array(table["timestamp"].to_pylist(), np.float64)
        rate = float(1 / max(np.median(np.diff(times)), 1e-9))
        if max(rate / self._source.rate, self._source.rate / rate) > 1.05:
            raise DatasetError(
                f"{self.name}: its time stamps say {rate:.3g} frames a second, info.json says "
                f"{self._source.rate:g}; "
                "correct one of them"
            )

    def _write(
        self, table: pa.Table, pose: Float64 | None, masks: NDArray[np.uint32], looks: NDArray[np.float32],
        start: int, end: int, writer: EpisodeWriter,
    ) -> None:  # fmt: skip
        settings = self._whole.settings
        fit: Fit | None = None
        row = start - 1
        for row, picture in self._pictures(table, start, end):
            size = picture.shape[1], picture.shape[0]
            if fit is None or fit.source != size:
                fit = Fit(size, settings.size)
            first = row == start
            writer.add(
                RecordedFrame(
                    fit.array(picture),
                    pose=None if pose is None else pose[row],
                    buttons=None if first else int(masks[row]),
                    look_deg=None if first else (float(looks[row, 0]), float(looks[row, 1])),
                    intrinsics=fit.camera(camera_of_view(*size, settings.fov_deg)),
                )
            )
        if row + 1 < end:
            raise DatasetError(
                f"{self.name}: its video ends at row {row + 1} of {table.num_rows}; copy or record it again"
            )

    def _pictures(self, table: pa.Table, start: int, end: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        episode, rate = self._episode, self._source.rate
        if episode.film is None:
            for row, value in enumerate(table[self._source.camera].to_pylist()[start:end], start):
                yield row, self._decoded(value, row)
            return
        if not episode.film.exists():
            raise DatasetError(f"{self.name}: {episode.film.name} is missing; copy it again")
        film = Film(episode.film)
        wanted = start
        for row, shown in film.on_grid(rate, start, end, origin=episode.begins, slack=0.0):
            if row != wanted:
                break
            wanted += 1
            yield row, shown.rgb(*shown.size)
        if film.problem:
            self._notes.append(f"{self.name}: {film.problem}")

    def _decoded(self, value: Any, row: int) -> NDArray[np.uint8]:
        data = value.get("bytes") if isinstance(value, dict) else None
        buffer = np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8)
        picture = cv2.imdecode(buffer, cv2.IMREAD_COLOR_RGB) if len(buffer) else None
        if picture is None:
            raise DatasetError(f"{self.name}: the picture of row {row} cannot be read; copy it again")
        return np.asarray(picture, np.uint8)
