"""The evaluator on a world pack and a data set on disk, with the real generator and a stub executor."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamport.errors import DatasetError, MissingExtraError
from dreamport.geometry import Pose
from dreamport.worlds import WorldPack
from dreamport_tools.evaluate import Plan, card_markdown, evaluate, heldout
from dreamport_tools.evaluate.metrics import psnr
from dreamport_tools.evaluate.walls import WALLS_FILE, Walls, write_walls
from stub_worlds import (
    HEIGHT,
    INTRINSICS,
    WIDTH,
    StubExecutor,
    motion_state,
    room,
    room_pose,
    write_stub_pack,
)

for module in ("cv2", "av", "pyarrow"):
    pytest.importorskip(module, reason="the evaluator needs the extra 'capture'")

from dreamport.episodes.dataset import Dataset  # noqa: E402 - needs the extra
from dreamport.episodes.layout import DatasetInfo, create_dataset  # noqa: E402
from dreamport.episodes.writer import EpisodeWriter, RecordedFrame  # noqa: E402
from dreamport_tools.evaluate.pack_world import PackWorld, check_fits  # noqa: E402

INFO = DatasetInfo(
    name="stub-room",
    licence="Apache-2.0",
    frame_rate=20.0,
    width=WIDTH,
    height=HEIGHT,
    intrinsics=(40.0, 40.0, 40.0, 24.0),
    buttons=("MOVE_FORWARD", "MOVE_BACK"),
    look_max_deg=15.0,
)
PLAN = Plan(
    long_windows=0,
    short_windows=1,
    long_rollouts=1,
    long_seconds=2,
    revisits=1,
    revisit_seconds=(1,),
    motion_windows=2,
    motion_seconds=(1, 4),
    counterfactual_trials=2,
    counterfactual_frames=3,
)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    return write_stub_pack(tmp_path_factory.mktemp("pack") / "stub-room")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An episode in the stub room: six frames forward, six back, turning 3 degrees a frame."""
    root = tmp_path_factory.mktemp("data")
    create_dataset(root, INFO)
    with EpisodeWriter(root, INFO, 0, seed=1, split="heldout") as writer:
        x = z = yaw = 0.0
        for row in range(100):
            buttons = 1 if row % 12 < 6 else 2
            if row:
                yaw += 3.0
                step = 0.1 if buttons == 1 else -0.1
                x += step * np.sin(np.radians(yaw))
                z += step * np.cos(np.radians(yaw))
            pose = room_pose(x, z, yaw)
            colour, depth = room(pose)
            state = motion_state(pose).astype(np.float64)
            state[6:] = 0.01 * row
            frame = RecordedFrame(colour, depth, pose.matrix(), state, [0.0] * 8)
            writer.add(replace(frame, buttons=buttons, look_deg=(3.0, 0.0)) if row else frame)
        writer.finish()
    write_walls(Walls(np.array([[-3.5, 3.5, 3.5, 3.5]]), np.ones((1, 2), np.bool_)), root / WALLS_FILE)
    return root


