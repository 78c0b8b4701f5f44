"""Reads ``.npz`` files that may come from a stranger: no pickle, no compression, no shape that is not backed
by bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from math import prod

import numpy as np
from numpy.typing import NDArray

MAX_ARRAYS = 64
MAX_RANK = 8
_DTYPES = {"|u1", "<u2", "<i8", "<f4", "<f8"}

AnyArray = (
    NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.int64] | NDArray[np.float32] | NDArray[np.float64]
)


class ArraysError(ValueError):
    """The bytes are not such a file. The caller says which file it was."""


def write_arrays(arrays: Mapping[str, AnyArray]) -> bytes:
    """The arrays as the bytes of an uncompressed ``.npz``; equal arrays give equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            with archive.open(member, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)
    return out.getvalue()


def read_arrays(data: bytes) -> dict[str, AnyArray]:
    """The arrays of an ``.npz`` by name.

    Only stored members are read, each array's header must account for exactly the bytes that are there, and
    the element types are few, so nothing is allocated that the file does not already hold. Raises
    ``ArraysError``.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise ArraysError("it is no .npz file") from error
    with archive:
        members = archive.infolist()
        if len(members) > MAX_ARRAYS:
            raise ArraysError(f"it holds more than {MAX_ARRAYS} arrays")
        arrays: dict[str, AnyArray] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if not name.isidentifier() or name in arrays or member.filename == name:
                raise ArraysError("it holds something that is no array, or one twice")
            arrays[name] = _read_member(archive, member)
    return arrays


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> AnyArray:
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
        raise ArraysError("its arrays must be stored without compression or encryption")
    if member.file_size != member.compress_size:
        raise ArraysError("an array's declared size is not its real size")
    try:
        raw = archive.read(member)
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, OSError) as error:
        raise ArraysError("an array is damaged") from error
    stream = io.BytesIO(raw)
    try:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ArraysError("an array has an unknown format version")
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read_header(stream)
    except ArraysError:
        raise
    except Exception as error:  # numpy's header parser raises whatever its literal parser raises
        raise ArraysError("an array's header is damaged") from error
    if dtype.str not in _DTYPES or fortran or len(shape) > MAX_RANK or any(size < 0 for size in shape):
        raise ArraysError("an array has an element type, an order or a rank that is not used here")
    payload = len(raw) - stream.tell()
    if payload != prod(shape) * dtype.itemsize:
        raise ArraysError("an array's shape does not match the bytes that are there")
    array: AnyArray = np.frombuffer(raw, dtype, offset=stream.tell()).reshape(shape)
    return array


def take(
    arrays: Mapping[str, AnyArray], name: str, dtype: type[np.generic], shape: tuple[int | None, ...]
) -> NDArray[np.generic]:
    """One array, with its element type and shape checked; ``None`` in ``shape`` is any size. Raises
    ``ArraysError``.
    """
    array = arrays.get(name)
    if array is None:
        raise ArraysError(f"it holds no array {name}")
    fits = len(array.shape) == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(array.shape, shape, strict=True)
    )
    if array.dtype != dtype or not fits:
        raise ArraysError(
            f"array {name} is {array.dtype}{list(array.shape)} and must be "
            f"{np.dtype(dtype).name}{list(shape)}"
        )
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise ArraysError(f"array {name} holds numbers that are not finite")
    return array
