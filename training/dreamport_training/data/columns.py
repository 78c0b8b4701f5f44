"""Arrays on disk that are written row by row from any process: ``NAME.npy`` with a row a frame.

They are read memory-mapped, and written with plain writes: a mapped page that finds no room on the disk ends
the process (SIGBUS), a write says so.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from dreamport.errors import DiskFullError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def room_for(what: str) -> Iterator[None]:
    """A full disk (or quota) inside becomes a ``DiskFullError`` that names ``what`` was being written."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFullError(
            f"the disk is full: there was no room for {what}. What is done is kept; free some space and "
            "give the same command again, it goes on from there"
        ) from None


class Column:
    """One array of frames, open for writing."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b", buffering=0)
        version = npy.read_magic(self._file)
        assert version == (1, 0), version
        self.shape, _, self.dtype = npy.read_array_header_1_0(self._file)
        self._begin = self._file.tell()
        self._row_bytes = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize

    def __enter__(self) -> Column:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, row: int, values: NDArray[Any]) -> None:
        """Put ``values [n, ...]`` at rows ``row`` and after. Raises ``OSError``; see :func:`room_for`."""
        if values.shape[1:] != self.shape[1:] or not 0 <= row <= self.shape[0] - len(values):
            raise ValueError(f"rows {row} and after of shape {values.shape} do not fit into {self.shape}")
        data = np.ascontiguousarray(values, self.dtype).data.cast("B")
        self._file.seek(self._begin + row * self._row_bytes)
        while data:
            data = data[self._file.write(data) :]

    def move(self, source: int, target: int, rows: int) -> None:
        """Move rows towards the begin of the array (``target`` < ``source``)."""
        for at in range(rows):
            self._file.seek(self._begin + (source + at) * self._row_bytes)
            data = memoryview(self._file.read(self._row_bytes))
            self._file.seek(self._begin + (target + at) * self._row_bytes)
            while data:
                data = data[self._file.write(data) :]

    def sync(self) -> None:
        """What was written is on the disk when this returns."""
        os.fsync(self._file.fileno())


def create_column(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> None:
    """Make an array of zeros that takes no room yet; one that is there with as many rows or more is kept."""
    if path.exists():
        found, kind = _header(path)
        if found[1:] == shape[1:] and found[0] >= shape[0] and kind == np.dtype(dtype):
            return
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        _write_header(file, np.dtype(dtype), shape)
        file.truncate(file.tell() + int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize)
    os.replace(part, path)


def shorten_column(path: Path, rows: int) -> None:
    """Keep the first ``rows`` rows. A column that is no longer than that stays as it is."""
    shape, dtype = _header(path)
    if shape[0] <= rows:
        return
    with path.open("r+b") as file:
        npy.read_magic(file)
        npy.read_array_header_1_0(file)
        begin = file.tell()
        file.seek(0)
        _write_header(file, dtype, (rows, *shape[1:]))
        # numpy leaves room in the header for the first axis to change its number of digits.
        assert file.tell() == begin, "the header changed its length"
        file.flush()
        file.truncate(begin + int(np.prod((rows, *shape[1:]), dtype=np.int64)) * dtype.itemsize)


def save_array(path: Path, array: NDArray[Any]) -> None:
    """``np.save``, whole or not at all."""
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            np.save(file, array)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with path.open("rb") as file:
        npy.read_magic(file)
        shape, _, dtype = npy.read_array_header_1_0(file)
    return shape, dtype


def _write_header(file: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    fields = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, fields)
