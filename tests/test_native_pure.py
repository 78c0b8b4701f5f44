"""The native core's pure computations against numpy and fractions: layout, conversions, depth, paths."""

from __future__ import annotations

import ctypes
import math
import subprocess
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import core_header
import requires
from dreamport.geometry import Pose as LevelPose
from dreamport_tools.native_core import abi, pure
from dreamport_tools.native_core.pure import GODOT, MIX, ORBIT, RECTANGLE, TURN, UNITY, UNREAL, WAYPOINTS
from scripted_level import Box, Level, room

ENGINES = {"unity": UNITY, "unreal": UNREAL, "godot": GODOT}
KINDS = {"rectangle": RECTANGLE, "turn": TURN, "waypoints": WAYPOINTS, "orbit": ORBIT, "mix": MIX}

# Columns: the engine's axes (right, up, forward) as vectors of the engine, and its units of a metre.
AXES = {
    UNITY: (np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]]).T, 1.0),
    UNREAL: (np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]).T, 100.0),
    GODOT: (np.array([[1, 0, 0], [0, 1, 0], [0, 0, -1]]).T, 1.0),
}
FLIP_Y = np.diag([1.0, -1.0, 1.0])  # level axes are right, down, forward


@pytest.fixture(scope="module")
def functions(native_library: Path) -> pure.PureFunctions:
    return pure.PureFunctions(ctypes.CDLL(str(native_library)))


