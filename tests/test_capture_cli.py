"""Recording as a user meets it: `dreamport serve` with its folder, its end with an editor, `capture list`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from capture_frames import assert_is_made_up, record_episode
from dreamport.episodes.dataset import Dataset
from dreamport.service import CaptureClient
from test_cli import Home, assert_one_clear_line, home

__all__ = ["home"]


async def test_serve_records_into_the_folder_it_is_given_and_says_one_line(
    home: Home, tiny_pack: Path
) -> None:
    captures = home.path / "my captures"
    with home.serving(tiny_pack, "--captures", captures) as (process, ready):
        async with CaptureClient(str(ready["address"])) as client, client.record() as recorder:
            assert (await record_episode(recorder, 3, 4)).frames == 4
        process.terminate()
        output, _ = process.communicate(timeout=60)
        assert output == "", "after its line of JSON it keeps quiet"
        assert process.returncode == 0
    assert ready["address"] and ready["pid"] == process.pid
    assert_is_made_up(Dataset(captures / "garden")[0], 3)
    listed = home.json("capture", "list", captures)
    (garden,) = listed["datasets"]
    assert (garden["name"], garden["episodes"][0]["length"], listed["unfinished"]) == ("garden", 4, [])
    shown = home.run("capture", "list", captures / "garden").stdout
    assert "garden" in shown and "lawn" in shown and "finished" in shown
    assert home.json("capture", "recover", captures) == {"recovered": [], "failed": []}


async def test_recordings_go_into_the_users_data_folder_unless_told_otherwise(
    home: Home, tiny_pack: Path
) -> None:
    with home.serving(tiny_pack) as (_, ready):
        async with CaptureClient(str(ready["address"])) as client, client.record() as recorder:
            await record_episode(recorder, 3, 2)
    (garden,) = home.json("capture", "list")["datasets"]
    assert Path(garden["path"]) == home.path / "data" / "dreamport" / "captures" / "garden"


def test_serve_ends_when_the_editor_that_started_it_is_gone(home: Home, tiny_pack: Path) -> None:
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as editor,
        home.serving(tiny_pack, "--exit-with", str(editor.pid)) as (process, ready),
    ):
        assert process.poll() is None and ready["address"]
        editor.kill()
        editor.wait()
        assert process.wait(timeout=60) == 0
    assert home.json("ps") == []


def test_a_process_that_is_gone_already_is_named(home: Home, tiny_pack: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    done = home.run("serve", tiny_pack, "--port", "0", "--exit-with", str(gone.pid))
    assert_one_clear_line(done, "--exit-with", "no process")


def test_a_folder_without_data_sets_is_named(home: Home, tmp_path: Path) -> None:
    assert_one_clear_line(home.run("capture", "list", tmp_path), "holds no data set")


def test_a_recording_that_cannot_be_recovered_is_named_and_the_command_fails(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "garden" / ".recording" / "broken").mkdir(parents=True)
    (tmp_path / "garden" / ".recording" / "broken" / "plan.json").write_text("{}")
    done = home.run("capture", "recover", tmp_path, "--json")
    assert done.returncode == 2
    (problem,) = json.loads(done.stdout)["failed"]
    assert "plan.json" in problem
