"""Which episodes of a data set may be used, and why not the others.

``dreamport data profile`` looks at everything and leaves its verdicts in ``meta/profile.json``; they hold as
long as the episode's files are those it saw. An episode without one is checked for being whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from dreamport.episodes.checks import check_episode
from dreamport.episodes.dataset import Dataset, Episode
from dreamport.episodes.layout import episode_paths
from dreamport.errors import DatasetError

PROFILE = "profile.json"
PROFILE_VERSION = 1


@dataclass(frozen=True)
class Verdict:
    """``episode``: its index. ``reasons``: why it is not usable, each a sentence that names it. ``warnings``:
    what else was seen. ``cuts``: rows before which the camera jumped; a run begins there.
    """

    episode: int
    usable: bool
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    cuts: tuple[int, ...] = ()


def verdicts(data: Dataset) -> list[Verdict]:
    """One for every episode of the data set, in its order; those that cannot be opened come last."""
    profiled = read_profile(data.path)
    found = []
    for position, row in enumerate(data.rows()):
        index = int(row["episode_index"])
        entry = profiled.get(index)
        if entry is not None and entry["fingerprint"] == fingerprint(data.path, index):
            found.append(_verdict(index, entry["verdict"]))
        else:
            reasons = tuple(problem.text for problem in check_episode(data, position))
            found.append(Verdict(index, not reasons, reasons))
    return found + [Verdict(index, False, (text,)) for index, text in data.unreadable.items()]


def usable_episodes(data: Dataset, split: str | None = None) -> tuple[list[Episode], list[Verdict]]:
    """The episodes of a split (or of all) that may be used, and the verdicts on those left out, for telling
    whoever asked. Raises nothing for a damaged episode.
    """
    judged = verdicts(data)
    rows = data.rows()
    usable, out = [], []
    for position, (row, verdict) in enumerate(zip(rows, judged, strict=False)):
        if split not in (None, row["split"]):
            continue
        if not verdict.usable:
            out.append(verdict)
            continue
        try:
            usable.append(data[position])
        except DatasetError as error:  # a file that no profile looks at
            out.append(Verdict(verdict.episode, False, (str(error),)))
    return usable, out + judged[len(rows) :]


def usable_runs(episode: Episode, verdict: Verdict | None) -> list[tuple[int, int]]:
    """``Episode.runs`` cut where the camera jumped as well: first row and end of each."""
    cuts = () if verdict is None else verdict.cuts
    runs = []
    for first, end in episode.runs():
        edges = [first, *(cut for cut in sorted(cuts) if first < cut < end), end]
        runs += list(pairwise(edges))
    return runs


def fingerprint(root: Path, index: int) -> str:
    """Of an episode's files: sizes of its videos and the content of its rows. Its split is no part of it."""
    digest = hashlib.sha256()
    paths = episode_paths(root, index)
    for name in ("colour.mkv", "depth.mkv"):
        size = paths[name].stat().st_size if paths[name].exists() else -1
        digest.update(f"{name} {size};".encode())
    if paths["data.parquet"].exists():
        digest.update(paths["data.parquet"].read_bytes())
    return digest.hexdigest()[:32]


def read_profile(root: Path) -> dict[int, dict[str, Any]]:
    """What ``dreamport data profile`` left of every episode, by index: ``fingerprint``, ``verdict`` and what
    was measured. Empty when there is none. Raises ``DatasetError`` for a damaged one.
    """
    path = root / "meta" / PROFILE
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["version"] != PROFILE_VERSION:
            return {}
        entries = {int(index): entry for index, entry in value["episodes"].items()}
        for index, entry in entries.items():
            str(entry["fingerprint"])
            _verdict(index, entry["verdict"])
        return entries
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} cannot be read ({error!r}); remove it and profile again") from error


def write_profile(root: Path, entries: Mapping[int, Mapping[str, Any]]) -> None:
    """Put ``meta/profile.json`` in place, whole or not at all."""
    path = root / "meta" / PROFILE
    part = path.with_suffix(f".part-{os.getpid()}")
    value = {"version": PROFILE_VERSION, "episodes": {str(i): entry for i, entry in sorted(entries.items())}}
    part.write_text(json.dumps(value, indent=1, allow_nan=False), encoding="utf-8")
    os.replace(part, path)


def _verdict(index: int, value: Mapping[str, Any]) -> Verdict:
    return Verdict(
        index,
        bool(value["usable"]),
        tuple(str(text) for text in value["reasons"]),
        tuple(str(text) for text in value["warnings"]),
        tuple(int(row) for row in value["cuts"]),
    )
