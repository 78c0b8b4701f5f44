"""The evaluator on worlds known to be perfect, frozen, mirrored or fading: it must tell them apart."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamport.errors import DatasetError
from dreamport_tools.evaluate import Plan, Subject, measure, write
from dreamport_tools.evaluate.evidence import Evidence
from dreamport_tools.evaluate.metrics import PSNR_CEILING_DB
from dreamport_tools.evaluate.recording import RememberedRecording, resolve_data, spread
from dreamport_tools.evaluate.rollouts import Drive, World, plan_windows, roll
from dreamport_tools.evaluate.strips import contact_sheet, film_strip
from dreamport_tools.evaluate.targets import targets
from dreamport_tools.evaluate.walls import Walls
from stub_room import (
    BUTTONS,
    FadingGenerator,
    FrozenGenerator,
    MirroredGenerator,
    StubGenerator,
    StubRecording,
    StubRoom,
    StubWorld,
    stub_motion,
)

pytest.importorskip("cv2", reason="the evaluator needs the extra 'capture'")

PLAN = Plan(
    long_windows=1,
    short_windows=2,
    long_rollouts=1,
    long_seconds=6,
    revisits=1,
    revisit_seconds=(10,),
    motion_windows=4,
    counterfactual_trials=8,
    counterfactual_frames=4,
    prime=4,
)
ROOM_WALLS = Walls(
    np.array([[-4.0, -4, 4, -4], [4, -4, 4, 4], [4, 4, -4, 4], [-4, 4, -4, -4]]), np.ones((4, 2), np.bool_)
)


@pytest.fixture(scope="module")
def room() -> StubRoom:
    return StubRoom()


@pytest.fixture(scope="module")
def recordings(room: StubRoom) -> list[StubRecording]:
    return [StubRecording(room, 300, seed) for seed in (1, 2)]


def evaluated(
    world: World, recordings: list[StubRecording], plan: Plan = PLAN
) -> tuple[dict[str, Any], Evidence]:
    facts = {"world": "stub", "executor": "stub", "device": "none", "precision": "exact"}
    subject = Subject(world, stub_motion, 20.0, BUTTONS, 15.0, 50.0, facts)
    return measure(subject, recordings, ROOM_WALLS, plan, seed=3)


@pytest.fixture(scope="module")
def perfect(room: StubRoom, recordings: list[StubRecording]) -> tuple[dict[str, Any], Evidence]:
    return evaluated(StubWorld(room), recordings)


def test_a_world_that_plays_the_recording_back_is_perfect(perfect: tuple[dict[str, Any], Evidence]) -> None:
    results, _ = perfect
    for key in ("psnr_teacher_forced", "psnr_free_running", "psnr_free_running_true_pose"):
        assert all(value > 55 for value in results[key].values()), key
    assert results["depth_rel_error"] < 1e-4
    assert results["counterfactual_correct"] == 1.0
    assert results["revisit"]["psnr_10s"] > 55
    assert results["revisit"]["sharpness_10s"] == pytest.approx(1.0, abs=0.01)
    assert results["motion"]["position_error_m"]["4s"] < 1e-3
    assert results["motion"]["wall_rate"] == 0.0
    for moment in ("frame_16", "frame_64"):
        assert results["drift"][moment]["sharpness_ratio"] == pytest.approx(1.0, abs=0.01)
    assert results["drift"]["freeze_rate"] == 0.0
    assert results["drift"]["second_60"]["contrast_ratio"] == pytest.approx(1.0, abs=0.1)


def test_a_frozen_world_is_no_better_than_a_still_picture(
    room: StubRoom, recordings: list[StubRecording]
) -> None:
    results, _ = evaluated(StubWorld(room, FrozenGenerator), recordings)
    assert results["psnr_free_running"] == results["psnr_copy_last"]
    assert results["drift"]["freeze_rate"] == 1.0
    assert results["drift"]["freeze_rate_real"] == 0.0
    assert results["counterfactual_correct"] == 0.0
    assert {t.name: t.met for t in targets(results)}["Freeze rate"] is False


def test_a_mirrored_world_is_caught_by_the_counterfactual_test(
    room: StubRoom, recordings: list[StubRecording]
) -> None:
    results, _ = evaluated(StubWorld(room, MirroredGenerator), recordings)
    assert results["counterfactual"]["turn"] == 0.0
    assert results["counterfactual"]["walk"] == 0.0
    assert results["drift"]["freeze_rate"] < 0.2  # it backs into walls now and then


def test_a_fading_world_is_caught_by_drift_and_revisit(
    room: StubRoom, recordings: list[StubRecording]
) -> None:
    results, _ = evaluated(StubWorld(room, FadingGenerator), recordings)
    drift = results["drift"]
    for statistic in ("sharpness", "contrast", "saturation"):
        assert drift["frame_16"][f"{statistic}_ratio"] > drift["frame_64"][f"{statistic}_ratio"]
        assert drift["second_60"][f"{statistic}_ratio"] < 0.2
    assert drift["frame_64"]["sharpness_ratio"] < 0.1
    psnr = results["psnr_free_running"]
    assert psnr["1"] > psnr["16"] > psnr["64"]
    assert 0.01 < results["depth_rel_error"] < 0.1
    assert results["revisit"]["sharpness_10s_memory_off"] == pytest.approx(0.0, abs=0.05)


def test_every_promised_key_is_there_and_is_json(perfect: tuple[dict[str, Any], Evidence]) -> None:
    results, _ = perfect
    again = json.loads(json.dumps(results, allow_nan=False))
    horizons = {"1", "16", "64", "256"}
    for key in ("psnr_teacher_forced", "psnr_free_running", "psnr_free_running_true_pose", "psnr_copy_last"):
        assert set(again[key]) == horizons
        assert set(again[key.replace("psnr", "ssim")]) == horizons
    assert {"psnr_10s", "psnr_60s", "psnr_10s_memory_off", "psnr_60s_memory_off"} <= set(again["revisit"])
    assert again["revisit"]["psnr_60s"] is None  # this plan has no minute away
    assert (
        {"1s", "4s", "16s"}
        == set(again["motion"]["position_error_m"])
        == set(again["motion"]["yaw_error_deg"])
    )
    assert "wall_rate" in again["motion"]
    for moment in ("frame_16", "frame_64", "second_60"):
        assert {"sharpness_ratio", "contrast_ratio", "saturation_ratio"} <= set(again["drift"][moment])
    assert isinstance(again["depth_rel_error"], float)
    assert isinstance(again["counterfactual_correct"], float)


def test_the_same_seed_gives_the_same_results(
    room: StubRoom, recordings: list[StubRecording], perfect: tuple[dict[str, Any], Evidence]
) -> None:
    again, _ = evaluated(StubWorld(room), recordings)
    first = {k: v for k, v in perfect[0].items() if k != "run"}
    assert {k: v for k, v in again.items() if k != "run"} == first


def test_the_report_is_one_file_that_shows_every_part(
    perfect: tuple[dict[str, Any], Evidence], tmp_path: Path
) -> None:
    write(*perfect, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for title in ("Targets", "Against the recording", "Film strips", "Drift", "Coming back", "Motion head"):
        assert f"<h2>{title}</h2>" in page
    assert page.count("<svg") >= 5
    assert page.count("data:image/jpeg;base64,") >= 6
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page).lower()
    assert json.loads((tmp_path / "results.json").read_text())["world"] == "stub"
    assert (tmp_path / "contact_sheet.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_targets_say_what_was_met_missed_and_not_measured(perfect: tuple[dict[str, Any], Evidence]) -> None:
    results = json.loads(json.dumps(perfect[0]))
    assert all(t.met for t in targets(results))
    results["psnr_teacher_forced"] = {"1": 20.0, "16": 20.0, "64": 20.0, "256": None}
    results["drift"]["second_60"]["contrast_ratio"] = 1.31
    results["counterfactual_correct"] = None
    verdicts = {t.name: (t.reached, t.met) for t in targets(results)}
    assert verdicts["Teacher-forced PSNR, mean of the horizons"] == ("20.0 dB", False)
    assert verdicts["Contrast at second 60, of real play"] == ("1.31", False)
    assert verdicts["Counterfactual signs right"] == ("not measured", None)


def test_controls_are_those_that_led_to_each_frame(room: StubRoom, recordings: list[StubRecording]) -> None:
    window = plan_windows(recordings[:1], 4, 1, 0)[0]
    late = StubRecording(room, 300, seed=1)
    late.look_deg = np.roll(late.look_deg, 1, axis=0)
    on_time = roll(StubWorld(room), recordings[0], window, Drive.CONTROLS, seed=0, max_depth_m=50.0)
    too_late = roll(StubWorld(room), late, window, Drive.CONTROLS, seed=0, max_depth_m=50.0)
    assert min(on_time.psnr) > 55
    assert min(too_late.psnr) < 30


def test_teacher_forcing_starts_each_frame_from_the_real_one(
    room: StubRoom, recordings: list[StubRecording]
) -> None:
    class Slow(StubGenerator):
        """Walks off course a little with every frame."""

        def step(self, control: Any) -> Any:
            self.state[0] += 0.02
            return super().step(control)

    window = plan_windows(recordings, 4, 1, 0)[0]
    recording = recordings[window.episode]
    forced, free = (
        roll(StubWorld(room, Slow), recording, window, drive, seed=0, max_depth_m=50.0)
        for drive in (Drive.TEACHER, Drive.CONTROLS)
    )
    assert forced.psnr[0] == free.psnr[0] < PSNR_CEILING_DB
    assert np.mean(forced.psnr[40:64]) > np.mean(free.psnr[40:64]) + 3


def test_windows_stay_inside_their_episode(room: StubRoom, recordings: list[StubRecording]) -> None:
    windows = plan_windows(recordings, 8, 3, 10)
    assert [w.frames for w in windows].count(256) == 3
    assert len(set(windows)) == len(windows)
    assert all(w.start >= 8 and w.start + w.frames < 300 for w in windows)
    short = [StubRecording(room, 40, seed=5)]
    assert {w.frames for w in plan_windows(short, 8, 1, 2)} == {16}
    with pytest.raises(DatasetError, match="too few"):
        plan_windows([StubRecording(room, 5, seed=5)], 8, 1, 1)


def test_remembered_pictures_are_those_of_the_recording_and_few(recordings: list[StubRecording]) -> None:
    read: list[int] = []

    class Counted(StubRecording):
        def colour(self, index: int, /) -> Any:
            read.append(index)
            return super().colour(index)

    counted = Counted(StubRoom(), 12, seed=1)
    remembered = RememberedRecording(counted, capacity=3)
    for index in (0, 1, 2, 1, 0, 3, 1, 0):
        assert np.array_equal(remembered.colour(index), counted._colours[index])
    assert read == [0, 1, 2, 3]
    remembered.colour(2)
    assert read == [0, 1, 2, 3, 2]


def test_spread_takes_both_ends_and_no_more_than_asked() -> None:
    assert spread(range(10), 3) == [0, 4, 9]
    assert spread(range(2), 5) == [0, 1]
    assert spread(range(9), 1) == [4]
    assert spread(range(9), 0) == []


def test_missing_data_says_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match=r"info\.json"):
        resolve_data(tmp_path / "nowhere")
    monkeypatch.setattr("dreamport_tools.evaluate.recording.shipped_heldout", lambda: None)
    with pytest.raises(DatasetError, match="--record"):
        resolve_data(None)
    assert resolve_data(tmp_path) == tmp_path


def test_a_contact_sheet_puts_real_and_generated_side_by_side() -> None:
    simplejpeg = pytest.importorskip("simplejpeg")
    real, made = np.full((32, 48, 3), 200, np.uint8), np.full((32, 48, 3), 60, np.uint8)
    sheet = simplejpeg.decode_jpeg(contact_sheet([(real, made)] * 3, columns=2))
    assert sheet.shape == (2 * 32 + 4, 4 * 48 + 3 * 4, 3)
    assert abs(int(sheet[16, 24, 0]) - 200) < 8
    assert abs(int(sheet[16, 48 + 4 + 24, 0]) - 60) < 8
    with pytest.raises(ValueError, match="at least one pair"):
        contact_sheet([])
    assert film_strip([[real], [real, made]]).shape == (68, 100, 3)
