"""Which worlds there are: those in the package, those in the user's folder, and those named explicitly."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_dir

from dreamport.errors import PackError, WorldNotFoundError
from dreamport.worlds.manifest import WorldManifest
from dreamport.worlds.pack import WorldPack, open_pack_at, read_manifest
from dreamport.worlds.source import MANIFEST_NAME, open_source

DEFAULT_ALIAS = "default"
DEFAULT_PATH = Path(__file__).parent / "default"
MAX_WORLDS = 1000


@dataclass(frozen=True)
class WorldEntry:
    """One world of the catalogue, before its files are checked. ``error`` says why it cannot be read, then
    ``manifest`` is ``None``.
    """

    name: str
    path: Path
    manifest: WorldManifest | None
    digest: str | None = None
    error: str | None = None


def user_worlds_path() -> Path:
    """The folder that holds the user's own worlds; it may not exist."""
    return Path(user_data_dir("dreamport", appauthor=False)) / "worlds"


class Catalogue:
    """Worlds by name. Where two have the same name, an explicit path wins over the user's folder, and that
    over the package.

    ``extra_paths``: packs, or folders that hold packs. ``user_path``: instead of ``user_worlds_path()``.
    """

    def __init__(self, extra_paths: Iterable[str | Path] = (), user_path: Path | None = None) -> None:
        self._extra = [Path(path) for path in extra_paths]
        self._user = user_worlds_path() if user_path is None else user_path

    def list(self) -> list[WorldEntry]:
        """All worlds, the packaged one first. Broken packs are listed with their error."""
        entries: dict[str, WorldEntry] = {}
        for path in self._candidates():
            entry = _describe(path)
            entries.setdefault(entry.name, entry)
        return sorted(entries.values(), key=lambda entry: (entry.path != DEFAULT_PATH, entry.name))

    def get(self, name: str) -> WorldPack:
        """The checked pack of that name; ``default`` is the packaged one. Raises ``WorldNotFoundError`` or
        ``PackError``.
        """
        return open_pack_at(self.find(name).path)

    def find(self, name: str) -> WorldEntry:
        """The readable entry of that name, its files not checked yet. Raises as ``get``."""
        entries = self.list()
        for entry in entries:
            if entry.name == name or (name == DEFAULT_ALIAS and entry.path == DEFAULT_PATH):
                return _readable(entry)
        known = ", ".join(entry.name for entry in entries) or "none"
        raise WorldNotFoundError(
            f"no world is called {name[:100]!r}; known worlds: {known}. Put packs into {self._user} or give "
            "a path"
        )

    def _candidates(self) -> Iterable[Path]:
        for path in self._extra:
            if not path.exists():
                raise WorldNotFoundError(f"there is no world at {path}; check the path")
            yield from [path] if _is_pack(path) or path.is_file() else _packs_in(path)
        yield from _packs_in(self._user)
        if _is_pack(DEFAULT_PATH):
            yield DEFAULT_PATH


def open_pack(path_or_name: str | Path) -> WorldPack:
    """Open and check a world pack: a folder, a zip, or the name of a world in the catalogue.

    Raises ``PackError`` or ``WorldNotFoundError``.
    """
    return open_pack_at(find_world(path_or_name).path)


def find_world(path_or_name: str | Path) -> WorldEntry:
    """What ``open_pack`` would open: its manifest is read, its files are not checked yet. Raises the same."""
    path = Path(path_or_name)
    if isinstance(path_or_name, Path) or path.exists() or _looks_like_path(path_or_name):
        return _readable(_describe(path))
    return Catalogue().find(path_or_name)


def _readable(entry: WorldEntry) -> WorldEntry:
    if entry.error is not None:
        raise PackError(entry.error)
    return entry


def _looks_like_path(text: str) -> bool:
    return os.sep in text or "/" in text or text.endswith(".zip")


def _is_pack(path: Path) -> bool:
    return (path / MANIFEST_NAME).is_file() or (path.suffix == ".zip" and path.is_file())


def _packs_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir())[:MAX_WORLDS] if _is_pack(path)]


def _describe(path: Path) -> WorldEntry:
    try:
        manifest, digest = read_manifest(open_source(path))
    except PackError as error:
        return WorldEntry(path.stem, path, None, error=str(error))
    return WorldEntry(manifest.name, path, manifest, digest)
