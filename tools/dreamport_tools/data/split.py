"""Splits a data set into play to train on and play held out, so that nothing of one is in the other.

What shares a seed, a session, or the very same rows belongs together: a level begun from the same seed, or
the next minute of the same recording, shows the same places in the same light.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from dreamport.episodes.dataset import Dataset
from dreamport.episodes.layout import episode_paths
from dreamport.episodes.syncing import sync_folder, sync_path
from dreamport.episodes.verdicts import fingerprint, verdicts
from dreamport.errors import DatasetError

TRAIN, HELD_OUT = "train", "heldout"


@dataclass(frozen=True)
class Group:
    """Episodes that must stay together: their indices, frames that can be used, and what they share."""

    episodes: tuple[int, ...]
    frames: int
    splits: tuple[str, ...]
    shared: str

    @property
    def leaks(self) -> bool:
        """It is in more than one split."""
        return len(self.splits) > 1


@dataclass(frozen=True)
class Split:
    """The groups, and the split of every episode by index. ``moved``: episodes whose split changes."""

    groups: list[Group]
    of: dict[int, str]
    moved: tuple[int, ...]

    def frames(self, split: str) -> int:
        """Usable frames of a split."""
        return sum(group.frames for group in self.groups if self.of[group.episodes[0]] == split)


def groups_of(data: Dataset) -> list[Group]:
    """The groups of ``data``, by their first episode."""
    rows = data.rows()
    usable = {verdict.episode: verdict.usable for verdict in verdicts(data)}
    parent = list(range(len(rows)))

    def root(position: int) -> int:
        while parent[position] != position:
            position = parent[position]
        return position

    keys: dict[tuple[str, Any], int] = {}
    for position, row in enumerate(rows):
        index = int(row["episode_index"])
        shared = [("seed", int(row["seed"])), ("rows", fingerprint(data.path, index))]
        if row.get("session"):
            shared.append(("session", str(row["session"])))
        for key in shared:
            first = keys.setdefault(key, position)
            parent[root(position)] = root(first)
    members: dict[int, list[int]] = defaultdict(list)
    for position in range(len(rows)):
        members[root(position)].append(position)
    found = []
    for positions in members.values():
        own = [rows[position] for position in positions]
        found.append(
            Group(
                episodes=tuple(int(row["episode_index"]) for row in own),
                frames=sum(int(row["length"]) for row in own if usable[int(row["episode_index"])]),
                splits=tuple(sorted({str(row["split"]) for row in own})),
                shared=_shared(own),
            )
        )
    return sorted(found, key=lambda group: group.episodes)


def plan_split(data: Dataset, *, share: float, seed: int = 0, anew: bool = False) -> Split:
    """Groups to hold out until ``share`` of the usable frames is. Groups that are held out already stay so,
    and more join in an order that follows from ``seed`` and what a group shares, so that a data set that
    grows keeps its split; ``anew`` forgets the split there is. A group that leaks is held out whole.

    Raises ``DatasetError`` when one group is all there is: no part of it can be held out without leaking.
    """
    groups = groups_of(data)
    total = sum(group.frames for group in groups)
    playable = [group for group in groups if group.frames]
    if len(playable) < 2 and share > 0:
        what = f"comes from one place ({playable[0].shared})" if playable else "is bad"
        raise DatasetError(
            f"{data.path.name}: all of it {what}, so no part can be held out without knowing it from the "
            "rest; record another session, or split with --share 0"
        )
    wanted = share * total
    held = set() if anew else {group for group in groups if HELD_OUT in group.splits}
    frames = sum(group.frames for group in held)
    for group in sorted(set(playable) - held, key=lambda group: _order(group, seed)):
        left = sum(other.frames for other in playable if other not in held) - group.frames
        if share <= 0 or (held and frames + group.frames / 2 > wanted) or left <= 0:
            continue
        held.add(group)
        frames += group.frames
    of = {index: HELD_OUT if group in held else TRAIN for group in groups for index in group.episodes}
    moved = tuple(
        int(row["episode_index"]) for row in data.rows() if row["split"] != of[int(row["episode_index"])]
    )
    return Split(groups, of, moved)


def apply_split(data: Dataset, split: Split) -> None:
    """Write the split into the episodes' rows, each in one step. Interrupted, it can be done again."""
    for index in split.moved:
        path = episode_paths(data.path, index)["episode.parquet"]
        table = pq.read_table(path)
        column = pa.array([split.of[index]] * table.num_rows, pa.string())
        table = table.set_column(table.column_names.index("split"), "split", column)
        part = path.with_suffix(f".part-{os.getpid()}")
        pq.write_table(table, part)
        sync_path(part)
        os.replace(part, path)
        sync_folder(path.parent)


def leaks(data: Dataset) -> list[str]:
    """What is in more than one split, a sentence each."""
    return [
        f"episodes {_list(group.episodes)} share {group.shared} but are in {' and '.join(group.splits)}"
        for group in groups_of(data)
        if group.leaks
    ]


def _shared(rows: Sequence[dict[str, Any]]) -> str:
    sessions = sorted({str(row["session"]) for row in rows if row.get("session")})
    seeds = sorted({int(row["seed"]) for row in rows})
    if sessions:
        return f"session {', '.join(sessions[:3])}"
    return f"seed {', '.join(str(seed) for seed in seeds[:3])}"


def _order(group: Group, seed: int) -> str:
    return hashlib.sha256(f"{seed} {group.shared}".encode()).hexdigest()


def _list(episodes: Sequence[int]) -> str:
    return ", ".join(str(index) for index in episodes[:8]) + (", ..." if len(episodes) > 8 else "")
