"""A world pack: opened, checked and read; and written.

A pack from someone else is untrusted. Opening one reads ``world.json``, compares every listed file with its
size and sha256, and walks every graph, or looks at every weight file that a checkpoint world refers to;
only then is anything of it used. Reading a file later checks its digest once more, so that what was checked
is what is used.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dreamport.errors import PackError
from dreamport.worlds.contract import signatures
from dreamport.worlds.fields import pack_path
from dreamport.worlds.image_start import ImageStart, parse_image_start
from dreamport.worlds.manifest import MAX_FILE_BYTES, FileEntry, StartEntry, WorldManifest, parse_manifest
from dreamport.worlds.onnx_check import check_graph
from dreamport.worlds.source import MANIFEST_NAME, PackSource, open_source
from dreamport.worlds.views import Start, Views, parse_start, parse_views
from dreamport.worlds.weights import WeightRecord, Weights, check_weights, parse_record

MAX_MANIFEST_BYTES = 1 << 20
MAX_READ_BYTES = 512 << 20
_BLOCK = 1 << 20


@dataclass(frozen=True)
class WorldPack:
    """One world, checked. ``digest`` is the sha256 of its ``world.json``, which lists the digests of all its
    files.
    """

    manifest: WorldManifest
    digest: str
    source: PackSource

    @property
    def path(self) -> Path:
        """The folder or zip."""
        return self.source.path

    def read(self, name: str) -> bytes:
        """Bytes of one listed file, compared with its digest. Raises ``PackError``."""
        entry = self.manifest.files.get(name)
        if entry is None:
            raise PackError(f"{self.path}: world.json does not list {name}; only listed files are read")
        if entry.bytes > MAX_READ_BYTES:
            raise PackError(f"{self.path}: {name} is larger than {MAX_READ_BYTES >> 20} MiB; split it")
        data = b"".join(_blocks(self.source, name, entry.bytes))
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise _mismatch(self.source, name)
        return data

    def graph(self, name: str) -> bytes:
        """The ONNX bytes of one of the graphs in ``contract.signatures``. Raises ``PackError``."""
        return self.read(self._graph_path(name))

    def _graph_path(self, name: str) -> str:
        known = signatures(self.manifest)
        if name not in known:
            raise PackError(f"this world has no graph {name!r}; it has {', '.join(known) or 'a checkpoint'}")
        return str(getattr(self.manifest.graphs, name))

    def read_views(self) -> Views:
        """The captured views, read once and shared. Raises ``PackError``, also for a world without any."""
        return self._views

    @cached_property
    def _views(self) -> Views:
        if self.manifest.views is None:
            raise PackError(f"world {self.manifest.name} has no remembered views; it is played without")
        return parse_views(self.read(self.manifest.views.file), self.manifest, f"{self.path}: the view bank")

    def start(self, name: str | None = None) -> Start:
        """The start of that name, or the first, of a world of graphs. Raises ``PackError``."""
        entry = self._start_entry(name)
        if self.manifest.checkpoint is not None:
            raise PackError(f"world {self.manifest.name} begins from a picture, not from captured views")
        return parse_start(self.read(entry.file), self.manifest, entry.name, f"{self.path}: {entry.file}")

    def image_start(self, name: str | None = None) -> ImageStart:
        """The start of that name, or the first, of a checkpoint world. Raises ``PackError``."""
        entry = self._start_entry(name)
        if self.manifest.checkpoint is None:
            raise PackError(f"world {self.manifest.name} begins from captured views, not from a picture")
        return parse_image_start(self.read(entry.file), self.manifest, entry, f"{self.path}: {entry.file}")

    def _start_entry(self, name: str | None) -> StartEntry:
        for entry in self.manifest.starts:
            if name is None or entry.name == name:
                return entry
        known = ", ".join(self.manifest.start_names())
        raise PackError(f"world {self.manifest.name} has no start {name!r}; it has {known}")

    def weight_record(self) -> WeightRecord:
        """What the pack says about its checkpoint's files; they are not looked at. Raises ``PackError``, also
        for a world of graphs.
        """
        checkpoint = self.manifest.checkpoint
        if checkpoint is None:
            raise PackError(f"world {self.manifest.name} is run by graphs; it refers to no checkpoint")
        return parse_record(self.read(checkpoint.file), f"{self.path}: {checkpoint.file}")

    def checkpoint_weights(self) -> Weights:
        """The checkpoint's files on this machine, compared with the record. Raises ``PackError``."""
        return check_weights(self.weight_record(), self.manifest.name)

    @cached_property
    def total_bytes(self) -> int:
        """Bytes of all listed files."""
        return sum(entry.bytes for entry in self.manifest.files.values())


