"""``dreamport import lingbot``: clips as LingBot-World takes and makes them.

A clip is a folder: ``poses.npy [N, 4, 4]`` camera-to-world with OpenCV's axes, one a frame; ``intrinsics.npy
[N, 4]`` (or one row) fx, fy, cx, cy of 832x480; ``action.npy`` or ``wasd_action.npy [N, 4]`` held W, A, S, D,
if there are any; ``image.jpg``, the first frame; and a video beside them, if the clip was filmed or
generated.

Alignment. Their pose t is that of frame t, as here. Their keys of row t lead from pose t to pose t+1 (that
is how LingBot-World itself makes poses of keys), so row t here takes their row t-1, and row 0 none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.layout import DatasetInfo
from dreamport.episodes.writer import EpisodeWriter, RecordedFrame
from dreamport.errors import DatasetError
from dreamport_tools.importing.desk import Part, Progress, digest_of
from dreamport_tools.importing.film import Film
from dreamport_tools.importing.fitting import Camera, Fit
from dreamport_tools.importing.recorded_poses import believable, poses_of, rows_text, runs_of
from dreamport_tools.importing.steering import BUTTONS, buttons_of, look_of
from dreamport_tools.importing.tracks import Float64
from dreamport_tools.importing.video import SUFFIXES

CALIBRATED = (832, 480)
"""Size of the pictures that intrinsics.npy describes."""
WASD = (0, 2, 1, 3)
"""Column of ``action.npy`` for each of ``BUTTONS``: forward W, backward S, left A, right D."""
PICTURES = ("image.jpg", "image.jpeg", "image.png")
RATE_SLACK = 1.05
CLEARLY = 0.1

Keys = Literal["next", "same"]


@dataclass(frozen=True)
class LingbotSettings:
    """``rate`` frames a second of the clips; ``size`` (width, height) of the data set; ``keys``: whether
    their row t leads to frame t+1 (``next``) or led to frame t (``same``).
    """

    name: str
    licence: str
    rate: float = 16.0
    size: tuple[int, int] = CALIBRATED
    keys: Keys = "next"
    look_max_deg: float = 30.0

    def info(self) -> DatasetInfo:
        """Of the data set."""
        return DatasetInfo(
            name=self.name,
            licence=self.licence,
            frame_rate=self.rate,
            width=self.size[0],
            height=self.size[1],
            intrinsics=(self.size[0] / 2, self.size[0] / 2, self.size[0] / 2, self.size[1] / 2),
            buttons=BUTTONS,
            look_max_deg=self.look_max_deg,
            source={
                "engine": "lingbot-world",
                "controls": "keys of the clip where it has some, else inferred from its poses; looks "
                "from its poses",
                "keys": self.keys,
                "scale": "that of poses.npy, which need not be metres",
            },
            depth="none",
        )


class Clip:
    """A folder with ``poses.npy`` as an item."""

    limits: str = ""

    def __init__(self, folder: Path, settings: LingbotSettings) -> None:
        self.folder, self.name, self._settings = folder, str(folder), settings
        self._notes: list[str] = []

    def digest(self) -> str:
        """Of all its files."""
        return digest_of(
            *sorted(path for path in self.folder.iterdir() if path.is_file()), also=self._settings.keys
        )

    def notes(self) -> list[str]:
        """What is wrong with it, and what was made of that."""
        return list(self._notes)

    def parts(self, told: Progress) -> Iterator[Part]:
        """A part for every stretch with good poses."""
        pose = poses_of(self._array("poses.npy", (None, 4, 4)), f"{self.name}/poses.npy")
        cameras = self._cameras(len(pose))
        keys = self._keys(len(pose))
        film = self._film()
        told(self.folder.name, 0, 1)
        count = 1 if film is None else self._count(film, len(pose))
        good = believable(pose) & np.isfinite(cameras).all(axis=1) & (cameras[:, :2] > 0).all(axis=1)
        if keys is not None:
            good &= np.isfinite(keys).all(axis=1)
        if not good[:count].all():
            self._notes.append(
                f"{self.name}: poses, intrinsics or keys of rows {rows_text(~good[:count])} are no "
                "numbers, or no "
                "camera's; the clip is cut there"
            )
        if keys is not None:
            self._check_alignment(pose[:count], good[:count], keys)
        runs = runs_of(good[:count], 1 if film is None else 2)
        if not runs:
            raise DatasetError(f"{self.name} has no frame with a good pose; write its poses.npy again")
        for start, end in runs:
            yield Part(
                f"{start}-{end}",
                partial(self._write, film, pose, cameras, keys, start, end),
                tags=self._tags(),
            )
        told(self.folder.name, 1, 1)

    def _array(self, name: str, *shapes: tuple[int | None, ...]) -> NDArray[Any]:
        path = self.folder / name
        try:
            array = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            raise DatasetError(f"{self.name} lacks {name}; copy the clip again") from None
        except (ValueError, OSError, EOFError) as error:
            raise DatasetError(f"{path} is no array that can be read ({error}); write it again") from error
        fits = any(
            array.ndim == len(shape)
            and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
            for shape in shapes
        )
        if not fits or not len(array) or array.dtype.kind not in "fiub":
            wanted = " or ".join(
                "x".join("N" if size is None else str(size) for size in shape) for shape in shapes
            )
            raise DatasetError(
                f"{path} has shape {array.shape} of {array.dtype}, {wanted} numbers are wanted"
            )
        return np.asarray(array, np.float64)

    def _cameras(self, count: int) -> Float64:
        cameras = self._array("intrinsics.npy", (None, 4), (4,)).reshape(-1, 4)
        if len(cameras) == 1:
            return np.repeat(cameras, count, axis=0)
        if len(cameras) < count:
            raise DatasetError(
                f"{self.name}: intrinsics.npy has {len(cameras)} rows for {count} poses; give one, or "
                "one a pose"
            )
        return cameras[:count]

    def _keys(self, count: int) -> Float64 | None:
        name = next((n for n in ("action.npy", "wasd_action.npy") if (self.folder / n).exists()), None)
        if name is None:
            self._notes.append(
                f"{self.name} has no keys; forward, backward, left and right are inferred from its poses"
            )
            return None
        keys = self._array(name, (None, 4))
        if len(keys) < count - 1:
            raise DatasetError(f"{self.name}: {name} has {len(keys)} rows for {count} poses; write it again")
        padded: Float64 = np.concatenate([keys, np.zeros((max(0, count - len(keys)), 4))])[:count]
        return padded

    def _film(self) -> Film | None:
        found = sorted(path for path in self.folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise DatasetError(
                f"{self.name} holds several videos ({names}); leave the one that belongs to the poses"
            )
        return Film(found[0]) if found else None

    def _count(self, film: Film, poses: int) -> int:
        """Frames that have both a picture and a pose."""
        rate, said = self._settings.rate, film.facts.said_rate
        if said and max(said / rate, rate / said) > RATE_SLACK:
            raise DatasetError(
                f"{self.name}: {film.path.name} has {said:g} pictures a second and the clip is taken "
                f"to have {rate:g}, so "
                f"poses would be given to wrong pictures; import it with --fps {said:g}, or write the "
                "video again"
            )
        pictures = sum(1 for _ in film.pictures())
        if film.problem:
            self._notes.append(film.problem)
        if pictures != poses:
            self._notes.append(
                f"{self.name} has {pictures} pictures and {poses} poses; the first "
                f"{min(pictures, poses)} of both are "
                "imported"
            )
        return min(pictures, poses)

    def _check_alignment(self, pose: Float64, good: NDArray[np.bool_], keys: Float64) -> None:
        """Tell when the keys fit the motion clearly better in the other convention."""
        shifted, same = (keys_fit(pose, good, keys, lag) for lag in (1, 0))
        used, other = (shifted, same) if self._settings.keys == "next" else (same, shifted)
        if other > used + CLEARLY:
            better = "same" if self._settings.keys == "next" else "next"
            self._notes.append(
                f"{self.name}: its keys agree with the motion of its poses in {used:.0%} of the "
                "frames as imported, and in "
                f"{other:.0%} with --keys {better}; its convention seems to be the other one"
            )

    def _tags(self) -> dict[str, str]:
        prompt = self.folder / "prompt.txt"
        if not prompt.exists():
            return {}
        return {"prompt": prompt.read_text(encoding="utf-8", errors="replace").strip()}

    def _write(
        self, film: Film | None, pose: Float64, cameras: Float64, keys: Float64 | None, start: int, end: int,
        writer: EpisodeWriter,
    ) -> None:  # fmt: skip
        inferred = buttons_of(pose[start:end])
        look = look_of(pose[start:end])
        shift = 1 if self._settings.keys == "next" else 0
        fit: Fit | None = None
        for row, picture in enumerate(self._pictures(film, start, end)):
            t = start + row
            if fit is None or fit.source != (picture.shape[1], picture.shape[0]):
                fit = Fit((picture.shape[1], picture.shape[0]), self._settings.size)
            buttons = int(inferred[row]) if keys is None else mask_of(keys[t - shift])
            writer.add(
                RecordedFrame(
                    fit.array(picture),
                    pose=pose[t],
                    buttons=None if row == 0 else buttons,
                    look_deg=None if row == 0 else (float(look[row, 0]), float(look[row, 1])),
                    intrinsics=fit.camera(_scaled(cameras[t], fit.source)),
                )
            )
        if film is None:
            self._keep_path(pose, keys, writer)

    def _pictures(self, film: Film | None, start: int, end: int) -> Iterator[NDArray[np.uint8]]:
        if film is None:
            yield self._still()
            return
        for number, shown in enumerate(film.pictures()):
            if number >= end:
                return
            if number >= start:
                yield shown.rgb(*shown.size)

    def _still(self) -> NDArray[np.uint8]:
        path = next((self.folder / name for name in PICTURES if (self.folder / name).exists()), None)
        if path is None:
            raise DatasetError(f"{self.name} has neither a video nor {PICTURES[0]}; copy the clip again")
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if picture is None:
            raise DatasetError(f"{path} is no picture that can be read; copy it again")
        self._notes.append(
            f"{self.name} is one picture with a path: an episode of one frame; the path is kept in "
            "its raw record"
        )
        return np.asarray(picture, np.uint8)

    def _keep_path(self, pose: Float64, keys: Float64 | None, writer: EpisodeWriter) -> None:
        for row, each in enumerate(pose):
            held = {} if keys is None or not np.isfinite(keys[row]).all() else {"wasd": keys[row].tolist()}
            if np.isfinite(each).all():
                writer.raw({"path": row, "c2w": each.ravel().tolist(), **held})


def clips(sources: list[Path], settings: LingbotSettings) -> list[Clip]:
    """The clips at or below the folders named. Raises ``DatasetError`` for a folder without one."""
    found: list[Path] = []
    for source in sources:
        inside = sorted(path.parent for path in source.rglob("poses.npy"))
        if not inside:
            raise DatasetError(f"{source} holds no clip (a folder with poses.npy); give another folder")
        found += inside
    return [Clip(folder, settings) for folder in dict.fromkeys(found)]


def mask_of(wasd: Float64) -> int:
    """Bit mask of ``BUTTONS`` of one row of held W, A, S, D."""
    return sum(1 << bit for bit, column in enumerate(WASD) if wasd[column] > 0.5)


def keys_fit(pose: Float64, good: NDArray[np.bool_], keys: Float64, lag: int) -> float:
    """Share of the steps whose direction is that of the keys of ``lag`` rows before; 0 if nothing moves."""
    moved = buttons_of(np.where(good[:, None, None], pose, np.eye(4)))
    rows = [t for t in range(1, len(pose)) if good[t] and good[t - 1]]
    hits = [mask_of(keys[t - lag]) == int(moved[t]) for t in rows]
    return float(np.mean(hits)) if hits and moved.any() else 0.0


def _scaled(camera: Float64, size: tuple[int, int]) -> Camera:
    fx, fy, cx, cy = (float(v) for v in camera)
    x, y = size[0] / CALIBRATED[0], size[1] / CALIBRATED[1]
    return fx * x, fy * y, cx * x, cy * y
