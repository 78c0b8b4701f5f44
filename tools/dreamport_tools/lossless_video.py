"""FFV1 video through PyAV: lossless, and every frame stands on its own."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from dreamport.errors import DatasetError
from numpy.typing import NDArray

Pixels = Literal["rgb24", "gray16le"]
_STORED = {"rgb24": "bgr0", "gray16le": "gray16le"}


class LosslessWriter:
    """Writes pictures ``[height, width(, 3)]`` of one kind to a Matroska file."""

    def __init__(self, path: Path, width: int, height: int, pixels: Pixels, frame_rate: int) -> None:
        self._pixels = pixels
        self._container: Any = av.open(str(path), "w", format="matroska")
        self._stream: Any = self._container.add_stream("ffv1", rate=frame_rate)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = _STORED[pixels]
        self._stream.gop_size = 1
        self._stream.thread_count = 1
        self._time_base = Fraction(1, frame_rate)
        self._count = 0

    def add(self, picture: NDArray[Any]) -> None:
        """Append a picture: uint8 RGB or uint16 grey."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), self._pixels)
        frame.pts, frame.time_base = self._count, self._time_base
        self._count += 1
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def close(self) -> None:
        """Finish the file; closing twice does nothing."""
        if self._container is None:
            return
        if self._count:
            for packet in self._stream.encode():
                self._container.mux(packet)
        self._container.close()
        self._container = None


class LosslessReader:
    """Reads pictures by number; reading them in order is fastest. Raises ``DatasetError`` for a damaged file."""

    def __init__(self, path: Path, pixels: Pixels) -> None:
        self._path, self._pixels = path, pixels
        try:
            self._container: Any = av.open(str(path))
            self._stream: Any = self._container.streams.video[0]
        except (av.FFmpegError, IndexError) as error:
            raise DatasetError(f"{path.name} is not a readable video ({error}); copy or record it again") from error
        self._stream.thread_count = 1
        self._rate = Fraction(self._stream.average_rate)
        self._next = 0
        self._frames: Any = self._container.decode(self._stream)

    def frame(self, number: int) -> NDArray[Any]:
        """The picture of that number."""
        try:
            if number != self._next:
                offset = round(number / self._rate / self._stream.time_base)
                self._container.seek(offset, stream=self._stream, backward=True)
                self._frames = self._container.decode(self._stream)
            for frame in self._frames:
                at = round(frame.pts * self._stream.time_base * self._rate)
                if at == number:
                    self._next = number + 1
                    picture: NDArray[Any] = frame.to_ndarray(format=self._pixels)
                    return picture
                if at > number:
                    break
        except av.FFmpegError as error:
            raise DatasetError(f"{self._path.name} is damaged at frame {number} ({error}); copy it again") from error
        raise DatasetError(f"{self._path.name} has no frame {number}; copy or record it again")

    def close(self) -> None:
        """Close the file."""
        self._container.close()
