"""The videos of an episode, through PyAV.

Recordings are FFV1, Ut Video or FFmpeg's HuffYUV: lossless, and every frame stands on its own; or the JPEGs
that a recorder sent. Small copies hold their colour as H.265 4:4:4 with few key frames; their depth stays
lossless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from dreamport.errors import DatasetError

Pixels = Literal["rgb24", "gray16le"]
_STORED = {"rgb24": "bgr0", "gray16le": "gray16le"}
_SMALL_GOP = 60
# Plain squared error is what a small copy is judged by: no psychovisual or adaptive quantisation.
_H265 = (
    "crf={quality}:aq-mode=0:psy-rd=0:psy-rdoq=0:tskip=1:bframes=8:ref=5:keyint={gop}:pools=1:log-level=none"
)


class VideoWriter:
    """Writes pictures ``[height, width(, 3)]`` of one kind to a Matroska file.

    ``quality`` ``None`` is lossless with every frame a key frame. A number is H.265's constant rate factor
    for colour, and lossless with few key frames for depth.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        pixels: Pixels,
        frame_rate: Fraction,
        quality: float | None = None,
    ) -> None:
        self._pixels = pixels
        self._container: Any = av.open(str(path), "w", format="matroska")
        lossy = quality is not None and pixels == "rgb24"
        self._stream: Any = self._container.add_stream("libx265" if lossy else "ffv1", rate=frame_rate)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv444p10le" if lossy else _STORED[pixels]
        self._stream.gop_size = 1 if quality is None else _SMALL_GOP
        if lossy:
            parameters = _H265.format(quality=quality, gop=_SMALL_GOP)
            self._stream.options = {"preset": "slow", "x265-params": parameters}
        elif quality is not None:
            self._stream.options = {"level": "3", "coder": "2", "context": "1"}
        self._stream.thread_count = 1
        self._time_base = 1 / frame_rate
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


@dataclass(frozen=True)
class VideoFacts:
    """What a video file is without decoding it: pictures that are there whole, size in pixels, pictures a
    second.
    """

    frames: int
    width: int
    height: int
    rate: float


def video_facts(path: Path) -> VideoFacts:
    """Reads through a video. One that is cut off gives the pictures before the cut. Raises ``DatasetError``
    when it is no video at all.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = float(Fraction(str(stream.average_rate))) if stream.average_rate else 0.0
            frames = 0
            try:
                for packet in container.demux(stream):
                    frames += packet.pts is not None and not packet.is_corrupt
            except av.FFmpegError:  # the cut itself
                pass
            return VideoFacts(frames, int(stream.width), int(stream.height), rate)
    except (av.FFmpegError, IndexError) as error:
        raise DatasetError(
            f"{path.name} is not a readable video ({error}); copy or record it again"
        ) from error


class VideoReader:
    """Reads pictures by number; in order is fastest. Raises ``DatasetError`` for a damaged file."""

    def __init__(self, path: Path, pixels: Pixels) -> None:
        self._path, self._pixels = path, pixels
        try:
            self._container: Any = av.open(str(path))
            self._stream: Any = self._container.streams.video[0]
        except (av.FFmpegError, IndexError) as error:
            raise DatasetError(
                f"{path.name} is not a readable video ({error}); copy or record it again"
            ) from error
        self._stream.thread_count = 1
        self._rate = Fraction(str(self._stream.average_rate))
        self._jpegs = self._stream.codec_context.name == "mjpeg"
        self._next = 0
        self._frames = self._from_here()

    def frame(self, number: int) -> NDArray[Any]:
        """The picture of that number."""
        found = self._find(number)
        if not isinstance(found, bytes):
            picture: NDArray[Any] = found.to_ndarray(format=self._pixels)
            return picture
        try:
            return np.asarray(simplejpeg.decode_jpeg(found, "RGB"))
        except ValueError as error:
            raise DatasetError(
                f"{self._path.name} is damaged at frame {number} ({error}); copy or record it again"
            ) from error

    def jpeg(self, number: int) -> bytes:
        """The JPEG of that number, as it was recorded. Raises ``DatasetError`` when the file holds none."""
        found = self._find(number)
        if not isinstance(found, bytes):
            raise DatasetError(f"{self._path.name} holds no JPEGs; read its pictures instead")
        return found

    def close(self) -> None:
        """Close the file."""
        self._frames = iter(())
        self._container.close()

    def _find(self, number: int) -> Any:
        """The decoded frame of that number, or its JPEG."""
        try:
            if number != self._next:
                offset = round(number / self._rate / self._stream.time_base)
                self._container.seek(offset, stream=self._stream, backward=True)
                self._frames = self._from_here()
            for pts, content in self._frames:
                at = round(pts * self._stream.time_base * self._rate)
                if at == number:
                    self._next = number + 1
                    return content()
                if at > number:
                    break
        except av.FFmpegError as error:
            raise DatasetError(
                f"{self._path.name} is damaged at frame {number} ({error}); copy or record it again"
            ) from error
        raise DatasetError(f"{self._path.name} has no frame {number}; copy or record it again")

    def _from_here(self) -> Iterator[tuple[int, Callable[[], Any]]]:
        """Time stamps and what stands there. JPEGs are not decoded by FFmpeg, so that they stay what they
        are.
        """
        if self._jpegs:
            for packet in self._container.demux(self._stream):
                if packet.pts is not None:
                    yield packet.pts, partial(bytes, packet)
        else:
            for frame in self._container.decode(self._stream):
                yield frame.pts, partial(_itself, frame)


def _itself(frame: Any) -> Any:
    return frame
