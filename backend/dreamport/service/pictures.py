"""From a generated frame to the bytes that were agreed on, and back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from dreamport.generator.types import GeneratedFrame
from dreamport.service.shared_memory import FrameRing
from dreamport.v1 import common_pb2, play_pb2

DEFAULT_JPEG_QUALITY = 85
DEPTH_STEPS = 65535
OPAQUE = np.uint32(0xFF000000)
ZERO = np.float32(0)
LAST_STEP = np.float32(DEPTH_STEPS)
ROUNDING = np.float32(1 << 23)


@dataclass(frozen=True)
class PictureFormat:
    """What was agreed on with one client. ``near_m``: the world's nearest depth, metres."""

    width: int
    height: int
    near_m: float
    colour: common_pb2.ColourFormat
    depth: common_pb2.DepthFormat
    transport: common_pb2.Transport
    jpeg_quality: int = DEFAULT_JPEG_QUALITY


@dataclass(frozen=True)
class Picture:
    """Pixels on their way: bytes for the message, or the ring's slot that holds them."""

    colour: bytes | memoryview = b""
    depth: bytes | memoryview = b""
    slot: play_pb2.SharedMemorySlot | None = None


class PictureWriter:
    """Writes frames for one stream, inline or into a ring of its own. For one thread."""

    def __init__(self, wanted: PictureFormat) -> None:
        self._format = wanted
        pixels = wanted.width * wanted.height
        depth_bytes = 2 * pixels if wanted.depth == common_pb2.DEPTH_FORMAT_INVERSE_UINT16 else 0
        self.ring: FrameRing | None = None
        self._colour = np.empty(0, np.uint8)
        self._depth = np.empty(0, np.uint8)
        if wanted.transport == common_pb2.TRANSPORT_SHARED_MEMORY:
            self.ring = FrameRing(4 * pixels, depth_bytes)
        else:
            self._depth = np.empty(depth_bytes, np.uint8)
            if wanted.colour == common_pb2.COLOUR_FORMAT_RAW_RGBA:
                self._colour = np.empty(4 * pixels, np.uint8)

    def write(self, frame: GeneratedFrame, frame_id: int, held: Collection[int] = ()) -> Picture:
        """The pixels of ``frame`` in the format that was agreed on, valid until the next call. ``held``:
        frames whose place in the ring must stay as it is.
        """
        wanted = self._format
        if self.ring is not None:
            colour, depth = self.ring.slot_views(held)
            write_rgba(frame.colour, colour)
            self._write_depth(frame, depth)
            return Picture(slot=self.ring.publish(frame_id))
        self._write_depth(frame, self._depth)
        if wanted.colour == common_pb2.COLOUR_FORMAT_JPEG:
            colour_rgb = np.ascontiguousarray(frame.colour)
            jpeg = simplejpeg.encode_jpeg(colour_rgb, wanted.jpeg_quality, "RGB", "420")
            return Picture(jpeg, self._depth.data)
        write_rgba(frame.colour, self._colour)
        return Picture(self._colour.data, self._depth.data)

    def _write_depth(self, frame: GeneratedFrame, steps: NDArray[np.uint8]) -> None:
        """Where depth was agreed on; a world without depth never agrees."""
        if self._format.depth and frame.depth is not None:
            write_inverse_depth(frame.depth, self._format.near_m, steps)

    def close(self) -> None:
        """Give the ring back."""
        if self.ring is not None:
            self.ring.close()


def write_rgba(colour: NDArray[np.uint8], rgba: NDArray[np.uint8]) -> None:
    """``[H, W, 3]`` into ``[H * W * 4]`` bytes, opaque.

    A pixel is read as the four bytes that begin with it, and the fourth, which is the next pixel's red, is
    set: one pass instead of four. The last pixel has no next one.
    """
    rgb = np.ascontiguousarray(colour)
    pixels = rgb.size // 3
    four_bytes = np.ndarray((pixels - 1,), "<u4", rgb.data, strides=(3,))
    np.bitwise_or(four_bytes, OPAQUE, out=rgba.view("<u4")[:-1])
    rgba[-4:-1] = rgb[-1, -1]
    rgba[-1] = 255


def write_inverse_depth(depth_m: NDArray[np.float32], near_m: float, steps: NDArray[np.uint8]) -> None:
    """``[H, W]`` metres to ``round(65535 * near / depth)``, as ``[H * W * 2]`` bytes of little-endian uint16.

    0 is infinitely far (or no number); nearer than ``near_m`` counts as ``near_m``.

    Rounding is done by adding 2^23: float32 has no finer steps there, so what is left in the low bits is the
    nearest integer, halves to even. (The low bits of the hardware's not-a-number are 0 as well.)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.float32(DEPTH_STEPS * near_m) / np.ascontiguousarray(depth_m).reshape(-1)
    np.clip(scaled, ZERO, LAST_STEP, out=scaled)  # three times as fast as maximum and minimum
    np.add(scaled, ROUNDING, out=scaled)
    np.copyto(steps.view("<u2"), scaled.view(np.uint32), casting="unsafe")


def encode_inverse_depth(depth_m: NDArray[np.float32], near_m: float) -> NDArray[np.uint16]:
    """``write_inverse_depth`` into an array of its own, ``[H, W]``."""
    steps = np.empty(2 * depth_m.size, np.uint8)
    write_inverse_depth(depth_m, near_m, steps)
    return steps.view("<u2").reshape(depth_m.shape)


def decode_inverse_depth(values: NDArray[np.uint16], near_m: float) -> NDArray[np.float32]:
    """The way back, ``[H, W]`` metres; 0 becomes infinity."""
    with np.errstate(divide="ignore"):
        return (np.float32(DEPTH_STEPS * near_m) / values.astype(np.float32)).astype(np.float32)
