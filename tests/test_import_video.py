"""Videos become episodes: shots are found, unfit ones refused with the reason, poses estimated, damage
named.
"""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from dreamport.cli.main import build_app
from dreamport.episodes.dataset import Dataset
from dreamport.episodes.locks import FileLock
from dreamport.episodes.writer import EpisodeWriter
from dreamport.errors import DatasetError, DiskFullError
from dreamport_tools.importing.agreement import agreement
from dreamport_tools.importing.desk import ItemReport, import_items
from dreamport_tools.importing.filters import Limits
from dreamport_tools.importing.video import VideoSettings, videos
from import_sources import Picture, Room, film, pose_at, walk, write_film

FRAMES = 60
SMALL = Limits(least_width=160, least_height=96, least_seconds=1.0)


@pytest.fixture(scope="module")
def room() -> Room:
    return Room(seed=1)


@pytest.fixture(scope="module")
def walked(room: Room) -> list[Picture]:
    return film(room, walk(FRAMES))


@pytest.fixture(scope="module")
def elsewhere() -> list[Picture]:
    return film(Room(seed=2), walk(FRAMES)[::-1])


def settings(**changes: Any) -> VideoSettings:
    return VideoSettings(
        **{"name": "films", "licence": "CC0-1.0", "limits": SMALL, "poses": "none", **changes}
    )


def imported(root: Path, sources: list[Path], **changes: Any) -> list[ItemReport]:
    chosen = settings(**changes)
    return import_items(root, chosen.info(), videos(sources, chosen), split="train", progress=lambda *_: None)


def nearest(picture: Picture, drawn: list[Picture]) -> int:
    """Which of ``drawn`` a decoded picture is."""
    return int(np.argmin([np.abs(picture.astype(int) - each.astype(int)).mean() for each in drawn]))


