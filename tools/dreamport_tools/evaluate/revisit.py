"""Does a place look the same when one comes back? Leave it along recorded poses, return, compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dreamport_tools.evaluate.metrics import (
    Picture,
    PictureStatistics,
    picture_statistics,
    psnr,
    statistics_ratio,
)
from dreamport_tools.evaluate.recording import Recording, length
from dreamport_tools.evaluate.rollouts import World, control_of

ARRIVAL_FRAMES = 5
"""The last frames of the way back, home included, are the ones compared."""
AWAY_DEG = 90.0
"""Home is out of sight when the camera has turned this far from it (the field of view is about 90) ..."""
AWAY_M = 6.0
"""... or stands this far from home, in metres."""


@dataclass(frozen=True)
class Loop:
    """A closed path: the recorded frames whose poses are visited in order, the last of which is home."""

    episode: int
    home: int
    rows: tuple[int, ...]
    share_away: float
    farthest_m: float


@dataclass(frozen=True)
class Return:
    """How home looked on coming back: mean PSNR in dB of the arrival frames and their statistics."""

    loop: Loop
    memory: bool
    psnr: float
    generated: tuple[PictureStatistics, ...]
    real: tuple[PictureStatistics, ...]
    picture: Picture
    curve: tuple[float, ...]
    """PSNR of every frame of the path against the real frame at its pose."""


def closed_path(first: int, last: int, frames: int) -> tuple[int, ...]:
    """``frames`` rows that leave row ``first``, never pass ``last``, and end at ``first``.

    Once out and back when the rows reach that far, else with turns far from home; every step is to a
    neighbouring row (or stays, for an odd count). Raises ``ValueError`` when ``last`` is not after ``first``.
    """
    reach = min(frames // 2, last - first)
    if reach < 1:
        raise ValueError(f"no path of {frames} frames between rows {first} and {last}")
    spare = frames - 2 * reach
    rows = list(range(first + 1, first + reach + 1))
    # Time to spare is spent far from home, going to and fro over the farther half of the way.
    bounces = -(-spare // max(2, 2 * (reach // 2)))
    for bounce in range(bounces):
        budget = spare * (bounce + 1) // bounces - spare * bounce // bounces
        turn = first + reach - budget // 2
        rows += [*range(first + reach - 1, turn - 1, -1), *range(turn + 1, first + reach + 1)]
        rows += [first + reach] * (budget % 2)
    rows += range(first + reach - 1, first - 1, -1)
    return tuple(rows)


def choose_loops(recordings: Sequence[Recording], frames: int, count: int, prime: int) -> list[Loop]:
    """The ``count`` closed paths of ``frames`` frames that stay longest out of sight of their home."""
    best: list[Loop] = []
    for episode, recording in enumerate(recordings):
        for home in range(prime, length(recording) - 2, 20):
            rows = closed_path(home, length(recording) - 1, frames)
            poses = recording.pose[list(rows)]
            origin = recording.pose[home]
            distance = np.linalg.norm(poses[:, :3, 3] - origin[:3, 3], axis=1)
            facing = poses[:, :3, 2] @ origin[:3, 2]
            away = float(np.mean((facing < np.cos(np.radians(AWAY_DEG))) | (distance > AWAY_M)))
            best.append(Loop(episode, home, rows, away, float(distance.max())))
    best.sort(key=lambda loop: -loop.share_away)
    chosen: list[Loop] = []
    for loop in best:
        # Neighbouring homes give nearly the same path: keep them apart.
        if all(c.episode != loop.episode or abs(c.home - loop.home) >= 60 for c in chosen):
            chosen.append(loop)
        if len(chosen) == count:
            break
    return chosen


def walk(
    world: World,
    recording: Recording,
    loop: Loop,
    *,
    memory: bool,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Return:
    """Drive the closed path by its poses and compare the arrival with the recording."""
    generator = world.begin(recording, loop.home, seed=seed, memory=memory)
    curve: list[float] = []
    generated: list[PictureStatistics] = []
    real: list[PictureStatistics] = []
    picture = generator.start_frame.colour
    for number, row in enumerate(loop.rows):
        picture = generator.step(control_of(recording, row, with_pose=True)).colour
        generator.finish()
        truth = recording.colour(row)
        curve.append(psnr(truth, picture))
        if number >= len(loop.rows) - ARRIVAL_FRAMES:
            generated.append(picture_statistics(picture))
            real.append(picture_statistics(truth))
        if progress is not None and number % 50 == 49:
            progress(number + 1, len(loop.rows))
    arrival = float(np.mean(curve[-ARRIVAL_FRAMES:]))
    return Return(loop, memory, arrival, tuple(generated), tuple(real), picture, tuple(curve))


def summary(returns_by_seconds: dict[int, list[Return]]) -> dict[str, float | None]:
    """The ``revisit`` object of the results: PSNR and sharpness after 10 and 60 s, memory on and off."""
    result: dict[str, float | None] = {}
    for seconds in sorted({10, 60} | set(returns_by_seconds)):
        for memory, suffix in ((True, ""), (False, "_memory_off")):
            kept = [r for r in returns_by_seconds.get(seconds, []) if r.memory is memory]
            label = f"{seconds}s{suffix}"
            ratio = statistics_ratio(
                [s for r in kept for s in r.real], [s for r in kept for s in r.generated]
            )
            result[f"psnr_{label}"] = float(np.mean([r.psnr for r in kept])) if kept else None
            result[f"sharpness_{label}"] = ratio["sharpness_ratio"] if kept else None
    return result
