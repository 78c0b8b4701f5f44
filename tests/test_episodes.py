"""Episodes on disk: whole or not there, aligned, and lossless."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from dreamport.episodes.dataset import Dataset
from dreamport.episodes.depth import decode_depth, encode_depth
from dreamport.episodes.layout import DatasetInfo, LookScale, create_dataset
from dreamport.episodes.writer import EpisodeFacts, EpisodeWriter, RecordedFrame
from dreamport.errors import DatasetError

INFO = DatasetInfo(
    name="made-up",
    licence="CC0-1.0",
    frame_rate=20.0,
    width=32,
    height=16,
    intrinsics=(16.0, 16.0, 16.0, 8.0),
    buttons=("MOVE_FORWARD", "MOVE_LEFT"),
    look_max_deg=15.0,
)


def made_up_frame(number: int) -> RecordedFrame:
    rng = np.random.default_rng(number)
    pose = np.eye(4)
    pose[0, 3] = number
    return RecordedFrame(
        colour=rng.integers(0, 256, (16, 32, 3), np.uint8),
        depth=rng.uniform(0.4, 30, (16, 32)).astype(np.float32),
        pose=pose,
        motion_state=np.arange(9.0) + number,
        engine=[number + 0.1] * 8,
        buttons=None if number == 0 else number % 4,
        look_deg=None if number == 0 else (number * 0.5, 0.0),
    )


def write_episode(root: Path, index: int, frames: int, split: str = "train") -> None:
    create_dataset(root, INFO)
    with EpisodeWriter(root, INFO, index, seed=100 + index, split=split) as writer:
        for number in range(frames):
            writer.add(made_up_frame(number))
            writer.raw({"tic": number})
        writer.finish()


def test_every_frame_comes_back_bit_for_bit_in_any_order(tmp_path: Path) -> None:
    write_episode(tmp_path, 0, 9)
    episode = Dataset(tmp_path)[0]
    for number in (0, 1, 2, 8, 3, 7, 7, 0, 5):
        expected = made_up_frame(number)
        assert np.array_equal(episode.colour(number), expected.colour)
        assert expected.depth is not None
        assert np.abs(episode.depth(number) - expected.depth).max() <= 0.00051
        assert episode.pose[number].tolist() == np.asarray(expected.pose).tolist()
        assert episode.motion_state[number].tolist() == np.asarray(expected.motion_state).tolist()
    assert np.array_equal(episode.colours()[6], made_up_frame(6).colour)
    assert episode.raw() == [{"tic": number} for number in range(9)]


def test_a_row_carries_the_input_that_produced_its_frame_and_the_first_has_none(tmp_path: Path) -> None:
    write_episode(tmp_path, 0, 5)
    episode = Dataset(tmp_path)[0]
    assert episode.buttons.tolist() == [0, 1, 2, 3, 0]
    assert episode.look_deg[:, 0].tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    table = pq.read_table(tmp_path / "data" / "chunk-000" / "file-000.parquet")
    assert table["action.buttons"].to_pylist() == [None, 1, 2, 3, 0]
    assert table["action.look_deg"][0].as_py() is None
    assert table["is_first"].to_pylist() == [True, False, False, False, False]
    assert table["is_last"].to_pylist() == [False, False, False, False, True]
    alignment = json.loads((tmp_path / "meta" / "info.json").read_text())["alignment"]
    assert alignment.startswith("Row t's action is the input held during (t-1, t]")


def test_a_first_frame_with_an_action_or_a_later_one_without_is_refused(tmp_path: Path) -> None:
    create_dataset(tmp_path, INFO)
    with EpisodeWriter(tmp_path, INFO, 0, seed=1, split="train") as writer:
        with pytest.raises(DatasetError, match="alignment"):
            writer.add(made_up_frame(1))
        writer.add(made_up_frame(0))
        with pytest.raises(DatasetError, match="alignment"):
            writer.add(replace(made_up_frame(1), buttons=None))


def test_depth_keeps_a_millimetre_and_its_open_sky() -> None:
    depth = np.array([[0.35, 1.2345, 64.0, np.inf]], np.float32)
    back = decode_depth(encode_depth(depth))
    assert np.abs(back[0, :3] - depth[0, :3]).max() <= 0.00051
    assert np.isinf(back[0, 3])


def test_an_episode_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    write_episode(tmp_path, 0, 3)
    with EpisodeWriter(tmp_path, INFO, 1, seed=101, split="train") as writer:
        writer.add(made_up_frame(0))
        assert len(Dataset(tmp_path)) == 1
    assert len(Dataset(tmp_path)) == 1
    assert not list((tmp_path / ".unfinished").iterdir())


def test_a_killed_recorder_leaves_its_finished_episodes_readable(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_episodes import INFO, made_up_frame, write_episode
from dreamport.episodes.writer import EpisodeWriter
root = Path(sys.argv[1])
write_episode(root, 0, 4)
writer = EpisodeWriter(root, INFO, 1, seed=101, split="train")
for number in range(3):
    writer.add(made_up_frame(number))
os.kill(os.getpid(), signal.SIGKILL)
"""
    command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)]
    result = subprocess.run(command, check=False, timeout=60)
    assert result.returncode == -9
    dataset = Dataset(tmp_path)
    assert dataset.seeds() == [100]
    assert np.array_equal(dataset[0].colour(3), made_up_frame(3).colour)
    assert dataset.next_index() == 1
    write_episode(tmp_path, 1, 2)
    assert Dataset(tmp_path).seeds() == [100, 101]


