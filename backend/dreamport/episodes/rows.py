"""The journal of a recording: a row a frame, and marks, each with its length and checksum.

Rows are only ever appended, after the pictures that they name. Reading stops at the first record that is cut
off or damaged: everything before it is whole.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dreamport.episodes.matroska import Block

MAGIC = b"DPROWS1\n"
MAX_RECORD_BYTES = 1 << 16
ENGINE_NUMBERS = 8
_HEAD = struct.Struct("<II")  # length of what follows, its CRC-32
_FRAME = struct.Struct("<cQqI7d4d2f3d8dBBBBQQIQQIf2d")
_OLD_FRAME = struct.Struct("<cQqI7d4d2f3d8dBBBBQQIQQI")  # without confidence and mouse counts
_FRAME_KIND, _MARK_KIND = b"F", b"M"
_INTRINSICS, _VELOCITY, _REDACTED, _DEPTH, _NO_POSE, _MOUSE = 1, 2, 4, 8, 16, 32
_NO_BLOCK = Block(0, 0, 0)


@dataclass(frozen=True)
class FrameFacts:
    """A captured frame but for its pixels, checked.

    ``index``: the recorder's number. ``position`` metres and ``orientation`` x, y, z, w: camera-to-world.
    Both ``None``: there is no pose. ``confidence``: 1 as the engine said it, less for an estimate, 0 without.
    ``mouse_dxdy``: raw counts right and down since the frame before, ``None`` unless known.
    ``intrinsics``: ``None`` takes the data set's. ``buttons`` and ``look_deg``: since the frame before.
    ``velocity``: metres a second, or ``None``. ``engine``: at most 8 numbers.
    """

    index: int
    client_time_ns: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    intrinsics: tuple[float, ...] | None = None
    buttons: int = 0
    look_deg: tuple[float, ...] = (0.0, 0.0)
    velocity: tuple[float, ...] | None = None
    engine: tuple[float, ...] = ()
    redacted: bool = False
    confidence: float = 1.0
    mouse_dxdy: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Row:
    """A frame and where its pictures stand in the videos. ``depth`` ``None``: it has none."""

    facts: FrameFacts
    colour: Block
    depth: Block | None


@dataclass(frozen=True)
class Mark:
    """A mark at row ``row``."""

    row: int
    name: str
    text: str
    client_time_ns: int


class RowsWriter:
    """Appends to a new journal. Raises ``OSError`` as the file does."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("xb", buffering=0)
        self.size = 0
        self._write(MAGIC)

    def row(self, row: Row) -> None:
        """Append a row."""
        self._record(pack_row(row))

    def mark(self, mark: Mark) -> None:
        """Append a mark."""
        value = {"row": mark.row, "name": mark.name, "text": mark.text, "client_time_ns": mark.client_time_ns}
        self._record(_MARK_KIND + json.dumps(value).encode())

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

    def _record(self, payload: bytes) -> None:
        self._write(_HEAD.pack(len(payload), zlib.crc32(payload)) + payload)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) or 0 :]
        self.size += len(data)


def read_rows(path: Path) -> Iterator[Row | Mark]:
    """Everything whole in a journal, in the order in which it was written."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return
        while True:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return
            length, crc32 = _HEAD.unpack(head)
            payload = file.read(length) if 0 < length <= MAX_RECORD_BYTES else b""
            if len(payload) < max(length, 1) or zlib.crc32(payload) != crc32:
                return
            yield unpack_row(payload) if payload[:1] == _FRAME_KIND else _unpack_mark(payload)


def row_offset(path: Path, number: int) -> tuple[int, Row] | None:
    """Where row ``number`` begins in a journal, and the row; ``None`` when there are fewer."""
    offset, count = len(MAGIC), 0
    with path.open("rb") as file:
        file.seek(offset)
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            payload = file.read(_HEAD.unpack(head)[0])
            if payload[:1] == _FRAME_KIND:
                if count == number:
                    return offset, unpack_row(payload)
                count += 1
            offset += len(head) + len(payload)
    return None


def pack_row(row: Row) -> bytes:
    """A row as bytes of fixed length."""
    facts, depth = row.facts, row.depth or _NO_BLOCK
    flags = (
        (_INTRINSICS if facts.intrinsics is not None else 0)
        | (_VELOCITY if facts.velocity is not None else 0)
        | (_REDACTED if facts.redacted else 0)
        | (_DEPTH if row.depth is not None else 0)
        | (_NO_POSE if facts.position is None or facts.orientation is None else 0)
        | (_MOUSE if facts.mouse_dxdy is not None else 0)
    )
    engine = facts.engine + (0.0,) * (ENGINE_NUMBERS - len(facts.engine))
    return _FRAME.pack(
        _FRAME_KIND,
        facts.index,
        facts.client_time_ns,
        facts.buttons,
        *(facts.position or (0.0,) * 3),
        *(facts.orientation or (0.0, 0.0, 0.0, 1.0)),
        *(facts.intrinsics or (0.0,) * 4),
        *facts.look_deg,
        *(facts.velocity or (0.0,) * 3),
        *engine,
        flags,
        len(facts.engine),
        0,
        0,
        *(row.colour.offset, row.colour.length, row.colour.crc32),
        *(depth.offset, depth.length, depth.crc32),
        0.0 if flags & _NO_POSE else facts.confidence,
        *(facts.mouse_dxdy or (0.0, 0.0)),
    )


def unpack_row(payload: bytes) -> Row:
    """The way back; also of a row of layout dreamport-2."""
    old = len(payload) == _OLD_FRAME.size
    v: tuple[Any, ...] = (*_OLD_FRAME.unpack(payload), 1.0, 0.0, 0.0) if old else _FRAME.unpack(payload)
    flags, numbers = v[28], v[29]
    facts = FrameFacts(
        index=v[1],
        client_time_ns=v[2],
        position=None if flags & _NO_POSE else v[4:7],
        orientation=None if flags & _NO_POSE else v[7:11],
        intrinsics=v[11:15] if flags & _INTRINSICS else None,
        buttons=v[3],
        look_deg=v[15:17],
        velocity=v[17:20] if flags & _VELOCITY else None,
        engine=v[20 : 20 + numbers],
        redacted=bool(flags & _REDACTED),
        confidence=v[38],
        mouse_dxdy=v[39:41] if flags & _MOUSE else None,
    )
    return Row(facts, Block(*v[32:35]), Block(*v[35:38]) if flags & _DEPTH else None)


def _unpack_mark(payload: bytes) -> Mark:
    value = json.loads(payload[1:])
    return Mark(value["row"], value["name"], value["text"], value["client_time_ns"])