@pytest.fixture(scope="module")
def results(pack: WorldPack, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("report")
    told: list[str] = []
    found = evaluate(
        pack,
        StubExecutor(pack),
        folder,
        seed=5,
        out=out,
        plan=PLAN,
        progress=lambda part, done, total: told.append(part) if done == total else None,
    )
    assert {"rollouts", "control", "motion over 4 s", "coming back after 1 s"} <= set(told)
    assert json.loads((out / "results.json").read_text()) == found
    assert "<h2>Film strips</h2>" in (out / "report.html").read_text()
    return found


def test_a_pack_is_measured_from_its_folder_to_its_results(results: dict[str, Any]) -> None:
    assert results["world"] == "stub-room"
    assert results["run"]["executor"] == "stub"
    assert results["run"]["episodes"] == 1
    assert results["run"]["frames"] == 100
    assert results["psnr_teacher_forced"]["1"] == pytest.approx(results["psnr_free_running"]["1"], abs=3)
    assert results["psnr_free_running"]["256"] is None
    # The stub executor walks as the recording did, in a room whose wall nobody reaches.
    assert results["motion"]["position_error_m"]["4s"] < 1e-3
    assert results["motion"]["yaw_error_deg"]["4s"] < 1e-2
    assert results["motion"]["wall_rate"] == 0.0
    assert results["counterfactual"]["trials"] == 2
    # The loops of this plan last a second, not ten.
    assert results["revisit"]["psnr_10s"] is None


def test_a_start_is_the_recorded_frame_with_its_past(pack: WorldPack, folder: Path) -> None:
    recording = Dataset(folder).episodes("heldout")[0]
    executor = StubExecutor(pack)
    generator = PackWorld(pack, executor).begin(recording, 30, seed=0)
    assert psnr(recording.colour(30), generator.start_frame.colour) > 40
    assert np.allclose(generator.start_frame.pose.matrix(), recording.pose[30], atol=1e-5)
    # One cache pass for each frame that the cache holds, with the control that led to it.
    assert executor.ran.count("denoise") == pack.manifest.cache.frames
    expected = [float(recording.buttons[30] & 1), float(recording.buttons[30] >> 1 & 1), 3.0, 0.0]
    assert executor.fed["denoise"]["control"].ravel().tolist() == pytest.approx(expected)


def test_a_start_at_rest_has_the_place_of_the_recording_and_none_of_its_speed(
    pack: WorldPack, folder: Path
) -> None:
    recording = Dataset(folder).episodes("heldout")[0]
    executor = StubExecutor(pack)
    world = PackWorld(pack, executor)
    from dreamport.generator.types import FrameControl

    for at_rest in (False, True, False):
        world.begin(recording, 30, seed=0, at_rest=at_rest).step(FrameControl())
        state = executor.fed["motion"]["state"][0]
        assert np.allclose(state[:6], recording.motion_state[30][:6], atol=1e-5)
        assert bool((state[6:] == 0).all()) is at_rest


def test_teaching_puts_the_real_frame_and_state_in_place(pack: WorldPack, folder: Path) -> None:
    recording = Dataset(folder).episodes("heldout")[0]
    executor = StubExecutor(pack)
    world = PackWorld(pack, executor)
    generator = world.begin(recording, 30, seed=0)
    from dreamport.generator.types import FrameControl

    generator.step(FrameControl(buttons=2, look_deg=(-15.0, 0.0)))
    generator.teach(recording, 31)
    generator.finish()
    cached = executor.fed["encode"]["colour"][0].transpose(1, 2, 0) * 255
    assert np.abs(cached - recording.colour(31)).max() < 1
    generator.step(FrameControl())
    fed = executor.fed["motion"]["state"][0]
    assert np.allclose(fed, recording.motion_state[31], atol=1e-5)


def test_without_memory_no_view_reaches_the_world(pack: WorldPack, folder: Path) -> None:
    recording = Dataset(folder).episodes("heldout")[0]
    executor = StubExecutor(pack)
    world = PackWorld(pack, executor)
    from dreamport.generator.types import FrameControl

    for memory in (True, False, True):
        world.begin(recording, 30, seed=0, memory=memory).step(FrameControl())
        assert bool(executor.fed["decode"]["hint_valid"].any()) is memory


def test_the_same_start_and_seed_give_the_same_frame(pack: WorldPack, folder: Path) -> None:
    recording = Dataset(folder).episodes("heldout")[0]
    world = PackWorld(pack, StubExecutor(pack))
    from dreamport.generator.types import FrameControl

    frames = []
    for start in (30, 60, 30):
        generator = world.begin(recording, start, seed=9)
        generator.step(FrameControl(buttons=1))
        generator.finish()
        frames.append(generator.step(FrameControl(buttons=1, look_deg=(2.0, 0.0))).colour)
    assert np.array_equal(frames[0], frames[2])
    assert not np.array_equal(frames[0], frames[1])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"width": 96}, "frame size"),
        ({"buttons": ("MOVE_BACK", "MOVE_FORWARD")}, "buttons"),
    ],
)
def test_recordings_of_another_level_are_refused(pack: WorldPack, change: dict[str, Any], named: str) -> None:
    check_fits(pack, INFO)
    with pytest.raises(DatasetError, match=named):
        check_fits(pack, replace(INFO, **change))


def test_training_episodes_are_never_evaluated_on(pack: WorldPack, tmp_path: Path) -> None:
    create_dataset(tmp_path, INFO)
    with EpisodeWriter(tmp_path, INFO, 0, seed=1, split="train") as writer:
        pose = room_pose()
        writer.add(
            RecordedFrame(*room(pose), pose.matrix(), motion_state(pose).astype(np.float64), [0.0] * 8)
        )
        writer.finish()
    with pytest.raises(DatasetError, match="no held-out episodes"):
        evaluate(pack, StubExecutor(pack), tmp_path, seed=0, quick=True)


def test_the_card_says_what_was_missed_beside_what_was_reached(
    pack: WorldPack, results: dict[str, Any]
) -> None:
    found = json.loads(json.dumps(results))
    found["drift"]["freeze_rate"] = 0.2
    found["counterfactual_correct"] = 0.97
    card = card_markdown(found, pack.manifest)
    assert card.startswith("# Stub room\n")
    assert "| Freeze rate | under 5% | 20.0% | **missed** |" in card
    assert "| Counterfactual signs right | 95% or more | 97.0% | met |" in card
    assert "dreamport evaluate stub-room --seed 5" in card
    assert "Apache-2.0" in card
    assert "contact_sheet.jpg" in card


def test_recording_more_without_the_engine_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "vizdoom", None)
    with pytest.raises(MissingExtraError, match=r"vizdoom.*dreamport\[capture\]"):
        heldout.record_heldout(1, tmp_path)


def test_intrinsics_of_the_stub_agree_with_its_recordings() -> None:
    assert tuple(float(v) for v in INTRINSICS) == INFO.intrinsics
    assert Pose.from_matrix(room_pose(0.5, 0.25, 30.0).matrix()).yaw_deg() == pytest.approx(30.0)
