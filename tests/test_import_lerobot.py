"""LeRobot data sets become episodes: actions move to the frame they led to, damage is named and left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dreamport.episodes.dataset import Dataset
from dreamport.errors import DatasetError
from dreamport_tools.importing.desk import ItemReport, import_items
from dreamport_tools.importing.lerobot import LeRobotImport
from import_sources import number_of, numbered, pose_at, write_lerobot

COUNT = 8
ACTION = {"dtype": "float32", "shape": [3], "names": ["jump", "fire", "turn"]}
POSE = {"dtype": "float64", "shape": [16], "names": None}
KEY = "observation.images.front"


def imported(root: Path, source: Path, **options: Any) -> list[ItemReport]:
    whole = LeRobotImport(source, name="robot", licence="CC0-1.0", **options)
    return import_items(root, whole.info(), whole.items(), split="train", progress=lambda *_: None)


def actions(count: int = COUNT) -> list[list[float]]:
    """Row t chooses: jump on even rows, fire on row 3, turn by t degrees."""
    return [[float(t % 2 == 0), float(t == 3), float(t)] for t in range(count)]


@pytest.mark.parametrize("version", ["v3.0", "v2.1"])
def test_an_action_moves_to_the_frame_it_led_to(tmp_path: Path, version: str) -> None:
    source = write_lerobot(
        tmp_path / "robot",
        [numbered(COUNT), numbered(COUNT)[::-1]],
        [{"action": actions()}, {"action": actions()}],
        version=version,
        features={"action": ACTION},
    )
    reports = imported(tmp_path / "data", source, yaw="action[turn]*2")
    assert not any(report.failed for report in reports)
    data = Dataset(tmp_path / "data")
    assert data.info.buttons == ("jump", "fire")
    assert data.info.pose == "none"
    assert len(data) == 2
    for episode in data:
        assert len(episode) == COUNT
        # Row 0 has no action; row t has what their row t-1 chose.
        assert episode.buttons.tolist() == [0] + [
            int(t % 2 == 0) | (int(t == 3) << 1) for t in range(COUNT - 1)
        ]
        assert episode.look_deg[:, 0].tolist() == [0.0] + [2.0 * t for t in range(COUNT - 1)]
    assert [number_of(data[0].colour(t)) for t in range(COUNT)] == list(range(COUNT))
    assert [number_of(data[1].colour(t)) for t in range(COUNT)] == list(range(COUNT))[::-1]


def test_the_other_convention_can_be_told(tmp_path: Path) -> None:
    source = write_lerobot(
        tmp_path / "robot", [numbered(COUNT)], [{"action": actions()}], features={"action": ACTION}
    )
    imported(tmp_path / "data", source, action_of="same")
    (episode,) = Dataset(tmp_path / "data")
    assert episode.buttons.tolist() == [0] + [int(t % 2 == 0) | (int(t == 3) << 1) for t in range(1, COUNT)]
    assert Dataset(tmp_path / "data").info.source["action_of"] == "same"


def test_actions_that_are_no_buttons_are_left_out_and_named(tmp_path: Path) -> None:
    source = write_lerobot(
        tmp_path / "robot", [numbered(COUNT)], [{"action": actions()}], features={"action": ACTION}
    )
    whole = LeRobotImport(source, name="robot", licence="CC0-1.0")
    assert whole.controls.unused == ("action[turn]",)
    chosen = LeRobotImport(source, name="robot", licence="", buttons=["turning=action[turn]>3.5"])
    assert chosen.info().buttons == ("turning",)
    with pytest.raises(DatasetError, match=r"no column 'fly'; it has jump, fire, turn"):
        LeRobotImport(source, name="robot", licence="", buttons=["fly=action[fly]"])


def test_bad_numbers_cut_an_episode_and_are_named(tmp_path: Path) -> None:
    chosen = actions()
    chosen[2][0] = float("nan")
    poses = [pose_at(0.1 * t, 0, 3.0 * t).ravel().tolist() for t in range(COUNT)]
    poses[5] = [float("nan")] * 16
    good = [pose_at(0.1 * t, 0, 3.0 * t).ravel().tolist() for t in range(COUNT)]
    source = write_lerobot(
        tmp_path / "robot",
        [numbered(COUNT)] * 2,
        [{"action": chosen, "camera.c2w": poses}, {"action": actions(), "camera.c2w": good}],
        features={"action": ACTION, "camera.c2w": POSE},
    )
    # The third action is no number: frame 3, to which it led, is left out; so is frame 5, which has no pose.
    first, second = imported(tmp_path / "data", source, buttons=["jump=action[jump]"])
    assert [outcome.part for outcome in first.outcomes] == ["0-3", "6-8"]
    assert any("episode 0: action of rows 2 is no number" in note for note in first.notes)
    assert any("episode 0: poses of rows 5 are no poses" in note for note in first.notes)
    data = Dataset(tmp_path / "data")
    assert data.info.pose == "recorded"
    assert [len(episode) for episode in data] == [3, 2, COUNT]
    np.testing.assert_allclose(data[1].pose[0], pose_at(0.6, 0, 18.0), atol=1e-9)
    assert number_of(data[1].colour(0)) == 6
    assert second.outcomes[0].episode == 2


def test_a_short_video_an_empty_episode_and_wrong_time_stamps_are_named_and_the_rest_is_imported(
    tmp_path: Path,
) -> None:
    times = {"timestamp": [k / 20 for k in range(COUNT)]}
    source = write_lerobot(
        tmp_path / "robot",
        [numbered(COUNT)] * 4,
        [{"action": actions()}] * 4,
        version="v2.1",
        features={"action": ACTION},
    )
    videos = source / "videos/chunk-000" / KEY
    (videos / "episode_000000.mp4").write_bytes((videos / "episode_000000.mp4").read_bytes()[:600])
    (videos / "episode_000001.mp4").unlink()
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    path = source / "data/chunk-000/episode_000002.parquet"
    table = pq.read_table(path)
    times = {"timestamp": [k / 15 for k in range(COUNT)]}
    index = table.column_names.index("timestamp")
    pq.write_table(table.set_column(index, "timestamp", pa.array(times["timestamp"])), path)
    meta = source / "meta" / "episodes.jsonl"
    rows = [json.loads(line) for line in meta.read_text().splitlines()]
    rows.append({"episode_index": 4, "length": 0, "tasks": []})
    meta.write_text("\n".join(json.dumps(row) for row in rows))
    pq.write_table(table.slice(0, 0), source / "data/chunk-000/episode_000004.parquet")
    reports = imported(tmp_path / "data", source)
    told = [report.error or report.outcomes[0].reasons for report in reports]
    assert "episode_000000.mp4 is not a readable video" in str(told[0])
    assert "episode 1: episode_000001.mp4 is missing" in str(told[1])
    assert "episode 2: its time stamps say 15 frames a second, info.json says 20" in str(told[2])
    assert reports[3].outcomes[0].episode == 0
    assert "episode 4 is empty" in str(told[4])
    assert [report.failed for report in reports] == [True, True, True, False, True]
    assert len(Dataset(tmp_path / "data")) == 1


def test_pictures_may_lie_in_the_rows(tmp_path: Path) -> None:
    pictures = [{"bytes": cv2.imencode(".png", p)[1].tobytes(), "path": None} for p in numbered(COUNT)]
    features = {KEY: {"dtype": "image", "shape": [3, 48, 64], "names": ["c", "h", "w"]}, "action": ACTION}
    source = write_lerobot(
        tmp_path / "robot", [numbered(COUNT)], [{"action": actions(), KEY: pictures}], features=features
    )
    imported(tmp_path / "data", source)
    (episode,) = Dataset(tmp_path / "data")
    assert [number_of(episode.colour(t)) for t in range(COUNT)] == list(range(COUNT))


def test_what_is_no_lerobot_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"meta/info\.json is missing"):
        LeRobotImport(tmp_path, name="x", licence="")
    source = write_lerobot(
        tmp_path / "robot", [numbered(COUNT)], [{"action": actions()}], features={"action": ACTION}
    )
    info = json.loads((source / "meta/info.json").read_text())
    (source / "meta/info.json").write_text(json.dumps({**info, "codebase_version": "v1.6"}))
    with pytest.raises(DatasetError, match=r"layout 'v1\.6'"):
        LeRobotImport(source, name="x", licence="")
    (source / "meta/info.json").write_text(
        json.dumps({**info, "data_path": "../../{chunk_index}/{file_index}"})
    )
    with pytest.raises(DatasetError, match="leads out of the data set"):
        LeRobotImport(source, name="x", licence="")
    (source / "meta/info.json").write_text(json.dumps({**info, "layout": "dreamport-3"}))
    with pytest.raises(DatasetError, match="Dreamport data set already"):
        LeRobotImport(source, name="x", licence="")
