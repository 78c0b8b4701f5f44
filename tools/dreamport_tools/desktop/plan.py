"""What is written down when an episode begins."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime

from dreamport.episodes.layout import DatasetInfo, LookScale, read_info
from dreamport.episodes.plan import EpisodePlan
from dreamport_tools.desktop.bindings import Bindings
from dreamport_tools.desktop.settings import DesktopSettings


@dataclass(frozen=True)
class RunFacts:
    """What the episodes of a run share, and which of them this is."""

    session: str
    seed: int
    number: int
    window: str
    backends: dict[str, str]


def picture_size(settings: DesktopSettings) -> tuple[int, int] | None:
    """Width and height of the pictures, where they are known before the window is."""
    if settings.size is None and (settings.out / "meta" / "info.json").exists():
        there = read_info(settings.out)
        return there.width, there.height
    return settings.size


def plan_episode(
    settings: DesktopSettings,
    run: RunFacts,
    size: tuple[int, int],
    bindings: Bindings,
    now_ns: int,
    wall: datetime,
) -> EpisodePlan:
    """The plan of an episode that begins at ``now_ns`` of the monotonic clock, which is ``wall`` on the
    wall's.
    """
    return EpisodePlan(
        episode_id=f"{run.session}-{run.number:03d}",
        info=_info(settings, size, bindings),
        colour="jpeg",
        seed=run.seed,
        split=settings.split,
        map_name=settings.map_name,
        played_by=settings.player,
        session=run.session,
        tags={
            **{f"backend.{name}": value for name, value in run.backends.items()},
            "window": run.window,
            "clock": json.dumps({"monotonic_ns": now_ns, "utc": wall.isoformat()}),
            "jpeg_quality": str(settings.quality),
        },
    )


def _info(settings: DesktopSettings, size: tuple[int, int], bindings: Bindings) -> DatasetInfo:
    width, height = size
    focal = width / 2 / math.tan(math.radians(settings.view_deg / 2))
    return DatasetInfo(
        name=settings.out.name,
        licence=settings.licence,
        frame_rate=settings.fps,
        width=width,
        height=height,
        intrinsics=(focal, focal, width / 2, height / 2),
        buttons=bindings.names,
        look_max_deg=settings.look_max_deg,
        source={
            "engine": "desktop",
            "engine_numbers": ["grab_ms", "late_ms"],
            "intrinsics": "assumed",
            "keys": {name: list(keys) for name, keys in bindings.buttons},
        },
        colour_codec="mjpeg",
        depth="none",
        pose="none",
        look_scale=LookScale(settings.deg_per_count, settings.assumed),
    )
