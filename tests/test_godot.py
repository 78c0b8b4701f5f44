"""A real engine plays the default world through the native core: Godot 3 on a virtual screen.

Godot is a test here, not a supported engine. It is the one engine that runs where the tests run, so it shows
that the library loads into a game, that poses and axes agree, and that the shared composite composes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import requires
from godot.playing import Played, play
from shaders import reference

SHARED_MEMORY = 2
ENGINE_FOCAL = 480.0
"""Pixels of the 960x576 screen; the project's camera sees what the world's own camera sees."""


@pytest.fixture(scope="module")
def played(native_library: Path, default_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    requires.program("godot3", "godot3-runner", package="godot3")
    requires.program("xvfb-run", package="xvfb")
    requires.program("glslangValidator", package="glslang-tools")
    requires.package("PIL", extra="engines-dev")
    requires.program("spirv-cross", package="spirv-cross")
    played = play(native_library, tmp_path_factory.mktemp("godot"))
    assert played.report["good"], f"{played.report['message']}\n{played.output}"
    print(
        f"\nGodot drew {played.report['engine_fps']:.1f} frames a second and showed "
        f"{played.report['neural_fps']:.1f} neural ones; pictures in {played.folder}"
    )
    return played


def test_the_library_loads_plays_over_shared_memory_and_ends(played: Played) -> None:
    assert played.report["transport"] == SHARED_MEMORY
    assert played.report["closed"] == 0, "dp_shutdown did not end all threads in time"
    assert played.code == 0, played.output
    assert "SCRIPT ERROR" not in played.output
    assert "SHADER ERROR" not in played.output


def test_the_cube_in_front_hides_the_neural_frame(played: Played) -> None:
    with_cube, alone = played.picture("portal"), played.picture("portal-alone")
    x, y = played.about("portal")["cube"]
    assert inside(played.about("portal")["portal"], x, y), "the cube is not before the portal"
    before, behind = patch(with_cube, x, y), patch(alone, x, y)
    assert is_orange(before)
    assert not is_orange(behind)
    shown, known = level_on_screen(played, "portal-alone")
    there = patch(known.astype(np.float64), x, y) > 0
    assert np.abs(behind - patch(shown, x, y))[there].max() < 6, "behind the cube is not the neural frame"


@pytest.mark.parametrize("name", ["portal-alone", "portal-from-the-side"])
def test_the_portal_shows_the_level_where_the_camera_sees_it(name: str, played: Played) -> None:
    """Every pixel of the portal is the neural frame in that pixel's direction, as numpy computes it."""
    picture = played.picture(name)
    shown, known = level_on_screen(played, name)
    opening = polygon_mask(played.about(name)["portal"], picture.shape, inset=6) & known
    assert opening.mean() > 0.15
    wrong = np.abs(picture - shown).max(axis=-1)[opening]
    assert np.percentile(wrong, 98) < 4, (
        f"98 % of the portal's pixels are within {np.percentile(wrong, 98):.1f}"
    )


def test_the_neural_wall_hides_a_cube_behind_it_and_not_one_before_it(played: Played) -> None:
    bare = played.picture("composite")
    behind = np.abs(played.picture("composite-cube-behind-the-wall") - bare).max(axis=-1)
    assert behind.max() <= 2, "a cube 0.8 m behind the wall shows through it"
    name = "composite-cube-before-the-wall"
    x, y = played.about(name)["cube"]
    assert is_orange(patch(played.picture(name), x, y))
    changed = np.abs(played.picture(name) - bare).max(axis=-1) > 8
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 1000
    assert np.hypot(columns - x, rows - y).max() < 150, "more changed than where the cube is"


def test_without_engine_objects_the_composite_is_the_neural_frame(played: Played) -> None:
    shown, known = level_on_screen(played, "composite")
    wrong = np.abs(played.picture("composite") - shown).max(axis=-1)[known]
    assert known.mean() > 0.95
    assert np.percentile(wrong, 98) < 4


def test_holding_forward_walks_forward(played: Played) -> None:
    before = played.about("before-walking")["frame"]
    steps = np.array([step["position"] for step in played.report["walked"]])
    moved = steps[-1] - np.array(before["position"])
    forward = reference.rotation(before["orientation"])[:, 2]
    assert played.report["walked"][-1]["buttons"] == 1
    assert moved @ forward > 1.5, f"moved {moved} m, looking along {forward}"
    assert np.linalg.norm(moved - (moved @ forward) * forward) < 0.5 * (moved @ forward)


