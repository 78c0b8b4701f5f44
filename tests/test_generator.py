"""From a control to a frame: what is computed, what is remembered, what is refused, and that it all comes
again exactly.

Most tests use ``StubExecutor``, whose graphs are trivial numpy; the same promises are kept with real graphs
on OpenVINO in ``test_executors.py``.
"""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamport.errors import ControlError, ExecutorError, PackError, SnapshotError
from dreamport.generator import FrameControl, GeneratedFrame, Generator
from dreamport.generator.cache import AttentionCache
from dreamport.generator.motion import TELEPORT_M, pose_of, rebased, settled, turn_between
from dreamport.generator.schedule import CONTEXT_STEP, add_noise, denoised, noise
from dreamport.geometry import Intrinsics, Pose, camera_rays
from dreamport.worlds import WorldPack
from dreamport.worlds.arrays import read_arrays, write_arrays
from dreamport.worlds.manifest import CacheShape
from stub_worlds import (
    CHANNELS,
    HEIGHT,
    INTRINSICS,
    WIDTH,
    StubExecutor,
    motion_state,
    room,
    room_pose,
    write_stub_pack,
)

FORWARD = FrameControl(buttons=1)
RIGHT = FrameControl(look_deg=(9.0, 0.0))


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    return write_stub_pack(tmp_path_factory.mktemp("stub") / "room")


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    """Captured towards headings 0 to 90 degrees only: behind the player the bank is blind."""
    return write_stub_pack(tmp_path_factory.mktemp("half") / "room", headings=4, arc_deg=120.0)


def generator_of(pack: WorldPack, seed: int = 7, **options: Any) -> tuple[Generator, StubExecutor]:
    executor = StubExecutor(pack)
    return Generator(pack, executor, seed, **options), executor


def walk(steps: int) -> list[FrameControl]:
    """A walk with turns and pauses."""
    return [
        FrameControl(buttons=i % 3, look_deg=(12.0 * math.sin(i / 3), 0.0)) if i % 5 else FrameControl()
        for i in range(steps)
    ]


def play(generator: Generator, controls: list[FrameControl]) -> list[GeneratedFrame]:
    return [generator.step(control) for control in controls]


def assert_same(first: list[GeneratedFrame], second: list[GeneratedFrame]) -> None:
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert (a.index, a.pose, a.intrinsics) == (b.index, b.pose, b.intrinsics)
        np.testing.assert_array_equal(a.colour, b.colour)
        np.testing.assert_array_equal(a.depth, b.depth)


class TestSchedule:
    def test_noise_is_standard_normal_and_its_own_for_each_seed_frame_and_step(self) -> None:
        drawn = [noise(*key, (64, 64)) for key in ((1, 1, 0), (2, 1, 0), (1, 2, 0), (1, 1, 1), (1, -1, 0))]
        for picture in drawn:
            assert abs(float(picture.mean())) < 0.06
            assert abs(float(picture.std()) - 1.0) < 0.06
            assert picture.dtype == np.float32
        for i, picture in enumerate(drawn):
            for other in drawn[:i]:
                assert abs(np.corrcoef(picture.ravel(), other.ravel())[0, 1]) < 0.08

    def test_noise_comes_again_from_the_same_numbers(self) -> None:
        np.testing.assert_array_equal(noise(5, 9, 1, (3, 4)), noise(5, 9, 1, (3, 4)))

    def test_noise_takes_seeds_of_any_size(self) -> None:
        np.testing.assert_array_equal(noise(-1, 1, 0, (3,)), noise((1 << 64) - 1, 1, 0, (3,)))

    def test_a_true_velocity_leads_back_to_the_clean_latent(self) -> None:
        clean, fresh = noise(1, 1, 0, (4, 5)), noise(1, 1, 1, (4, 5))
        for sigma in (1.0, 0.6, 0.1):
            back = denoised(add_noise(clean, fresh, sigma), fresh - clean, sigma)
            np.testing.assert_allclose(back, clean, atol=1e-5)


