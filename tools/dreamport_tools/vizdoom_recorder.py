"""Record, replay and sample the level: episodes with pictures, and motion alone for the motion head."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import vizdoom
from dreamport.errors import DatasetError

from dreamport_tools.doom_walk import WalkMap
from dreamport_tools.episodes import Dataset, DatasetInfo, Episode, EpisodeWriter, create_dataset, discard_unfinished
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
    level_geometry,
    motion_state,
    tic_action,
    turned_right_deg,
)
from dreamport_tools.vizdoom_policy import MAX_LOOK_DEG, PHYSICS, Policy

OWN_START_SHARE = 0.1  # episodes that begin at the map's own start
PHYSICS_EPISODE = 200
Progress = Callable[[int, int], None]


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
    out: Path, episodes: int, frames: int, seed: int, split: str, workers: int = 1,
    progress: Progress | None = None,
) -> Dataset:
    """Record ``episodes`` of ``frames`` frames each into the data set at ``out``, seeds ``seed``, ``seed + 1``, ...

    Episodes whose seed is there already are kept, so a recording that was stopped can be taken up again.
    ``split`` is ``train`` or ``heldout``. ``progress`` is told how many of how many are done.
    Raises ``DatasetError`` when a seed belongs to another split.
    """
    create_dataset(out, dataset_info())
    discard_unfinished(out)
    there = Dataset(out)
    wanted = range(seed, seed + episodes)
    foreign = set(wanted) & (set(there.seeds()) - set(there.seeds(split)))
    if foreign:
        raise DatasetError(f"seed {min(foreign)} is in another split of {out}; splits must not share seeds")
    open_seeds = [s for s in wanted if s not in set(there.seeds(split))]
    first = there.next_index()
    done = episodes - len(open_seeds)
    jobs = [(out, first + i, s, split, frames) for i, s in enumerate(open_seeds)]
    if workers <= 1:
        with Level() as level:
            walk = WalkMap(level.geometry)
            for job in jobs:
                record_episode(level, walk, *job)
                done += 1
                if progress:
                    progress(done, episodes)
        return Dataset(out)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_start_worker) as pool:
        for future in as_completed([pool.submit(_record_job, *job) for job in jobs]):
            future.result()
            done += 1
            if progress:
                progress(done, episodes)
    return Dataset(out)


def record_episode(
    level: Level, walk: WalkMap, out: Path, index: int, seed: int, split: str, frames: int
) -> None:
    """Play and write one episode. The seed decides everything in it."""
    rng = np.random.default_rng(seed)
    policy = Policy(walk, rng)
    place, angle = policy.start()
    start = None if rng.random() < OWN_START_SHARE else place
    state = level.begin(seed, start, angle)
    with EpisodeWriter(out, dataset_info(), index, seed, split) as writer:
        writer.raw({"seed": seed, "place": start, "angle_deg": angle, **dataset_info().source})
        writer.add(level.colour(), level.depth(), camera_to_world(state), motion_state(state), state.row())
        for _ in range(1, frames):
            buttons, turn = policy.control(state)
            before, state = state, level.step(buttons, turn)
            for _ in range(TICS_PER_FRAME):
                writer.raw({"action": tic_action(buttons, turn)})
            look = (turned_right_deg(before, state), 0.0)
            writer.add(
                level.colour(), level.depth(), camera_to_world(state), motion_state(state, before), state.row(),
                buttons, look,
            )  # fmt: skip
        writer.finish()


def replay_episode(episode: Episode, level: Level | None = None) -> bool:
    """Whether playing the raw record again gives the same poses and the same pictures, bit for bit."""
    if level is None:
        with Level() as own:
            return replay_episode(episode, own)
    header, *events = episode.raw()
    place = header["place"]
    state = level.begin(header["seed"], None if place is None else (place[0], place[1]), header["angle_deg"])
    for i in range(len(episode)):
        if i:
            state = level.play([event["action"] for event in events[(i - 1) * TICS_PER_FRAME : i * TICS_PER_FRAME]])
        if state.row() != episode.engine[i].tolist():
            return False
        if not np.array_equal(level.colour(), episode.colour(i)):
            return False
    return True


def record_motion(out: Path, frames: int, seed: int, shard_frames: int = 60_000, progress: Progress | None = None) -> None:
    """Motion without pictures: shards ``motion-NNN.npz`` with at least ``frames`` frames in all.

    Each holds ``state [T, 9]`` float64 (see ``motion_state``), ``engine [T, 8]`` float64, ``buttons [T]`` uint8,
    ``look_deg [T, 2]`` float32, ``is_first [T]`` bool and ``seed``; a row's input is the one that led to its state.
    Shards that are there already are kept.
    """
    out.mkdir(parents=True, exist_ok=True)
    walk = WalkMap(level_geometry())
    shards = -(-frames // shard_frames)
    with Level(pictures=False) as level:
        for shard in range(shards):
            path = out / f"motion-{shard:03d}.npz"
            if not path.exists():
                count = min(shard_frames, frames - shard * shard_frames)
                arrays = _motion_shard(level, walk, count, seed + shard)
                part = path.with_suffix(f".part-{os.getpid()}")
                with part.open("wb") as file:
                    np.savez_compressed(file, **arrays)
                os.replace(part, path)
            if progress:
                progress(shard + 1, shards)


def _motion_shard(level: Level, walk: WalkMap, frames: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    state_rows, engine_rows, buttons, looks, firsts = [], [], [], [], []
    policy = Policy(walk, rng, PHYSICS)
    state: EngineState | None = None
    for i in range(frames):
        if i % PHYSICS_EPISODE == 0:
            policy = Policy(walk, rng, PHYSICS)
            before, state = None, level.begin(seed, *policy.start())
            pressed, look = 0, 0.0
        else:
            assert state is not None
            pressed, turn = policy.control(state)
            before, state = state, level.step(pressed, turn)
            look = turned_right_deg(before, state)
        state_rows.append(motion_state(state, before))
        engine_rows.append(state.row())
        buttons.append(pressed)
        looks.append((look, 0.0))
        firsts.append(before is None)
    return {
        "state": np.array(state_rows),
        "engine": np.array(engine_rows),
        "buttons": np.array(buttons, np.uint8),
        "look_deg": np.array(looks, np.float32),
        "is_first": np.array(firsts),
        "seed": np.int64(seed),
    }


_worker: tuple[Level, WalkMap] | None = None


def _start_worker() -> None:
    global _worker  # noqa: PLW0603 - an engine a process, started once
    level = Level()
    _worker = (level, WalkMap(level.geometry))


def _record_job(out: Path, index: int, seed: int, split: str, frames: int) -> None:
    assert _worker is not None
    record_episode(*_worker, out, index, seed, split, frames)
