"""How evenly the controls are used: what is hardly ever pressed is hardly learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from dreamport.episodes.dataset import Episode

STILL_DEG = 0.05
RARE = 0.01
LOPSIDED = 3.0
MOST_COMBINATIONS = 12


@dataclass
class Balance:
    """Counts over rows that have an action. ``held`` and ``presses`` of every button, ``combinations`` of
    buttons held together, ``looks``: rows that look left, right, up, down, or not at all.
    """

    rows: int = 0
    held: dict[str, int] = field(default_factory=dict)
    presses: dict[str, int] = field(default_factory=dict)
    combinations: dict[str, int] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)

    def share(self, count: int) -> float:
        """Of all rows."""
        return count / max(1, self.rows)

    def add(self, other: Balance) -> None:
        """Add the counts of ``other``."""
        self.rows += other.rows
        for mine, theirs in (
            (self.held, other.held),
            (self.presses, other.presses),
            (self.combinations, other.combinations),
            (self.looks, other.looks),
        ):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count

    def common(self) -> list[tuple[str, int]]:
        """The combinations held most, most first."""
        return sorted(self.combinations.items(), key=lambda item: -item[1])[:MOST_COMBINATIONS]

    def remarks(self) -> list[str]:
        """What is so uneven that a world will not learn it well."""
        if not self.rows:
            return []
        found = [
            f"{name} is held in {self.share(count):.1%} of the frames: record play that uses it"
            for name, count in self.held.items()
            if self.share(count) < RARE
        ]
        for one, other in (("left", "right"), ("up", "down")):
            low, high = sorted((self.looks[one], self.looks[other]))
            if self.share(high) > RARE and high > LOPSIDED * max(1, low):
                more, less = (one, other) if self.looks[one] == high else (other, one)
                found.append(f"looking {more} is {high / max(1, low):.0f} times as common as looking {less}")
        if self.held and self.share(self.combinations.get("none", 0)) > 0.6:
            found.append(f"no button is held in {self.share(self.combinations['none']):.0%} of the frames")
        return found


def balance_of(episode: Episode) -> Balance:
    """The balance of one episode, without its first row and rows after a gap: those have no action."""
    names = episode.info.buttons
    acts = np.ones(len(episode), np.bool_)
    acts[[first for first, _ in episode.runs()]] = False
    buttons, look = episode.buttons[acts], episode.look_deg[acts]
    bits = (buttons[:, None] >> np.arange(len(names), dtype=np.uint32)) & 1
    pressed = np.diff(bits.astype(np.int8), axis=0, prepend=0) > 0
    masks, counts = np.unique(buttons, return_counts=True)
    yaw, pitch = look[:, 0], look[:, 1]
    return Balance(
        rows=int(acts.sum()),
        held={name: int(bits[:, i].sum()) for i, name in enumerate(names)},
        presses={name: int(pressed[:, i].sum()) for i, name in enumerate(names)},
        combinations={in_words(int(mask), names): int(n) for mask, n in zip(masks, counts, strict=True)},
        looks={
            "left": int((yaw < -STILL_DEG).sum()),
            "right": int((yaw > STILL_DEG).sum()),
            "up": int((pitch < -STILL_DEG).sum()),
            "down": int((pitch > STILL_DEG).sum()),
            "still": int((np.abs(look) <= STILL_DEG).all(axis=1).sum()),
        },
    )


def total(balances: Iterable[Balance]) -> Balance:
    """The sum of several."""
    result = Balance()
    for balance in balances:
        result.add(balance)
    return result


def in_words(buttons: int, names: Sequence[str]) -> str:
    """The names of a bit mask's buttons, or ``none``."""
    return " + ".join(name for i, name in enumerate(names) if buttons >> i & 1) or "none"
