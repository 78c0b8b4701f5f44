"""Each number of the evaluator against a closed form, a known value, or a picture whose answer is plain."""

from __future__ import annotations

import json
import math
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dreamport.errors import DatasetError, MissingExtraError
from dreamport.geometry import Pose
from dreamport_tools.evaluate import extras, perceptual
from dreamport_tools.evaluate.counterfactual import turned_rightly, walked_rightly
from dreamport_tools.evaluate.metrics import (
    PSNR_CEILING_DB,
    PictureStatistics,
    depth_relative_error,
    picture_change,
    picture_statistics,
    psnr,
    sharpness,
    ssim,
    statistics_ratio,
    yaw_difference_deg,
    yaw_of,
)
from dreamport_tools.evaluate.motion import Run, control_vector, run_windows, summary, wall_rate
from dreamport_tools.evaluate.revisit import closed_path
from dreamport_tools.evaluate.walls import Walls, read_walls, write_walls
from stub_room import StubRecording, StubRoom, stub_motion

Picture = NDArray[np.uint8]


def noise(seed: int, height: int = 48, width: int = 64) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def blurred(picture: Picture, times: int) -> Picture:
    soft = picture.astype(np.float64)
    for _ in range(times):
        for axis in (0, 1):
            soft = (np.roll(soft, 1, axis) + 2 * soft + np.roll(soft, -1, axis)) / 4
    return soft.astype(np.uint8)


def blobs(seed: int = 0, height: int = 192, width: int = 320) -> Picture:
    return blurred(noise(seed, height, width), 6)


@pytest.mark.parametrize("difference", [1, 5, 60])
def test_psnr_of_a_constant_difference_is_the_closed_form(difference: int) -> None:
    real = np.full((20, 30, 3), 100, np.uint8)
    assert psnr(real, real + np.uint8(difference)) == pytest.approx(
        20 * math.log10(255 / difference), abs=1e-4
    )


def test_psnr_of_the_same_picture_is_the_ceiling_and_finite() -> None:
    assert psnr(noise(1), noise(1)) == PSNR_CEILING_DB


def test_psnr_does_not_wrap_around_in_eight_bits() -> None:
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    assert psnr(black, white) == pytest.approx(0.0)
    assert psnr(white, black) == pytest.approx(0.0)


def test_ssim_agrees_with_scikit_image() -> None:
    # skimage.metrics.structural_similarity of the two luma planes with gaussian_weights=True, sigma=1.5,
    # use_sample_covariance=False, data_range=255 (scikit-image 0.26).
    rng = np.random.default_rng(7)
    real = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    worse = np.clip(real.astype(int) + rng.integers(-40, 41, real.shape), 0, 255).astype(np.uint8)
    assert ssim(real, worse) == pytest.approx(0.9545236573918036, abs=1e-6)
    assert ssim(real, real) == pytest.approx(1.0)


def test_pictures_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        psnr(noise(1), noise(1, height=47))
    with pytest.raises(ValueError, match="11 x 11"):
        ssim(noise(1, 8, 8), noise(1, 8, 8))


def test_depth_error_is_the_median_of_what_can_be_judged() -> None:
    real = np.array([[1.0, 2.0, 4.0, 100.0, np.inf, 0.0]], np.float32)
    made = np.array([[1.1, 2.4, 4.0, 1.0, 1.0, 1.0]], np.float32)
    assert depth_relative_error(real, made, max_m=50.0) == pytest.approx(0.1, rel=1e-5)
    assert math.isnan(depth_relative_error(real[:, 3:], made[:, 3:], max_m=50.0))


def test_sharpness_of_a_single_bright_pixel_is_the_closed_form() -> None:
    plane = np.zeros((12, 12), np.float32)
    plane[5, 6] = 10.0
    # A Laplacian of -40 once and 10 four times among 100 pixels with mean 0.
    assert sharpness(plane) == pytest.approx((40.0**2 + 4 * 10.0**2) / 100)


def test_blur_lowers_sharpness_and_leaves_a_flat_picture_at_zero() -> None:
    picture = noise(3)
    values = [picture_statistics(blurred(picture, n)).sharpness for n in range(4)]
    assert values == sorted(values, reverse=True)
    assert values[3] < 0.1 * values[0]
    assert picture_statistics(np.full((16, 16, 3), 90, np.uint8)) == PictureStatistics(0, 0, 0, 0)


