"""From a generated frame to the bytes that were agreed on, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from dreamport.generator.types import GeneratedFrame
from dreamport.service.shared_memory import FrameRing
from dreamport.v1 import common_pb2, play_pb2

DEFAULT_JPEG_QUALITY = 85
DEPTH_STEPS = 65535


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


class PictureWriter:
    """Writes frames for one stream, inline or into a ring of its own."""

    def __init__(self, wanted: PictureFormat) -> None:
        self._format = wanted
        pixels = wanted.width * wanted.height
        depth_bytes = 2 * pixels if wanted.depth == common_pb2.DEPTH_FORMAT_INVERSE_UINT16 else 0
        self.ring: FrameRing | None = None
        if wanted.transport == common_pb2.TRANSPORT_SHARED_MEMORY:
            self.ring = FrameRing(4 * pixels, depth_bytes)

    def write(self, frame: GeneratedFrame, message: play_pb2.Frame) -> None:
        """Put the pixels of ``frame`` into ``message``, whose ``id`` is set, or into the ring."""
        wanted = self._format
        inverse = encode_inverse_depth(frame.depth, wanted.near_m) if wanted.depth else None
        if self.ring is not None:
            colour, depth = self.ring.slot_views()
            write_rgba(frame.colour, colour.reshape(wanted.height, wanted.width, 4))
            if inverse is not None:
                depth[:] = inverse.view(np.uint8).reshape(-1)
            message.slot.CopyFrom(self.ring.publish(message.id))
            return
        if wanted.colour == common_pb2.COLOUR_FORMAT_JPEG:
            colour_rgb = np.ascontiguousarray(frame.colour)
            message.colour = simplejpeg.encode_jpeg(colour_rgb, wanted.jpeg_quality, "RGB", "420")
        else:
            opaque = np.empty((wanted.height, wanted.width, 4), np.uint8)
            write_rgba(frame.colour, opaque)
            message.colour = opaque.tobytes()
        if inverse is not None:
            message.depth = inverse.tobytes()

    def close(self) -> None:
        """Give the ring back."""
        if self.ring is not None:
            self.ring.close()


def write_rgba(colour: NDArray[np.uint8], rgba: NDArray[np.uint8]) -> None:
    """``[H, W, 3]`` into ``[H, W, 4]``, opaque. Channel by channel: five times as fast as all at once."""
    for channel in range(3):
        rgba[..., channel] = colour[..., channel]
    rgba[..., 3] = 255


def encode_inverse_depth(depth_m: NDArray[np.float32], near_m: float) -> NDArray[np.uint16]:
    """``[H, W]`` metres to ``round(65535 * near / depth)``.

    0 is infinitely far (or no number); nearer than ``near_m`` counts as ``near_m``.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.float32(DEPTH_STEPS * near_m) / depth_m
    np.fmax(scaled, 0, out=scaled)
    np.minimum(scaled, DEPTH_STEPS, out=scaled)
    steps: NDArray[np.uint16] = np.rint(scaled, out=scaled).astype("<u2")
    return steps


def decode_inverse_depth(values: NDArray[np.uint16], near_m: float) -> NDArray[np.float32]:
    """The way back, ``[H, W]`` metres; 0 becomes infinity."""
    with np.errstate(divide="ignore"):
        return (np.float32(DEPTH_STEPS * near_m) / values.astype(np.float32)).astype(np.float32)
