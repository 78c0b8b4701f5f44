"""Imports items, one after the other, into a data set: what fails is named and left out, the rest goes on.

An item (a video, an episode of another data set, a clip) gives parts; a part that is refused has reasons, any
other becomes an episode. Each episode is named after its item's content and its part, so an import that was
stopped goes on where it was; a line in ``meta/import.jsonl`` says that an item is done, and what became of
it.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from dreamport.episodes.dataset import Dataset
from dreamport.episodes.layout import DatasetInfo, create_dataset, discard_unfinished
from dreamport.episodes.locks import FileLock, FileLocked
from dreamport.episodes.writer import EpisodeFacts, EpisodeWriter
from dreamport.errors import DatasetError, DiskFullError

JOURNAL, LOCK = "import.jsonl", "import.lock"
SEEDS = 2**31
READ_BYTES = 1 << 20

Progress = Callable[[str, int, int], None]
"""Is told of an item how much of it is done, out of how much."""


@dataclass(frozen=True)
class Part:
    """A stretch of an item. ``name``: the same in every run. ``reasons``: why it is refused; then ``write``
    is not called. ``write`` adds its frames. ``tags``: what is known of it.
    """

    name: str
    write: Callable[[EpisodeWriter], None]
    reasons: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


class Item(Protocol):
    """Something to import. ``name`` is what people call it; ``limits``: what parts are refused by. With
    others than before, an item of which something was refused is looked at again.
    """

    name: str
    limits: str

    def digest(self) -> str:
        """Hexadecimal, of its content: the same content is not imported twice."""
        ...

    def parts(self, told: Progress) -> Iterator[Part]:
        """Its parts, in order. Raises ``DatasetError`` when it cannot be read."""
        ...

    def notes(self) -> list[str]:
        """What a person should know of it, once its parts are known."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What became of a part: an ``episode``, or ``reasons`` why not. ``failed``: it was meant to become
    one.
    """

    part: str
    episode: int | None = None
    reasons: tuple[str, ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class ItemReport:
    """What became of an item. ``error``: why nothing of it could be read. ``before``: an earlier run, or an
    item with the same content, had it already.
    """

    item: str
    outcomes: tuple[Outcome, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
    before: bool = False

    @property
    def failed(self) -> bool:
        """Something of it should have been imported and could not be."""
        return self.error is not None or any(outcome.failed for outcome in self.outcomes)


def digest_of(*files: Path, also: str = "") -> str:
    """SHA-256 over the content of ``files`` and the text ``also``."""
    seen = sha256(also.encode())
    for path in files:
        with path.open("rb") as file:
            while block := file.read(READ_BYTES):
                seen.update(block)
    return seen.hexdigest()


def import_items(
    root: Path, info: DatasetInfo, items: Iterable[Item], *, split: str, progress: Progress
) -> list[ItemReport]:
    """Import ``items`` into the data set at ``root``, which is made or continued.

    Raises ``DatasetError`` when one with other settings is there, or another import is at work in it;
    ``DiskFullError`` when the disk is full: what was imported before stays, and the same call goes on there.
    """
    create_dataset(root, info)
    try:
        lock = FileLock(root / "meta" / LOCK).take()
    except FileLocked:
        raise DatasetError(
            f"another import is at work in {root}; wait for it, or give another folder"
        ) from None
    with lock:
        discard_unfinished(root)
        desk = _Desk(root, info, split, progress)
        return [desk.take(item) for item in items]


class _Desk:
    """Takes items, one after the other; knows what the data set holds already."""

    def __init__(self, root: Path, info: DatasetInfo, split: str, progress: Progress) -> None:
        self._root, self._info, self._split, self._progress = root, info, split, progress
        self._done = _read_journal(root)
        data = Dataset(root)
        self._there = {
            str(row["episode_id"]): int(row["episode_index"]) for row in data.rows() if row.get("episode_id")
        }
        self._next = data.next_index()

    def take(self, item: Item) -> ItemReport:
        """Import an item, if it is not there already."""
        try:
            digest = item.digest()
            return self._before(item, digest) or self._import(item, digest)
        except FileNotFoundError as error:
            return ItemReport(item.name, error=f"{item.name}: {error.filename} is missing; copy it again")
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise DiskFullError(
                f"the disk is full: {item.name} could not be imported whole. What was imported before it is "
                f"kept in {self._root}; make room and give the same command again"
            ) from error

    def _before(self, item: Item, digest: str) -> ItemReport | None:
        earlier = self._done.get(digest)
        if earlier is None:
            return None
        if earlier.get("limits") != item.limits and any(each["reasons"] for each in earlier["outcomes"]):
            return None
        outcomes = tuple(
            Outcome(each["part"], each["episode"], tuple(each["reasons"]), each["failed"])
            for each in earlier["outcomes"]
        )
        return ItemReport(item.name, outcomes, tuple(earlier["notes"]), before=True)

    def _import(self, item: Item, digest: str) -> ItemReport:
        found: list[Outcome] = []
        try:
            for part in item.parts(self._progress):
                found.append(self._import_part(item, digest, part))
        except DatasetError as error:
            return ItemReport(item.name, tuple(found), tuple(item.notes()), error=str(error))
        report = ItemReport(item.name, tuple(found), tuple(item.notes()))
        # What failed is not written down as done: a file that was copied again deserves another look.
        if not report.failed:
            self._done[digest] = {"digest": digest, "limits": item.limits, **asdict(report)}
            _append_journal(self._root, self._done[digest])
        return report

    def _import_part(self, item: Item, digest: str, part: Part) -> Outcome:
        name = f"{digest[:16]}/{part.name}"
        if name in self._there:
            return Outcome(part.name, self._there[name])
        if part.reasons:
            return Outcome(part.name, reasons=part.reasons)
        facts = EpisodeFacts(
            episode_id=name,
            session=f"{Path(item.name).name} {digest[:8]}",
            ended="imported",
            tags={"imported_from": item.name, "part": part.name, **part.tags},
        )
        # One seed an item: nothing of one video, or clip, is in two splits.
        seed = int(digest[:12], 16) % SEEDS
        index = self._next
        try:
            with EpisodeWriter(
                self._root, self._info, index, seed=seed, split=self._split, facts=facts
            ) as writer:
                writer.raw({"imported_from": item.name, "sha256": digest, "part": part.name, **part.tags})
                part.write(writer)
                writer.finish()
        except DiskFullError:
            raise
        except DatasetError as error:
            return Outcome(part.name, reasons=(str(error),), failed=True)
        self._there[name] = index
        self._next += 1
        return Outcome(part.name, index)


def _read_journal(root: Path) -> dict[str, dict[str, Any]]:
    path = root / "meta" / JOURNAL
    done = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            value = json.loads(line)
        except ValueError:  # the line at which a killed import stopped
            continue
        done[str(value["digest"])] = value
    return done


def _append_journal(root: Path, value: Mapping[str, Any]) -> None:
    with (root / "meta" / JOURNAL).open("a", encoding="utf-8") as file:
        file.write("\n" if file.tell() else "")
        file.write(json.dumps(value))
        file.flush()
        os.fsync(file.fileno())
