"""Everything that is measured of one episode, as plain numbers that go into ``meta/profile.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamport.episodes.dataset import Episode
from dreamport_tools.data.balance import Balance, balance_of
from dreamport_tools.data.lag import Lag, find_lag, surest
from dreamport_tools.data.movement import Movement, movement_of, spans
from dreamport_tools.data.pictures import PictureFacts, look_at
from dreamport_tools.desktop.episode import INPUT

BLACK = 8
FLAT = 2.0
SAME = 0.02
"""Pictures that differ by less grey levels than this are the same picture; one coded anew differs by more."""
STILL = 0.6
MOVED_M, TURNED_DEG = 0.02, 0.5
CUT_LIKENESS = 0.25
"""Histograms that share less than this belong to different scenes."""
EMPTY_DEPTH = 0.02
SPAN_S = 0.5
CLOCK_FRAMES = 16


@dataclass(frozen=True)
class Mark:
    """Rows ``first`` to ``end`` (excluded) of an episode, and what happens there: ``collision``, ``jump``,
    ``scene cut``, ``black``, ``frozen``, ``idle``, ``gap``, ``redacted``, or what the recorder marked.
    """

    kind: str
    first: int
    end: int
    text: str = ""


@dataclass(frozen=True)
class Measures:
    """Shares are of the episode's frames, 0 to 1; ``None``: nothing to measure.

    ``frozen``: the picture stayed the same although the camera or a button moved. ``repeated``: of the steps
    that moved, those that show the picture before again, one by one. ``idle``: neither input nor change for
    half a second or more. ``clock_rate``: frames a second by the recorder's clock. ``look_beyond``: looks
    wider than the data set says is possible. ``control_lag`` and ``pose_lag``: against the pictures'
    movement. ``unposed``: frames without a pose. ``damage``: the first picture that cannot be read.
    """

    frames: int
    seconds: float
    brightness: float
    contrast: float
    black: float
    flat: float
    frozen: float
    repeated: float
    idle: float
    bits_per_pixel: float
    lost: int
    clock_rate: float | None
    look_beyond: float
    control_lag: Lag | None
    pose_lag: Lag | None
    unposed: float
    confidence: float | None
    path_m: float | None
    speed_m: tuple[float, float, float] | None
    depth_empty: float | None
    depth_share: float | None
    collisions: float
    jumps: tuple[int, ...]
    redacted: float
    balance: Balance
    marks: tuple[Mark, ...]
    damage: str

    def to_json(self) -> dict[str, Any]:
        """For ``meta/profile.json``."""
        return asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Measures:
        """The way back. Raises ``TypeError`` or ``KeyError`` for anything else."""
        lags = {
            name: None if value[name] is None else Lag(**value[name]) for name in ("control_lag", "pose_lag")
        }
        rest = {
            "speed_m": None if value["speed_m"] is None else tuple(value["speed_m"]),
            "jumps": tuple(value["jumps"]),
            "balance": Balance(**value["balance"]),
            "marks": tuple(Mark(**mark) for mark in value["marks"]),
        }
        return Measures(**{**value, **lags, **rest})


def measure(episode: Episode) -> Measures:
    """Reads the whole episode once. A damaged picture ends what is measured of pictures and is named."""
    seen, moved = look_at(episode), movement_of(episode)
    there = len(seen.change)
    acts = (episode.buttons != 0) | (np.abs(episode.look_deg) > 0).any(axis=1)
    acts |= np.nan_to_num(episode.mouse_dxdy).any(axis=1)
    with np.errstate(invalid="ignore"):
        camera = (moved.speed_m > MOVED_M) | (moved.turn_deg > TURNED_DEG)
        same = seen.change < SAME
        quiet = seen.change < STILL
        moves = camera if episode.info.pose == "recorded" else acts
    frozen, idle = same & moves[:there], quiet & ~acts[:there]
    long = max(2, round(SPAN_S * episode.info.frame_rate))
    posed = episode.pose_confidence > 0
    speed = moved.speed_m[np.isfinite(moved.speed_m)]
    size = episode.paths["colour.mkv"].stat().st_size
    pixels = episode.info.width * episode.info.height * len(episode)
    yaw_lag = find_lag(seen.shift[:, 0], episode.look_deg[:there, 0])
    pitch_lag = find_lag(seen.shift[:, 1], episode.look_deg[:there, 1])
    cuts = () if posed.any() else scene_cuts(seen)
    return Measures(
        frames=len(episode),
        seconds=len(episode) / episode.info.frame_rate,
        brightness=_mean(seen.brightness),
        contrast=_mean(seen.contrast),
        black=_share(seen.brightest < BLACK),
        flat=_share(seen.contrast < FLAT),
        frozen=_share(_long(frozen, long)),
        repeated=_single(same, moves[:there]),
        idle=_share(_long(idle, long)),
        bits_per_pixel=8 * size / pixels,
        lost=int(episode.missing_before.sum()),
        clock_rate=clock_rate(episode),
        look_beyond=_share(np.abs(episode.look_deg).max(axis=1) > 1.05 * episode.info.look_max_deg)
        if episode.info.look_max_deg > 0
        else 0.0,
        control_lag=surest([yaw_lag, pitch_lag]),
        pose_lag=find_lag(seen.shift[:, 0], moved.yaw_deg[:there])
        if episode.info.pose == "recorded"
        else None,
        unposed=_share(~posed),
        confidence=_mean(episode.pose_confidence[posed]) if posed.any() else None,
        path_m=float(speed.sum()) if len(speed) else None,
        speed_m=_quantiles(speed) if len(speed) else None,
        depth_empty=None if seen.depth_share is None else _share(seen.depth_share < EMPTY_DEPTH),
        depth_share=None if seen.depth_share is None else _mean(seen.depth_share),
        collisions=_share(moved.stopped),
        jumps=tuple(sorted({*moved.jumps, *cuts})),
        redacted=_share(episode.redacted),
        balance=balance_of(episode),
        marks=_marks(episode, seen, moved, _long(frozen, long), _long(idle, long), cuts),
        damage=seen.damage,
    )


def clock_rate(episode: Episode) -> float | None:
    """Frames a second by the recorder's clock, lost ones counted; ``None`` where it has none."""
    times = episode.client_time_ns
    seconds = float(times[-1] - times[0]) / 1e9
    if len(episode) < CLOCK_FRAMES or (times == 0).sum() > 1 or seconds <= 0:
        return None
    return float(episode.frame_number[-1] - episode.frame_number[0]) / seconds


