"""Whether an episode is whole, without decoding its pictures; ``dreamport data profile`` looks at those."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dreamport.episodes.dataset import Dataset, Episode
from dreamport.episodes.video import video_facts
from dreamport.errors import DatasetError

RATE_TOLERANCE = 0.01

ProblemKind = Literal["unreadable", "video", "truncated", "size", "rate", "poses", "camera", "look"]


@dataclass(frozen=True)
class Problem:
    """Something that makes an episode useless. ``text`` names the episode and says what to do."""

    kind: ProblemKind
    text: str


def check_episode(data: Dataset, position: int) -> list[Problem]:
    """What is wrong with the episode at ``position`` of ``data``; nothing for a whole one. Reads its rows and
    through its videos, and decodes nothing.
    """
    try:
        episode = data[position]
    except DatasetError as error:
        return [Problem("unreadable", str(error))]
    return [*_videos(episode), *_numbers(episode)]


def _videos(episode: Episode) -> Iterator[Problem]:
    info = episode.info
    for name in ("colour.mkv", "depth.mkv"):
        if name not in episode.paths:
            continue
        what = f"episode {episode.index}: its {name.removesuffix('.mkv')} video"
        try:
            facts = video_facts(episode.paths[name])
        except DatasetError:
            yield Problem("video", f"{what} is damaged: it cannot be opened; copy or record it again")
            continue
        if (facts.width, facts.height) != (info.width, info.height):
            yield Problem(
                "size",
                f"{what} is {facts.width}x{facts.height}, the data set is {info.width}x{info.height}: mixed "
                "resolutions; put it into a data set of its own",
            )
        if abs(facts.rate - info.frame_rate) > RATE_TOLERANCE * info.frame_rate:
            yield Problem(
                "rate",
                f"{what} has {facts.rate:g} frames a second, the data set has {info.frame_rate:g}; put it "
                "into a data set of its own, or import it again at this rate",
            )
        if facts.frames < len(episode):
            yield Problem(
                "truncated",
                f"{what} is truncated: {facts.frames} of {len(episode)} pictures are there; copy or record "
                "it again",
            )


def _numbers(episode: Episode) -> Iterator[Problem]:
    at, source = f"episode {episode.index}", episode.info.pose
    without = np.flatnonzero(~np.isfinite(episode.pose).all(axis=(1, 2)))
    if source != "none":
        if len(without) and (source == "recorded" or len(without) == len(episode)):
            yield Problem(
                "poses",
                f"{at}: poses are not numbers (NaN) in {len(without)} of {len(episode)} rows, the first is "
                f"row {without[0]}; record it again, or estimate its poses",
            )
        turns = np.delete(episode.pose, without, axis=0)[:, :3, :3]
        bent = np.abs(turns @ turns.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2), initial=0.0) > 1e-3
        if bent.any():
            yield Problem("poses", f"{at}: {bent.sum()} poses are no rotations; record it again")
        if not (np.isfinite(episode.cameras).all() and (episode.cameras[:, :2] > 0).all()):
            yield Problem("camera", f"{at}: intrinsics are not finite, or focal lengths not positive")
    wild = np.flatnonzero(~np.isfinite(episode.look_deg).all(axis=1))
    if len(wild):
        yield Problem("look", f"{at}: look is not a number (NaN) in {len(wild)} rows, the first is {wild[0]}")
