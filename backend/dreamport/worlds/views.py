"""Captured views and starts: a colour picture, a depth and a camera each, packed into one ``.npz`` without
pickle.

Arrays of a views file (``N`` views):

- ``pose [N, 4, 4]`` float32, camera-to-world, metres; ``intrinsics [N, 4]`` float32, pixels
- ``colour_jpeg`` uint8 with ``colour_offsets [N + 1]`` int64: JPEG, quality 92, 4:4:4, of ``[H, W, 3]``
- ``inverse_depth`` uint8 with ``inverse_depth_offsets [N + 1]`` int64: see ``encode_inverse_depth``
- ``inverse_depth_grid [N, 12, 20]`` uint16: the inverse depth at the centres of a coarse grid, so that views
can be chosen without decoding any

A start file has N >= 1 views, of which the last is the frame a session begins from and those before it are
its past, and ``motion_state [S]`` float32; optionally ``control [N, A]`` float32, the control that led to
each frame.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from dreamport.errors import PackError
from dreamport.worlds.arrays import AnyArray, ArraysError, read_arrays, take, write_arrays
from dreamport.worlds.manifest import WorldManifest

GRID_ROWS, GRID_COLUMNS = 12, 20
JPEG_QUALITY = 92
STEPS = 65535
MAX_START_VIEWS = 512

UInt8 = NDArray[np.uint8]
UInt16 = NDArray[np.uint16]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class View:
    """One decoded view: ``colour [H, W, 3]`` uint8 and ``inverse_depth [H, W]`` uint16 (``near / depth *
    65535``; 0 is infinity).
    """

    colour: UInt8
    inverse_depth: UInt16


@dataclass(frozen=True)
class EncodedView:
    """One view as it is stored, about 20 kB at 320x192."""

    colour_jpeg: bytes
    inverse_depth: bytes
    inverse_depth_grid: UInt16


def quantise_inverse_depth(depth_m: NDArray[np.floating], near_m: float) -> UInt16:
    """Metres (infinite, NaN and negative are infinitely far) to ``near / depth`` in 65535ths."""
    depth = np.asarray(depth_m, np.float32)
    far = ~np.isfinite(depth) | (depth <= 0)
    inverse = np.minimum(np.float32(near_m) / np.where(far, np.float32(1), depth), np.float32(1))
    return np.where(far, np.float32(0), np.rint(inverse * STEPS)).astype(np.uint16)


def inverse_depth_to_metres(inverse_depth: NDArray[np.floating], near_m: float, max_m: float) -> Float32:
    """Normalised inverse depth (1 is ``near_m``) to metres, at most ``max_m``."""
    floor = np.float32(near_m / max_m)
    return np.float32(near_m) / np.clip(np.asarray(inverse_depth, np.float32), floor, np.float32(1))


def encode_inverse_depth(inverse_depth: UInt16) -> bytes:
    """``[H, W]`` to zlib of its mixed second difference (along rows, then along columns).

    Planes are linear in inverse depth, so the difference of a flat wall is zero. Differences wrap modulo
    2^16, are folded so that small negative ones stay small, and are split into low and high bytes.
    """
    across = np.diff(inverse_depth, axis=1, prepend=np.zeros_like(inverse_depth[:, :1]))
    both = np.diff(across, axis=0, prepend=np.zeros_like(across[:1])).view(np.int16)
    folded = ((both << 1) ^ (both >> 15)).view(np.uint16)
    planes = np.stack([folded & 0xFF, folded >> 8]).astype(np.uint8)
    return zlib.compress(planes.tobytes(), 6)


def decode_inverse_depth(data: bytes, height: int, width: int) -> UInt16:
    """The inverse of ``encode_inverse_depth``. Raises ``ArraysError`` for anything that is not exactly one
    such picture.
    """
    size = 2 * height * width
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise ArraysError("a view's depth is damaged") from error
    if len(raw) != size or not stream.eof or stream.unused_data:
        raise ArraysError("a view's depth has another size than the world's frame")
    planes = np.frombuffer(raw, np.uint8).reshape(2, height, width).astype(np.uint16)
    folded = planes[0] | (planes[1] << 8)
    both = (folded >> 1) ^ (0 - (folded & 1)).astype(np.uint16)
    across = np.cumsum(both, axis=0, dtype=np.uint16)
    return np.cumsum(across, axis=1, dtype=np.uint16)


def grid_indices(height: int, width: int) -> tuple[Int64, Int64]:
    """Rows ``[12]`` and columns ``[20]`` of the pixels at which the coarse grid samples a frame."""
    rows = ((np.arange(GRID_ROWS) + 0.5) * height / GRID_ROWS).astype(np.int64)
    columns = ((np.arange(GRID_COLUMNS) + 0.5) * width / GRID_COLUMNS).astype(np.int64)
    return rows, columns


def encode_view(colour: UInt8, inverse_depth: UInt16, quality: int = JPEG_QUALITY) -> EncodedView:
    """``colour [H, W, 3]`` and ``inverse_depth [H, W]`` as stored."""
    rows, columns = grid_indices(*inverse_depth.shape)
    jpeg = simplejpeg.encode_jpeg(
        np.ascontiguousarray(colour), quality=quality, colorspace="RGB", colorsubsampling="444"
    )
    return EncodedView(
        bytes(jpeg), encode_inverse_depth(inverse_depth), inverse_depth[rows[:, None], columns[None]].copy()
    )


def decode_colour(data: bytes, height: int, width: int) -> UInt8:
    """``[H, W, 3]`` of a JPEG whose size is checked before it is decoded. Raises ``ArraysError``."""
    try:
        found_height, found_width, _, _ = simplejpeg.decode_jpeg_header(data)
        if (found_height, found_width) != (height, width):
            raise ArraysError("a view's picture has another size than the world's frame")
        colour: UInt8 = simplejpeg.decode_jpeg(data, colorspace="RGB", fastdct=False, fastupsample=False)
    except ValueError as error:
        if isinstance(error, ArraysError):
            raise
        raise ArraysError("a view's picture is no readable JPEG") from error
    return colour


def decode_view(view: EncodedView, height: int, width: int) -> View:
    """Raises ``ArraysError`` when the bytes are not a view of that size."""
    return View(
        decode_colour(view.colour_jpeg, height, width),
        decode_inverse_depth(view.inverse_depth, height, width),
    )


@dataclass(frozen=True)
class Views:
    """All views of one file, encoded. Decoding happens one view at a time."""

    height: int
    width: int
    pose: Float32
    intrinsics: Float32
    inverse_depth_grid: UInt16
    colour_jpeg: UInt8
    colour_offsets: Int64
    inverse_depth: UInt8
    inverse_depth_offsets: Int64

    def __len__(self) -> int:
        return len(self.pose)

    def encoded(self, index: int) -> EncodedView:
        """View ``index`` as it is stored."""
        jpeg = self.colour_jpeg[self.colour_offsets[index] : self.colour_offsets[index + 1]]
        low, high = self.inverse_depth_offsets[index], self.inverse_depth_offsets[index + 1]
        return EncodedView(
            jpeg.tobytes(), self.inverse_depth[low:high].tobytes(), self.inverse_depth_grid[index]
        )

    def decode(self, index: int) -> View:
        """Raises ``ArraysError`` when the view is damaged."""
        return decode_view(self.encoded(index), self.height, self.width)


@dataclass(frozen=True)
class Start:
    """Where a session begins: the last view; those before it are its past.

    ``motion_state [S]``; ``control [N, A]``: the control that led to each view.
    """

    name: str
    views: Views
    motion_state: Float32
    control: Float32


@dataclass
class ViewsBuilder:
    """Collects views and writes a views file or a start file. ``near_m``: the manifest's ``depth.min_m``."""

    near_m: float
    quality: int = JPEG_QUALITY
    _views: list[EncodedView] = field(default_factory=list)
    _pose: list[Float32] = field(default_factory=list)
    _intrinsics: list[Float32] = field(default_factory=list)

    def add(
        self,
        colour: UInt8,
        depth_m: NDArray[np.floating],
        pose: NDArray[np.floating],
        intrinsics: NDArray[np.floating],
    ) -> None:
        """``colour [H, W, 3]`` uint8, ``depth_m [H, W]`` metres, ``pose [4, 4]`` camera-to-world,
        ``intrinsics [4]`` pixels.
        """
        self._views.append(encode_view(colour, quantise_inverse_depth(depth_m, self.near_m), self.quality))
        self._pose.append(np.asarray(pose, np.float32))
        self._intrinsics.append(np.asarray(intrinsics, np.float32))

    def __len__(self) -> int:
        return len(self._views)

    def to_bytes(
        self, motion_state: NDArray[np.floating] | None = None, control: NDArray[np.floating] | None = None
    ) -> bytes:
        """The file's bytes. With ``motion_state [S]`` (and optionally ``control [N, A]``) it is a start
        file.
        """
        arrays = pack_views(self._views, np.stack(self._pose), np.stack(self._intrinsics))
        if motion_state is not None:
            arrays["motion_state"] = np.asarray(motion_state, np.float32)
        if control is not None:
            arrays["control"] = np.asarray(control, np.float32)
        return write_arrays(arrays)

    def write(
        self,
        path: Path,
        motion_state: NDArray[np.floating] | None = None,
        control: NDArray[np.floating] | None = None,
    ) -> None:
        """Write ``to_bytes`` to ``path``."""
        path.write_bytes(self.to_bytes(motion_state, control))


