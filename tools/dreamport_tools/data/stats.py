"""What a data set holds, in numbers: from its tables, and from its profile where there is one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamport.episodes.dataset import Dataset
from dreamport.episodes.verdicts import Verdict, verdicts
from dreamport.errors import DatasetError
from dreamport_tools.data.balance import Balance, balance_of, total
from dreamport_tools.data.movement import movement_of
from dreamport_tools.data.profile import measures_of


@dataclass(frozen=True)
class SplitStats:
    """Of one split: episodes and frames in all, and those that can be used."""

    episodes: int
    usable: int
    frames: int
    usable_frames: int
    seconds: float


@dataclass(frozen=True)
class Stats:
    """Of a data set. ``bounds_m``: lowest and highest x, y, z of the camera. ``speed_m``: metres a frame that
    5, 50 and 99 of 100 steps stay below. ``turn_deg`` the same of degrees a frame. ``marks``: how often
    each kind was found by the profile. ``profiled``: episodes with a profile.
    """

    splits: dict[str, SplitStats]
    bytes: int
    bounds_m: tuple[list[float], list[float]] | None
    path_m: float
    speed_m: list[float] | None
    turn_deg: list[float] | None
    balance: Balance
    lost: int
    redacted: int
    profiled: int
    marks: dict[str, int]
    brightness: float | None
    out: list[Verdict]


def stats(data: Dataset) -> Stats:
    """Reads the tables of the episodes that can be opened, no pictures."""
    judged = verdicts(data)
    good = {verdict.episode for verdict in judged if verdict.usable}
    rows = data.rows()
    splits = {}
    for name in sorted({str(row["split"]) for row in rows}):
        own = [row for row in rows if row["split"] == name]
        frames = sum(int(row["length"]) for row in own)
        used = [int(row["length"]) for row in own if int(row["episode_index"]) in good]
        splits[name] = SplitStats(len(own), len(used), frames, sum(used), frames / data.info.frame_rate)
    places, speeds, turns, balances, lost, redacted = [], [], [], [], 0, 0
    for position in range(len(rows)):
        try:
            episode = data[position]
        except DatasetError:  # its verdict says why
            continue
        lost += int(episode.missing_before.sum())
        redacted += int(episode.redacted.sum())
        if episode.index not in good:
            continue
        balances.append(balance_of(episode))
        moved = movement_of(episode)
        speeds.append(moved.speed_m[np.isfinite(moved.speed_m)])
        turns.append(moved.turn_deg[np.isfinite(moved.turn_deg)])
        places.append(episode.pose[episode.pose_confidence > 0, :3, 3])
    place = np.concatenate(places) if places else np.zeros((0, 3))
    speed = np.concatenate(speeds) if speeds else np.zeros(0)
    turn = np.concatenate(turns) if turns else np.zeros(0)
    measured = measures_of(data.path)
    light = [each.brightness for each in measured.values()]
    return Stats(
        splits=splits,
        bytes=data_size(data.path),
        bounds_m=(place.min(axis=0).tolist(), place.max(axis=0).tolist()) if len(place) else None,
        path_m=float(speed.sum()),
        speed_m=np.quantile(speed, (0.05, 0.5, 0.99)).tolist() if len(speed) else None,
        turn_deg=np.quantile(turn, (0.05, 0.5, 0.99)).tolist() if len(turn) else None,
        balance=total(balances),
        lost=lost,
        redacted=redacted,
        profiled=len(measured),
        marks=dict(Counter(mark.kind for each in measured.values() for mark in each.marks)),
        brightness=float(np.mean(light)) if light else None,
        out=[verdict for verdict in judged if not verdict.usable],
    )


def data_size(root: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def facts(data: Dataset) -> dict[str, Any]:
    """What all episodes share, for people: names to text."""
    info = data.info
    return {
        "name": info.name,
        "licence": info.licence,
        "pictures": f"{info.width}x{info.height} at {info.frame_rate:g} frames a second, "
        f"colour {info.colour_codec}, depth {info.depth}",
        "poses": info.pose,
        "buttons": ", ".join(info.buttons) or "none",
        "look": "as degrees"
        if info.look_scale is None
        else f"{info.look_scale.deg_per_count:g} degrees a count"
        + (" (assumed)" if info.look_scale.assumed else ""),
        "source": ", ".join(f"{name} {value}" for name, value in list(info.source.items())[:2]),
    }