def test_splits_are_kept_apart(tmp_path: Path) -> None:
    write_episode(tmp_path, 0, 2, "train")
    write_episode(tmp_path, 1, 2, "heldout")
    dataset = Dataset(tmp_path)
    assert [episode.seed for episode in dataset.episodes("heldout")] == [101]
    assert dataset.seeds("train") == [100]
    assert len(dataset.episodes()) == 2


def test_a_damaged_or_missing_video_is_named(tmp_path: Path) -> None:
    write_episode(tmp_path, 0, 3)
    video = tmp_path / "videos" / "observation.colour" / "chunk-000" / "file-000.mkv"
    whole = video.read_bytes()
    video.write_bytes(b"not a video")
    with pytest.raises(DatasetError, match="not a readable video"):
        Dataset(tmp_path)[0].colour(0)
    video.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError):
        Dataset(tmp_path)[0].colours()
    video.unlink()
    with pytest.raises(DatasetError, match="lacks"):
        Dataset(tmp_path)[0]


def test_an_episode_without_depth_and_poses_says_so(tmp_path: Path) -> None:
    info = replace(INFO, depth="none", pose="none", look_scale=LookScale(0.022, assumed=True))
    create_dataset(tmp_path, info)
    facts = EpisodeFacts(episode_id="take-1", session="evening", tags={"weather": "rain"})
    with EpisodeWriter(tmp_path, info, 0, seed=1, split="train", facts=facts) as writer:
        writer.add(RecordedFrame(made_up_frame(0).colour))
        for counts in ((10.0, -2.0), None):
            frame = made_up_frame(1)
            writer.add(
                RecordedFrame(frame.colour, buttons=1, look_deg=(0.22, 0.0), mouse_dxdy=counts, redacted=True)
            )
        with pytest.raises(DatasetError, match=r"frame 3 has depth, info\.depth is 'none'"):
            writer.add(made_up_frame(1))
        with pytest.raises(DatasetError, match=r"frame 3 has a pose, info\.pose is 'none'"):
            writer.add(replace(made_up_frame(1), depth=None))
        writer.finish()
    data = Dataset(tmp_path)
    assert data.info == info and not (tmp_path / "videos" / "observation.depth").exists()
    episode = data[0]
    assert np.isnan(episode.pose).all() and np.isnan(episode.motion_state).all()
    assert episode.pose_confidence.tolist() == [0, 0, 0] and episode.redacted.tolist() == [False, True, True]
    assert episode.mouse_dxdy[1].tolist() == [10, -2] and np.isnan(episode.mouse_dxdy[[0, 2]]).all()
    assert episode.session == "evening" and json.loads(episode.facts["tags"]) == {"weather": "rain"}
    with pytest.raises(DatasetError, match="without depth"):
        episode.depth(0)


def test_pseudo_poses_carry_their_confidence_and_give_the_state(tmp_path: Path) -> None:
    info = replace(INFO, pose="pseudo", depth="none")
    create_dataset(tmp_path, info)
    with EpisodeWriter(tmp_path, info, 0, seed=1, split="train") as writer:
        for number in range(4):
            frame = made_up_frame(number)
            bare = replace(frame, depth=None, motion_state=None, engine=(), confidence=0.5)
            writer.add(replace(bare, pose=None) if number == 2 else bare)
        writer.finish()
    episode = Dataset(tmp_path)[0]
    assert episode.pose_confidence.tolist() == [0.5, 0.5, 0.0, 0.5]
    assert episode.motion_state[1].tolist() == [1, 0, 0, 0, 1, 0, 1, 0, 0]
    assert np.isnan(episode.motion_state[2]).all() and np.isnan(episode.engine).all()
    assert episode.motion_state[3, 6:].tolist() == [0, 0, 0]


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    create_dataset(tmp_path, INFO)
    with EpisodeWriter(tmp_path, INFO, 7, seed=1, split="train") as writer:
        small = replace(made_up_frame(0), colour=np.zeros((8, 8, 3), np.uint8))
        with pytest.raises(DatasetError, match="episode 7, frame 0: colour is 8x8, the data set is 32x16"):
            writer.add(small)


def test_a_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no data set"):
        Dataset(tmp_path)
    create_dataset(tmp_path, INFO)
    create_dataset(tmp_path, INFO)
    with pytest.raises(DatasetError, match="other settings"):
        create_dataset(tmp_path, replace(INFO, frame_rate=10.0))
    path = tmp_path / "meta" / "info.json"
    path.write_text(path.read_text().replace("dreamport-3", "dreamport-9"))
    with pytest.raises(DatasetError, match="dreamport-9"):
        Dataset(tmp_path)
