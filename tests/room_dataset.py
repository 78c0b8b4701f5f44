"""A small recording of the stub room, for tests of what is made from recordings: 80x48 with exact depth and
poses."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from dreamport.episodes.layout import DatasetInfo, create_dataset
from dreamport.episodes.writer import EpisodeWriter, RecordedFrame
from stub_worlds import HEIGHT, INTRINSICS, WIDTH, motion_state, room, room_pose

FRAME_RATE = 20.0
SPEED_M = 0.04


def record_room(root: Path, episodes: int = 4, frames: int = 48, seed: int = 0, depth: bool = True) -> Path:
    """Walks in a round room: forward in even seconds, turning all the time, another way in each episode."""
    fx, fy, cx, cy = (float(value) for value in INTRINSICS)
    info = DatasetInfo(
        name="stub room",
        licence="CC0-1.0",
        frame_rate=FRAME_RATE,
        width=WIDTH,
        height=HEIGHT,
        intrinsics=(fx, fy, cx, cy),
        buttons=("forward", "back"),
        look_max_deg=15.0,
        depth="millimetres" if depth else "none",
    )
    create_dataset(root, info)
    for index in range(episodes):
        rng = np.random.default_rng((seed, index))
        x, z, yaw = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0, 360)
        with EpisodeWriter(root, info, index, seed=seed + index, split="train") as writer:
            for row in range(frames):
                walking = row % 40 < 20
                turn = 4.0 * math.sin(row / 9 + index)
                if row:
                    yaw += turn
                    step = SPEED_M * walking * (math.hypot(x, z) < 2.0)
                    x += step * math.sin(math.radians(yaw))
                    z += step * math.cos(math.radians(yaw))
                pose = room_pose(x, z, yaw)
                colour, metres = room(pose)
                writer.add(
                    RecordedFrame(
                        colour,
                        metres if depth else None,
                        pose.matrix(),
                        motion_state(pose).astype(np.float64),
                        buttons=int(walking) if row else None,
                        look_deg=(turn, 0.0) if row else None,
                    )
                )
            writer.finish()
    return root
