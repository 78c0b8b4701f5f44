"""Recording the real level in ViZDoom: exact, replayable, still, and inside its walls."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dreamport.episodes.dataset import Dataset
from dreamport.errors import DatasetError
from dreamport.geometry import Pose
from dreamport_tools.compact_dataset import compact_copy
from dreamport_tools.doom_map import map_geometry, read_map, without_effects, write_pwad
from dreamport_tools.doom_walk import WalkMap
from dreamport_tools.vizdoom_game import (
    FORWARD,
    MAP,
    EngineState,
    Level,
    camera_to_world,
    iwad_path,
    level_geometry,
    motion_state,
    turned_right_deg,
)
from dreamport_tools.vizdoom_motion import record_motion
from dreamport_tools.vizdoom_policy import MAX_LOOK_DEG, MOVES, Policy
from dreamport_tools.vizdoom_recorder import record, replay_episode, share_out

FRAMES = 24


@pytest.fixture(scope="module")
def level() -> Iterator[Level]:
    with Level(depth_buffer=True) as level:
        yield level


@pytest.fixture(scope="module")
def walk() -> WalkMap:
    return WalkMap(level_geometry())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recorded")
    record(root, episodes=2, frames=FRAMES, seed=11, split="train")
    record(root, episodes=1, frames=FRAMES, seed=91, split="heldout")
    return root


def test_an_episode_replays_exactly(recorded: Path, level: Level) -> None:
    for episode in Dataset(recorded):
        assert len(episode) == FRAMES
        assert replay_episode(episode, level)


def test_a_replay_with_another_action_is_noticed(recorded: Path, level: Level, tmp_path: Path) -> None:
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "raw" / "episode-000000.jsonl"
    lines = path.read_text().splitlines()
    lines[20] = '{"action": [0.0, 0.0, 0.0, 0.0, 3.0]}'
    path.write_text("\n".join(lines))
    assert not replay_episode(Dataset(tmp_path)[0], level)


def test_the_recorded_look_is_the_turn_between_the_frames(recorded: Path) -> None:
    for episode in Dataset(recorded):
        yaw = [Pose.from_matrix(pose).yaw_deg() for pose in episode.pose]
        turned = (np.diff(yaw) + 180) % 360 - 180
        assert np.abs(turned - episode.look_deg[1:, 0]).max() < 1e-3
        assert np.abs(episode.look_deg).max() <= MAX_LOOK_DEG + 1e-3
    assert np.abs(turned).max() > 1


def test_an_input_shows_in_the_frame_of_its_own_row(level: Level) -> None:
    rest = level.begin(5, (100.0, -128.0), 0.0)
    moved = level.step(FORWARD, 0.0)
    assert moved.x > rest.x + 1 and abs(moved.y - rest.y) < 1e-6
    turned = level.step(0, 10.0)
    assert turned_right_deg(moved, turned) == pytest.approx(10.0, abs=0.006)
    # To the right is clockwise: an angle counted the other way falls.
    assert turned.angle_deg > 180


def test_poses_follow_the_level_axes() -> None:
    north = EngineState(64.0, 32.0, 0.0, 90.0, 40.0, 0.0, 3.2, 0.0)
    pose = Pose.from_matrix(camera_to_world(north))
    assert pose.position == pytest.approx((2.0, -1.5, 1.0))
    assert pose.yaw_deg() == pytest.approx(0.0)
    east = EngineState(64.0, 32.0, 0.0, 0.0, 40.0, 3.2, 0.0, 0.0)
    assert Pose.from_matrix(camera_to_world(east)).yaw_deg() == pytest.approx(90.0)
    lower = EngineState(64.0, 32.0, 0.0, 0.0, 32.0, 3.2, 0.0, 0.0)
    state = motion_state(lower, east)
    assert state[3:5] == pytest.approx((1.0, 0.0))
    assert state[6:] == pytest.approx((0.2, 8 * 1.2 / 32, 0.0))


def test_depth_agrees_with_the_engines_own_buffer(level: Level, walk: WalkMap) -> None:
    rng = np.random.default_rng(3)
    level.begin(1, None, None)
    compared = 0
    for _ in range(12):
        place = walk.places[rng.integers(len(walk.places))]
        level.warp((float(place[0]), float(place[1])), float(rng.uniform(0, 360)))
        depth, buffer = level.depth(), level.depth_buffer().astype(float)
        assert np.isfinite(depth).all() and depth.min() > 0.35
        far = (buffer > 4) & (buffer < 250)
        if far.mean() < 0.5 or np.ptp(buffer[far]) < 12:
            continue
        compared += 1
        assert np.corrcoef(depth[far], buffer[far])[0, 1] > 0.995
        # An edge in one is an edge in the other, give or take a pixel.
        jumps = np.argwhere((np.abs(np.diff(buffer, axis=1)) > 6) & far[:, 1:])
        seen = [np.ptp(depth[y, max(0, x - 1) : x + 3]) > 0.5 for y, x in jumps if 1 < x < 317]
        assert not seen or np.mean(seen) > 0.9
    assert compared >= 5


def test_a_pose_has_one_picture_at_any_time(level: Level, walk: WalkMap) -> None:
    rng = np.random.default_rng(4)
    level.begin(1, None, None)
    for _ in range(6):
        place = walk.places[rng.integers(len(walk.places))]
        level.warp((float(place[0]), float(place[1])), float(rng.uniform(0, 360)))
        first = level.colour()
        for _ in range(20):
            level.step(0, 0.0)
            assert np.array_equal(level.colour(), first)


def test_reprojecting_by_depth_and_pose_lands_on_the_same_colours(level: Level) -> None:
    """Depth, pose, intrinsics and picture must all belong to the same tic."""
    level.begin(1, (100.0, -128.0), 20.0)
    before = level.step(FORWARD, 0.0)
    source, depth = level.colour().astype(float), level.depth()
    after = before
    for _ in range(3):
        after = level.step(FORWARD, 4.0)
    target = level.colour().astype(float)
    v, u = np.mgrid[0:192, 0:320] + 0.5
    points = np.stack([(u - 160) / 160 * depth, (v - 96) / 160 * depth, depth, np.ones_like(depth)])
    moved = np.linalg.inv(camera_to_world(after)) @ camera_to_world(before) @ points.reshape(4, -1)
    x = np.floor(moved[0] / moved[2] * 160 + 160).astype(int)
    y = np.floor(moved[1] / moved[2] * 160 + 96).astype(int)
    inside = (moved[2] > 0) & (x >= 0) & (x < 320) & (y >= 0) & (y < 192)
    error = np.abs(target[y[inside], x[inside]] - source.reshape(-1, 3)[inside]).mean()
    unmoved = np.abs(target - source).mean()
    assert inside.mean() > 0.5
    assert error < 0.6 * unmoved


def test_the_walk_map_is_the_area_the_player_can_reach(walk: WalkMap) -> None:
    rng = np.random.default_rng(5)
    assert 900 < len(walk.places) < 1400
    assert walk.places.min(axis=0).tolist() == [-224.0, -336.0]
    assert walk.places.max(axis=0).tolist() == [688.0, 240.0]
    with Level(pictures=False) as engine:
        for episode in range(10):
            place = walk.places[rng.integers(len(walk.places))]
            state = engine.begin(episode, (float(place[0]), float(place[1])), float(rng.uniform(0, 360)))
            assert (state.x, state.y) == pytest.approx(tuple(place))
            for _ in range(60):
                state = engine.step(MOVES[1 + episode % 8], float(rng.normal(0, 4)))
                assert walk.fits(state.x, state.y)
                cell = walk.place(walk.nearest(state.x, state.y))
                assert math.dist(cell, (state.x, state.y)) < 24
    assert not walk.fits(-400.0, -192.0)


def test_play_uses_every_way_of_moving_and_turns_both_ways(walk: WalkMap) -> None:
    moves, turns, seen = [], [], set()
    with Level(pictures=False) as engine:
        for seed in range(24):
            policy = Policy(walk, np.random.default_rng(seed))
            state = engine.begin(seed, *policy.start())
            for _ in range(200):
                buttons, turn = policy.control(state)
                state = engine.step(buttons, turn)
                moves.append(buttons)
                turns.append(turn)
                seen.add(walk.nearest(state.x, state.y))
    counts = [moves.count(move) for move in MOVES]
    assert min(counts) > 0.04 * len(moves)
    assert np.mean(np.array(turns) > 0.5) > 0.2 and np.mean(np.array(turns) < -0.5) > 0.2
    assert len(seen) > 0.3 * len(walk.cells)


def test_seeds_are_kept_apart_and_a_stopped_recording_is_taken_up(recorded: Path, tmp_path: Path) -> None:
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    with pytest.raises(DatasetError, match="another split"):
        record(tmp_path, episodes=5, frames=4, seed=8, split="heldout")
    reports: list[tuple[int, int]] = []
    record(
        tmp_path, episodes=3, frames=4, seed=11, split="train",
        progress=lambda done, total: reports.append((done, total)),
    )  # fmt: skip
    assert reports == [(3, 3)]
    assert sorted(Dataset(tmp_path).seeds("train")) == [11, 12, 13]


def test_the_same_seed_is_the_same_episode_in_any_process(recorded: Path, tmp_path: Path) -> None:
    again = record(tmp_path, episodes=2, frames=FRAMES, seed=11, split="train", workers=2)
    for one, other in zip(again, Dataset(recorded).episodes("train"), strict=True):
        assert one.seed == other.seed
        assert np.array_equal(one.engine, other.engine)
        assert np.array_equal(one.colour(FRAMES - 1), other.colour(FRAMES - 1))


def test_motion_shards_are_aligned_and_reproducible(tmp_path: Path) -> None:
    record_motion(tmp_path / "a", frames=450, seed=7, shard_frames=300)
    record_motion(tmp_path / "b", frames=450, seed=7, shard_frames=300)
    shards = [np.load(tmp_path / "a" / f"motion-00{i}.npz") for i in range(2)]
    assert [len(shard["state"]) for shard in shards] == [300, 150]
    first = shards[0]
    assert np.array_equal(first["state"], np.load(tmp_path / "b" / "motion-000.npz")["state"])
    assert np.flatnonzero(first["is_first"]).tolist() == [0, 200]
    yaw = np.degrees(np.arctan2(first["state"][:, 3], first["state"][:, 4]))
    turned = (np.diff(yaw) + 180) % 360 - 180
    inside = ~first["is_first"][1:]
    assert np.abs(turned - first["look_deg"][1:, 0])[inside].max() < 1e-3
    rise = np.diff(first["state"][:, 1])
    assert np.abs(rise - first["state"][1:, 7])[inside].max() < 1e-9


def test_a_small_copy_keeps_poses_exactly_and_pictures_closely(
    recorded: Path, level: Level, tmp_path: Path
) -> None:
    source = Dataset(recorded)
    quality = compact_copy(
        source, tmp_path / "small", source.episodes("heldout"), frames=[16], rate_factor=14
    )
    small = Dataset(tmp_path / "small")
    assert not small.info.lossless
    assert [len(episode) for episode in small] == [16]
    copy, original = small[0], source.episodes("heldout")[0]
    assert np.array_equal(copy.pose, original.pose[:16])
    assert np.array_equal(copy.depth(9), original.depth(9))
    error = np.mean((copy.colours().astype(float) - original.colours()[:16]) ** 2)
    assert 10 * math.log10(255**2 / error) == pytest.approx(quality.mean_psnr_db, abs=1.0)
    assert quality.mean_psnr_db > 38
    assert replay_episode(copy, level)


def test_the_shipped_heldout_set_is_small_unseen_and_replays(level: Level) -> None:
    root = Path(__file__).parents[1] / "benchmarks" / "heldout"
    dataset = Dataset(root)
    assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) < 5_000_000
    assert set(dataset.seeds()) == set(dataset.seeds("heldout")) and min(dataset.seeds()) >= 9000
    for episode in dataset:
        assert replay_episode(episode, level)
        # The engine now shows the episode's last frame.
        error = np.mean((level.colour().astype(float) - episode.colour(len(episode) - 1)) ** 2)
        assert 10 * math.log10(255**2 / error) > 37


def test_a_map_without_effects_keeps_its_walls(tmp_path: Path) -> None:
    lumps = read_map(iwad_path(), MAP)
    still = without_effects(lumps)
    write_pwad(tmp_path / "still.wad", MAP, still)
    again = read_map(tmp_path / "still.wad", MAP)
    assert again == still
    assert len(still["THINGS"]) == 10
    one, other = map_geometry(lumps), map_geometry(again)
    assert np.array_equal(one.lines, other.lines) and np.array_equal(one.heights, other.heights)
    with pytest.raises(DatasetError, match="no map MAP99"):
        read_map(iwad_path(), "MAP99")


def test_frames_in_all_are_shared_out_with_a_held_out_share_that_stays() -> None:
    jobs = share_out(2000, 300, seed=7, split=None)
    assert sum(job.frames for job in jobs) == 2000
    assert [job.seed for job in jobs] == list(range(7, 14))
    assert [job.split for job in jobs].count("heldout") == 1
    larger = share_out(6000, 300, seed=7, split=None)
    assert [job.split for job in larger[: len(jobs)]] == [job.split for job in jobs]
    assert {job.split for job in share_out(40, 300, seed=1, split=None)} == {"train", "heldout"}
    assert {job.split for job in share_out(900, 300, seed=1, split="heldout")} == {"heldout"}
