"""A Matroska file with one video track that only grows: readable up to its last whole picture however its
writer ends, and complete with an index once it is finished (RFC 9559).

Every picture is a cluster of its own, so a file cut off anywhere loses no picture but the last. The header
is a function of the track alone: finishing writes it again with sizes and duration, as often as it takes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

Buffer = bytes | bytearray | memoryview

_MILLISECOND_NS = 1_000_000
_UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
_SEEK_HEAD_SPACE = 64
_EBML, _SEGMENT, _SEEK_HEAD, _VOID, _INFO = 0x1A45DFA3, 0x18538067, 0x114D9B74, 0xEC, 0x1549A966
_TRACKS, _CLUSTER, _CUES = 0x1654AE6B, 0x1F43B675, 0x1C53BB6B


@dataclass(frozen=True)
class Track:
    """What a decoder must know. ``codec_id`` and ``private`` as Matroska has them; size in pixels."""

    codec_id: str
    private: bytes
    width: int
    height: int
    frame_rate: Fraction


@dataclass(frozen=True)
class Block:
    """Where a picture's cluster stands in the file, and the CRC-32 of all its bytes."""

    offset: int
    length: int
    crc32: int

    @property
    def end(self) -> int:
        """First byte after it."""
        return self.offset + self.length


class GrowingVideo:
    """Appends pictures to a new file. Raises ``OSError`` as the file does; what was written before stands."""

    def __init__(self, path: Path, track: Track) -> None:
        self._track = track
        self._file: RawIOBase = path.open("xb", buffering=0)
        self.size = 0
        self._write(_head(track, None, 0.0, None))

    def append(self, number: int, picture: Buffer) -> Block:
        """Write picture ``number``, counted from 0."""
        begin = _cluster_head(self._track.frame_rate, number, len(picture))
        block = Block(self.size, len(begin) + len(picture), zlib.crc32(picture, zlib.crc32(begin)))
        self._write(begin)
        self._write(picture)
        return block

    def cut(self, end: int) -> None:
        """Take everything from byte ``end`` on away again."""
        self._file.truncate(end)
        self._file.seek(end)
        self.size = end

    def fileno(self) -> int:
        """The file's descriptor, for syncing."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        self._file.close()

    def _write(self, data: Buffer) -> None:
        self.size += _write_all(self._file, data)


def finish(path: Path, track: Track, offsets: Iterable[int], end: int) -> None:
    """Cut the file off at ``end``, add an index of the clusters at ``offsets`` (one a picture) and fill in
    the header. May be done again after it was interrupted.

    A disk too full for the index leaves it out: players then search a little longer.
    """
    base = _segment_begin()
    cues, count = bytearray(), 0
    for number, offset in enumerate(offsets):
        place = _element(0xF7, b"\x01") + _element(0xF1, _unsigned(offset - base))
        time = _unsigned(_time_ms(track.frame_rate, number))
        cues += _element(0xBB, _element(0xB3, time) + _element(0xB7, place))
        count += 1
    with path.open("r+b", buffering=0) as file:
        file.truncate(end)
        file.seek(end)
        index_at: int | None = end - base
        try:
            whole = end + _write_all(file, _element(_CUES, bytes(cues)))
        except OSError:
            index_at, whole = None, end
            file.truncate(end)
        file.seek(0)
        duration_ms = float(Fraction(count * 1000) / track.frame_rate)
        _write_all(file, _head(track, whole - base, duration_ms, index_at))


def crc_of(file: BinaryIO, block: Block) -> int | None:
    """CRC-32 of the bytes where ``block`` should be; ``None`` when the file ends before."""
    file.seek(block.offset)
    data = file.read(block.length)
    return zlib.crc32(data) if len(data) == block.length else None


def _write_all(file: RawIOBase, data: Buffer) -> int:
    """Write all of it; the system may take it in pieces. Gives its length."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) or 0 :]
    return len(data)


def _head(track: Track, segment_size: int | None, duration_ms: float, index_at: int | None) -> bytes:
    """Everything before the first cluster; equally long whatever is filled in."""
    size = _UNKNOWN_SIZE if segment_size is None else _long_size(segment_size)
    info = (
        _element(0x2AD7B1, _unsigned(_MILLISECOND_NS))
        + _element(0x4D80, b"Dreamport")
        + _element(0x5741, b"Dreamport")
        + _element(0x4489, struct.pack(">d", duration_ms))
    )
    video = _element(0xB0, _unsigned(track.width)) + _element(0xBA, _unsigned(track.height))
    entry = (
        _element(0xD7, b"\x01")
        + _element(0x73C5, b"\x01")
        + _element(0x83, b"\x01")
        + _element(0x9C, b"\x00")
        + _element(0x23E383, _unsigned(round(1_000_000_000 / track.frame_rate)))
        + _element(0x86, track.codec_id.encode())
        + (_element(0x63A2, track.private) if track.private else b"")
        + _element(0xE0, video)
    )
    return (
        _ebml()
        + _id(_SEGMENT)
        + size
        + _seek_head(index_at)
        + _element(_INFO, info)
        + _element(_TRACKS, _element(0xAE, entry))
    )


def _ebml() -> bytes:
    numbers = ((0x4286, 1), (0x42F7, 1), (0x42F2, 4), (0x42F3, 8))
    versions = _element(0x4287, _unsigned(4)) + _element(0x4285, _unsigned(2))
    limits = b"".join(_element(name, _unsigned(value)) for name, value in numbers)
    return _element(_EBML, limits + _element(0x4282, b"matroska") + versions)


def _segment_begin() -> int:
    """Where the segment's content begins; positions in it count from here."""
    return len(_ebml()) + 4 + 8


def _seek_head(index_at: int | None) -> bytes:
    content = b""
    if index_at is not None:
        seek = _element(0x53AB, _id(_CUES)) + _element(0x53AC, index_at.to_bytes(8, "big"))
        content = _element(_SEEK_HEAD, _element(0x4DBB, seek))
    return content + _element(_VOID, b"\x00" * (_SEEK_HEAD_SPACE - len(content) - 2))


def _cluster_head(frame_rate: Fraction, number: int, picture_bytes: int) -> bytes:
    """Everything of a cluster before the picture: its time, and a key frame of track 1 at that time."""
    time = _element(0xE7, _unsigned(_time_ms(frame_rate, number)))
    block = _id(0xA3) + _size(4 + picture_bytes) + b"\x81\x00\x00\x80"
    return _id(_CLUSTER) + _size(len(time) + len(block) + picture_bytes) + time + block


def _time_ms(frame_rate: Fraction, number: int) -> int:
    return round(number * 1000 / frame_rate)


def _element(name: int, content: bytes) -> bytes:
    return _id(name) + _size(len(content)) + content


def _id(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big")


def _unsigned(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def _size(value: int) -> bytes:
    length = next(n for n in range(1, 9) if value < (1 << (7 * n)) - 1)
    return (value | 1 << (7 * length)).to_bytes(length, "big")


def _long_size(value: int) -> bytes:
    return (value | 1 << 56).to_bytes(8, "big")
