"""Whether controls (or poses) belong to the pictures they stand beside, found from how the pictures move.

Turning the view moves the whole picture. The movement measured between pictures and the look recorded for
them are compared at every shift by a few rows. A player turns for many frames in the same direction, which
would blur the comparison, so both are whitened first: x(t) - a x(t-1), with the a that leaves the look's rows
unrelated (Box, Jenkins, Reinsel and Ljung, Time Series Analysis, 5th edition, 12.2.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 4
"""Shifts of up to this many rows are tried."""
SURE_Z = 4.0
"""How far above chance, and above no lag, the best shift must be, in deviations of a rank correlation."""
LEAST_CORRELATION = 0.2
CLEARLY = 1.5


@dataclass(frozen=True)
class Lag:
    """``frames``: how many rows too late the signal stands; negative: too early. ``correlation`` there, and
    ``at_zero`` at no lag, absolute rank correlations. ``pairs``: steps compared.
    """

    frames: int
    correlation: float
    at_zero: float
    pairs: int

    @property
    def sure(self) -> bool:
        """The signal moves the pictures at this lag, and not at none."""
        above = (self.correlation - self.at_zero) * np.sqrt(self.pairs)
        return self.likely and bool(above >= SURE_Z)

    @property
    def likely(self) -> bool:
        """Enough where other episodes of the same recorder are sure of the same lag."""
        return self.frames != 0 and self.correlation >= max(LEAST_CORRELATION, CLEARLY * self.at_zero)


def find_lag(movement: NDArray[np.floating], signal: NDArray[np.floating]) -> Lag | None:
    """The lag of ``signal [T]`` behind ``movement [T]``, both of the step that led to their row, NaN where
    unknown. ``None`` when too little happens to tell.

    Rank correlation (Spearman) of both, whitened, at every shift of up to ``MOST`` rows.
    """
    best: Lag | None = None
    zero = 0.0
    share = _carried_over(signal)
    moved, turned = movement[1:] - share * movement[:-1], signal[1:] - share * signal[:-1]
    for shift in sorted(range(-MOST, MOST + 1), key=abs):
        later = np.full_like(turned, np.nan)
        if shift >= 0:
            later[: len(turned) - shift] = turned[shift:]
        else:
            later[-shift:] = turned[:shift]
        known = np.isfinite(moved) & np.isfinite(later)
        known[:MOST] = known[len(known) - MOST :] = False
        if known.sum() < 24 or np.count_nonzero(later[known]) < 12:
            continue
        correlation = abs(_rank_correlation(moved[known], later[known]))
        zero = correlation if shift == 0 else zero
        if best is None or correlation > best.correlation:
            best = Lag(shift, correlation, zero, int(known.sum()))
    if (
        best is None
        or best.correlation * np.sqrt(best.pairs) < SURE_Z
        or best.correlation < LEAST_CORRELATION
    ):
        return None
    return Lag(best.frames, best.correlation, zero, best.pairs)


def surest(lags: Sequence[Lag | None]) -> Lag | None:
    """The one with the highest correlation."""
    return max((lag for lag in lags if lag is not None), key=lambda lag: lag.correlation, default=None)


def in_words(lag: Lag, what: str) -> str:
    """``what`` come so many frames late or early, and what to do."""
    count, late = abs(lag.frames), lag.frames > 0
    ending = "s" if count > 1 else ""
    side, way = ("late", "up") if late else ("early", "down")
    return (
        f"{what} come {count} frame{ending} {side} (lag {lag.frames:+d}): pictures move with them at a "
        f" correlation of {lag.correlation:.2f} there, of {lag.at_zero:.2f} as they are; move them {count} "
        f"row{ending} {way} in the recorder or import, and record again"
    )


def _carried_over(signal: NDArray[np.floating]) -> float:
    """How much of a row is in the next one: the autocorrelation at one row, 0 to 1."""
    centred = np.nan_to_num(signal - np.nanmean(signal)) if np.isfinite(signal).any() else np.zeros(2)
    power = float(centred @ centred)
    return min(1.0, max(0.0, float(centred[1:] @ centred[:-1]) / power)) if power > 0 else 0.0


def _rank_correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    ranks = [_ranks(values) for values in (a, b)]
    spread = [float(rank.std()) for rank in ranks]
    if min(spread) == 0:
        return 0.0
    product = (ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())
    return float(product.mean() / (spread[0] * spread[1]))


def _ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Ranks from 0; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: NDArray[np.float64] = (last - (counts + 1) / 2)[inverse].astype(np.float64)
    return ranks