def test_shots_become_episodes_and_unfit_ones_are_refused_with_the_reason(
    tmp_path: Path, walked: list[Picture], elsewhere: list[Picture]
) -> None:
    card = np.full((192, 320, 3), 12, np.uint8)
    for line, text in enumerate(("DIRECTED BY NOBODY", "MUSIC BY SOMEBODY", "ALL RIGHTS RESERVED")):
        cv2.putText(card, text, (14, 60 + 40 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.75, (235, 235, 235), 2)
    pieces = [
        *walked,
        *[card] * 30,
        *elsewhere,
        *[np.zeros_like(card)] * 30,
        *[walked[9]] * 30,
        *elsewhere[:10],
    ]
    path = write_film(tmp_path / "film.mkv", pieces)
    (report,) = imported(tmp_path / "data", [path])
    parts = {outcome.part: outcome for outcome in report.outcomes}
    assert list(parts) == [
        "0.00-3.00 s",
        "3.00-4.50 s",
        "4.50-7.50 s",
        "7.50-9.00 s",
        "9.00-10.50 s",
        "10.50-11.00 s",
    ]
    assert [outcome.episode for outcome in report.outcomes] == [0, None, 1, None, None, None]
    assert any("writing covers" in reason for reason in parts["3.00-4.50 s"].reasons)
    assert any("too dark" in reason for reason in parts["7.50-9.00 s"].reasons)
    assert any("hardly moves" in reason for reason in parts["9.00-10.50 s"].reasons)
    assert parts["10.50-11.00 s"].reasons == ("0.5 s is shorter than 1 s (--min-seconds)",)
    data = Dataset(tmp_path / "data")
    assert [len(episode) for episode in data] == [FRAMES, FRAMES]
    assert nearest(data[1].colour(30), elsewhere) == 30
    # No shot of one film may be in another split than the rest of it.
    assert len(set(data.seeds())) == 1
    assert len({row["session"] for row in data.rows()}) == 1


def test_poses_are_estimated_and_marked_with_their_confidence(tmp_path: Path, walked: list[Picture]) -> None:
    path = write_film(tmp_path / "film.mkv", walked)
    (report,) = imported(tmp_path / "data", [path], poses="pseudo", speed=1.0)
    assert [outcome.episode for outcome in report.outcomes] == [0]
    data = Dataset(tmp_path / "data")
    episode = data[0]
    assert data.info.pose == "pseudo"
    assert data.info.source["scale"] == "unknown; the usual speed is taken to be 1 m/s"
    assert data.info.source["fov"] == "assumed, not measured"
    found = agreement(episode.pose, walk(FRAMES))
    assert np.median(found.turn_deg) < 0.1
    assert np.median(found.heading_deg) < 5
    assert found.whole < 0.02
    assert float(np.mean(episode.pose_confidence > 0.5)) > 0.9
    assert float(episode.pose_confidence.max()) <= 1.0
    steps = np.linalg.norm(np.diff(episode.pose[:, :3, 3], axis=0), axis=1)
    assert np.median(steps) * data.info.frame_rate == pytest.approx(1.0, rel=0.2)
    # Controls are those of the motion into the frame: the path's own turns, row by row.
    true_yaw = np.degrees(np.diff(np.unwrap(np.arctan2(walk(FRAMES)[:, 0, 2], walk(FRAMES)[:, 2, 2]))))
    assert np.abs(episode.look_deg[1:, 0] - true_yaw).max() < 0.5
    forward = 1 << data.info.buttons.index("forward")
    assert float(np.mean(episode.buttons[2:] & forward > 0)) > 0.95


def test_poses_start_anew_where_they_cannot_be_followed(tmp_path: Path) -> None:
    """A wall without features in mid-film: what comes after has axes of its own."""
    path = walk(100)
    room = Room(seed=1)
    pictures = film(room, path)
    grey = np.full_like(pictures[0], 128)
    grey[:, ::64] = 140
    film_path = write_film(tmp_path / "film.mkv", [*pictures[:45], *[grey] * 4, *pictures[49:]])
    (report,) = imported(tmp_path / "data", [film_path], poses="pseudo")
    taken = [outcome.part for outcome in report.outcomes if outcome.episode is not None]
    assert len(taken) == 2
    for episode in Dataset(tmp_path / "data"):
        np.testing.assert_allclose(episode.pose[0], np.eye(4), atol=0.02)


def test_a_still_display_does_not_hold_the_camera_back(tmp_path: Path, walked: list[Picture]) -> None:
    rng = np.random.default_rng(0)
    panel = rng.integers(0, 255, (50, 320, 3), np.uint8)
    dressed = []
    for picture in walked:
        with_panel = picture.copy()
        with_panel[-50:] = panel
        dressed.append(with_panel)
    path = write_film(tmp_path / "film.mkv", dressed)
    imported(tmp_path / "data", [path], poses="pseudo")
    (episode,) = Dataset(tmp_path / "data")
    assert agreement(episode.pose, walk(FRAMES)).whole < 0.03


def test_an_import_goes_on_where_it_was_stopped(
    tmp_path: Path, walked: list[Picture], elsewhere: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_film(tmp_path / "film.mkv", [*walked, *elsewhere])
    finish = EpisodeWriter.finish
    with monkeypatch.context() as patch:
        calls = []

        def stop_at_second(self: EpisodeWriter) -> None:
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            finish(self)

        patch.setattr(EpisodeWriter, "finish", stop_at_second)
        with pytest.raises(KeyboardInterrupt):
            imported(tmp_path / "data", [path])
    assert len(Dataset(tmp_path / "data")) == 1
    first = (tmp_path / "data/meta/episodes/chunk-000/file-000.parquet").stat().st_mtime_ns
    (report,) = imported(tmp_path / "data", [path])
    assert [outcome.episode for outcome in report.outcomes] == [0, 1]
    assert not report.before
    assert (tmp_path / "data/meta/episodes/chunk-000/file-000.parquet").stat().st_mtime_ns == first
    (again,) = imported(tmp_path / "data", [path])
    assert again.before
    assert [outcome.episode for outcome in again.outcomes] == [0, 1]
    assert len(Dataset(tmp_path / "data")) == 2


def test_what_was_refused_is_looked_at_again_with_other_limits(tmp_path: Path, walked: list[Picture]) -> None:
    path = write_film(tmp_path / "film.mkv", walked[:30])
    strict = replace(SMALL, least_seconds=5.0)
    (refused,) = imported(tmp_path / "data", [path], limits=strict)
    assert "--min-seconds" in refused.outcomes[0].reasons[0]
    (same,) = imported(tmp_path / "data", [path], limits=strict)
    assert same.before
    (report,) = imported(tmp_path / "data", [path])
    assert not report.before and [outcome.episode for outcome in report.outcomes] == [0]
    (again,) = imported(tmp_path / "data", [path], limits=strict)
    assert again.before and len(Dataset(tmp_path / "data")) == 1, "what is there stays"


def test_a_full_disk_keeps_what_was_imported_and_says_how_to_go_on(
    tmp_path: Path, walked: list[Picture], elsewhere: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write_film(tmp_path / "a.mkv", walked), write_film(tmp_path / "b.mkv", elsewhere)]
    finish = EpisodeWriter.finish

    def full_at_second(self: EpisodeWriter) -> None:
        if Dataset(tmp_path / "data").next_index() == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        finish(self)

    with monkeypatch.context() as patch:
        patch.setattr(EpisodeWriter, "finish", full_at_second)
        with pytest.raises(DiskFullError, match=r"b\.mkv could not be imported whole.*same command"):
            imported(tmp_path / "data", paths)
    assert len(Dataset(tmp_path / "data")) == 1
    reports = imported(tmp_path / "data", paths)
    assert [report.before for report in reports] == [True, False]
    assert len(Dataset(tmp_path / "data")) == 2


def test_two_imports_do_not_work_in_one_data_set(tmp_path: Path, walked: list[Picture]) -> None:
    path = write_film(tmp_path / "film.mkv", walked[:30])
    imported(tmp_path / "data", [path])
    with (
        FileLock(tmp_path / "data/meta/import.lock").take(),
        pytest.raises(DatasetError, match="another import is at work"),
    ):
        imported(tmp_path / "data", [path])


def test_damaged_videos_are_named_and_the_rest_is_imported(tmp_path: Path, walked: list[Picture]) -> None:
    whole = write_film(tmp_path / "whole.mkv", walked)
    cut = write_film(tmp_path / "cut.mp4", walked, options={"movflags": "faststart"})
    cut.write_bytes(cut.read_bytes()[: int(cut.stat().st_size * 0.7)])
    headless = write_film(tmp_path / "headless.mp4", walked)
    headless.write_bytes(headless.read_bytes()[: int(headless.stat().st_size * 0.7)])
    empty = tmp_path / "empty.mp4"
    empty.touch()
    words = tmp_path / "words.mp4"
    words.write_text("this is no video at all")
    reports = imported(tmp_path / "data", [cut, headless, empty, words, whole])
    by_name = {Path(report.item).name: report for report in reports}
    assert "no readable video" in (by_name["headless.mp4"].error or "").replace(
        "not a readable", "no readable"
    )
    assert "headless.mp4" in (by_name["headless.mp4"].error or "")
    assert "empty.mp4 is empty" in (by_name["empty.mp4"].error or "")
    assert "words.mp4" in (by_name["words.mp4"].error or "")
    assert any("cut.mp4 is" in note for note in by_name["cut.mp4"].notes)
    (start,) = [outcome for outcome in by_name["cut.mp4"].outcomes if outcome.episode is not None]
    data = Dataset(tmp_path / "data")
    assert 20 < len(data[start.episode or 0]) < FRAMES
    assert by_name["whole.mkv"].outcomes[0].episode == 1
    assert len(data[1]) == FRAMES


def test_what_the_header_says_of_the_rate_is_checked_against_the_time_stamps(
    tmp_path: Path, walked: list[Picture]
) -> None:
    slow = write_film(tmp_path / "slow.mkv", walked[:30], 10.0)
    liar = write_film(tmp_path / "liar.mkv", walked, 20.0, said=60.0)
    reports = imported(tmp_path / "data", [slow, liar])
    assert "slow.mkv has 10 pictures a second, 20 are wanted" in (reports[0].error or "")
    assert "--fps 10" in (reports[0].error or "")
    (note,) = reports[1].notes
    assert "liar.mkv says 60 pictures a second, its time stamps say 20" in note
    assert len(Dataset(tmp_path / "data")[0]) == FRAMES


def test_a_faster_video_is_taken_at_the_wanted_rate(tmp_path: Path, room: Room) -> None:
    path = walk(4 * FRAMES)[: 2 * FRAMES]
    drawn = film(room, path)
    write_film(tmp_path / "fast.mkv", drawn, 40.0)
    imported(tmp_path / "data", [tmp_path / "fast.mkv"])
    (episode,) = Dataset(tmp_path / "data")
    assert len(episode) == FRAMES
    assert [nearest(episode.colour(k), drawn) for k in (0, 17, 59)] == [0, 34, 118]


def test_a_game_slower_than_its_video_is_refused(tmp_path: Path, walked: list[Picture]) -> None:
    path = write_film(tmp_path / "film.mkv", [picture for picture in walked[:30] for _ in range(2)])
    (report,) = imported(tmp_path / "data", [path])
    assert "repeat the one before" in report.outcomes[0].reasons[0]


def test_missing_pictures_end_a_shot(tmp_path: Path, walked: list[Picture]) -> None:
    stamps = [50 * k + (1000 if k >= 30 else 0) for k in range(FRAMES)]
    path = write_film(tmp_path / "film.mkv", walked, pts=stamps)
    (report,) = imported(tmp_path / "data", [path])
    lengths = [len(episode) for episode in Dataset(tmp_path / "data")]
    assert len(lengths) == 2
    assert len(report.outcomes) == 2


def test_mixed_sizes_are_scaled_and_cropped_with_their_cameras(tmp_path: Path) -> None:
    wide, tall = Room(3, 480, 192), Room(3, 240, 240)
    paths = [
        write_film(tmp_path / "wide.mkv", film(wide, walk(30))),
        write_film(tmp_path / "tall.mkv", film(tall, walk(30))),
    ]
    imported(tmp_path / "data", paths)
    data = Dataset(tmp_path / "data")
    assert [data[i].colour(0).shape for i in (0, 1)] == [(192, 320, 3)] * 2
    # 480x192 shows 90 degrees over 480 pixels, of which the middle 320 are kept.
    np.testing.assert_allclose(data[0].intrinsics, [240, 240, 160, 96], atol=0.01)
    # 240x240 is enlarged to 320x320, of which the middle 192 rows are kept.
    np.testing.assert_allclose(data[1].intrinsics, [160, 160, 160, 96], atol=0.01)


def test_the_command_reports_every_part_and_fails_when_an_item_does(
    tmp_path: Path, walked: list[Picture]
) -> None:
    write_film(tmp_path / "films" / "good.mkv", walked)
    (tmp_path / "films" / "bad.mp4").write_text("no video")
    arguments = [
        "import",
        "video",
        str(tmp_path / "films"),
        "--out",
        str(tmp_path / "data"),
        "--poses",
        "none",
    ]
    result = CliRunner().invoke(build_app(), [*arguments, "--min-seconds", "1", "--json"])
    assert result.exit_code == 2
    items = json.loads(result.stdout)["items"]
    assert [Path(item["item"]).name for item in items] == ["bad.mp4", "good.mkv"]
    assert "bad.mp4 is not a readable video" in items[0]["error"]
    assert items[1]["parts"][0]["episode"] == 0
    with pytest.raises(DatasetError, match="holds no video"):
        CliRunner().invoke(
            build_app(),
            ["import", "video", str(tmp_path / "data/meta"), "--out", "x"],
            catch_exceptions=False,
        )
    with pytest.raises(DatasetError, match="other settings"):
        CliRunner().invoke(build_app(), [*arguments, "--fps", "10"], catch_exceptions=False)


def test_a_turn_on_the_spot_moves_nothing(tmp_path: Path, room: Room) -> None:
    path = np.stack([pose_at(0.5, -0.5, 2.5 * k) for k in range(FRAMES)])
    write_film(tmp_path / "turn.mkv", film(room, path))
    imported(tmp_path / "data", [tmp_path / "turn.mkv"], poses="pseudo")
    (episode,) = Dataset(tmp_path / "data")
    assert np.median(agreement(episode.pose, path).turn_deg) < 0.2
    assert (
        not episode.buttons.any()
        or np.linalg.norm(np.diff(episode.pose[:, :3, 3], axis=0), axis=1).max() < 1e-6
    )