class TestCache:
    SHAPE = CacheShape(layers=1, heads=2, head_dim=3, tokens_per_frame=2, sink_frames=1, window_frames=3)

    def push(self, cache: AttentionCache, value: int) -> None:
        cache.push(np.full((1, 2, 2, 3), value, np.float32), np.full((1, 2, 2, 3), -value, np.float32))

    def held(self, cache: AttentionCache) -> list[int]:
        end = int(cache.length[0])
        return [int(value) for value in cache.k[0, 0, :end:2, 0]]

    def test_fills_from_the_left_oldest_first(self) -> None:
        cache = AttentionCache(self.SHAPE)
        for value in (1, 2, 3):
            self.push(cache, value)
        assert self.held(cache) == [1, 2, 3]
        assert int(cache.length[0]) == 6
        assert cache.k[:, :, 6:].max() == 0.0

    def test_keeps_the_sink_and_the_newest_when_it_is_full(self) -> None:
        cache = AttentionCache(self.SHAPE)
        for value in range(1, 20):
            self.push(cache, value)
        assert self.held(cache) == [1, 17, 18, 19]
        np.testing.assert_array_equal(cache.v, -cache.k)

    def test_never_moves_in_memory(self) -> None:
        cache = AttentionCache(self.SHAPE)
        place = cache.k.ctypes.data
        for value in range(1, 50):
            self.push(cache, value)
        assert cache.k.ctypes.data == place
        assert cache.k.shape == self.SHAPE.shape

    def test_goes_on_from_a_copy_as_from_itself(self) -> None:
        cache, copy = AttentionCache(self.SHAPE), AttentionCache(self.SHAPE)
        for value in (1, 2):
            self.push(cache, value)
        copy.fill(*cache.valid())
        for value in (3, 4, 5):
            self.push(cache, value)
            self.push(copy, value)
        np.testing.assert_array_equal(cache.k, copy.k)
        np.testing.assert_array_equal(cache.length, copy.length)

    def test_works_without_a_sink(self) -> None:
        cache = AttentionCache(self.SHAPE.model_copy(update={"sink_frames": 0}))
        for value in range(1, 9):
            self.push(cache, value)
        assert self.held(cache) == [6, 7, 8]


class TestMotion:
    def test_state_and_pose_say_the_same(self) -> None:
        pose = Pose.from_yaw_pitch((1.0, -2.0, 3.0), 130.0, 10.0)
        state = rebased(np.zeros(9, np.float32), pose)
        back = pose_of(state)
        np.testing.assert_allclose(back.position, pose.position, atol=1e-6)
        assert back.yaw_deg() == pytest.approx(130.0, abs=1e-4)
        assert back.pitch_deg() == pytest.approx(10.0, abs=1e-4)

    def test_a_given_pose_sets_the_speed_to_the_way_it_went(self) -> None:
        state = rebased(motion_state(room_pose()), room_pose(x=0.3, z=-0.1))
        np.testing.assert_allclose(state[6:9], [0.3, 0.0, -0.1], atol=1e-6)

    def test_a_jump_is_no_speed(self) -> None:
        state = rebased(motion_state(room_pose()), room_pose(x=TELEPORT_M * 1.01))
        np.testing.assert_array_equal(state[6:9], 0.0)

    def test_what_else_the_state_carries_stays(self) -> None:
        state = np.concatenate([motion_state(room_pose()), np.array([5, 6], np.float32)])
        np.testing.assert_array_equal(rebased(state, room_pose(x=1.0))[9:], [5, 6])

    def test_the_heading_stays_on_the_circle(self) -> None:
        state = motion_state(room_pose(yaw_deg=30))
        state[3:5] *= 1.7
        assert pose_of(settled(state)).yaw_deg() == pytest.approx(30.0, abs=1e-4)
        assert np.hypot(*settled(state)[3:5]) == pytest.approx(1.0, abs=1e-6)

    @pytest.mark.parametrize("broken", [np.full(9, np.nan, np.float32), np.zeros(9, np.float32)])
    def test_a_state_that_is_none_is_refused(self, broken: Any) -> None:
        with pytest.raises(ExecutorError, match="reset the session"):
            settled(broken)

    def test_the_turn_between_poses_goes_the_short_way_and_is_bounded(self) -> None:
        assert turn_between(room_pose(yaw_deg=175), room_pose(yaw_deg=-178), 15.0)[0] == pytest.approx(7.0)
        assert turn_between(room_pose(yaw_deg=0), room_pose(yaw_deg=90), 15.0)[0] == 15.0
        assert turn_between(room_pose(yaw_deg=0), room_pose(yaw_deg=-90), 15.0)[0] == -15.0


