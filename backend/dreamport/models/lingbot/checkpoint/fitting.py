"""Whether the tensors of a checkpoint are those that a model has, told before any of them is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dreamport.errors import PackError

Shape = tuple[int, ...]
SHOWN = 5


@dataclass(frozen=True)
class Misfit:
    """What a checkpoint lacks, has besides, and has in another shape (name, found, wanted)."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[tuple[str, Shape, Shape], ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.reshaped)

    def __str__(self) -> str:
        wrong = [
            f"{name} is {list(found)} and must be {list(wanted)}" for name, found, wanted in self.reshaped
        ]
        parts = [
            _told("missing", self.missing),
            _told("unexpected", self.unexpected),
            _told("of another shape", wrong),
        ]
        return "; ".join(part for part in parts if part)


def compare(found: Mapping[str, Shape], wanted: Mapping[str, Shape]) -> Misfit:
    """The difference of two sets of named shapes."""
    return Misfit(
        tuple(sorted(wanted.keys() - found.keys())),
        tuple(sorted(found.keys() - wanted.keys())),
        tuple(
            (name, tuple(found[name]), tuple(wanted[name]))
            for name in sorted(wanted.keys() & found.keys())
            if tuple(found[name]) != tuple(wanted[name])
        ),
    )


def require_fit(found: Mapping[str, Shape], wanted: Mapping[str, Shape], what: str, where: str) -> None:
    """Raise ``PackError`` with the names of the tensors that do not fit and what to do."""
    misfit = compare(found, wanted)
    if not misfit:
        return
    if misfit.missing and not misfit.unexpected and not misfit.reshaped:
        advice = "a file is missing or cut short: download it again"
    elif len(misfit.missing) == len(wanted):
        advice = "these are the weights of another model: check the path"
    else:
        advice = "it is another version or size of the model than the one recognised: give its own files"
    raise PackError(f"{where} does not hold the {what}: {misfit}; {advice}")


def _told(kind: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (
        f"{len(names)} {'tensor' if len(names) == 1 else 'tensors'} {kind}: {', '.join(names[:SHOWN])}{more}"
    )
