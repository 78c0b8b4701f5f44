"""What a bake set out to do and how far it is: ``bake.json`` in its folder, to be taken up again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dreamport.errors import DatasetError

NAME = "bake.json"
RANGE = 500
"""Frames that are decoded in one go: an episode of an hour is many pieces of work."""

Range = tuple[int, int]
"""An episode's number and the first row of a part of it."""


@dataclass(frozen=True)
class Settings:
    """What the arrays of a bake depend on besides its episodes. ``pose``: recorded, pseudo or none."""

    split: str
    width: int
    height: int
    near_m: float
    far_m: float
    views: int
    per_frame: int
    quality: int
    pose: str
    depth: bool
    min_confidence: float

    @property
    def bank(self) -> bool:
        """Views can be remembered: they are carried by their depth to where the poses say."""
        return self.depth and self.pose == "recorded"


@dataclass(frozen=True)
class Journal:
    """``episodes``: number and frames of every episode of the plan, in order. ``cuts``: rows of an episode
    before which its camera jumped. ``left_out``: number to reason,
    of those that have no rows; ``bad``: of those that turned out bad when they were decoded and whose rows
    are a gap in the arrays. ``decoded``: episode and first row of the ranges whose frames are there.
    ``hints``: first frames of ranges that are reprojected."""

    settings: Settings
    episodes: tuple[tuple[int, int], ...]
    cuts: dict[int, tuple[int, ...]] = field(default_factory=dict)
    left_out: dict[int, str] = field(default_factory=dict)
    bad: dict[int, str] = field(default_factory=dict)
    decoded: frozenset[Range] = frozenset()
    hints: frozenset[int] = frozenset()

    def places(self) -> dict[int, tuple[int, int]]:
        """Of every episode that has rows in the arrays: the first, and how many."""
        places, at = {}, 0
        for number, frames in self.episodes:
            if number not in self.left_out:
                places[number] = (at, frames)
                at += frames
        return places

    def ranges(self, number: int) -> list[Range]:
        """The parts of an episode."""
        frames = self.places()[number][1]
        return [(number, begin) for begin in range(0, frames, RANGE)]

    @property
    def frames(self) -> int:
        """Rows of the arrays."""
        return sum(frames for _, frames in self.places().values())

    def closed(self) -> Journal:
        """Without the gaps: episodes behind one have another place, where they are not yet."""
        closed = replace(self, left_out={**self.left_out, **self.bad}, bad={})
        before, now = self.places(), closed.places()
        stays = {number for number in now if before[number] == now[number]}
        return replace(closed, decoded=frozenset(part for part in self.decoded if part[0] in stays))

    def write(self, folder: Path) -> None:
        """Whole or not at all."""
        value = asdict(self) | {
            "cuts": {str(number): rows for number, rows in self.cuts.items()},
            "left_out": {str(number): reason for number, reason in self.left_out.items()},
            "bad": {str(number): reason for number, reason in self.bad.items()},
            "decoded": sorted(self.decoded),
            "hints": sorted(self.hints),
        }
        part = folder / f"{NAME}.part"
        try:
            part.write_text(json.dumps(value))
            os.replace(part, folder / NAME)
        finally:
            part.unlink(missing_ok=True)


def read_journal(folder: Path) -> Journal | None:
    """The journal of a bake that was begun in ``folder``. Raises ``DatasetError`` when it cannot be read."""
    path = folder / NAME
    try:
        value: dict[str, Any] = json.loads(path.read_text())
        return Journal(
            Settings(**value["settings"]),
            tuple((int(number), int(frames)) for number, frames in value["episodes"]),
            {int(number): tuple(rows) for number, rows in value["cuts"].items()},
            {int(number): str(reason) for number, reason in value["left_out"].items()},
            {int(number): str(reason) for number, reason in value["bad"].items()},
            frozenset((int(number), int(begin)) for number, begin in value["decoded"]),
            frozenset(value["hints"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DatasetError(
            f"{path} cannot be read ({type(error).__name__}); delete {folder} and bake again"
        ) from error


def check_same(found: Settings, wanted: Settings, folder: Path) -> None:
    """Raise ``DatasetError`` when a bake of other settings was begun in ``folder``."""
    there, now = asdict(found), asdict(wanted)
    other = [f"{name} {there[name]}, now {now[name]}" for name in now if there[name] != now[name]]
    if other:
        raise DatasetError(
            f"{folder} holds a bake with other settings ({'; '.join(other)}); bake into another folder, or "
            "delete it"
        )