def scene_cuts(seen: PictureFacts) -> tuple[int, ...]:
    """Rows whose picture has next to nothing in common with the one before: a loading screen, another place.
    For play without poses, where nothing else tells.
    """
    with np.errstate(invalid="ignore"):
        return tuple(int(row) for row in np.flatnonzero(seen.likeness < CUT_LIKENESS))


def _marks(
    episode: Episode,
    seen: PictureFacts,
    moved: Movement,
    frozen: NDArray[np.bool_],
    idle: NDArray[np.bool_],
    cuts: tuple[int, ...],
) -> tuple[Mark, ...]:
    found = [
        *(Mark("collision", *span) for span in spans(moved.stopped)),
        *(Mark("black", *span) for span in spans(seen.brightest < BLACK)),
        *(Mark("frozen", *span) for span in spans(frozen)),
        *(Mark("idle", *span) for span in spans(idle)),
        *(Mark("redacted", *span) for span in spans(episode.redacted)),
        *(
            Mark(
                "jump",
                row,
                row + 1,
                f"{moved.speed_m[row]:.2f} m, {moved.turn_deg[row]:.0f} degrees in a frame",
            )
            for row in moved.jumps
        ),
        *(Mark("scene cut", row, row + 1) for row in cuts),
        *(
            Mark("gap", int(row), int(row) + 1, f"{episode.missing_before[row]} frames lost")
            for row in np.flatnonzero(episode.missing_before)
        ),
    ]
    for event in episode.raw()[1:]:
        if event.get("mark") == INPUT:  # every key and motion of a desktop recording: the controls have it
            continue
        if isinstance(event.get("mark"), str) and isinstance(event.get("row"), int):
            row = max(0, min(event["row"], len(episode) - 1))
            found.append(Mark(event["mark"], row, row + 1, str(event.get("text", ""))))
    return tuple(sorted(found, key=lambda mark: mark.first))


def _long(marked: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    kept = np.zeros_like(marked)
    for first, end in spans(marked):
        kept[first:end] = end - first >= least
    return kept


def _single(same: NDArray[np.bool_], moves: NDArray[np.bool_]) -> float:
    """The share of moving steps that repeat the picture, each between two that do not: a slower source."""
    alone = same.copy()
    for first, end in spans(same):
        alone[first:end] = end - first <= 3
    return float((alone & moves).sum() / max(1, moves.sum()))


def _share(marked: NDArray[np.bool_]) -> float:
    return float(marked.mean()) if len(marked) else 0.0


def _mean(values: NDArray[np.floating]) -> float:
    return float(np.nanmean(values)) if len(values) else 0.0


def _quantiles(values: NDArray[np.floating]) -> tuple[float, float, float]:
    low, middle, high = (float(v) for v in np.quantile(values, (0.05, 0.5, 0.99)))
    return low, middle, high
