"""Raw motion of XInput2 devices as counts: of mice as it comes, of tablets from one place to the next."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

_FP3232 = struct.Struct("<iI")
_VALUATOR, _ABSOLUTE = 2, 1

Ranges: TypeAlias = Mapping[int, tuple[float, float]]
"""Least and greatest value of each axis of a device that gives places; empty for one that gives motion."""


class Motion:
    """``ranges_of`` a device by its number; ``size`` of the screen, pixels."""

    def __init__(self, ranges_of: Callable[[int], Ranges], size: tuple[int, int]) -> None:
        self._ranges_of, self._size = ranges_of, size
        self._ranges: dict[int, Ranges] = {}
        self._places: dict[tuple[int, int], float] = {}

    def counts(self, device: int, values: Mapping[int, float]) -> tuple[float, float]:
        """Counts right and down. A place on a tablet, a virtual machine's or a remote desktop's, counts as
        pixels from the place before.
        """
        if device not in self._ranges:
            self._ranges[device] = self._ranges_of(device)
        found = [0.0, 0.0]
        for axis in (0, 1):
            if axis not in values:
                continue
            if axis not in self._ranges[device]:
                found[axis] = values[axis]
                continue
            least, most = self._ranges[device][axis]
            place = (values[axis] - least) / max(most - least, 1e-9) * self._size[axis]
            found[axis] = place - self._places.get((device, axis), place)
            self._places[device, axis] = place
        return found[0], found[1]


def raw_values(data: bytes, at: int, words: int) -> dict[int, float]:
    """Values by axis of a raw event whose mask of ``words`` words stands at ``at``: behind the mask stand the
    accelerated values, then the raw ones.
    """
    mask = int.from_bytes(data[at : at + 4 * words], "little")
    present = [axis for axis in range(32 * words) if mask >> axis & 1]
    raw_at = at + 4 * words + _FP3232.size * len(present)
    found = {}
    for place, axis in enumerate(present):
        whole, fraction = _FP3232.unpack_from(data, raw_at + _FP3232.size * place)
        found[axis] = whole + fraction / (1 << 32)
    return found


def ranges_of(display: Any, device: int) -> Ranges:
    """What the X server says of a device; one that is gone gives motion."""
    from Xlib.error import XError  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        devices = display.xinput_query_device(device).devices
    except XError:
        return {}
    return {
        each.number: (float(each.min), float(each.max))
        for found in devices
        for each in found.classes
        if each.type == _VALUATOR and each.mode == _ABSOLUTE
    }
