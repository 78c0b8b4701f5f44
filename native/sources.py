"""The third-party sources of the native core: downloaded once, checked against their hashes, unpacked.

``third_party/sources.json`` names for each library one or more versions, the wanted one first; each version
has a sha256 and the addresses it may come from. The cache lies outside the checkout, so that others reuse it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        while True:
            try:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                return
            except OSError:  # it gives up after ten tries, a second apart: try again
                continue

    def _unlock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


NATIVE = Path(__file__).resolve().parent
SOURCES = NATIVE / "third_party" / "sources.json"
TIMEOUT_S = 60.0


class SourceError(Exception):
    """A source could not be had from any of its addresses; the message names each with its reason."""


@dataclass(frozen=True)
class Source:
    """One library's source, unpacked and verified."""

    name: str
    version: str
    sha256: str
    folder: Path


def cache_folder() -> Path:
    """Where downloads and libraries are kept: ``DREAMPORT_NATIVE_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("DREAMPORT_NATIVE_CACHE")
    if chosen:
        return Path(chosen).resolve()
    home = Path.home()
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "dreamport" / "native"


def source(name: str) -> Source:
    """The unpacked source of library ``name``, fetched if it is not in the cache.

    The first version in the list that can be had is taken, in the order of the list; one that is already in
    the cache is not fetched again. Raises ``SourceError``.
    """
    refusals = []
    for version in json.loads(SOURCES.read_text(encoding="utf-8"))[name]:
        found = Source(
            name,
            version["version"],
            version["sha256"],
            cache_folder() / "sources" / f"{name}-{version['sha256'][:12]}",
        )
        if found.folder.is_dir():
            return found
        try:
            archive = _archive(version["sha256"], version["urls"])
        except SourceError as refusal:
            refusals.append(f"{name} {version['version']}:\n{refusal}")
            continue
        _unpack(archive, version["folder"], found.folder)
        return found
    raise SourceError("\n".join(refusals))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file ``path`` (made if absent) among all processes of this machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        _lock(file)
        try:
            yield
        finally:
            _unlock(file)


def _archive(sha256: str, urls: list[str]) -> Path:
    folder = cache_folder() / "downloads"
    refusals = []
    for url in urls:
        path = folder / f"{sha256[:12]}-{url.rsplit('/', 1)[-1]}"
        try:
            if not path.is_file():
                _download(url, path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            refusals.append(f"  {url}: {error}")
            continue
        if digest == sha256:
            return path
        path.unlink()
        refusals.append(f"  {url}: sha256 is {digest}, not {sha256}")
    raise SourceError("\n".join(refusals))


def _download(url: str, path: Path) -> None:
    print(f"native: fetching {url}", file=sys.stderr, flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            shutil.copyfileobj(answer, file)
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _unpack(archive: Path, inside: str, folder: Path) -> None:
    """Unpack the files below ``inside`` of the archive as ``folder``, which appears whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        with tarfile.open(archive) as tar:
            members = [member for member in tar.getmembers() if (member.name + "/").startswith(inside + "/")]
            tar.extractall(temporary, members, filter="data")
        os.replace(temporary / inside, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