def read_manifest(source: PackSource) -> tuple[WorldManifest, str]:
    """Manifest and digest of a pack whose files are not checked yet. Raises ``PackError``."""
    size = source.size(MANIFEST_NAME)
    if size > MAX_MANIFEST_BYTES:
        raise PackError(
            f"{source.path}: world.json is larger than {MAX_MANIFEST_BYTES >> 20} MiB; it is refused"
        )
    data = b"".join(_blocks(source, MANIFEST_NAME, size))
    return parse_manifest(data, f"{source.path}/{MANIFEST_NAME}"), hashlib.sha256(data).hexdigest()


def open_pack_at(path: Path) -> WorldPack:
    """Open and check the pack in a folder or zip. Raises ``PackError``, with what to do about it."""
    source = open_source(path)
    manifest, digest = read_manifest(source)
    for name, entry in manifest.files.items():
        _verify(source, name, entry)
    pack = WorldPack(manifest, digest, source)
    for graph, signature in signatures(manifest).items():
        check_graph(pack.graph(graph), signature, f"{path}: {getattr(manifest.graphs, graph)}")
    if manifest.checkpoint is not None:
        pack.checkpoint_weights()
    return pack


def write_pack(folder: Path, manifest_without_files: Mapping[str, object]) -> WorldPack:
    """Write ``world.json`` for the files that lie in ``folder``, then open the pack to check it.

    ``manifest_without_files``: the manifest's fields as plain data; ``files`` is filled in from the folder.
    Raises ``PackError``.
    """
    files: dict[str, dict[str, object]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name == MANIFEST_NAME:
            continue
        try:
            pack_path(name)
        except ValueError as error:
            raise PackError(f"{folder}: {error}; rename or remove it") from None
        if path.is_symlink() or path.stat().st_size > MAX_FILE_BYTES:
            raise PackError(f"{folder}: {name} is a link or larger than {MAX_FILE_BYTES} bytes; replace it")
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        files[name] = {"sha256": digest, "bytes": path.stat().st_size}
    try:
        text = json.dumps(
            {**manifest_without_files, "files": files}, indent=2, ensure_ascii=False, allow_nan=False
        )
    except (TypeError, ValueError) as error:
        raise PackError(f"{folder}: the manifest cannot be written as JSON ({error})") from None
    data = (text + "\n").encode()
    parse_manifest(data, f"{folder}/{MANIFEST_NAME}")
    (folder / MANIFEST_NAME).write_bytes(data)
    return open_pack_at(folder)


def _verify(source: PackSource, name: str, entry: FileEntry) -> None:
    """Compare a file with its size and digest, a block at a time. Raises ``PackError``."""
    if source.size(name) != entry.bytes:
        raise _mismatch(source, name)
    digest = hashlib.sha256()
    for block in _blocks(source, name, entry.bytes):
        digest.update(block)
    if digest.hexdigest() != entry.sha256:
        raise _mismatch(source, name)


def _blocks(source: PackSource, name: str, size: int) -> Iterator[bytes]:
    """A file that must be ``size`` bytes long, in blocks; never reads more than one byte beyond. Raises
    ``PackError``.
    """
    left = size
    with source.open(name) as stream:
        while True:
            try:
                block = stream.read(min(_BLOCK, left + 1))
            except (OSError, EOFError, zlib.error, zipfile.BadZipFile, ValueError):
                raise PackError(f"{source.path}: {name} is damaged; download the pack again") from None
            left -= len(block)
            if left < 0 or (not block and left > 0):
                raise _mismatch(source, name)
            if not block:
                return
            yield block


def _mismatch(source: PackSource, name: str) -> PackError:
    return PackError(
        f"{source.path}: digest mismatch: {name} is not the file that world.json lists; "
        "download the pack again, or export it again if you changed it"
    )
