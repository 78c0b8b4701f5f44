"""Record the level as episodes that can be replayed bit for bit."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import vizdoom

from dreamport.episodes.dataset import Dataset, Episode
from dreamport.episodes.layout import DatasetInfo, create_dataset, discard_unfinished
from dreamport.episodes.writer import EpisodeWriter, RecordedFrame
from dreamport.errors import DatasetError
from dreamport_tools.doom_walk import WalkMap
from dreamport_tools.vizdoom_game import (
    BUTTONS,
    FOCAL,
    FRAME_RATE,
    GAME_ARGS,
    HEIGHT,
    IWAD,
    MAP,
    TICS_PER_FRAME,
    WIDTH,
    EngineState,
    Level,
    camera_to_world,
    iwad_path,
    motion_state,
    tic_action,
    turned_right_deg,
)
from dreamport_tools.vizdoom_policy import MAX_LOOK_DEG, Policy

SPLITS = ("train", "heldout")
OWN_START_SHARE = 0.1  # episodes that begin at the map's own start
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class EpisodeJob:
    """One episode to record. The seed decides everything in it."""

    index: int
    seed: int
    split: str
    frames: int


def dataset_info() -> DatasetInfo:
    """What all recordings of this level share."""
    return DatasetInfo(
        name="freedoom2-map01-start",
        licence="BSD-3-Clause (Freedoom)",
        frame_rate=FRAME_RATE,
        width=WIDTH,
        height=HEIGHT,
        intrinsics=(FOCAL, FOCAL, WIDTH / 2, HEIGHT / 2),
        buttons=BUTTONS,
        look_max_deg=MAX_LOOK_DEG,
        source={
            "engine": f"ViZDoom {vizdoom.__version__}",
            "map": MAP,
            "iwad": IWAD,
            "iwad_sha256": hashlib.sha256(iwad_path().read_bytes()).hexdigest(),
            "arguments": GAME_ARGS,
            "changes": "things, line actions and sector effects taken out (doom_map.without_effects)",
            "tics_per_frame": TICS_PER_FRAME,
            "picture": "640x480, rows 48..431, 2x2 area average",
        },
    )


def record(
    out: Path,
    *,
    episodes: int,
    frames: int,
    seed: int,
    split: str,
    workers: int = 1,
    progress: Progress | None = None,
) -> Dataset:
    """Record episodes with seeds ``seed``, ``seed + 1``, ... into the data set at ``out``.

    Episodes whose seed is there already are kept, so a recording that was stopped can be taken up again.
    ``split`` is ``train`` or ``heldout``. ``progress`` is told how many of how many are done.
    Raises ``DatasetError`` when a seed belongs to another split.
    """
    if episodes < 1 or frames < 1 or seed < 0:
        raise DatasetError("episodes and frames must be at least 1, and the seed must not be negative")
    jobs = [EpisodeJob(0, seed + i, split, frames) for i in range(episodes)]
    return record_jobs(out, jobs, workers=workers, progress=progress)


def share_out(frames: int, episode_frames: int, seed: int, split: str | None) -> list[EpisodeJob]:
    """``frames`` frames in all as episodes of ``episode_frames``, with seeds from ``seed``; at least two.

    A rest that is shorter than an eighth of an episode makes the last one longer. Without a ``split`` the
    second episode and every seventh after it are held out: a larger recording of the same seed keeps them.
    Raises ``DatasetError`` when there are too few frames for two episodes.
    """
    if frames < 4 or episode_frames < 2:
        raise DatasetError("give 4 frames or more, and 2 or more an episode")
    whole, rest = divmod(frames, episode_frames)
    lengths = [episode_frames] * whole
    if not lengths or rest >= max(2, episode_frames // 8):
        lengths.append(rest)
    else:
        lengths[-1] += rest
    if len(lengths) < 2:
        lengths = [frames - frames // 4, frames // 4] if frames >= 8 else [frames - 2, 2]
    return [
        EpisodeJob(0, seed + i, split or ("heldout" if i % 7 == 1 else "train"), length)
        for i, length in enumerate(lengths)
    ]


def record_jobs(
    out: Path, wanted: Sequence[EpisodeJob], *, workers: int = 1, progress: Progress | None = None
) -> Dataset:
    """Record episodes into the data set at ``out``; those whose seed is there already are kept. The jobs'
    ``index`` is given here. Raises as :func:`record`.
    """
    unknown = {job.split for job in wanted} - set(SPLITS)
    if unknown:
        raise DatasetError(f"split {min(unknown)!r} is unknown; choose one of {', '.join(SPLITS)}")
    info = dataset_info()
    create_dataset(out, info)
    discard_unfinished(out)
    there = Dataset(out)
    known = {seed: split for split in SPLITS for seed in there.seeds(split)}
    foreign = [job.seed for job in wanted if known.get(job.seed, job.split) != job.split]
    if foreign:
        raise DatasetError(f"seed {min(foreign)} is in another split of {out}; splits must not share seeds")
    todo = [job for job in wanted if job.seed not in known]
    jobs = [replace(job, index=there.next_index() + i) for i, job in enumerate(todo)]
    episodes = len(wanted)
    done = episodes - len(jobs)
    report = progress or (lambda _done, _total: None)
    if workers <= 1:
        with Level() as level:
            walk = WalkMap(level.geometry)
            for job in jobs:
                record_episode(level, walk, out, info, job)
                done += 1
                report(done, episodes)
        return Dataset(out)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        for future in as_completed([pool.submit(_record_in_worker, out, info, job) for job in jobs]):
            future.result()
            done += 1
            report(done, episodes)
    return Dataset(out)


def record_episode(level: Level, walk: WalkMap, out: Path, info: DatasetInfo, job: EpisodeJob) -> None:
    """Play and write one episode."""
    rng = np.random.default_rng(job.seed)
    policy = Policy(walk, rng)
    place, angle = policy.start()
    start = None if rng.random() < OWN_START_SHARE else place
    state = level.begin(job.seed, start, angle)
    with EpisodeWriter(out, info, job.index, seed=job.seed, split=job.split) as writer:
        writer.raw({"seed": job.seed, "place": start, "angle_deg": angle, **info.source})
        writer.add(_frame(level, state))
        for _ in range(1, job.frames):
            buttons, turn = policy.control(state)
            before, state = state, level.step(buttons, turn)
            for _ in range(TICS_PER_FRAME):
                writer.raw({"action": tic_action(buttons, turn)})
            writer.add(_frame(level, state, before, buttons))
        writer.finish()


def replay_episode(episode: Episode, level: Level | None = None) -> bool:
    """Whether playing the raw record again gives the same poses and pictures, bit for bit.

    Only the poses are compared for a small copy, whose pictures are not lossless.
    """
    if level is None:
        with Level() as own:
            return replay_episode(episode, own)
    header, *events = episode.raw()
    place = header["place"]
    state = level.begin(header["seed"], None if place is None else (place[0], place[1]), header["angle_deg"])
    for i in range(len(episode)):
        if i:
            tics = events[(i - 1) * TICS_PER_FRAME : i * TICS_PER_FRAME]
            state = level.play([event["action"] for event in tics])
        if state.row() != episode.engine[i].tolist():
            return False
        if episode.info.lossless and not np.array_equal(level.colour(), episode.colour(i)):
            return False
    return True


def _frame(
    level: Level, state: EngineState, before: EngineState | None = None, buttons: int | None = None
) -> RecordedFrame:
    return RecordedFrame(
        colour=level.colour(),
        depth=level.depth(),
        pose=camera_to_world(state),
        motion_state=motion_state(state, before),
        engine=state.row(),
        buttons=buttons,
        look_deg=None if before is None else (turned_right_deg(before, state), 0.0),
    )


_worker: tuple[Level, WalkMap] | None = None


def _start_worker() -> None:
    global _worker  # noqa: PLW0603 - an engine a process, started once
    level = Level()
    _worker = (level, WalkMap(level.geometry))


def _record_in_worker(out: Path, info: DatasetInfo, job: EpisodeJob) -> None:
    assert _worker is not None
    record_episode(*_worker, out, info, job)
