"""Which columns of a LeRobot data set are buttons, and which are looks."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import DatasetError
from dreamport_tools.importing.lerobot_source import LeRobotSource
from dreamport_tools.importing.tracks import Float64

MOST_BUTTONS = 32
_COLUMN = re.compile(
    r"(?P<feature>[^\[\]<>*=]+)(\[(?P<at>[^\]]+)\])?((?P<sign>[<>])(?P<limit>-?[\d.]+))?(\*(?P<scale>-?[\d.]+))?"
)


@dataclass(frozen=True)
class Column:
    """One number of a feature. ``above``: pressed if over ``limit``, else if under. ``scale``: to degrees."""

    feature: str
    index: int
    above: bool = True
    limit: float = 0.5
    scale: float = 1.0


@dataclass(frozen=True)
class Controls:
    """``buttons`` by name; ``yaw`` (right positive) and ``pitch`` (down positive) if there are any;
    ``unused``: the columns of actions that are nothing here.
    """

    buttons: tuple[tuple[str, Column], ...]
    yaw: Column | None
    pitch: Column | None
    unused: tuple[str, ...]

    def features(self) -> list[str]:
        """All that are read."""
        columns = [column for _, column in self.buttons] + [each for each in (self.yaw, self.pitch) if each]
        return list(dict.fromkeys(column.feature for column in columns))

    def masks(self, values: dict[str, Float64]) -> NDArray[np.uint32]:
        """Bit mask of every row of ``values`` (features ``[T, D]``)."""
        count = len(next(iter(values.values()))) if values else 0
        masks = np.zeros(count, np.uint32)
        for bit, (_, column) in enumerate(self.buttons):
            value = values[column.feature][:, column.index]
            pressed = value > column.limit if column.above else value < column.limit
            masks |= np.where(pressed, np.uint32(1 << bit), np.uint32(0))
        return masks

    def looks(self, values: dict[str, Float64]) -> NDArray[np.float32]:
        """Yaw and pitch of every row, ``[T, 2]`` degrees."""
        count = len(next(iter(values.values()))) if values else 0
        looks = np.zeros((count, 2), np.float32)
        for axis, column in enumerate((self.yaw, self.pitch)):
            if column is not None:
                looks[:, axis] = values[column.feature][:, column.index] * column.scale
        return looks


def column_of(source: LeRobotSource, text: str) -> Column:
    """A column written as ``FEATURE``, ``FEATURE[NAME or NUMBER]``, with ``>LIMIT``, ``<LIMIT`` or
    ``*SCALE`` after it. Raises ``DatasetError`` when there is none.
    """
    found = _COLUMN.fullmatch(text.strip())
    if found is None or found["feature"] not in source.features:
        raise DatasetError(
            f"{text!r} names no column; write it as FEATURE[NAME], with one of {', '.join(source.features)}"
        )
    feature, at = found["feature"], found["at"] or "0"
    names = source.names(feature)
    if at not in names and not (at.isdecimal() and int(at) < len(names)):
        raise DatasetError(f"{feature} has no column {at!r}; it has {', '.join(names)}")
    return Column(
        feature,
        names.index(at) if at in names else int(at),
        found["sign"] != "<",
        float(found["limit"] or 0.5),
        float(found["scale"] or 1.0),
    )


def mapping_of(
    source: LeRobotSource,
    buttons: list[str],
    yaw: str | None,
    pitch: str | None,
    binary: dict[str, NDArray[np.bool_]],
) -> Controls:
    """The columns named (``NAME=COLUMN``), or, where none are, those that speak for themselves: actions
    that are only ever 0 or 1 are buttons. ``binary``: of every action feature, which columns are. Raises
    ``DatasetError``.
    """
    named = []
    for text in buttons:
        name, equals, column = text.partition("=")
        if not equals:
            raise DatasetError(f"--button {text} is incomplete; write it as jump=action[jump]>0.5")
        named.append((name.strip(), column_of(source, column)))
    if not buttons:
        named = [
            (label if len(source.names(feature)) > 1 else feature.rpartition(".")[2], Column(feature, i))
            for feature, only in binary.items()
            for i, label in enumerate(source.names(feature))
            if i < len(only) and only[i]
        ]
    if len(named) > MOST_BUTTONS:
        raise DatasetError(
            f"{source.root} has {len(named)} buttons, {MOST_BUTTONS} fit; choose with --button"
        )
    looks = [column_of(source, text) if text else None for text in (yaw, pitch)]
    used = {(c.feature, c.index) for c in [*(c for _, c in named), *(c for c in looks if c)]}
    unused = tuple(
        f"{feature}[{label}]"
        for feature in binary
        for i, label in enumerate(source.names(feature))
        if (feature, i) not in used
    )
    return Controls(tuple(named), looks[0], looks[1], unused)