def test_the_picture_grows_from_its_middle_while_walking_forward(played: Played) -> None:
    before, _ = played.frame("before-walking")
    during, _ = played.frame("while-walking")
    scales = np.geomspace(1 / 1.4, 1.4, 29)
    differences = [scaled_difference(before, during, scale) for scale in scales]
    best = scales[int(np.argmin(differences))]
    assert best > 1.06, f"the later picture looks like the earlier one at {best:.2f} of its size"


# ---------------------------------------------------------------- looking at pictures


def patch(picture: NDArray[np.float64], x: float, y: float, half: int = 6) -> NDArray[np.float64]:
    return picture[int(y) - half : int(y) + half, int(x) - half : int(x) + half]


def is_orange(pixels: NDArray[np.float64]) -> bool:
    red, green, blue = pixels.reshape(-1, 3).mean(axis=0)
    return bool(red > 80 and red > 1.6 * green and green > 1.5 * blue)


def inside(corners: list[list[float]], x: float, y: float) -> bool:
    """Whether a point lies in a convex polygon."""
    edges = zip(corners, corners[1:] + corners[:1], strict=True)
    sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for (ax, ay), (bx, by) in edges]
    return all(side > 0 for side in sides) or all(side < 0 for side in sides)


def polygon_mask(corners: list[list[float]], shape: tuple[int, ...], inset: float) -> NDArray[np.bool_]:
    """Pixels at least `inset` inside a convex polygon."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    points = np.array(corners)
    middle = points.mean(axis=0)
    mask = np.ones(shape[:2], bool)
    for a, b in zip(points, np.roll(points, -1, axis=0), strict=True):
        normal = np.array([a[1] - b[1], b[0] - a[0]]) / np.linalg.norm(b - a)
        normal *= np.sign((middle - a) @ normal)
        mask &= (columns - a[0]) * normal[0] + (rows - a[1]) * normal[1] > inset
    return mask


def level_on_screen(played: Played, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What the level looks like on the screen of a picture, computed from the neural frame with the numpy
    reference: colours `[H, W, 3]`, 0..255, and where the frame says anything.
    """
    about = played.about(name)
    frame = about["frame"]
    colour, depth = played.frame(name)
    height, width = played.picture(name).shape[:2]
    rows, columns = np.mgrid[:height, :width] + 0.5
    x, y = (columns - width / 2) / ENGINE_FOCAL, (height / 2 - rows) / ENGINE_FOCAL
    ray = np.stack([x, y, -np.ones_like(x)], axis=-1) @ reference.rotation(about["camera"][3:]).T
    level = ray @ reference.rotation(about["anchor"][3:]) * (1, -1, -1)
    size = (frame["width"], frame["height"])
    found = reference.project(
        level @ reference.rotation(frame["orientation"]), frame["intrinsics"], np.array(size)
    )
    return filtered(colour, depth, found[..., :2]), found[..., 3] > 0


def filtered(
    colour: NDArray[np.float64], depth: NDArray[np.uint16], uv: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The frame at uv, between texels of one surface."""
    height, width = depth.shape
    at = uv * (width, height) - 0.5
    corner = np.floor(at).astype(int)
    columns = np.clip(corner[..., 0, None] + (0, 1, 0, 1), 0, width - 1)
    rows = np.clip(corner[..., 1, None] + (0, 0, 1, 1), 0, height - 1)
    weights = reference.texel_weights(depth[rows, columns] / 65535, at - corner, 0.1)
    result: NDArray[np.float64] = np.einsum("...t,...tc->...c", weights, colour[rows, columns])
    return result


def scaled_difference(before: NDArray[np.float64], after: NDArray[np.float64], scale: float) -> float:
    """Mean difference in the middle third between a picture enlarged about its middle and a later one."""
    height, width = before.shape[:2]
    rows, columns = np.mgrid[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    from_row = np.rint((rows - height / 2) / scale + height / 2).astype(int)
    from_column = np.rint((columns - width / 2) / scale + width / 2).astype(int)
    return float(np.abs(before[from_row, from_column] - after[rows, columns]).mean())
