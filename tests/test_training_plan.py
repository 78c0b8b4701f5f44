"""What a run is told to do by its data and its machine, and what a person is told before it begins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train' (torch)")

from dreamport.errors import DatasetError, DiskFullError, TrainingError, TrainingStopped
from dreamport.worlds.buttons import buttons_of
from dreamport_training.config import PRESETS, WorldConfig, load_config
from dreamport_training.data.sizing import sizing_of
from dreamport_training.ladder import Mark, climb, read_marks, stopped_when_asked
from dreamport_training.parallel import Parallel
from dreamport_training.plan import Plan, check_disk, choose, disk_needed, told
from dreamport_training.record_of_run import RunRecord, check_same_run, claim, read_record
from dreamport_training.run import Run
from dreamport_training.survey import Machine, Survey

SURVEY = Survey(
    name="garden", licence="CC0-1.0", episodes=80, heldout=4, frames=24_000, clip=300, recorded=(320, 192),
    frame_rate=20.0, buttons=("forward",), pose="recorded", near_m=0.5, far_m=40.0, motion_frames=0,
)  # fmt: skip
MACHINE = Machine("cpu", "2 CPU cores", 2, 8 << 30, 100 << 30)


def chosen(scale: bool = False, config: WorldConfig | None = None, **changes: Any) -> WorldConfig:
    return choose(config or load_config("cpu"), replace(SURVEY, **changes), MACHINE, scale=scale)[0]


def test_a_named_preset_keeps_its_steps_and_a_chosen_one_follows_the_data() -> None:
    preset = load_config("cpu").causal.steps
    assert chosen(frames=1_500).causal.steps == preset
    assert chosen(scale=True).causal.steps == preset
    assert chosen(scale=True, frames=6_000).causal.steps == preset // 2
    assert chosen(scale=True, frames=10**7).causal.steps == 3 * preset


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("frames", [100, 6_000, 10**7])
def test_no_stage_ends_before_it_is_warm(preset: str, frames: int) -> None:
    for scale in (False, True):
        config = chosen(scale, load_config(preset), frames=frames)
        for name in ("codec", "motion", "teacher", "control", "causal", "consistency", "dmd", "refine"):
            stage = getattr(config, name)
            assert stage.warmup <= stage.steps / 2, f"{preset}: {name}"


def test_the_depth_range_is_the_datas_unless_somebody_gave_one() -> None:
    assert (chosen().data.near_m, chosen().data.far_m) == (0.5, 40.0)
    given = load_config("cpu", overrides={"data.near_m": 0.2})
    assert chosen(config=given).data.near_m == 0.2
    assert chosen(near_m=None, far_m=None).data.near_m == load_config("cpu").data.near_m


def test_short_recordings_make_short_clips_and_few_views() -> None:
    small = chosen(frames=40, clip=3)
    for stage in (small.teacher, small.control, small.causal, small.consistency, small.dmd, small.refine):
        assert stage.frames <= 3
    assert small.dmd.rollout <= 2 and small.dmd.grad_frames <= small.dmd.rollout
    assert small.data.views == 10
    with pytest.raises(DatasetError, match="no two frames"):
        chosen(clip=1)


def test_a_small_picture_has_a_crop_that_fits() -> None:
    assert chosen(recorded=(64, 48)).codec.crop == (48, 64)


def test_without_distillation_a_frame_takes_several_steps() -> None:
    off = load_config("cpu", overrides={"consistency.enabled": False, "dmd.enabled": False})
    assert len(chosen(config=off).model.sigmas) > 1
    assert chosen().model.sigmas == (1.0,)


def test_the_plan_names_data_steps_what_is_skipped_and_what_it_takes() -> None:
    config = chosen()
    sizing = sizing_of(SURVEY.recorded)
    needed = disk_needed(SURVEY, sizing, config)
    plan = Plan(config, sizing, SURVEY, MACHINE, ("a reason",), needed, {"codec": 30.0, "dmd": 45.0})
    text = told(plan, "garden", skipped={"dmd": "it is off"})
    for part in (
        "24,000 frames",
        "320x192",
        "a reason",
        "3,000",
        "dmd         skipped: it is off",
        "30 minutes",
    ):
        assert part in text, part
    assert 15e9 < needed < 30e9, "the shipped world's bake alone is 19 GB"
    check_disk(plan)
    with pytest.raises(DiskFullError, match="--run a folder on another disk"):
        check_disk(replace(plan, machine=replace(MACHINE, disk_free=1 << 30)))


def record(folder: Path, **changes: Any) -> RunRecord:
    fields = {"world": "garden", "data": folder / "data", "out": folder / "pack", "seed": 3, "device": "cpu"}
    return RunRecord(**{**fields, "config": load_config("tiny"), "commands": ("dreamport train",), **changes})


def test_a_run_is_taken_up_with_what_it_was_begun_with(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    begun = record(tmp_path)
    begun.write(tmp_path)
    assert read_record(tmp_path) == begun
    done = {"codec": Mark("done", 3.0)}
    later = load_config("tiny", overrides={"causal.steps": 7, "data.workers": 1})
    check_same_run(begun, record(tmp_path, config=later), done, tmp_path)
    other = load_config("tiny", overrides={"codec.steps": 7})
    with pytest.raises(DatasetError, match=r"codec\.steps"):
        check_same_run(begun, record(tmp_path, config=other), done, tmp_path)
    with pytest.raises(DatasetError, match="seed 3, not 4"):
        check_same_run(begun, record(tmp_path, seed=4), done, tmp_path)


def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    import psutil

    claim(tmp_path)
    claim(tmp_path)  # the same process may

    def noted(pid: int, started: float | None = None) -> None:
        note = {"pid": pid, "started": started or psutil.Process(pid).create_time()}
        (tmp_path / "process.json").write_text(json.dumps(note))

    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        noted(other.pid)
        with pytest.raises(TrainingError, match=f"process {other.pid} works"):
            claim(tmp_path)
        noted(other.pid, started=1.0)
        claim(tmp_path)  # that number was given out again
    finally:
        other.communicate()
    noted(os.getppid())
    claim(tmp_path)  # a launcher's, which a server that began the run has noted
    assert json.loads((tmp_path / "process.json").read_text())["pid"] == os.getpid()


def test_a_wish_to_stop_counts_from_when_the_process_began(tmp_path: Path) -> None:
    run = Run(tmp_path, tmp_path, load_config("tiny"), 0, Parallel())
    stop = tmp_path / "stop"
    stop.touch()
    climb(run, lambda line: None, None, only="none of them")
    assert stop.exists(), "what came while the program was loading is lost"
    os.utime(stop, (1.0, 1.0))
    climb(run, lambda line: None, None, only="none of them")
    assert not stop.exists(), "what was left from another time would stop this one"


def test_work_without_steps_stops_when_a_file_asks_for_it(tmp_path: Path) -> None:
    import time

    (tmp_path / "stop").touch()
    with pytest.raises(TrainingStopped, match="bake: stopped"), stopped_when_asked(tmp_path, "bake"):
        time.sleep(60)  # ended by the file long before
    assert not (tmp_path / "stop").exists()


def test_marks_that_cannot_be_read_are_not_taken_for_none(tmp_path: Path) -> None:
    assert read_marks(tmp_path) == {}
    (tmp_path / "stages.json").write_text('{"codec": {"state": "done", "seconds": 2.0, "reason": ""}}')
    assert read_marks(tmp_path) == {"codec": Mark("done", 2.0)}
    (tmp_path / "stages.json").write_text("[")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_marks(tmp_path)


@pytest.mark.parametrize(
    ("recorded", "name", "key"),
    [
        ("MOVE_FORWARD", "forward", "KeyW"),
        ("Move Left", "left", "KeyA"),
        ("StrafeRight", "strafe_right", "KeyD"),
        ("jump", "jump", "Space"),
        ("Fire1", "fire1", "KeyJ"),
        ("q", "q", "KeyQ"),
        ("Turn Left", "turn_left", "ArrowLeft"),
        ("zorp", "zorp", "Digit1"),
        ("KeyP", "p", "Digit1"),  # the page keeps P for its pause
        ("!?", "button", "Digit1"),
    ],
)
def test_keys_are_guessed_by_what_a_button_is_called(recorded: str, name: str, key: str) -> None:
    (button,) = buttons_of([recorded])
    assert (button["name"], button["keys"][0]) == (name, key)


def test_no_key_is_given_twice_and_a_recorders_own_keys_come_first() -> None:
    buttons = buttons_of(["forward", "accelerate", "brake", "jump"], {"jump": ["KeyW", "MouseLeft"]})
    keys = [key for button in buttons for key in button["keys"]]
    assert len(keys) == len(set(keys))
    assert all(button["keys"] for button in buttons)
    alone = buttons_of(["jump"], {"jump": ["KeyZ", "MouseLeft", "../x"]})
    assert alone[0]["keys"] == ("KeyZ",)