def test_contrast_and_saturation_follow_the_picture() -> None:
    halves = np.zeros((16, 16, 3), np.uint8)
    halves[:, 8:] = 200
    assert picture_statistics(halves).contrast == pytest.approx(100.0, rel=1e-4)
    assert picture_statistics(halves).saturation == 0.0
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0], red[..., 1] = 200, 100
    assert picture_statistics(red).saturation == pytest.approx(1.0)


def test_ratios_are_of_means_and_unknown_without_pictures() -> None:
    real = [PictureStatistics(10, 4, 20, 0.5), PictureStatistics(30, 4, 20, 0.5)]
    made = [PictureStatistics(10, 2, 20, 0.25)]
    ratios = statistics_ratio(real, made)
    assert ratios == {
        "sharpness_ratio": 0.5,
        "gradient_ratio": 0.5,
        "contrast_ratio": 1.0,
        "saturation_ratio": 0.5,
    }
    assert all(math.isnan(value) for value in statistics_ratio(real, []).values())


def test_change_is_the_mean_difference_of_luma() -> None:
    before = np.full((8, 8, 3), 10, np.uint8)
    after = before.copy()
    after[:4] += 6
    assert picture_change(before, after) == pytest.approx(3.0, rel=1e-4)


@pytest.mark.parametrize(
    ("a", "b", "expected"), [(10, 350, 20), (350, 10, -20), (180, 0, 180), (-180, 0, 180), (5, 5, 0)]
)
def test_yaw_differences_wrap(a: float, b: float, expected: float) -> None:
    assert yaw_difference_deg(a, b) == pytest.approx(expected)


def test_yaw_of_a_pose_is_its_heading() -> None:
    for yaw in (-150.0, -10.0, 0.0, 75.0):
        assert yaw_of(Pose.from_yaw_pitch((1, 2, 3), yaw).matrix()) == pytest.approx(yaw)


@pytest.mark.parametrize("pixels", [-12, -3, 2, 9])
def test_flow_has_the_sign_and_size_of_a_shift(pixels: int) -> None:
    pytest.importorskip("cv2", reason="flow needs the extra 'capture'")
    from dreamport_tools.evaluate.flow import expansion, shift_x

    picture = blobs()
    moved = np.roll(picture, pixels, axis=1)
    assert shift_x(picture, moved) == pytest.approx(pixels, abs=0.5)
    assert abs(expansion(picture, moved)) < 0.01


@pytest.mark.parametrize("scale", [0.97, 1.03, 1.06])
def test_flow_has_the_sign_and_size_of_a_growth(scale: float) -> None:
    cv2 = pytest.importorskip("cv2", reason="flow needs the extra 'capture'")
    from dreamport_tools.evaluate.flow import expansion, shift_x

    picture = blobs()
    grow = np.array([[scale, 0, 160 * (1 - scale)], [0, scale, 96 * (1 - scale)]])
    grown = cv2.warpAffine(picture, grow, (320, 192), borderMode=cv2.BORDER_REFLECT)
    assert expansion(picture, grown) == pytest.approx(scale - 1, abs=0.006)
    assert abs(shift_x(picture, grown)) < 1.5


def test_flow_without_opencv_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"cv2.*pip install 'dreamport\[capture\]'"):
        extras.require_opencv()


def test_a_turn_counts_only_when_left_and_right_differ_clearly_with_the_right_sign() -> None:
    assert turned_rightly(4.0, -4.0)
    assert turned_rightly(9.0, 1.0)  # something else moves both to the right
    assert not turned_rightly(-4.0, 4.0)
    assert not turned_rightly(4.0, 4.0)
    assert not turned_rightly(0.1, -0.1)


def test_a_walk_counts_only_when_the_picture_grows_more_than_at_rest() -> None:
    assert walked_rightly(0.02, 0.0)
    assert not walked_rightly(-0.02, 0.0)
    assert walked_rightly(0.0, -0.02)  # something else shrinks both
    assert not walked_rightly(0.02, 0.02)
    assert not walked_rightly(0.001, 0.0)


WALL = Walls(np.array([[0.0, 0.0, 0.0, 10.0]]), np.array([[True, True]]))
LEDGE = Walls(WALL.segments, np.array([[False, True]]))


@pytest.mark.parametrize(
    ("before", "after", "through"),
    [
        ((1.0, 5.0), (-1.0, 5.0), True),
        ((-1.0, 5.0), (1.0, 5.0), True),
        ((-1.0, 5.0), (-0.1, 5.0), False),
        ((-1.0, 12.0), (1.0, 12.0), False),
        ((-1.0, -3.0), (1.0, 9.0), True),
        ((-1.0, 5.0), (-1.0, 9.0), False),
        ((3.0, 5.0), (3.0, 5.0), False),
    ],
)
def test_a_step_through_a_wall_is_seen(
    before: tuple[float, float], after: tuple[float, float], through: bool
) -> None:
    assert WALL.crossed(np.array(before), np.array(after)) is through


