"""Lossless pictures, each coded by itself, for videos that only grow."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.matroska import Track

MANY_PIXELS = 500_000
SLICES = 4

Kind = Literal["depth", "colour"]


class PictureEncoder:
    """Codes pictures of one kind: 16-bit depth ``[H, W]`` by FFmpeg's HuffYUV with plane prediction (inverse
    depth of a flat surface is a plane), or colour ``[H, W, 4]`` RGBA by Ut Video, without its alpha.

    A game runs on the same machine, so both are chosen for speed: five to twelve times that of FFV1, and
    larger by 15 % for colour, 20 % (detailed) to fivefold (smooth) for depth.
    """

    def __init__(self, kind: Kind, size: tuple[int, int], frame_rate: Fraction) -> None:
        depth = kind == "depth"
        self._given, self._coded = ("gray16le", "gray16le") if depth else ("rgba", "gbrp")
        context: Any = av.CodecContext.create("ffvhuff" if depth else "utvideo", "w")
        context.width, context.height = size
        context.pix_fmt, context.time_base, context.framerate = self._coded, 1 / frame_rate, frame_rate
        context.gop_size = 1
        context.thread_type = "SLICE"
        context.thread_count = min(SLICES, os.cpu_count() or 1) if size[0] * size[1] >= MANY_PIXELS else 1
        if depth:
            context.options = {"pred": "plane"}
        context.open()
        self._context = context
        self._count = 0
        name, bits = (b"FFVH", 16) if depth else (b"ULRG", 24)
        private = _bitmap_info(size, name, bits, bytes(context.extradata or b""))
        self.track = Track("V_MS/VFW/FOURCC", private, *size, frame_rate)

    def encode(self, picture: NDArray[Any]) -> bytes:
        """One picture's bytes."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), self._given)
        if self._given != self._coded:
            frame = frame.reformat(format=self._coded)
        frame.pts = self._count
        self._count += 1
        (packet,) = self._context.encode(frame)
        return bytes(packet)


def jpeg_track(size: tuple[int, int], frame_rate: Fraction) -> Track:
    """The track of pictures that are JPEGs already."""
    return Track("V_MJPEG", b"", *size, frame_rate)


def _bitmap_info(size: tuple[int, int], name: bytes, bits: int, extra: bytes) -> bytes:
    """What Matroska wants of a codec without an ID of its own: a BITMAPINFOHEADER, then the codec's own."""
    width, height = size
    picture_bytes = width * height * bits // 8
    header = struct.pack(
        "<IiiHH4sIiiII", 40 + len(extra), width, height, 1, bits, name, picture_bytes, 0, 0, 0, 0
    )
    return header + extra
