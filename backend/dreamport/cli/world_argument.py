"""A world named on the command line: a name of the catalogue, or the path of a pack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ChosenWorld:
    """``packs`` are added to the catalogue; ``name`` is the world's, empty for the server's default."""

    packs: tuple[Path, ...]
    name: str


def resolve_world(argument: str) -> ChosenWorld:
    """What a server needs for a world given as a name, as a path, or not at all.

    Raises ``WorldNotFoundError`` or ``PackError`` before anything is started.
    """
    from dreamport.worlds import find_world

    if not argument:
        return ChosenWorld((), "")
    entry = find_world(argument)
    return ChosenWorld((entry.path,), entry.name)