def test_a_ledge_stops_only_who_climbs_it() -> None:
    # Looking along the ledge, from z 0 to z 10, its right is at positive x.
    low, high = np.array([-1.0, 5.0]), np.array([1.0, 5.0])
    assert LEDGE.crossed(low, high)
    assert not LEDGE.crossed(high, low)


def test_walls_are_read_as_they_were_written_and_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "walls.json"
    write_walls(LEDGE, path)
    again = read_walls(path)
    assert np.array_equal(again.segments, LEDGE.segments)
    assert np.array_equal(again.blocks, LEDGE.blocks)
    path.write_text(json.dumps({"segments_m": [[0, 0, 1, 1]], "blocks": []}))
    with pytest.raises(DatasetError, match="1 segments"):
        read_walls(path)
    path.write_text("{")
    with pytest.raises(DatasetError, match="not a walls file"):
        read_walls(path)


def _straight(steps: int, drift_m: float = 0.0) -> Run:
    recorded = np.zeros((steps + 1, 9), np.float32)
    recorded[:, 0] = -2.0 + 0.1 * np.arange(steps + 1)
    recorded[:, 2], recorded[:, 4] = 5.0, 1.0
    predicted = recorded.copy()
    predicted[:, 2] += drift_m * np.arange(steps + 1)
    predicted[:, 3:5] = math.sin(math.radians(3.0)), math.cos(math.radians(3.0))
    return Run(0, 0, predicted, recorded)


def test_wall_rate_is_the_share_of_steps_that_pass_through() -> None:
    assert wall_rate([_straight(40)], WALL) == pytest.approx(1 / 40)
    assert wall_rate([_straight(10)], WALL) == 0.0
    assert wall_rate([_straight(10)], None) is None


def test_motion_errors_are_distance_and_heading_after_each_time() -> None:
    result = summary([_straight(40, drift_m=0.01)], WALL, frame_rate=10.0, seconds=(1, 4, 16))
    assert result["position_error_m"] == {
        "1s": pytest.approx(0.1, rel=1e-3),
        "4s": pytest.approx(0.4, rel=1e-3),
        "16s": None,
    }
    assert result["yaw_error_deg"] == {
        "1s": pytest.approx(3.0, rel=1e-3),
        "4s": pytest.approx(3.0, rel=1e-3),
        "16s": None,
    }


def test_the_rooms_own_motion_follows_the_recording_and_another_does_not() -> None:
    recording = StubRecording(StubRoom(), 60, seed=4)
    runs = run_windows(stub_motion, [recording], 1, windows=5, frames=40)
    assert [run.start for run in runs] == [0, 5, 10, 14, 19]
    assert max(run.position_error_m(40) for run in runs) < 1e-4
    still = run_windows(lambda state, control: state, [recording], 1, windows=5, frames=40)
    assert min(run.position_error_m(40) for run in still) > 1.0


def test_a_control_vector_unpacks_the_bit_mask() -> None:
    assert control_vector(0b101, np.array([2.5, -1.0]), 4).tolist() == [1, 0, 1, 0, 2.5, -1.0]


@pytest.mark.parametrize(
    ("first", "last", "frames"), [(0, 100, 200), (0, 331, 1200), (5, 20, 57), (3, 9, 12), (0, 10, 21)]
)
def test_a_closed_path_comes_home_at_the_end_and_not_before(first: int, last: int, frames: int) -> None:
    rows = (first, *closed_path(first, last, frames))
    assert len(rows) == frames + 1
    assert rows[-1] == first
    assert first not in rows[1:-1]
    assert max(rows) <= last
    assert max(abs(a - b) for a, b in pairwise(rows)) == 1


def test_a_closed_path_needs_somewhere_to_go() -> None:
    with pytest.raises(ValueError, match="no path"):
        closed_path(5, 5, 10)


def test_the_perceptual_distance_grows_with_blur() -> None:
    if not perceptual.available():
        pytest.skip("the perceptual distance needs the extra 'train'")
    distance = perceptual.FeatureDistance()
    picture = blobs(5, 96, 160)
    values = [distance(picture, blurred(picture, n)) for n in (0, 2, 8)]
    assert values[0] == pytest.approx(0.0, abs=1e-6)
    assert values[0] < values[1] < values[2]
