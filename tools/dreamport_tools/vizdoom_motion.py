"""Record motion without pictures, for the motion head: fast, and with many wall contacts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dreamport_tools.doom_walk import WalkMap
from dreamport_tools.vizdoom_game import EngineState, Level, level_geometry, motion_state, turned_right_deg
from dreamport_tools.vizdoom_policy import PHYSICS, Policy

EPISODE_FRAMES = 200
Progress = Callable[[int, int], None]


def record_motion(
    out: Path, frames: int, seed: int, shard_frames: int = 60_000, progress: Progress | None = None
) -> None:
    """Motion without pictures: shards ``motion-NNN.npz`` with at least ``frames`` frames in all.

    Each holds ``state [T, 9]`` float64 (see ``motion_state``), ``engine [T, 8]`` float64, ``buttons [T]``
    uint8, ``look_deg [T, 2]`` float32, ``is_first [T]`` bool and ``seed``. A row's input is the one that led
    to its state. Shards that are there already are kept.
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
        if i % EPISODE_FRAMES == 0:
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
