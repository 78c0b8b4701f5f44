"""Where a pack's files lie: a folder or a zip. Files are opened only here, and only through ``pack_path``."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from pathlib import Path
from typing import IO, Protocol

from dreamport.errors import PackError
from dreamport.worlds.fields import pack_path
from dreamport.worlds.manifest import MAX_TOTAL_BYTES

MANIFEST_NAME = "world.json"
MAX_ZIP_ENTRIES = 8192
MAX_DIRECTORY_BYTES = 4 << 20
MAX_RATIO = 200
_END = struct.Struct("<4s4H2LH")


class PackSource(Protocol):
    """Read access to the files of one pack."""

    path: Path

    def size(self, name: str) -> int:
        """Bytes of a file, before it is read. Raises ``PackError`` when it is missing or is no plain file."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """A stream over a file. Raises ``PackError``."""
        ...


class FolderSource:
    """A pack that is a folder. Links and anything that is no plain file are refused."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = path.resolve()

    def _locate(self, name: str) -> Path:
        path = self._root.joinpath(*_checked(name, self.path).split("/"))
        try:
            mode = path.lstat().st_mode
            real = path.resolve()
        except OSError:
            raise PackError(f"{self.path}: {name} is missing; download or export the pack again") from None
        if os.path.normcase(real) != os.path.normcase(path) or not stat.S_ISREG(mode):
            raise PackError(
                f"{self.path}: {name} is a link or no plain file; a pack may hold plain files only"
            )
        return path

    def size(self, name: str) -> int:
        return self._locate(name).stat().st_size

    def open(self, name: str) -> IO[bytes]:
        path = self._locate(name)
        try:
            return path.open("rb")
        except OSError as error:
            raise PackError(
                f"{self.path}: {name} cannot be read ({error.strerror}); check its permissions"
            ) from None


class ZipSource:
    """A pack that is a zip, with ``world.json`` at its root or inside its only folder. Nothing is ever
    unpacked to disk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_directory(path)
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            raise PackError(f"{path} is no readable zip; download the pack again") from None
        infos = [info for info in self._archive.infolist() if not info.is_dir()]
        prefix = _prefix([info.filename for info in infos])
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            if not info.filename.startswith(prefix):
                raise PackError(f"{path} holds files beside its world's folder; zip the world's folder alone")
            name = _checked(info.filename[len(prefix) :], path)
            if name in self._members:
                raise PackError(f"{path} holds {name} twice; zip the world's folder again")
            self._check(name, info)
            self._members[name] = info

    def _check(self, name: str, info: zipfile.ZipInfo) -> None:
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise PackError(
                f"{self.path}: {name} is a link or no plain file; a pack may hold plain files only"
            )
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise PackError(
                f"{self.path}: {name} is encrypted or packed in a way that is not read; use plain zip"
            )
        if info.file_size > MAX_RATIO * max(info.compress_size, 4096):
            raise PackError(
                f"{self.path}: {name} unpacks to more than {MAX_RATIO} times its size; it is refused"
            )

    def size(self, name: str) -> int:
        return self._info(name).file_size

    def open(self, name: str) -> IO[bytes]:
        try:
            return self._archive.open(self._info(name))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            raise PackError(f"{self.path}: {name} is damaged; download the pack again") from None

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = self._members.get(_checked(name, self.path))
        if info is None:
            raise PackError(f"{self.path}: {name} is missing; download or export the pack again")
        return info


def open_source(path: Path) -> PackSource:
    """Folder or zip at ``path``. Raises ``PackError``."""
    if path.is_dir():
        return FolderSource(path)
    if path.is_file():
        return ZipSource(path)
    raise PackError(f"there is no world pack at {path}; give the folder or the zip that holds world.json")


def _checked(name: str, path: Path) -> str:
    try:
        return pack_path(name)
    except ValueError as error:
        raise PackError(f"{path}: {error}") from None


def _prefix(names: list[str]) -> str:
    """``""``, or the single top folder with its slash when ``world.json`` lies in it."""
    if MANIFEST_NAME in names:
        return ""
    inside = [name for name in names if name.endswith("/" + MANIFEST_NAME) and name.count("/") == 1]
    return inside[0].split("/")[0] + "/" if len(inside) == 1 else ""


def _check_directory(path: Path) -> None:
    """Refuse a zip whose directory alone would fill memory, before ``zipfile`` reads it."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - 65536 - _END.size))
            tail = stream.read()
    except OSError as error:
        raise PackError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise PackError(f"{path} is no readable zip; download the pack again")
    entries, directory = _END.unpack_from(tail, at)[4:6]
    # A zip64 locator would let the directory's size be given elsewhere.
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        raise PackError(f"{path} is a zip64 file; unpack it and give the folder")
    if entries > MAX_ZIP_ENTRIES or directory > MAX_DIRECTORY_BYTES or size > MAX_TOTAL_BYTES:
        raise PackError(
            f"{path} holds too many files or is too large for a zip; unpack it and give the folder"
        )