class TestStart:
    def test_frame_is_the_captured_one(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        frame = generator.start_frame
        colour, depth = room(room_pose(yaw_deg=1))
        assert frame.index == 0 and frame.depth is not None
        assert np.abs(frame.colour.astype(int) - colour).mean() < 2.0
        np.testing.assert_allclose(frame.depth, depth, rtol=2e-3)
        assert frame.pose.yaw_deg() == pytest.approx(1.0, abs=1e-4)
        assert frame.intrinsics == stub.manifest.camera.intrinsics()

    def test_past_is_in_the_cache_before_the_first_step(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        assert executor.ran.count("denoise") == 2  # one cache pass for each of the start's two frames
        generator.step(FORWARD)
        assert int(executor.fed["denoise"]["cache_length"][0]) == 2 * 15

    def test_is_chosen_by_name(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub, start="side")
        assert generator.start_frame.pose.yaw_deg() == pytest.approx(91.0, abs=1e-4)
        with pytest.raises(PackError, match="it has middle, side"):
            generator_of(stub, start="roof")

    def test_may_be_ones_own(self, stub: WorldPack) -> None:
        start = dataclasses.replace(stub.start("side"), name="elsewhere")
        generator, _ = generator_of(stub, start=start)
        assert generator.start_frame.pose.yaw_deg() == pytest.approx(91.0, abs=1e-4)

    def test_primes_no_more_frames_than_the_cache_holds(self, stub: WorldPack) -> None:
        start = stub.start()
        views = start.views
        repeat = np.zeros(9, np.int64)
        long = dataclasses.replace(
            start,
            views=dataclasses.replace(
                views,
                pose=views.pose[repeat],
                intrinsics=views.intrinsics[repeat],
                inverse_depth_grid=views.inverse_depth_grid[repeat],
                colour_jpeg=np.tile(views.colour_jpeg[: views.colour_offsets[1]], 9),
                colour_offsets=np.arange(10) * views.colour_offsets[1],
                inverse_depth=np.tile(views.inverse_depth[: views.inverse_depth_offsets[1]], 9),
                inverse_depth_offsets=np.arange(10) * views.inverse_depth_offsets[1],
            ),
            control=np.zeros((9, 4), np.float32),
        )
        _, executor = generator_of(stub, start=long)
        assert executor.ran.count("denoise") == stub.manifest.cache.frames == 4


class TestStep:
    def test_runs_each_graph_in_order_and_the_cache_pass_after_delivery(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        executor.ran.clear()
        generator.step(FORWARD)
        assert executor.ran == ["motion", "reproject", "encode", "denoise", "denoise", "decode"]
        generator.finish()
        assert executor.ran[6:] == ["denoise"]
        generator.finish()
        assert len(executor.ran) == 7

    def test_gives_a_frame_of_the_worlds_size_for_the_pose_it_names(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        frame = generator.step(FrameControl(buttons=1, look_deg=(10.0, 0.0)))
        assert frame.index == 1
        assert frame.colour.shape == (HEIGHT, WIDTH, 3) and frame.colour.dtype == np.uint8
        assert frame.depth is not None
        assert frame.depth.shape == (HEIGHT, WIDTH) and frame.depth.dtype == np.float32
        assert frame.pose.yaw_deg() == pytest.approx(11.0, abs=1e-3)
        np.testing.assert_allclose(np.linalg.norm(frame.pose.position), 0.1, atol=1e-5)
        rays = camera_rays(frame.pose.matrix(), INTRINSICS, HEIGHT, WIDTH, 8)
        np.testing.assert_array_equal(executor.fed["denoise"]["rays"][0, 0], rays)

    def test_gives_depth_in_metres(self, stub: WorldPack) -> None:
        """The stub's reprojection copies a captured view, whose walls are 2.8 to 4 m away."""
        generator, _ = generator_of(stub)
        frame = generator.step(FORWARD)
        assert frame.depth is not None
        assert 2.7 < frame.depth.min() < frame.depth.max() < 4.1

    def test_tells_the_network_buttons_and_look(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        generator.step(FrameControl(buttons=0b10, look_deg=(-4.0, 0.0)))
        for graph in ("motion", "denoise"):
            np.testing.assert_array_equal(executor.fed[graph]["control"].ravel(), [0, 1, -4, 0])

    def test_feeds_the_reprojected_latent_with_its_valid_share(self, half: WorldPack) -> None:
        generator, executor = generator_of(half)
        generator.step(FORWARD)
        reprojected = executor.fed["denoise"]["reprojected"][0, 0]
        assert reprojected.shape == (CHANNELS + 1, 6, 10)
        np.testing.assert_array_equal(reprojected[-1], 1.0)

    def test_denoises_by_the_manifests_sigmas_and_caches_at_the_contexts(self, stub: WorldPack) -> None:
        executor = StubExecutor(stub)
        sigmas: list[float] = []
        run = executor.run

        def watch(graph: str, feeds: Any) -> Any:
            if graph == "denoise":
                sigmas.append(float(feeds["sigma"][0, 0]))
            return run(graph, feeds)

        executor.run = watch  # type: ignore[method-assign]
        generator = Generator(stub, executor, 1)
        sigmas.clear()
        generator.step(FORWARD)
        generator.finish()
        assert sigmas == pytest.approx([1.0, 0.5, 0.02])

    def test_starts_from_pure_noise_of_the_seed(self, stub: WorldPack) -> None:
        executor = StubExecutor(stub)
        latents: list[Any] = []
        run = executor.run

        def watch(graph: str, feeds: Any) -> Any:
            if graph == "denoise":
                latents.append(feeds["latent"].copy())
            return run(graph, feeds)

        executor.run = watch  # type: ignore[method-assign]
        generator = Generator(stub, executor, 42)
        latents.clear()
        generator.step(FORWARD)
        np.testing.assert_array_equal(latents[0], noise(42, 1, 0, (1, 1, CHANNELS, 6, 10)))

    def test_remembers_the_frame_it_gave_at_the_contexts_noise(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        generator.step(FORWARD)
        latent = executor.fed["decode"]["latent"]
        generator.finish()
        cached = executor.fed["denoise"]["latent"]
        fresh = noise(7, 1, CONTEXT_STEP, cached.shape)
        np.testing.assert_array_equal(cached, add_noise(latent[None], fresh, 0.02))

    def test_says_how_long_each_stage_took(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        play(generator, [FORWARD, FORWARD])
        stages = {
            "cache",
            "remember",
            "motion",
            "select",
            "views",
            "reproject",
            "encode",
            "denoise",
            "decode",
        }
        assert stages <= set(generator.timings)
        assert all(value >= 0.0 for value in generator.timings.values())

    def test_that_fails_leaves_the_camera_where_it_was(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        whole, _ = generator_of(stub)
        play(generator, walk(3))
        expected = play(whole, walk(5))
        executor.fail = "decode"
        with pytest.raises(ExecutorError):
            generator.step(walk(5)[3])
        assert generator.index == 3
        executor.fail = ""
        assert_same(play(generator, walk(5)[3:]), expected[3:])

    def test_refuses_numbers_that_are_not_finite(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        executor._denoise = lambda **feeds: {  # type: ignore[method-assign]
            "velocity": np.full((1, 1, CHANNELS, 6, 10), np.nan, np.float32),
            "k": np.zeros((2, 2, 15, 6), np.float32),
            "v": np.zeros((2, 2, 15, 6), np.float32),
        }
        with pytest.raises(ExecutorError, match="not finite"):
            generator.step(FORWARD)


class TestGivenPose:
    def test_wins_over_the_motion_graph(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        executor.ran.clear()
        pose = Pose.from_yaw_pitch((0.5, 0.2, -0.3), 40.0, 5.0)
        frame = generator.step(FrameControl(pose=pose))
        assert "motion" not in executor.ran
        np.testing.assert_allclose(frame.pose.matrix(), pose.matrix(), atol=1e-12)

    def test_keeps_its_roll(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        half_roll = math.radians(20) / 2
        pose = Pose((0.0, 0.0, 0.0), (0.0, 0.0, math.sin(half_roll), math.cos(half_roll)))
        frame = generator.step(FrameControl(pose=pose))
        np.testing.assert_allclose(frame.pose.matrix(), pose.matrix(), atol=1e-12)
        rays = camera_rays(pose.matrix(), INTRINSICS, HEIGHT, WIDTH, 8)
        np.testing.assert_allclose(executor.fed["denoise"]["rays"][0, 0], rays, atol=1e-6)

    def test_is_where_the_motion_graph_goes_on_from(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        generator.step(FrameControl(pose=room_pose(x=0.7, z=0.2, yaw_deg=90.0)))
        frame = generator.step(FORWARD)
        np.testing.assert_allclose(frame.pose.position, [0.8, 0.0, 0.2], atol=1e-5)

    def test_tells_the_network_the_turn_it_makes(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        generator.step(FrameControl(buttons=1, pose=room_pose(yaw_deg=8.0)))
        np.testing.assert_allclose(executor.fed["denoise"]["control"].ravel(), [1, 0, 7, 0], atol=1e-3)

    def test_moves_the_same_session_as_the_motion_graph_would(self, stub: WorldPack) -> None:
        """Driven by the poses that the motion graph took, a session gives the motion graph's frames."""
        controls = walk(8)
        led = play(generator_of(stub)[0], controls)
        given = [
            dataclasses.replace(control, pose=frame.pose)
            for control, frame in zip(controls, led, strict=True)
        ]
        for a, b in zip(play(generator_of(stub)[0], given), led, strict=True):
            assert np.abs(a.colour.astype(int) - b.colour.astype(int)).max() <= 1
            np.testing.assert_allclose(a.pose.matrix(), b.pose.matrix(), atol=1e-9)

    def test_may_bring_its_own_camera(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        wide = Intrinsics(30.0, 30.0, 40.0, 24.0)
        frame = generator.step(FrameControl(pose=room_pose(), intrinsics=wide))
        assert frame.intrinsics == wide
        np.testing.assert_array_equal(executor.fed["reproject"]["target_intrinsics"], [30, 30, 40, 24])


class TestControl:
    @pytest.mark.parametrize(
        ("control", "field"),
        [
            (FrameControl(buttons=4), "buttons"),
            (FrameControl(buttons=-1), "buttons"),
            (FrameControl(buttons=1 << 70), "buttons"),
            (FrameControl(look_deg=(math.nan, 0.0)), "look_deg.yaw"),
            (FrameControl(look_deg=(math.inf, 0.0)), "look_deg.yaw"),
            (FrameControl(look_deg=(15.1, 0.0)), "look_deg.yaw: 15.1 degrees in one frame; send at most 15"),
            (FrameControl(look_deg=(0.0, 1.0)), "look_deg.pitch: world stub-room has no pitch axis"),
            (FrameControl(pose=Pose((math.nan, 0, 0), (0, 0, 0, 1))), "pose.position"),
            (FrameControl(pose=Pose((1e9, 0, 0), (0, 0, 0, 1))), "pose.position"),
            (FrameControl(pose=Pose((0, 0, 0), (0, 0, 0, 0))), "pose.orientation"),
            (FrameControl(pose=Pose((0, 0, 0), (0, 0, 0, 1.1))), "pose.orientation: has length 1.1"),
            (FrameControl(pose=Pose((0, 0, 0), (0, math.nan, 0, 1))), "pose.orientation"),
            (FrameControl(intrinsics=Intrinsics(math.nan, 40, 40, 24)), "intrinsics.fx"),
            (FrameControl(intrinsics=Intrinsics(40, 0, 40, 24)), "intrinsics.fy"),
            (FrameControl(intrinsics=Intrinsics(40, -40, 40, 24)), "intrinsics.fy"),
            (FrameControl(intrinsics=Intrinsics(1e6, 40, 40, 24)), "intrinsics.fx"),
            (FrameControl(intrinsics=Intrinsics(40, 40, 1e4, 24)), "intrinsics.cx"),
            (FrameControl(intrinsics=Intrinsics(40, 40, 40, math.inf)), "intrinsics.cy"),
        ],
    )
    def test_is_refused_with_its_field_named_and_nothing_moves(
        self, stub: WorldPack, control: FrameControl, field: str
    ) -> None:
        generator, executor = generator_of(stub)
        before = generator.snapshot()
        ran = len(executor.ran)
        with pytest.raises(ControlError, match=field.replace(".", r"\.")):
            generator.step(control)
        assert len(executor.ran) == ran
        assert generator.snapshot() == before

    def test_poses_are_refused_where_the_world_takes_none(self, stub: WorldPack) -> None:
        controls = stub.manifest.controls.model_copy(update={"pose": False})
        manifest = stub.manifest.model_copy(update={"controls": controls})
        generator, _ = generator_of(dataclasses.replace(stub, manifest=manifest))
        with pytest.raises(ControlError, match="takes no poses from outside"):
            generator.step(FrameControl(pose=room_pose()))


class TestDeterminism:
    def test_the_same_seed_and_controls_give_the_same_frames(self, stub: WorldPack) -> None:
        assert_same(play(generator_of(stub)[0], walk(12)), play(generator_of(stub)[0], walk(12)))

    def test_another_seed_gives_other_noise(self, half: WorldPack) -> None:
        executors = [generator_of(half, seed=seed) for seed in (1, 2)]
        latents = []
        for generator, executor in executors:
            generator.step(FORWARD)
            latents.append(executor.fed["denoise"]["latent"])
        assert not np.array_equal(latents[0], latents[1])

    def test_finishing_early_or_late_makes_no_difference(self, stub: WorldPack) -> None:
        late, early = generator_of(stub)[0], generator_of(stub)[0]
        frames = []
        for control in walk(8):
            frames.append(early.step(control))
            early.finish()
        assert_same(frames, play(late, walk(8)))

    def test_reset_begins_exactly_again(self, half: WorldPack) -> None:
        generator, _ = generator_of(half)
        turned = [FrameControl(look_deg=(15.0, 0.0))] * 20
        first = play(generator, turned)
        assert generator.session_views > 0
        assert generator.reset().index == 0
        assert generator.session_views == 0
        assert_same(play(generator, turned), first)

    def test_reset_takes_another_seed_and_start(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        play(generator, walk(3))
        assert generator.reset(seed=99, start="side").pose.yaw_deg() == pytest.approx(91.0, abs=1e-4)
        other, _ = generator_of(stub, seed=99, start="side")
        assert_same(play(generator, walk(4)), play(other, walk(4)))

    def test_sessions_that_take_turns_on_one_executor_do_not_mix(self, half: WorldPack) -> None:
        alone = [play(generator_of(half, seed=seed)[0], walk(6)) for seed in (1, 2)]
        executor = StubExecutor(half)
        together = [Generator(half, executor, seed) for seed in (1, 2)]
        frames: list[list[GeneratedFrame]] = [[], []]
        for control in walk(6):
            for i, generator in enumerate(together):
                frames[i].append(generator.step(control))
            for generator in together:
                generator.finish()
        for mixed, single in zip(frames, alone, strict=True):
            assert_same(mixed, single)


class TestSessionMemory:
    def test_keeps_what_it_made_where_the_bank_is_blind(self, half: WorldPack) -> None:
        generator, _ = generator_of(half)
        play(generator, [FrameControl(look_deg=(15.0, 0.0))] * 15)
        generator.finish()
        assert generator.session_views > 0

    def test_keeps_nothing_where_the_bank_shows_all(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        play(generator, [FrameControl(look_deg=(15.0, 0.0))] * 24)
        generator.finish()
        assert generator.session_views == 0

    def test_without_memory_no_view_is_used(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub, memory=False)
        generator.step(FORWARD)
        assert "reproject" not in executor.ran
        assert executor.fed["decode"]["hint_valid"].max() == 0.0
        assert executor.fed["denoise"]["reprojected"][0, 0, -1].max() == 0.0
        generator.finish()
        assert generator.session_views == 0

    def test_an_empty_hint_is_encoded_like_any_other(self, stub: WorldPack) -> None:
        """The network was trained on the encoded empty picture, not on zeros."""
        generator, executor = generator_of(stub, memory=False)
        black = np.zeros((1, 3, HEIGHT, WIDTH), np.float32)
        latent = executor.run("encode", {"colour": black, "inverse_depth": black[:, :1].copy()})["latent"]
        generator.step(FORWARD)
        np.testing.assert_array_equal(executor.fed["denoise"]["reprojected"][0, 0, :CHANNELS], latent[0])


class TestSnapshot:
    def test_goes_on_to_the_same_frames_bit_by_bit(self, half: WorldPack) -> None:
        """Through a turn into the blind half, so that session views are part of what is saved."""
        turn = [FrameControl(buttons=1, look_deg=(12.0, 0.0))] * 14
        generator, _ = generator_of(half)
        play(generator, turn)
        saved = generator.snapshot()
        assert generator.session_views > 0
        ahead = play(generator, walk(10))
        other, _ = generator_of(half, seed=1234, start="side")
        play(other, walk(5))
        other.restore(saved)
        assert (other.index, other.pose) == (14, other.pose)
        assert_same(play(other, walk(10)), ahead)

    def test_does_not_change_what_comes_next(self, stub: WorldPack) -> None:
        saving, plain = generator_of(stub)[0], generator_of(stub)[0]
        frames = []
        for control in walk(8):
            frames.append(saving.step(control))
            saving.snapshot()
        assert_same(frames, play(plain, walk(8)))

    def test_can_be_taken_before_the_first_frame(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        saved = generator.snapshot()
        first = play(generator, walk(3))
        generator.restore(saved)
        assert_same(play(generator, walk(3)), first)

    def test_taken_again_is_the_same_bytes(self, half: WorldPack) -> None:
        generator, _ = generator_of(half)
        play(generator, [RIGHT] * 15)
        saved = generator.snapshot()
        other, _ = generator_of(half)
        other.restore(saved)
        assert other.snapshot() == saved

    def test_keeps_a_camera_that_was_given(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        pose = Pose.from_yaw_pitch((0.123456789, 0.0, 0.1), 33.3, 4.0)
        generator.step(FrameControl(pose=pose))
        saved = generator.snapshot()
        other, _ = generator_of(stub)
        other.restore(saved)
        assert other.pose == generator.pose
        ahead = FrameControl(pose=Pose.from_yaw_pitch((0.2, 0.0, 0.1), 36.0, 4.0))
        assert_same([other.step(ahead)], [generator.step(ahead)])

    def test_brings_the_start_frame_along(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub, start="side")
        other, _ = generator_of(stub)
        other.restore(generator.snapshot())
        np.testing.assert_array_equal(other.start_frame.colour, generator.start_frame.colour)

    def test_of_another_world_is_refused_and_names_both(self, stub: WorldPack, half: WorldPack) -> None:
        saved = generator_of(half)[0].snapshot()
        generator, _ = generator_of(stub)
        with pytest.raises(SnapshotError, match=f"digest {half.digest[:12]}.*{stub.digest[:12]}"):
            generator.restore(saved)

    def test_of_another_version_is_refused(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        arrays = dict(read_arrays(generator.snapshot()))
        header = json.loads(arrays["header"].tobytes())
        arrays["header"] = np.frombuffer(json.dumps({**header, "version": 2}).encode(), np.uint8)
        with pytest.raises(SnapshotError, match="another version of Dreamport"):
            generator.restore(write_arrays(arrays))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("header", np.frombuffer(b"{}", np.uint8)),
            ("header", np.frombuffer(b"[" * 50000, np.uint8)),
            ("motion_state", np.full(9, np.nan, np.float32)),
            ("motion_state", np.zeros(8, np.float32)),
            ("camera", np.zeros(7, np.float64)),
            ("cache_k", np.zeros((2, 2, 7, 6), np.float32)),
            ("cache_k", np.zeros((2, 2, 15 * 5, 6), np.float32)),
            ("cache_v", np.zeros((2, 2, 15, 6), np.float32)),
            ("memory", np.array([0, 5000, -1, -1, -1], np.int64)),
            ("memory", np.array([-3, -1, -1, -1, -1], np.int64)),
            ("memory", np.array([0, 1, 1, -1, -1], np.int64)),
            ("memory", np.array([77, -1, -1, -1, -1], np.int64)),
        ],
    )
    def test_that_is_damaged_is_refused_and_nothing_changes(
        self, stub: WorldPack, name: str, value: Any
    ) -> None:
        generator, _ = generator_of(stub)
        play(generator, walk(3))
        before = generator.snapshot()
        arrays = dict(read_arrays(before))
        arrays[name] = value
        with pytest.raises(SnapshotError):
            generator.restore(write_arrays(arrays))
        assert generator.snapshot() == before

    @pytest.mark.parametrize("data", [b"", b"junk", b"PK\x05\x06" + bytes(18)])
    def test_that_is_none_is_refused(self, stub: WorldPack, data: bytes) -> None:
        with pytest.raises(SnapshotError, match="no readable snapshot"):
            generator_of(stub)[0].restore(data)

    def test_cut_short_or_spoiled_anywhere_is_refused_or_whole(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        saved = generator.snapshot()
        rng = np.random.default_rng(0)
        for _ in range(60):
            spoiled = bytearray(saved)
            spoiled[int(rng.integers(len(saved)))] ^= int(rng.integers(1, 256))
            try:
                generator.restore(bytes(spoiled))
            except SnapshotError:
                continue
            assert generator.snapshot() == saved

    def test_with_a_view_that_cannot_be_decoded_is_refused(self, half: WorldPack) -> None:
        generator, _ = generator_of(half)
        play(generator, [FrameControl(look_deg=(15.0, 0.0))] * 15)
        arrays = dict(read_arrays(generator.snapshot()))
        arrays["colour_jpeg"] = np.zeros_like(arrays["colour_jpeg"])
        with pytest.raises(SnapshotError, match="no readable JPEG"):
            generator.restore(write_arrays(arrays))


class TestObserve:
    def frame(self, yaw_deg: float) -> tuple[Any, Any, Pose]:
        pose = room_pose(yaw_deg=yaw_deg)
        return *room(pose), pose

    def test_puts_the_real_frame_where_the_generated_one_would_be(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        generator.step(RIGHT)
        colour, depth, pose = self.frame(12.0)
        generator.observe(colour, depth, pose)
        planes = np.ascontiguousarray(colour.transpose(2, 0, 1)[None], np.float32) * np.float32(1 / 255)
        np.testing.assert_allclose(executor.fed["encode"]["colour"], planes)
        latent = executor.run("encode", executor.fed["encode"])["latent"]
        cached = executor.fed["denoise"]["latent"]
        np.testing.assert_array_equal(
            cached, add_noise(latent[None], noise(7, 1, CONTEXT_STEP, cached.shape), 0.02)
        )
        np.testing.assert_array_equal(executor.fed["denoise"]["control"].ravel(), [0, 0, 9, 0])

    def test_moves_the_camera_to_the_real_pose_without_another_frame(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        generator.step(RIGHT)
        generator.observe(*self.frame(12.0))
        assert generator.index == 1
        assert generator.pose.yaw_deg() == pytest.approx(12.0, abs=1e-4)
        generator.step(FORWARD)
        assert int(executor.fed["denoise"]["cache_length"][0]) == 3 * 15

    def test_takes_the_exact_motion_state_where_it_is_known(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        generator.step(RIGHT)
        state = motion_state(room_pose(yaw_deg=12.0))
        state[6] = 0.25
        generator.observe(*self.frame(12.0), motion_state=state)
        np.testing.assert_allclose(generator.motion_state, state, atol=1e-6)

    def test_before_any_step_is_one_more_frame(self, stub: WorldPack) -> None:
        generator, executor = generator_of(stub)
        generator.observe(*self.frame(5.0), control=FORWARD)
        assert generator.index == 1
        np.testing.assert_array_equal(executor.fed["denoise"]["control"].ravel(), [1, 0, 0, 0])
        generator.step(FORWARD)
        assert int(executor.fed["denoise"]["cache_length"][0]) == 3 * 15

    def test_comes_too_late_after_finish(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        generator.step(RIGHT)
        generator.finish()
        with pytest.raises(ControlError, match="call observe before finish"):
            generator.observe(*self.frame(12.0))

    def test_checks_the_frame(self, stub: WorldPack) -> None:
        generator, _ = generator_of(stub)
        colour, depth, pose = self.frame(0.0)
        with pytest.raises(ControlError, match="colour"):
            generator.observe(colour[:-1], depth, pose)
        with pytest.raises(ControlError, match="depth"):
            generator.observe(colour, depth[:-1], pose)
        with pytest.raises(ControlError, match=r"pose\.orientation"):
            generator.observe(colour, depth, Pose((0, 0, 0), (1, 1, 1, 1)))


def test_memory_stays_flat_however_long_it_plays(half: WorldPack, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the ring full, a session holds after 200 more frames what it held before."""
    monkeypatch.setattr("dreamport.generator.memory.SESSION_VIEWS", 4)
    generator, _ = generator_of(half)
    sizes, views = [], []
    for _ in range(3):
        play(generator, [FrameControl(buttons=i % 3, look_deg=(11.0, 0.0)) for i in range(100)])
        sizes.append(len(generator.snapshot()))
        views.append(generator.session_views)
    assert views == [4, 4, 4]
    assert max(sizes[1:]) < 1.1 * sizes[0]


def test_knows_no_torch_and_no_grpc() -> None:
    import dreamport.generator

    folder = Path(dreamport.generator.__file__).parent
    for source in folder.glob("*.py"):
        text = source.read_text()
        for name in ("torch", "grpc", "openvino"):
            assert f"import {name}" not in text and f"from {name}" not in text, (source.name, name)