def pack_views(views: list[EncodedView], pose: Float32, intrinsics: Float32) -> dict[str, AnyArray]:
    """The arrays of a views file."""

    def joined(parts: list[bytes]) -> tuple[UInt8, Int64]:
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        return np.frombuffer(b"".join(parts), np.uint8), offsets

    colour_jpeg, colour_offsets = joined([view.colour_jpeg for view in views])
    inverse_depth, inverse_depth_offsets = joined([view.inverse_depth for view in views])
    grids = [view.inverse_depth_grid for view in views]
    return {
        "pose": pose,
        "intrinsics": intrinsics,
        "colour_jpeg": colour_jpeg,
        "colour_offsets": colour_offsets,
        "inverse_depth": inverse_depth,
        "inverse_depth_offsets": inverse_depth_offsets,
        "inverse_depth_grid": np.stack(grids) if grids else np.zeros((0, GRID_ROWS, GRID_COLUMNS), np.uint16),
    }


def unpack_views(arrays: dict[str, AnyArray], height: int, width: int) -> Views:
    """The inverse of ``pack_views``, with everything checked that can be without decoding. Raises
    ``ArraysError``.
    """
    pose = take(arrays, "pose", np.float32, (None, 4, 4)).astype(np.float32, copy=False)
    count = len(pose)
    intrinsics = take(arrays, "intrinsics", np.float32, (count, 4)).astype(np.float32, copy=False)
    _check_cameras(pose, intrinsics)
    colour_jpeg, colour_offsets = _take_blobs(arrays, "colour_jpeg", "colour_offsets", count)
    inverse_depth, depth_offsets = _take_blobs(arrays, "inverse_depth", "inverse_depth_offsets", count)
    grid = take(arrays, "inverse_depth_grid", np.uint16, (count, GRID_ROWS, GRID_COLUMNS))
    return Views(
        height,
        width,
        pose,
        intrinsics,
        grid.astype(np.uint16, copy=False),
        colour_jpeg,
        colour_offsets,
        inverse_depth,
        depth_offsets,
    )


