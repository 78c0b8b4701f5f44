"""Splits that do not leak, what a data set holds, and the commands."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from requires import package

package("av", extra="dreamport[capture]")
package("cv2", extra="dreamport[capture]")

from data_rooms import INFO, play, room, with_controls_late, write  # noqa: E402
from dreamport.cli.main import build_app  # noqa: E402
from dreamport.episodes.dataset import Dataset  # noqa: E402
from dreamport.episodes.layout import episode_paths  # noqa: E402
from dreamport.errors import DatasetError  # noqa: E402
from dreamport_tools.data.balance import balance_of, total  # noqa: E402
from dreamport_tools.data.split import apply_split, leaks, plan_split  # noqa: E402
from dreamport_tools.data.stats import stats  # noqa: E402

FEW = 12


def of_split(root: Path) -> dict[int, str]:
    return {int(row["episode_index"]): str(row["split"]) for row in Dataset(root).rows()}


def test_what_shares_a_seed_or_a_session_is_held_out_together(tmp_path: Path) -> None:
    sessions = ["monday", "monday", "tuesday", "", "", "", "", ""]
    seeds = [1, 2, 2, 3, 3, 4, 5, 6]
    for index, (seed, session) in enumerate(zip(seeds, sessions, strict=True)):
        write(tmp_path, index, play(index, FEW), seed=seed, session=session)
    for share in (0.1, 0.3, 0.6):
        for seed in range(4):
            split = plan_split(Dataset(tmp_path), share=share, seed=seed)
            of = split.of
            assert of[0] == of[1] == of[2], "monday's second episode has the seed of tuesday's"
            assert of[3] == of[4]
            assert {"train", "heldout"} == set(of.values())
            assert abs(split.frames("heldout") / (8 * FEW) - share) <= 3 / 8
    apply_split(Dataset(tmp_path), split)
    assert of_split(tmp_path) == split.of and leaks(Dataset(tmp_path)) == []


def test_a_copy_of_a_recording_is_not_held_out_from_itself(tmp_path: Path) -> None:
    room(tmp_path, episodes=3, frames=FEW)
    for name, path in episode_paths(tmp_path, 1).items():
        if name in {"data.parquet", "colour.mkv", "depth.mkv"}:
            path.write_bytes(episode_paths(tmp_path, 0)[name].read_bytes())
    of = plan_split(Dataset(tmp_path), share=0.3).of
    assert of[0] == of[1] != of[2]


def test_a_data_set_that_grows_keeps_what_is_held_out(tmp_path: Path) -> None:
    room(tmp_path, episodes=5, frames=FEW)
    first = plan_split(Dataset(tmp_path), share=0.2)
    apply_split(Dataset(tmp_path), first)
    held = {index for index, split in first.of.items() if split == "heldout"}
    assert len(held) == 1
    for index in range(5, 10):
        write(tmp_path, index, play(index, FEW))
    second = plan_split(Dataset(tmp_path), share=0.2)
    assert held < {index for index, split in second.of.items() if split == "heldout"}
    assert len(second.moved) == 1


def test_bad_episodes_do_not_count_as_held_out(tmp_path: Path) -> None:
    room(tmp_path, episodes=4, frames=FEW)
    for index in (0, 1):
        episode_paths(tmp_path, index)["colour.mkv"].write_bytes(b"nothing")
    split = plan_split(Dataset(tmp_path), share=0.5)
    assert split.frames("heldout") == split.frames("train") == FEW


def test_one_session_cannot_be_split(tmp_path: Path) -> None:
    room(tmp_path, episodes=3, frames=FEW, session="evening")
    with pytest.raises(DatasetError, match=r"one place \(session evening\).*record another session"):
        plan_split(Dataset(tmp_path), share=0.1)


def test_a_leak_is_found(tmp_path: Path) -> None:
    write(tmp_path, 0, play(0, FEW), seed=7)
    write(tmp_path, 1, play(1, FEW), seed=7, split="heldout")
    write(tmp_path, 2, play(2, FEW), seed=8)
    assert leaks(Dataset(tmp_path)) == ["episodes 0, 1 share seed 7 but are in heldout and train"]
    apply_split(Dataset(tmp_path), plan_split(Dataset(tmp_path), share=0.3))
    assert leaks(Dataset(tmp_path)) == [] and of_split(tmp_path)[2] == "train"


def test_splitting_changes_nothing_else(tmp_path: Path) -> None:
    room(tmp_path, episodes=3, frames=FEW, session="", tags={"weather": "rain"}, map_name="hall")
    before = Dataset(tmp_path).rows()
    apply_split(Dataset(tmp_path), plan_split(Dataset(tmp_path), share=0.3))
    after = Dataset(tmp_path).rows()
    assert [{**row, "split": ""} for row in after] == [{**row, "split": ""} for row in before]
    assert before != after


def test_the_balance_counts_held_buttons_presses_and_looks(tmp_path: Path) -> None:
    frames = play(0, 9, np.array([0, 3, 3, 3, 3, 3, 3, -3, 0.0]))
    buttons = [None, 1, 1, 0, 1, 3, 3, 0, 0]
    write(tmp_path, 0, [replace(frame, buttons=held) for frame, held in zip(frames, buttons, strict=True)])
    balance = balance_of(Dataset(tmp_path)[0])
    assert balance.rows == 8
    assert balance.held == {"forward": 5, "left": 2} and balance.presses == {"forward": 2, "left": 1}
    assert balance.combinations == {"none": 3, "forward": 3, "forward + left": 2}
    assert balance.looks == {"left": 1, "right": 6, "up": 0, "down": 0, "still": 1}
    assert balance.remarks() == ["looking right is 6 times as common as looking left"]
    assert total([balance, balance]).held == {"forward": 10, "left": 4}
    balance.held["left"] = 0
    assert balance.remarks()[0].startswith("left is held in 0.0% of the frames")


def test_stats_count_what_can_be_used(tmp_path: Path) -> None:
    room(tmp_path, episodes=3, frames=24)
    episode_paths(tmp_path, 1)["data.parquet"].write_bytes(b"nothing")
    found = stats(Dataset(tmp_path))
    assert found.splits["train"].frames == 72 and found.splits["train"].usable_frames == 48
    assert found.balance.rows == 46 and found.lost == 0
    assert found.bounds_m is not None and found.path_m == pytest.approx(2 * 8 * 0.1)
    assert found.bytes == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert [verdict.episode for verdict in found.out] == [1]


def test_the_commands_say_what_is_wrong_and_leave_verdicts(tmp_path: Path) -> None:
    room(tmp_path, episodes=3, frames=64)
    write(tmp_path, 1, with_controls_late(play(1, 64), 1))
    run = CliRunner().invoke
    shown = run(build_app(), ["data", "profile", str(tmp_path), "--workers", "2"])
    assert shown.exit_code == 0, shown.output
    assert "left out: episode 1: controls come 1 frame late" in shown.output
    assert "2 of 3 episodes can be used" in shown.output
    asked = run(build_app(), ["data", "profile", str(tmp_path), "--json", "--accept", "1"])
    assert json.loads(asked.stdout)["usable"] == 3
    told = run(build_app(), ["data", "profile", str(tmp_path), "--json", "--reject", "2:noise"])
    assert [each["usable"] for each in json.loads(told.stdout)["episodes"]] == [True, True, False]
    counted = json.loads(run(build_app(), ["data", "stats", str(tmp_path), "--json"]).stdout)
    assert counted["profiled"] == 3 and counted["splits"]["train"]["usable"] == 2
    split = json.loads(run(build_app(), ["data", "split", str(tmp_path), "--share", "0.3", "--json"]).stdout)
    assert len(split["heldout"]) == 1 and of_split(tmp_path)[split["heldout"][0]] == "heldout"
    assert run(build_app(), ["data", "split", str(tmp_path), "--check"]).exit_code == 0
    assert "forward" in run(build_app(), ["data", "stats", str(tmp_path)]).output


def test_a_data_set_of_which_nothing_can_be_used_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, 0, [replace(frame, colour=frame.colour * 0) for frame in play(0, 24)], info=INFO)
    run = CliRunner().invoke(build_app(), ["data", "profile", str(tmp_path), "--workers", "2"])
    assert run.exit_code == 2 and "0 of 1 episodes can be used" in run.output