def rotation(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[3, 3]`` of a quaternion by the sandwich product, in the axes of its numbers."""
    x, y, z, w = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def random_engine_pose(rng: np.random.Generator) -> abi.EnginePose:
    q = rng.normal(size=4)
    return abi.EnginePose(tuple(rng.normal(size=3) * 300), tuple(q / np.linalg.norm(q)))


class TestLayout:
    def test_the_table_has_every_struct_and_field_of_the_header(self, native_library: Path) -> None:
        table = library_layout(native_library)
        wanted = {(name, field) for name, fields in core_header.structs().items() for field in ["", *fields]}
        assert len(core_header.structs()) == 24
        assert set(table) == wanted

    def test_a_c_compiler_sees_the_same_layout(self, native_library: Path, tmp_path: Path) -> None:
        compiler = requires.program("cc", "gcc", "clang", package="gcc")
        source = tmp_path / "layout.c"
        source.write_text(core_header.layout_program())
        program = tmp_path / "layout"
        include = core_header.HEADER.parent.parent
        subprocess.run(
            [
                compiler,
                "-std=c99",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-pedantic",
                f"-I{include}",
                source,
                "-o",
                program,
            ],
            check=True,
        )
        seen = core_header.read_layout(
            subprocess.run([program], capture_output=True, text=True, check=True).stdout
        )
        assert seen == library_layout(native_library)

    def test_no_struct_hides_padding(self, native_library: Path) -> None:
        table = library_layout(native_library)
        for name, fields in core_header.structs().items():
            end = 0
            for field in fields:
                offset, size = table[name, field]
                assert offset == end, f"{name}.{field} begins at {offset}, the field before it ends at {end}"
                end = offset + size
            assert table[name, ""] == (0, end), f"{name} is padded at its end"

    def test_the_python_binding_of_paths_has_it_too(self, native_library: Path) -> None:
        table = library_layout(native_library)
        for name, struct in pure.STRUCTS.items():
            assert table[name, ""][1] == ctypes.sizeof(struct)
            for field, *_ in struct._fields_:
                place = getattr(struct, field)
                assert table[name, field] == (place.offset, place.size)


def library_layout(path: Path) -> dict[tuple[str, str], tuple[int, int]]:
    library = ctypes.CDLL(str(path))
    entry = abi.LayoutEntry()
    found = {}
    for index in range(library.dp_layout_count()):
        assert library.dp_layout(index, ctypes.byref(entry)) == 0
        found[entry.struct_name.decode(), entry.field_name.decode()] = (entry.offset, entry.size)
    assert library.dp_layout(library.dp_layout_count(), ctypes.byref(entry)) == -1
    return found


class TestPoses:
    @pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
    def test_points_and_poses_follow_the_documented_axes(
        self, functions: pure.PureFunctions, engine: int
    ) -> None:
        """numpy's way: a camera is its position and its right, up and forward vectors in the engine."""
        basis, units = AXES[engine]
        rng = np.random.default_rng(engine)
        for _ in range(50):
            anchor, camera = random_engine_pose(rng), random_engine_pose(rng)
            scale = float(rng.uniform(0.1, 10))
            turn = rotation(np.array(anchor.rotation))
            pose = functions.pose_from_engine(engine, camera, anchor, scale)

            def to_engine(level: NDArray[np.float64], w: float, turn=turn, anchor=anchor, scale=scale):  # type: ignore[no-untyped-def]
                return turn @ basis @ FLIP_Y @ level * units * scale + w * np.array(anchor.position)

            np.testing.assert_allclose(to_engine(np.array(pose.position), 1.0), camera.position, atol=1e-8)
            camera_axes = rotation(np.array(camera.rotation)) @ basis  # right, up, forward in the engine
            level_axes = rotation(np.array(pose.orientation)) @ FLIP_Y  # right, up, forward in the level
            for i in range(3):
                np.testing.assert_allclose(
                    to_engine(level_axes[:, i], 0.0) / units / scale, camera_axes[:, i], atol=1e-9
                )
            point = rng.normal(size=3) * 5
            for w in (0.0, 1.0):
                seen = functions.vector_to_engine(engine, point.tolist(), w, anchor, scale)
                np.testing.assert_allclose(seen, to_engine(point, w), atol=1e-8)
                np.testing.assert_allclose(
                    functions.vector_from_engine(engine, seen.tolist(), w, anchor, scale), point, atol=1e-9
                )
            back = functions.pose_to_engine(engine, pose, anchor, scale)
            np.testing.assert_allclose(back.position, camera.position, atol=1e-8)
            assert abs(np.dot(back.rotation, camera.rotation)) == pytest.approx(1, abs=1e-12)

    def test_the_same_scene_in_three_engines_is_one_level(self, functions: pure.PureFunctions) -> None:
        """A camera 2 m up that looks 45 degrees to the right, written down in each engine by hand."""
        s, c = math.sin(math.pi / 8), math.cos(math.pi / 8)
        poses = [
            functions.pose_from_engine(UNITY, abi.EnginePose((3, 2, 5), (0, s, 0, c))),
            functions.pose_from_engine(UNREAL, abi.EnginePose((500, 300, 200), (0, 0, s, c))),
            functions.pose_from_engine(GODOT, abi.EnginePose((3, 2, -5), (0, -s, 0, c))),
        ]
        wanted = LevelPose.from_yaw_pitch((3, -2, 5), 45)
        for pose in poses:
            np.testing.assert_allclose(pose.position, wanted.position, atol=1e-12)
            np.testing.assert_allclose(pose.orientation, wanted.orientation, atol=1e-12)


class TestIntrinsics:
    def test_a_field_of_view_gives_the_focal_length(self, functions: pure.PureFunctions) -> None:
        out = abi.Intrinsics()
        functions.call("dp_intrinsics_from_fov", 2 * math.degrees(math.atan(96 / 160)), 320, 192, out)
        assert (out.fx, out.fy, out.cx, out.cy) == pytest.approx((160, 160, 160, 96))

    def test_scaling_keeps_every_ray(self, functions: pure.PureFunctions) -> None:
        small = abi.Intrinsics(160, 150, 150.25, 90.5)
        large, back = abi.Intrinsics(), abi.Intrinsics()
        functions.call("dp_intrinsics_scaled", small, 320, 192, 1280, 720, large)
        u, v = 17.5, 33.5  # a place in the small picture, and the same place in the large one
        ray = ((u - small.cx) / small.fx, (v - small.cy) / small.fy)
        assert ((u * 4 - large.cx) / large.fx, (v * 3.75 - large.cy) / large.fy) == pytest.approx(ray)
        functions.call("dp_intrinsics_scaled", large, 1280, 720, 320, 192, back)
        assert (back.fx, back.fy, back.cx, back.cy) == pytest.approx((160, 150, 150.25, 90.5))


class TestDepth:
    def test_values_are_numpys_to_the_last_bit(self, functions: pure.PureFunctions) -> None:
        values = np.arange(65536, dtype=np.uint16)
        rng = np.random.default_rng(1)
        metres = np.concatenate(
            [rng.uniform(0.01, 200, 100_000), 10 ** rng.uniform(-6, 8, 100_000), [np.inf, np.nan, 0.0]]
        ).astype(np.float32)
        for near_m in (0.05, 0.25, 1.3):
            unit = np.float32(65535 * near_m)
            with np.errstate(divide="ignore"):
                np.testing.assert_array_equal(
                    functions.depth_to_metres(values, near_m), unit / values.astype(np.float32)
                )
                scaled = np.rint(np.clip(np.nan_to_num(unit / metres, nan=0.0), 0, 65535))
            np.testing.assert_array_equal(
                functions.depth_from_metres(metres, near_m), scaled.astype(np.uint16)
            )

    def test_metres_are_the_nearest_to_the_exact_fraction(self, functions: pure.PureFunctions) -> None:
        near = Fraction(1, 4)
        metres = functions.depth_to_metres(np.arange(1, 65536, 97, dtype=np.uint16), float(near))
        for value, got in zip(range(1, 65536, 97), metres, strict=True):
            exact = 65535 * near / value
            assert abs(Fraction(float(got)) - exact) <= exact / 2**23

    @pytest.mark.parametrize(
        ("near", "far", "unit_m", "is_reversed"),
        [
            (0.3, 1000, 1, True),
            (0.3, 1000, 1, False),
            (0.1, 0, 1, True),
            (10, 0, 0.01, True),
            (20, 5000, 0.01, False),
        ],
        ids=["unity-d3d", "unity-gl", "infinite", "unreal", "unreal-forward"],
    )
    def test_device_depth_against_fractions(
        self, functions: pure.PureFunctions, near: float, far: float, unit_m: float, is_reversed: bool
    ) -> None:
        n, f, unit, level_near = Fraction(near), Fraction(far), Fraction(unit_m), Fraction(1, 4)
        rng = np.random.default_rng(2)
        device = np.concatenate([rng.uniform(0, 1, 300), 10 ** rng.uniform(-5, 0, 300)]).astype(np.float32)
        got = functions.depth_from_device(device, is_reversed, near, far, unit_m, 0.25)
        for value, result in zip(device, got, strict=True):
            z = Fraction(float(value)) if is_reversed else 1 - Fraction(float(value))  # 1 at the near plane
            inverse = z / n + ((1 - z) / f if far > near else 0)  # 1 / distance in engine units
            exact = 65535 * level_near * inverse / unit if z > 0 else Fraction(0)
            assert abs(min(exact, Fraction(65535)) - int(result)) <= Fraction(51, 100)

    def test_a_720p_picture_takes_less_than_a_millisecond(self, functions: pure.PureFunctions) -> None:
        values = np.random.default_rng(3).integers(0, 65536, (720, 1280)).astype(np.uint16)
        metres = functions.depth_to_metres(values, 0.25)
        device = np.random.default_rng(4).random((720, 1280), np.float32)
        target = np.empty((720, 1280), np.uint16)
        calls = functions.calls
        size = values.size
        loops = {
            "to_metres": lambda: calls.dp_depth_to_metres(values.ctypes.data, size, 0.25, metres.ctypes.data),
            "from_metres": lambda: calls.dp_depth_from_metres(
                metres.ctypes.data, size, 0.25, target.ctypes.data
            ),
            "from_device": lambda: calls.dp_depth_from_device(
                device.ctypes.data, size, 1, 0.3, 1000.0, 1.0, 0.25, target.ctypes.data
            ),
        }
        for name, loop in loops.items():
            best = min(_seconds(loop) for _ in range(50))
            print(f"dp_depth_{name} 1280x720: {best * 1000:.2f} ms")
            assert best < 0.001, f"dp_depth_{name}: {best * 1000:.2f} ms"


def _seconds(function) -> float:  # type: ignore[no-untyped-def]
    begin = time.perf_counter()
    assert function() == 0
    return time.perf_counter() - begin


FURNISHED = [
    *room(-6, -5, 6, 5),
    Box(-1, -1, 1, 0.2),
    Box(2, -5, 2.2, 1),
    Box(-6, 2, -2.5, 2.2),
    Box(4, 3, 4.6, 3.6),
]
CORRIDORS = [
    *room(-1, -2, 14, 14),
    Box(1, -2, 1.2, 10),
    Box(2.5, 1, 9, 8.8),
    Box(2.5, 10.2, 14, 14),
    Box(10.4, -2, 14, 8.8),
]
CLOSET = room(-0.35, -0.35, 0.35, 0.35)
SLIT = room(-0.31, -4, 0.31, 4)
LEVELS = {
    "furnished": (FURNISHED, (-3.0, 0.0, -2.0), (0.0, 0.0, -0.4)),
    "corridors": (CORRIDORS, (0.0, 0.0, 0.0), (1.7, 0.0, 5.0)),
    "closet": (CLOSET, (0.0, 0.0, 0.0), (0.2, 0.0, 0.1)),
    "slit": (SLIT, (0.0, 0.0, 0.0), (0.0, 0.0, 2.0)),
    "open": ([], (0.0, 0.0, 0.0), (2.0, 0.0, 3.0)),
}
RATE, SPEED, TURN_RATE, RADIUS = 20.0, 1.5, 90.0, 0.3


class TestPaths:
    @pytest.mark.parametrize("level_name", LEVELS)
    @pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
    def test_smooth_and_never_through_a_wall(
        self, functions: pure.PureFunctions, kind: int, level_name: str
    ) -> None:
        walls, start, landmark = LEVELS[level_name]
        for seed in range(3):
            level = Level(walls)
            path = functions.sample_path(
                pure.path_options(kind, seed, 900, start, landmark), level.sweep, level.ground
            )
            check_smooth(path)
            check_clear(path, level)
            np.testing.assert_allclose(path.positions[:, 1], -1.6)  # the floor is flat

    @pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
    def test_every_step_was_asked_for(self, functions: pure.PureFunctions, kind: int) -> None:
        walls, start, landmark = LEVELS["furnished"]
        level = Level(walls)
        path = functions.sample_path(
            pure.path_options(kind, 5, 600, start, landmark), level.sweep, level.ground
        )
        asked = {(tuple(a), tuple(b)) for a, b in level.sweeps}
        for a, b in pairwise(path.positions):
            assert (a == b).all() or (tuple(a), tuple(b)) in asked

    def test_the_seed_decides_and_nothing_else(self, functions: pure.PureFunctions) -> None:
        walls, start, landmark = LEVELS["furnished"]
        paths = [
            functions.sample_path(pure.path_options(MIX, seed, 600, start, landmark), Level(walls).sweep)
            for seed in (1, 1, 2)
        ]
        np.testing.assert_array_equal(paths[0].positions, paths[1].positions)
        np.testing.assert_array_equal(paths[0].orientations, paths[1].orientations)
        assert not np.array_equal(paths[0].positions, paths[2].positions)

    def test_without_probes_nothing_is_in_the_way_but_the_box(self, functions: pure.PureFunctions) -> None:
        for kind in KINDS.values():
            options = pure.path_options(
                kind, 3, 900, (0, 1, 0), (1, 0, 1), minimum=(-3, -2, -2), maximum=(3, 2, 2), eye_height_m=1.5
            )
            path = functions.sample_path(options)
            check_smooth(path)
            assert (np.abs(path.positions) <= (3, 2, 2)).all()
            np.testing.assert_allclose(path.positions[:, 1], -0.5)

    def test_a_turn_is_360_degrees_at_speeds_that_vary(self, functions: pure.PureFunctions) -> None:
        path = functions.sample_path(pure.path_options(TURN, 11, 1500))
        assert (path.positions == path.positions[0]).all()
        yaw = path.yaw_deg() - path.yaw_deg()[0]
        still = np.flatnonzero(np.abs(np.diff(yaw)) < 1e-9)
        rests = np.round(yaw[still] / 360, 9)
        assert np.array_equal(rests, np.round(rests)), "it rests elsewhere than after whole turns"
        assert len(set(rests)) >= 3
        rates = np.abs(np.diff(yaw)) * RATE
        steady = rates[1:-1][(np.abs(np.diff(rates))[1:] < 1e-6) & (rates[1:-1] > 1)]
        assert len(set(np.round(steady, 3))) >= 5
        assert steady.min() < 0.5 * TURN_RATE and steady.max() > 0.8 * TURN_RATE

    def test_a_rectangle_has_right_angles_and_comes_back(self, functions: pure.PureFunctions) -> None:
        path = functions.sample_path(pure.path_options(RECTANGLE, 4, 1500))
        plan = path.positions[:, [0, 2]]
        step = np.diff(plan, axis=0)
        moving = np.linalg.norm(step, axis=1) > 1e-3
        heading = np.degrees(np.arctan2(step[:, 0], step[:, 1]))
        groups = np.split(np.arange(len(step)), np.flatnonzero(np.diff(moving)) + 1)
        sides = [group for group in groups if moving[group[0]] and len(group) > 5]
        assert len(sides) > 8
        for side in sides:
            astray = (path.yaw_deg()[side + 1] - heading[side] + 180) % 360 - 180
            np.testing.assert_allclose(astray, 0, atol=0.01)  # walks where it looks
        for first in range(0, len(sides) - 4, 4):
            four = sides[first : first + 4]
            turns = [(heading[b[3]] - heading[a[3]] + 180) % 360 - 180 for a, b in pairwise(four)]
            assert np.abs(turns) == pytest.approx([90, 90, 90], abs=0.01)
            assert len(set(np.sign(turns))) == 1
            np.testing.assert_allclose(plan[four[3][-1] + 1], plan[four[0][0]], atol=0.01)

    def test_an_orbit_goes_around_and_looks_at_its_landmark(self, functions: pure.PureFunctions) -> None:
        path = functions.sample_path(pure.path_options(ORBIT, 9, 900, (0, 0, 0), (2, 0, 3)))
        offset = np.array([2, 3]) - path.positions[:, [0, 2]]
        bearing = np.degrees(np.unwrap(np.arctan2(offset[:, 0], offset[:, 1])))
        assert np.ptp(bearing) > 360
        astray = (path.yaw_deg() - bearing + 180) % 360 - 180
        assert np.abs(astray).max() < 10

    def test_waypoints_look_ahead_and_sometimes_back(self, functions: pure.PureFunctions) -> None:
        walls, start, _ = LEVELS["furnished"]
        for probability in (0.0, 1.0):
            options = pure.path_options(WAYPOINTS, 6, 1200, start, look_back_probability=probability)
            path = functions.sample_path(options, Level(walls).sweep)
            back = (path.flags & pure.LOOK_BACK) != 0
            assert back.any() == (probability > 0)
            step = np.diff(path.positions[:, [0, 2]], axis=0)
            moving = np.linalg.norm(step, axis=1) > 0.03
            astray = (path.yaw_deg()[1:] - np.degrees(np.arctan2(step[:, 0], step[:, 1])) + 180) % 360 - 180
            settled = moving & np.array([back[max(0, i - 40) : i + 2].all() for i in range(len(moving))])
            if probability > 0:
                assert settled.sum() > 20
                assert np.median(np.abs(astray[settled])) > 150  # a sharp bend takes the eyes a moment
                assert np.percentile(np.abs(astray[settled]), 5) > 60
            else:
                assert np.median(np.abs(astray[moving])) < 15

    def test_a_mix_has_all_kinds(self, functions: pure.PureFunctions) -> None:
        walls, start, landmark = LEVELS["furnished"]
        options = pure.path_options(MIX, 8, 3000, start, landmark, look_back_probability=1)
        path = functions.sample_path(options, Level(walls).sweep)
        moving = np.linalg.norm(np.diff(path.positions, axis=0), axis=1) > 1e-3
        turning = np.abs(np.diff(path.yaw_deg())) > 0.1
        assert (~moving & turning).sum() > 80  # turns and corners
        assert (moving & turning).sum() > 200  # curves and orbits
        assert (moving & ~turning).sum() > 100  # straight sides
        assert (path.flags & pure.LOOK_BACK).any()

    def test_walls_are_flagged(self, functions: pure.PureFunctions) -> None:
        level = Level(SLIT)
        path = functions.sample_path(pure.path_options(RECTANGLE, 1, 600), level.sweep)
        flagged = path.positions[(path.flags & pure.TURNED_AWAY) != 0]
        assert len(flagged) > 0
        assert (level.clearance(flagged) < RADIUS + 0.06).all()
        free = functions.sample_path(pure.path_options(RECTANGLE, 1, 600))
        assert not free.flags.any()

    def test_it_follows_slopes_and_stairs(self, functions: pure.PureFunctions) -> None:
        def floor(x: float, z: float) -> float:
            return 0.5 * min(max(x, 0.0), 4.0) - 0.2 * math.floor(min(max(z, 0.0), 3.0) / 0.3)

        for seed in range(4):
            path = functions.sample_path(
                pure.path_options(
                    WAYPOINTS, seed, 1500, (1, -0.5, 1), minimum=(-6, -9, -6), maximum=(6, 9, 6)
                ),
                None,
                Level([], floor).ground,
            )
            check_smooth(path)
            wanted = np.array([floor(x, z) - 1.6 for x, _, z in path.positions])
            assert np.abs(path.positions[:, 1] - wanted).max() <= 0.45 + 1e-9
            assert np.ptp(path.positions[:, 1]) > 0.8
            rest = np.r_[False, np.linalg.norm(np.diff(path.positions, axis=0), axis=1) < 1e-12]
            np.testing.assert_allclose(path.positions[rest, 1], wanted[rest], atol=1e-9)

    def test_it_stays_off_edges_and_holes(self, functions: pure.PureFunctions) -> None:
        def floor(x: float, z: float) -> float | None:
            if math.hypot(x, z) > 4:
                return None
            return 1.0 if 1 < x < 2 else 0.0  # a trench too deep to step into

        for kind in KINDS.values():
            for seed in range(3):
                options = pure.path_options(kind, seed, 900, (-1, 0, 0), (-2, 0, 1))
                path = functions.sample_path(options, None, Level([], floor).ground)
                check_smooth(path)
                assert (np.hypot(path.positions[:, 0], path.positions[:, 2]) <= 4).all()
                assert (path.positions[:, 0] <= 1).all()

    def test_a_start_inside_a_wall_is_refused(self, functions: pure.PureFunctions) -> None:
        level = Level([Box(-1, -1, 1, 1)])
        for start, ground in (((0.0, 0.0, 0.0), level.ground), ((5.0, 0.0, 5.0), lambda _: None)):
            with pytest.raises(pure.PureError) as refusal:
                functions.sample_path(pure.path_options(MIX, 1, 10, start), level.sweep, ground)
            assert refusal.value.status == -3


def check_smooth(path: pure.Path) -> None:
    """Speed, turn rate and change of speed are bounded; the camera stays level."""
    step = np.diff(path.positions, axis=0)
    assert (np.linalg.norm(step, axis=1) * RATE <= SPEED * (1 + 1e-9)).all()
    assert (np.abs(np.diff(path.yaw_deg())) * RATE <= TURN_RATE * (1 + 1e-6)).all()
    np.testing.assert_allclose(np.linalg.norm(path.orientations, axis=1), 1, atol=1e-12)
    assert not path.orientations[:, [0, 2]].any()
    plan = np.diff(step[:, [0, 2]], axis=0) * RATE**2
    hard_stops = np.linalg.norm(plan, axis=1) > SPEED / 0.4 * 1.01
    assert hard_stops.mean() <= 0.02
    spin = np.abs(np.diff(path.yaw_deg(), n=2)) * RATE**2
    assert (spin <= TURN_RATE / 0.25 * 1.01).all()


def check_clear(path: pure.Path, level: Level) -> None:
    """The body keeps out of every wall, between two frames too."""
    for part in np.linspace(0, 1, 9):
        points = path.positions[:-1] + part * np.diff(path.positions, axis=0)
        assert level.clearance(points).min() >= RADIUS - 1e-9
