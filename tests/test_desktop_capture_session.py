"""Hot keys, pauses, privacy and crashes of `dreamport capture desktop`, with a real program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from desktop_session import GAME, Desk, Recorder, desk_with_game
from dreamport.episodes.dataset import Dataset, Episode
from dreamport_tools.desktop.episode import input_events
from dreamport_tools.desktop.trial.game import TITLE, read_number
from dreamport_tools.desktop.trial.trial import wait_until
from test_capture_disk_full import small_disk

__all__ = ["small_disk"]

START, STOP = ("ControlLeft", "ShiftLeft", "F9"), ("ControlLeft", "ShiftLeft", "F10")
MARK, DELETE = ("ControlLeft", "ShiftLeft", "F11"), ("ControlLeft", "ShiftLeft", "F12")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk_with_game(tmp_path_factory.mktemp("desk")) as desk:
        yield desk


@contextmanager
def other_window(desk: Desk, box: tuple[int, int, int, int], name: str) -> Iterator[None]:
    """A white window of another program in front of the game."""
    from Xlib import X  # type: ignore[import-untyped]
    from Xlib.display import Display  # type: ignore[import-untyped]

    display: Any = Display(desk.display)
    screen = display.screen()
    window = screen.root.create_window(
        *box, 0, screen.root_depth, X.InputOutput, background_pixel=screen.white_pixel, override_redirect=True
    )
    window.set_wm_name(name)
    window.map()
    display.sync()
    try:
        yield
    finally:
        window.destroy()
        display.sync()
        display.close()


def named(episode: Episode, kind: str = "key") -> list[str]:
    """Names of the keys that went down, in order."""
    return [event.name for _, event in input_events(episode.raw()) if event.kind == kind and event.down]


def marks(episode: Episode, name: str) -> list[dict[str, Any]]:
    return [line for line in episode.raw() if line.get("mark") == name]


def started(desk: Desk, recorder: Recorder) -> bool:
    """Press the start hot key; whether there are frames."""
    desk.player.chord(*START)
    return bool(recorder.rows())


def test_hot_keys_begin_mark_and_end_episodes_and_are_not_recorded_themselves(
    desk: Desk, tmp_path: Path
) -> None:
    recorder = desk.recorder(tmp_path / "data", "--wait")
    wait_until("the first start", lambda: started(desk, recorder))
    desk.key("KeyE")
    recorder.wait_for_key("KeyE")
    desk.player.chord(*MARK)
    recorder.wait_for_mark("mark")
    desk.player.chord(*STOP)
    wait_until(
        "the first episode", lambda: len(list((tmp_path / "data/meta/episodes").rglob("*.parquet"))) == 1
    )
    desk.key("KeyQ")
    desk.player.chord(*START)
    recorder.wait_for_frames()
    desk.key("KeyR")
    recorder.wait_for_key("KeyR")
    summary = recorder.stop()
    assert summary["episodes"] == [0, 1] and summary["marks"] == 1
    first, second = Dataset(tmp_path / "data")
    assert set(named(first)) == {"KeyE", "ControlLeft", "ShiftLeft"}, "a hot key's own key is not recorded"
    assert named(second) == ["KeyR"], "what was pressed between episodes is in none"
    assert first.session == second.session and first.seed == second.seed
    assert [line["text"] for line in marks(first, "mark")] == ["mark 1"]
    assert first.facts["ended"] == "finished" and len(first) >= 2


def test_input_for_another_window_is_not_recorded_and_the_pause_is_marked(desk: Desk, tmp_path: Path) -> None:
    recorder = desk.recorder(tmp_path / "data")
    recorder.wait_for_frames()
    desk.key("KeyE")
    recorder.wait_for_key("KeyE")
    with other_window(desk, (400, 200, 100, 100), "mail"):
        desk.player.focus("mail")
        recorder.wait_for_mark("pause")
        frames = len(recorder.rows())
        desk.key("KeyQ")
        desk.player.focus(TITLE)
        recorder.wait_for_mark("resume")
    desk.key("KeyR")
    recorder.wait_for_key("KeyR")
    summary = recorder.stop()
    (episode,) = Dataset(tmp_path / "data")
    assert named(episode) == ["KeyE", "KeyR"]
    (pause,) = marks(episode, "pause")
    assert pause["text"] == "another window has the keyboard"
    assert len(marks(episode, "resume")) == 1
    gaps = np.flatnonzero(episode.missing_before)
    assert gaps.tolist() == [frames] and episode.missing_before[frames] == 1, "a run ends at the pause"
    assert summary["dropped"] == 0, "a pause is no drop"


def test_a_window_in_front_of_the_game_is_blacked_out(desk: Desk, tmp_path: Path) -> None:
    recorder = desk.recorder(tmp_path / "data")
    recorder.wait_for_frames()
    with other_window(desk, (100, 60, 80, 40), "message from a friend"):
        wait_until("covered frames", lambda: any(row.facts.redacted for row in recorder.rows()))
        recorder.wait_for_frames()
    recorder.wait_for_frames()
    recorder.stop()
    (episode,) = Dataset(tmp_path / "data")
    covered = np.flatnonzero(episode.redacted)
    assert 5 < len(covered) < len(episode)
    for i in range(len(episode)):
        part = episode.colour(i)[64:96, 104:176]
        white = (part.min(axis=-1) >= 250).mean()  # JPEG may overshoot to white at single pixels of the game
        assert white < 0.1, f"frame {i} shows the other window"
        assert (part.max() < 16) == bool(episode.redacted[i])


def test_the_last_minutes_are_deleted_from_the_disk_and_recording_goes_on(desk: Desk, tmp_path: Path) -> None:
    recorder = desk.recorder(tmp_path / "data", "--delete-minutes", "5")
    recorder.wait_for_frames(20)
    desk.key("KeyE")
    recorder.wait_for_key("KeyE")
    size = sum(path.stat().st_size for path in tmp_path.rglob("colour.mkv"))
    desk.player.chord(*DELETE)
    recorder.wait_for_mark("deleted")
    assert sum(path.stat().st_size for path in tmp_path.rglob("colour.mkv")) < size
    recorder.wait_for_frames()
    desk.key("KeyR")
    recorder.wait_for_key("KeyR")
    assert recorder.stop()["deletions"] == 1
    (episode,) = Dataset(tmp_path / "data")
    assert named(episode) == ["KeyR"]
    numbers = [read_number(episode.colour(i)) for i in range(len(episode))]
    assert numbers == sorted(numbers) and not episode.redacted.any()


def test_deleting_takes_finished_episodes_that_reach_into_the_time_with_it(
    desk: Desk, tmp_path: Path
) -> None:
    recorder = desk.recorder(tmp_path / "data", "--delete-minutes", "5")
    recorder.wait_for_frames()
    desk.player.chord(*STOP)
    place = tmp_path / "data/meta/episodes"
    wait_until("the episode", lambda: len(list(place.rglob("*.parquet"))) == 1)
    desk.player.chord(*DELETE)
    wait_until("its end", lambda: not list(place.rglob("*.parquet")))
    assert recorder.stop()["episodes"] == []
    assert not [path for path in (tmp_path / "data").rglob("file-*")]


def test_what_a_killed_recorder_had_recorded_is_recovered(desk: Desk, tmp_path: Path) -> None:
    recorder = desk.recorder(tmp_path / "data")
    recorder.wait_for_frames()
    desk.key("KeyE")
    recorder.wait_for_key("KeyE")
    frames = len(recorder.rows())
    recorder.kill()
    again = desk.recorder(tmp_path / "data")
    wait_until("the new recording", lambda: bool(recorder.rows()))
    again.wait_for_frames()
    again.stop()
    lost, new = Dataset(tmp_path / "data")
    assert lost.facts["ended"] == "server killed" and len(lost) >= frames and named(lost) == ["KeyE"]
    assert new.facts["ended"] == "finished" and lost.colour(len(lost) - 1).shape == (GAME[1], GAME[0], 3)


def test_a_long_recording_goes_on_in_another_episode_and_no_key_is_lost_between(
    desk: Desk, tmp_path: Path
) -> None:
    recorder = desk.recorder(tmp_path / "data", "--episode-minutes", "0.02", "--size", "160x90")
    recorder.wait_for_frames(2)
    pressed = 0
    place = tmp_path / "data/meta/episodes"

    def two_are_done() -> bool:
        nonlocal pressed
        desk.key("KeyE")
        pressed += 1
        return len(list(place.rglob("*.parquet"))) >= 2

    wait_until("two episodes", two_are_done)
    assert len(recorder.stop()["episodes"]) >= 2
    data = Dataset(tmp_path / "data")
    assert [name for episode in data for name in named(episode)] == ["KeyE"] * pressed
    assert data[0].colour(0).shape == (90, 160, 3)


def test_when_the_game_closes_its_window_the_episode_ends(desk: Desk, tmp_path: Path) -> None:
    with other_window(desk, (400, 100, 160, 120), "short game"):
        desk.player.focus("short game")
        recorder = desk.recorder(tmp_path / "data", "--window", "short game")
        recorder.wait_for_frames()
    assert recorder.ended()["episodes"] == [0]
    desk.player.focus(TITLE)
    (episode,) = Dataset(tmp_path / "data")
    assert episode.facts["ended"] == "window closed" and len(episode) >= 6


def test_a_full_disk_ends_the_recording_with_a_clear_message_and_keeps_what_was_recorded(
    desk: Desk, small_disk: Path
) -> None:
    recorder = desk.recorder(small_disk / "data", "--fps", "60", "--quality", "100")
    output, errors = recorder.process.communicate(timeout=60)
    assert recorder.process.returncode == 2 and output == ""
    assert "is full" in errors and errors.count("\n") == 1
    (episode,) = Dataset(small_disk / "data")
    assert episode.facts["ended"] == "disk full" and len(episode) > 10
    assert episode.colour(len(episode) - 1).shape == (GAME[1], GAME[0], 3)


def test_without_consent_or_without_the_window_nothing_is_recorded(desk: Desk, tmp_path: Path) -> None:
    refused = desk.run("capture", "desktop", tmp_path / "data", "--window", "no such game", "--consent")
    assert refused.returncode == 2 and "no such game" in refused.stderr and TITLE in refused.stderr
    desk.folder.joinpath("dreamport", "capture-consent.json").unlink()
    refused = desk.run("capture", "desktop", tmp_path / "data", "--window", TITLE)
    assert refused.returncode == 2 and "consent" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_when_the_x_server_goes_away_the_episode_is_kept(tmp_path: Path) -> None:
    with desk_with_game(tmp_path) as desk:
        recorder = desk.recorder(tmp_path / "data")
        recorder.wait_for_frames()
        desk.server.kill()
        _, errors = recorder.process.communicate(timeout=60)
    assert "Traceback" not in errors
    (episode,) = Dataset(tmp_path / "data")
    assert len(episode) >= 6