def parse_views(data: bytes, manifest: WorldManifest, where: str) -> Views:
    """Views of a views file; ``where`` names it in errors. Raises ``PackError``."""
    try:
        views = unpack_views(read_arrays(data), manifest.frame.height, manifest.frame.width)
        promised = manifest.views.count if manifest.views else 0
        if len(views) != promised:
            raise ArraysError(f"it holds {len(views)} views and world.json says {promised}")
    except ArraysError as error:
        raise PackError(f"{where} is refused: {error}; download or export the pack again") from None
    return views


def parse_start(data: bytes, manifest: WorldManifest, name: str, where: str) -> Start:
    """Start of a start file; ``where`` names it in errors. Raises ``PackError``."""
    try:
        arrays = read_arrays(data)
        views = unpack_views(arrays, manifest.frame.height, manifest.frame.width)
        if not 1 <= len(views) <= MAX_START_VIEWS:
            raise ArraysError(f"it holds {len(views)} frames and must hold 1 to {MAX_START_VIEWS}")
        state = take(arrays, "motion_state", np.float32, (manifest.state_size,)).astype(np.float32)
        shape = (len(views), manifest.control_size)
        control = (
            take(arrays, "control", np.float32, shape).astype(np.float32)
            if "control" in arrays
            else np.zeros(shape, np.float32)
        )
        for index in range(len(views)):
            views.decode(index)
    except ArraysError as error:
        raise PackError(f"{where} is refused: {error}; download or export the pack again") from None
    return Start(name, views, state, control)


class DecodedViews:
    """The most recently used decoded views, at most ``capacity`` of them (about 0.3 MB each at 320x192)."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._views: OrderedDict[Hashable, View] = OrderedDict()

    def __len__(self) -> int:
        return len(self._views)

    def get(self, key: Hashable, encoded: EncodedView, height: int, width: int) -> View:
        """The view under ``key``, decoded now if it is not held. Raises ``ArraysError``."""
        view = self._views.get(key)
        if view is None:
            view = decode_view(encoded, height, width)
            self._views[key] = view
            if len(self._views) > self._capacity:
                self._views.popitem(last=False)
        else:
            self._views.move_to_end(key)
        return view


def _take_blobs(arrays: dict[str, AnyArray], name: str, offsets_name: str, count: int) -> tuple[UInt8, Int64]:
    blob = take(arrays, name, np.uint8, (None,)).astype(np.uint8, copy=False)
    offsets = take(arrays, offsets_name, np.int64, (count + 1,)).astype(np.int64, copy=False)
    if offsets[0] != 0 or offsets[-1] != len(blob) or (np.diff(offsets) < 0).any():
        raise ArraysError(f"array {offsets_name} does not divide {name} into {count} parts")
    return blob, offsets


def _check_cameras(pose: Float32, intrinsics: Float32) -> None:
    rotation = pose[:, :3, :3].astype(np.float64)
    error = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max(initial=0.0)
    right_handed = (np.linalg.det(rotation) > 0).all()
    if error > 1e-3 or not right_handed or (pose[:, 3] != np.array([0, 0, 0, 1], np.float32)).any():
        raise ArraysError("array pose holds a matrix that is no rigid camera-to-world pose")
    if (
        (np.abs(pose[:, :3, 3]) > 1e6).any()
        or (intrinsics[:, :2] <= 0).any()
        or (np.abs(intrinsics) > 1e5).any()
    ):
        raise ArraysError("array pose or intrinsics holds a camera out of all bounds")
