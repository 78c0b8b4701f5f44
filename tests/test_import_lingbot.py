"""LingBot-World clips become episodes: poses stay with their frame, keys move to the frame they led to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from dreamport.episodes.dataset import Dataset
from dreamport.errors import DatasetError
from dreamport_tools.importing.desk import ItemReport, import_items
from dreamport_tools.importing.lingbot import LingbotSettings, clips
from import_sources import number_of, numbered, pose_at, write_film

COUNT = 9
W, A, S, D = np.eye(4)
HELD = [W, W, D, D, S, A, W, W, W]
"""Keys of every row."""


def path_of(keys: list[Any]) -> np.ndarray[Any, Any]:
    """Poses as LingBot-World makes them of keys: the first is the identity, key t leads from pose t to
    pose t+1.
    """
    where, poses = np.zeros(2), [pose_at(0, 0, 0)]
    for key in keys[:-1]:
        where = where + 0.05 * np.array([key[3] - key[1], key[0] - key[2]])
        poses.append(pose_at(where[0], where[1], 0))
    return np.stack(poses)


def write_clip(folder: Path, *, rate: float = 16.0, video: bool = True, keys: bool = True) -> Path:
    folder.mkdir(parents=True)
    np.save(folder / "poses.npy", path_of(HELD).astype(np.float32))
    np.save(folder / "intrinsics.npy", np.tile(np.array([500, 480, 416, 240], np.float32), (COUNT, 1)))
    if keys:
        np.save(folder / "action.npy", np.stack(HELD).astype(np.float32))
    if video:
        write_film(folder / "video.mp4", numbered(COUNT, (208, 120)), rate)
    cv2.imwrite(str(folder / "image.jpg"), numbered(1, (208, 120))[0])
    (folder / "prompt.txt").write_text("A grey room.\n")
    return folder


def imported(root: Path, source: Path, **options: Any) -> list[ItemReport]:
    settings = LingbotSettings("clips", "CC0-1.0", size=(104, 60), **options)
    return import_items(
        root, settings.info(), clips([source], settings), split="train", progress=lambda *_: None
    )


def test_poses_stay_and_keys_move_to_the_frame_they_led_to(tmp_path: Path) -> None:
    write_clip(tmp_path / "clips" / "one")
    (report,) = imported(tmp_path / "data", tmp_path / "clips")
    assert not report.failed
    assert report.notes == ()
    data = Dataset(tmp_path / "data")
    (episode,) = data
    assert data.info.frame_rate == 16
    assert [number_of(episode.colour(t)) for t in range(COUNT)] == list(range(COUNT))
    np.testing.assert_allclose(episode.pose, path_of(HELD), atol=1e-6)
    assert data.info.buttons == ("forward", "backward", "left", "right")
    names = ["", "forward", "forward", "right", "right", "backward", "left", "forward", "forward"]
    assert episode.buttons.tolist() == [1 << data.info.buttons.index(n) if n else 0 for n in names]
    # Intrinsics are of 832x480; frames are 104x60, an eighth.
    np.testing.assert_allclose(episode.intrinsics, [62.5, 60, 52, 30], atol=1e-3)
    assert "A grey room." in data.rows()[0]["tags"]


def test_keys_of_the_other_convention_are_noticed(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clips" / "one")
    np.save(clip / "action.npy", np.stack([HELD[0], *HELD[:-1]]))
    (report,) = imported(tmp_path / "data", tmp_path / "clips")
    assert "--keys same" in report.notes[0]
    (right,) = imported(tmp_path / "right", tmp_path / "clips", keys="same")
    assert right.notes == ()
    (episode,) = Dataset(tmp_path / "right")
    assert episode.buttons.tolist()[1:4] == [1, 1, 8]


def test_a_clip_without_keys_gets_those_that_fit_its_poses(tmp_path: Path) -> None:
    write_clip(tmp_path / "clips" / "one", keys=False)
    (report,) = imported(tmp_path / "data", tmp_path / "clips")
    assert "inferred from its poses" in report.notes[0]
    (episode,) = Dataset(tmp_path / "data")
    assert episode.buttons.tolist() == [0, 1, 1, 8, 8, 2, 4, 1, 1]


def test_bad_clips_are_named_and_the_rest_is_imported(tmp_path: Path) -> None:
    root = tmp_path / "clips"
    nan = write_clip(root / "nan")
    poses = path_of(HELD)
    poses[4] = np.nan
    np.save(nan / "poses.npy", poses)
    mirrored = write_clip(root / "mirrored")
    np.save(mirrored / "poses.npy", path_of(HELD) * np.array([-1, 1, 1, 1]))
    np.save(write_clip(root / "shape") / "intrinsics.npy", np.ones((3, 4)))
    write_clip(root / "fast", rate=24.0)
    pickled = write_clip(root / "pickled")
    np.save(pickled / "action.npy", np.array([{"w": 1}], dtype=object), allow_pickle=True)
    (write_clip(root / "empty") / "poses.npy").write_bytes(b"")
    (write_clip(root / "words") / "intrinsics.npy").write_bytes(b"no array at all")
    np.save(write_clip(root / "none") / "poses.npy", np.zeros((0, 4, 4)))
    write_clip(root / "good")
    reports = {Path(report.item).name: report for report in imported(tmp_path / "data", root)}
    assert "rows 4 are no numbers" in reports["nan"].notes[0]
    assert [outcome.part for outcome in reports["nan"].outcomes] == ["0-4", "5-9"]
    assert "no frame with a good pose" in (reports["mirrored"].error or "")
    assert "intrinsics.npy has 3 rows for 9 poses" in (reports["shape"].error or "")
    assert "--fps 24" in (reports["fast"].error or "")
    assert "action.npy is no array that can be read" in (reports["pickled"].error or "")
    assert "poses.npy is no array that can be read" in (reports["empty"].error or "")
    assert "intrinsics.npy is no array that can be read" in (reports["words"].error or "")
    assert "poses.npy has shape (0, 4, 4)" in (reports["none"].error or "")
    assert not reports["good"].failed
    lengths = sorted(len(episode) for episode in Dataset(tmp_path / "data"))
    assert lengths == [4, 4, COUNT]


def test_a_picture_with_a_path_is_an_episode_of_one_frame_whose_path_is_kept(tmp_path: Path) -> None:
    write_clip(tmp_path / "clips" / "one", video=False)
    (report,) = imported(tmp_path / "data", tmp_path / "clips")
    assert "the path is kept" in report.notes[0]
    (episode,) = Dataset(tmp_path / "data")
    assert len(episode) == 1
    kept = [event for event in episode.raw() if "path" in event]
    np.testing.assert_allclose([event["c2w"] for event in kept], path_of(HELD).reshape(COUNT, 16), atol=1e-6)
    assert kept[2]["wasd"] == [0, 0, 0, 1]


def test_a_folder_without_a_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no clip"):
        clips([tmp_path], LingbotSettings("x", ""))
