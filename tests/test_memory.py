"""Memory gives the views that show what the next camera will see, captured ones first."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dreamport.generator.coverage import CANDIDATES, CELLS, ViewIndex, pick
from dreamport.generator.memory import EMPTY, SESSION_VIEWS, ViewMemory
from dreamport.geometry import Pose
from dreamport.worlds import WorldPack
from dreamport.worlds.views import GRID_COLUMNS, GRID_ROWS, STEPS, quantise_inverse_depth
from stub_worlds import FAR_M, HEIGHT, INTRINSICS, NEAR_M, WIDTH, room, room_pose, write_stub_pack

FRAME = HEIGHT, WIDTH


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    """Captured all around, 24 views of 90 degrees each."""
    return write_stub_pack(tmp_path_factory.mktemp("stub") / "room")


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    """Captured towards headings 0 to 90 degrees only."""
    return write_stub_pack(tmp_path_factory.mktemp("half") / "room", headings=4, arc_deg=120.0)


def memory_of(pack: WorldPack) -> ViewMemory:
    return ViewMemory(pack.read_views(), pack.manifest)


def heading_of(pack: WorldPack, view: int) -> float:
    return Pose.from_matrix(pack.read_views().pose[view]).yaw_deg() % 360


def somewhere(rng: np.random.Generator, reach_m: float) -> Pose:
    x, z = (float(value) for value in rng.uniform(-reach_m, reach_m, 2))
    return room_pose(x, z, float(rng.uniform(0, 360)))


def flat_grid(depth_m: float) -> NDArray[np.uint16]:
    return quantise_inverse_depth(np.full((1, GRID_ROWS, GRID_COLUMNS), depth_m), NEAR_M)


def index_of(*views: tuple[Pose, float]) -> ViewIndex:
    """An index of views that each look at a wall so many metres ahead."""
    index = ViewIndex(len(views), FRAME, NEAR_M, FAR_M)
    for i, (pose, depth_m) in enumerate(views):
        index.put(np.array([i]), pose.matrix()[None], INTRINSICS[None], flat_grid(depth_m))
    return index


def gains(index: ViewIndex, count: int, pose: Pose) -> NDArray[np.float32]:
    return index.gains(np.arange(count), pose.matrix(), INTRINSICS)


class TestCoverage:
    def test_is_full_for_the_very_same_camera(self) -> None:
        index = index_of((room_pose(), 4.0))
        np.testing.assert_allclose(gains(index, 1, room_pose()), 1.0, atol=1e-4)

    def test_is_none_for_a_camera_that_looks_away(self) -> None:
        index = index_of((room_pose(), 4.0))
        assert gains(index, 1, room_pose(yaw_deg=180)).max() == 0.0

    def test_lies_on_the_side_that_a_turned_camera_still_sees(self) -> None:
        seen = gains(index_of((room_pose(yaw_deg=-45), 4.0)), 1, room_pose())[0].reshape(
            GRID_ROWS, GRID_COLUMNS
        )
        assert seen[:, :8].max() > 0.0
        assert seen[:, 11:].max() == 0.0

    def test_leaves_out_what_stands_behind_a_nearer_surface(self) -> None:
        """One view saw a wall at 2 m; the other, from beyond that wall, what lies at 6 m."""
        index = index_of((room_pose(), 2.0), (room_pose(z=3.0), 3.0))
        near, behind = gains(index, 2, room_pose())
        np.testing.assert_allclose(near, 1.0, atol=1e-4)
        assert behind.max() == 0.0

    def test_counts_more_the_nearer_the_distance_is_to_the_cameras_own(self) -> None:
        index = index_of((room_pose(z=-0.4), 4.4), (room_pose(z=-2.0), 6.0), (room_pose(z=2.0), 2.0))
        close, far, nearer = gains(index, 3, room_pose()).max(axis=1)
        assert close > 0.7
        assert 0.0 < far < close
        assert 0.0 < nearer < close

    def test_takes_infinity_as_far_rather_than_as_nothing(self) -> None:
        index = ViewIndex(1, FRAME, NEAR_M, FAR_M)
        sky = np.zeros((1, GRID_ROWS, GRID_COLUMNS), np.uint16)
        index.put(np.array([0]), room_pose().matrix()[None], INTRINSICS[None], sky)
        np.testing.assert_allclose(gains(index, 1, room_pose(x=0.2)), 1.0, atol=0.05)

    def test_agrees_between_views_put_together_and_one_by_one(self) -> None:
        rng = np.random.default_rng(0)
        poses = np.stack([somewhere(rng, 2.0).matrix() for _ in range(9)])
        grids = rng.integers(2000, STEPS, (9, GRID_ROWS, GRID_COLUMNS)).astype(np.uint16)
        cameras = np.tile(INTRINSICS, (9, 1))
        together, alone = (ViewIndex(9, FRAME, NEAR_M, FAR_M) for _ in range(2))
        together.put(slice(0, 9), poses, cameras, grids)
        for i in range(9):
            alone.put(np.array([i]), poses[i][None], cameras[i][None], grids[i][None])
        np.testing.assert_array_equal(gains(together, 9, room_pose()), gains(alone, 9, room_pose()))


class TestPick:
    def test_takes_views_that_complete_each_other_over_the_best_ones(self) -> None:
        cells = np.zeros((3, CELLS), np.float32)
        cells[0, :150] = 1.0
        cells[1, :140] = 1.0
        cells[2, 150:] = 0.8
        assert pick(cells, 2) == [0, 2]

    def test_stops_when_nothing_more_is_gained(self) -> None:
        cells = np.ones((3, CELLS), np.float32)
        assert pick(cells, 4) == [0]

    def test_picks_none_where_nothing_is_seen(self) -> None:
        assert pick(np.zeros((3, CELLS), np.float32), 4) == []
        assert pick(np.zeros((0, CELLS), np.float32), 4) == []

    def test_stays_with_a_view_in_use_among_near_equals(self) -> None:
        cells = np.full((2, CELLS), 0.9, np.float32)
        cells[0] += 0.02
        assert pick(cells, 1) == [0]
        assert pick(cells, 1, in_use=[1]) == [1]
        cells[0] += 0.08
        assert pick(cells, 1, in_use=[1]) == [0]


class TestSelection:
    def test_prefers_views_that_look_the_same_way(self, stub: WorldPack) -> None:
        memory = memory_of(stub)
        assert memory.select(room_pose(yaw_deg=91).matrix(), INTRINSICS)
        turned = [abs(heading_of(stub, view) - 91) for view in memory.slots if view != EMPTY]
        assert min(turned) <= 1.5
        assert max(turned) <= 91

    def test_leaves_views_in_their_places_while_they_stay(self, stub: WorldPack) -> None:
        memory = memory_of(stub)
        memory.select(room_pose(yaw_deg=10).matrix(), INTRINSICS)
        before = memory.slots
        memory.select(room_pose(yaw_deg=12).matrix(), INTRINSICS)
        stayed = [old for old, new in zip(before, memory.slots, strict=True) if old == new != EMPTY]
        assert set(stayed) == (set(before) & set(memory.slots)) - {EMPTY}
        assert stayed

    def test_gives_decoded_views_with_their_way_into_the_camera(self, stub: WorldPack) -> None:
        memory = memory_of(stub)
        camera = room_pose(x=0.1, yaw_deg=45).matrix()
        memory.select(camera, INTRINSICS)
        fed = memory.feeds(camera)
        views = stub.read_views()
        slot = next(i for i, view in enumerate(memory.slots) if view != EMPTY)
        view = memory.slots[slot]
        decoded = views.decode(view)
        np.testing.assert_allclose(fed.colour[slot], decoded.colour.transpose(2, 0, 1) / 255.0, atol=1e-6)
        np.testing.assert_allclose(fed.inverse_depth[slot, 0], decoded.inverse_depth / 65535.0, atol=1e-6)
        np.testing.assert_allclose(camera @ fed.target_from_source[slot], views.pose[view], atol=1e-5)
        np.testing.assert_array_equal(fed.intrinsics[slot], INTRINSICS)

    def test_leaves_empty_places_infinitely_far(self, half: WorldPack) -> None:
        memory = memory_of(half)
        camera = room_pose(yaw_deg=-60).matrix()
        assert memory.select(camera, INTRINSICS)
        assert EMPTY in memory.slots
        fed = memory.feeds(camera)
        for slot, view in enumerate(memory.slots):
            assert (fed.inverse_depth[slot].max() == 0.0) == (view == EMPTY)

    def test_says_when_nothing_is_seen(self, half: WorldPack) -> None:
        memory = memory_of(half)
        assert not memory.select(room_pose(yaw_deg=225).matrix(), INTRINSICS)
        assert set(memory.slots) == {EMPTY}

    def test_of_two_thousand_views_takes_few_milliseconds(self) -> None:
        rng = np.random.default_rng(0)
        count = 2000
        index = ViewIndex(count, FRAME, NEAR_M, FAR_M)
        poses = np.stack([somewhere(rng, 9.0).matrix() for _ in range(count)])
        grid = quantise_inverse_depth(rng.uniform(1, 8, (count, GRID_ROWS, GRID_COLUMNS)), NEAR_M)
        index.put(slice(0, count), poses, np.tile(INTRINSICS, (count, 1)), grid)

        def choose(i: int) -> float:
            began = time.process_time()
            near = index.nearest(poses[i], index.filled, CANDIDATES)
            assert i in near[pick(index.gains(near, poses[i], INTRINSICS), 4)]
            return time.process_time() - began

        # Quiet: 1 ms. The bound leaves room for a busy machine; it catches work that grows with the bank.
        assert np.median([choose(i) for i in range(0, count, 100)]) < 0.015


def remember(memory: ViewMemory, yaw_deg: float) -> None:
    pose = room_pose(yaw_deg=yaw_deg)
    colour, depth = room(pose)
    memory.remember(colour, quantise_inverse_depth(depth, NEAR_M), pose.matrix(), INTRINSICS)


class TestSessionViews:
    def test_show_what_the_bank_does_not(self, half: WorldPack) -> None:
        memory = memory_of(half)
        remember(memory, 225.0)
        camera = room_pose(yaw_deg=230).matrix()
        assert memory.select(camera, INTRINSICS)
        assert set(memory.slots) == {4, EMPTY}
        fed = memory.feeds(camera)
        slot = memory.slots.index(4)
        colour, _ = room(room_pose(yaw_deg=225))
        assert np.abs(fed.colour[slot] * 255 - colour.transpose(2, 0, 1)).mean() < 2.0

    def test_give_way_to_captured_ones(self, stub: WorldPack) -> None:
        memory = memory_of(stub)
        remember(memory, 97.0)  # the very camera; captured were 90 and 105 degrees
        memory.select(room_pose(yaw_deg=97).matrix(), INTRINSICS)
        assert all(view < 24 for view in memory.slots)

    def test_are_bounded_and_the_newest_win(self, half: WorldPack) -> None:
        memory = memory_of(half)
        for i in range(SESSION_VIEWS + 5):
            remember(memory, 220.0 if i < SESSION_VIEWS else 300.0)
        assert memory.session_views == SESSION_VIEWS
        camera = room_pose(yaw_deg=300).matrix()
        assert memory.select(camera, INTRINSICS)
        newest = [view - 4 for view in memory.slots if view >= 4]
        assert newest and all(place < 5 for place in newest)

    def test_are_not_mistaken_for_older_ones_at_the_same_place(self, half: WorldPack) -> None:
        memory = memory_of(half)
        camera = room_pose(yaw_deg=225).matrix()
        remember(memory, 225.0)
        memory.select(camera, INTRINSICS)
        memory.feeds(camera)
        memory.forget()
        black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        memory.remember(black, np.full((HEIGHT, WIDTH), 4096, np.uint16), camera, INTRINSICS)
        memory.select(camera, INTRINSICS)
        slot = memory.slots.index(4)
        assert memory.feeds(camera).colour[slot].max() < 0.02

    def test_are_forgotten_on_request(self, half: WorldPack) -> None:
        memory = memory_of(half)
        remember(memory, 225.0)
        memory.forget()
        assert memory.session_views == 0
        assert not memory.select(room_pose(yaw_deg=225).matrix(), INTRINSICS)


def test_stays_the_same_size_however_long_it_plays(half: WorldPack, tmp_path: Path) -> None:
    memory = memory_of(half)
    sizes = []
    for i in range(3 * SESSION_VIEWS):
        remember(memory, float(i))
        if i % SESSION_VIEWS == SESSION_VIEWS - 1:
            sizes.append(sum(array.nbytes for array in memory.to_arrays().values()))
    assert max(sizes) < 1.1 * min(sizes)
