"""The record of a checkpoint world's weight files, ``checkpoint.json``: where they lie, and how to know them
again.

The files are tens of gigabytes and stay where they are, so a record holds their size and the digest of their
header (names, shapes and places of all tensors; of a small file, all of it) instead of the digest of every
byte. A changed or exchanged file is told by it before anything is loaded. A record is never trusted: only
``.safetensors``, ``.pth`` (read with ``weights_only``) and the text files of a tokenizer are opened.
"""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from dreamport.errors import PackError
from dreamport.worlds.fields import Bounded, Identifier, Sha256, explain

Role = Literal["transformer", "vae", "text", "tokenizer", "decoder"]
ROLES: tuple[Role, ...] = ("transformer", "vae", "text", "tokenizer", "decoder")
MAX_HEADER_BYTES = 100_000_000
MAX_SMALL_BYTES = 64 << 20
MAX_WEIGHT_BYTES = 1 << 40
WEIGHT_SUFFIXES = (".safetensors", ".pth")
SMALL_SUFFIXES = (".json", ".model", ".txt")
ADD_AGAIN = "put it back, or run  dreamport worlds add lingbot PATH  again"

AbsolutePath = Annotated[str, StringConstraints(min_length=2, max_length=4000)]


class WeightFile(Bounded):
    """One file on this machine. ``header_sha256``: see ``header_digest``."""

    path: AbsolutePath
    bytes: int = Field(ge=1, le=MAX_WEIGHT_BYTES)
    header_sha256: Sha256


class WeightRecord(Bounded):
    """``checkpoint.json``. ``layout``: how the files are arranged, in the words of
    ``models.lingbot.checkpoint``.
    """

    schema_version: Literal[1] = 1
    layout: Identifier
    files: dict[Role, Annotated[tuple[WeightFile, ...], Field(max_length=1000)]]

    def paths(self, role: Role) -> tuple[Path, ...]:
        """The files of one role, in the order of the record; none when the checkpoint has none."""
        return tuple(Path(file.path) for file in self.files.get(role, ()))

    @property
    def total_bytes(self) -> int:
        """Bytes of all weight files."""
        return sum(file.bytes for files in self.files.values() for file in files)


@dataclass(frozen=True)
class Weights:
    """Weight files by role, compared with their record."""

    layout: str
    transformer: tuple[Path, ...]
    vae: tuple[Path, ...]
    text: tuple[Path, ...]
    tokenizer: tuple[Path, ...]
    decoder: tuple[Path, ...]


def header_digest(path: Path) -> str:
    """Sha256 of what says which tensors a file holds: the JSON header of a ``.safetensors``, the pickle that
    lists the tensors of a ``.pth`` (read, not run), all of a small file. Raises ``PackError``.
    """
    digest = hashlib.sha256()
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise PackError(f"{path} is no plain file; only plain weight files are read")
        if path.suffix == ".safetensors":
            digest.update(safetensors_header(path))
        elif path.suffix == ".pth":
            digest.update(_pth_listing(path))
        elif path.suffix in SMALL_SUFFIXES:
            if path.stat().st_size > MAX_SMALL_BYTES:
                raise PackError(
                    f"{path} is larger than {MAX_SMALL_BYTES >> 20} MiB; it is no tokenizer's file"
                )
            digest.update(path.read_bytes())
        else:
            known = ", ".join((*WEIGHT_SUFFIXES, *SMALL_SUFFIXES))
            raise PackError(f"{path} is not one of {known}; other files are never opened")
    except OSError as error:
        raise PackError(f"{path} cannot be read ({error.strerror}); check it and its permissions") from None
    return digest.hexdigest()


def safetensors_header(path: Path) -> bytes:
    """The JSON header of a safetensors file, its length checked against the file. Raises ``PackError``."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 10 or not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
            raise PackError(f"{path} is no complete safetensors file; download it again")
        return stream.read(length)


def _pth_listing(path: Path) -> bytes:
    damaged = f"{path} is no .pth file of torch 1.6 or later, or is cut short; download it again"
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.endswith("/data.pkl") or info.filename == "data.pkl":
                    if info.file_size > MAX_HEADER_BYTES:
                        break
                    return archive.read(info)
    except (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError):
        raise PackError(damaged) from None
    raise PackError(damaged)


def record_of(layout: str, files: Mapping[str, Sequence[Path]]) -> WeightRecord:
    """The record of files that lie on this machine. Raises ``PackError`` when one cannot be read."""
    return WeightRecord(
        layout=layout,
        files={
            role: tuple(
                WeightFile(
                    path=str(path.absolute()), bytes=path.stat().st_size, header_sha256=header_digest(path)
                )
                for path in files.get(role, ())
            )
            for role in ROLES
        },
    )


def write_record(record: WeightRecord) -> bytes:
    """The bytes of a ``checkpoint.json``."""
    return (json.dumps(record.model_dump(mode="json"), indent=2) + "\n").encode()


def parse_record(data: bytes, where: str) -> WeightRecord:
    """Record of the bytes of a ``checkpoint.json``; ``where`` names it in errors. Raises ``PackError``."""
    try:
        return WeightRecord.model_validate_json(data)
    except ValidationError as error:
        raise PackError(f"{where} is not a valid record of weight files: {explain(error)}") from None


def check_weights(record: WeightRecord, world: str) -> Weights:
    """The files of a record, each of them there, as large as it was and with the header it had.

    Raises ``PackError`` that names the file, what is wrong and what to do.
    """
    for files in record.files.values():
        for file in files:
            path = Path(file.path)
            if not path.is_absolute():
                raise PackError(f"world {world}: {file.path[:200]!r} is no absolute path; {ADD_AGAIN}")
            if file.path.startswith(("//", "\\\\")):  # only looking would sign in at somebody's server
                raise PackError(
                    f"world {world}: {file.path[:200]!r} is on another machine; copy the files here, or give "
                    f"their share a drive letter, then {ADD_AGAIN}"
                )
            if not path.is_file():
                raise PackError(f"world {world}: weight file {path} is missing; {ADD_AGAIN}")
            size = path.stat().st_size
            if size != file.bytes:
                raise PackError(
                    f"world {world}: weight file {path} has {size} bytes and had {file.bytes} when the world "
                    f"was added; {ADD_AGAIN}"
                )
            if header_digest(path) != file.header_sha256:
                raise PackError(
                    f"world {world}: weight file {path} holds other tensors than when the world was added; "
                    f"{ADD_AGAIN}"
                )
    return Weights(record.layout, **{role: record.paths(role) for role in ROLES})
