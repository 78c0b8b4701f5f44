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

Kind = Literal["ffv1 depth", "utvideo colour"]


class PictureEncoder:
    """Codes pictures of one kind: 16-bit depth ``[H, W]`` by FFV1 (RFC 9043), or colour ``[H, W, 4]`` RGBA
    by Ut Video, which is six times as fast as FFV1 and a seventh larger; its alpha is left out.
    """

    def __init__(self, kind: Kind, size: tuple[int, int], frame_rate: Fraction) -> None:
        depth = kind == "ffv1 depth"
        self._given, self._coded = ("gray16le", "gray16le") if depth else ("rgba", "gbrp")
        context: Any = av.CodecContext.create("ffv1" if depth else "utvideo", "w")
        context.width, context.height = size
        context.pix_fmt, context.time_base, context.framerate = self._coded, 1 / frame_rate, frame_rate
        context.gop_size = 1
        context.thread_type = "SLICE"
        context.thread_count = min(SLICES, os.cpu_count() or 1) if size[0] * size[1] >= MANY_PIXELS else 1
        if depth:
            context.options = {"level": "3", "slices": str(SLICES), "slicecrc": "1"}
        context.open()
        self._context = context
        self._count = 0
        private = bytes(context.extradata or b"")
        if not depth:
            private = _bitmap_info(size, b"ULRG", private)
        self.track = Track("V_FFV1" if depth else "V_MS/VFW/FOURCC", private, *size, frame_rate)

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


def _bitmap_info(size: tuple[int, int], name: bytes, extra: bytes) -> bytes:
    """What Matroska wants of a codec without an ID of its own: a BITMAPINFOHEADER, then the codec's own."""
    width, height = size
    return (
        struct.pack(
            "<IiiHH4sIiiII", 40 + len(extra), width, height, 1, 24, name, width * height * 3, 0, 0, 0, 0
        )
        + extra
    )
