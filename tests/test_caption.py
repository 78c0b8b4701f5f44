"""Captions by rules: true to what was recorded, static where they must be, and blind to the future."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import requires
from dreamport.errors import DatasetError

requires.package("pyarrow", extra="capture")
requires.package("av", extra="capture")

from dreamport.episodes.captions import (  # noqa: E402
    CaptionedChunk,
    EpisodeCaptions,
    captions_path,
    read_captions,
    write_captions,
)
from dreamport.episodes.dataset import Dataset, Episode  # noqa: E402
from dreamport.episodes.layout import DatasetInfo, create_dataset  # noqa: E402
from dreamport.episodes.writer import EpisodeWriter, RecordedFrame  # noqa: E402
from dreamport_tools.captioning.facts import Action, Scene, colour_shares, scene_of  # noqa: E402
from dreamport_tools.captioning.past import FutureError, Past, chunk_rows  # noqa: E402
from dreamport_tools.captioning.phrasing import (  # noqa: E402
    ACTION,
    CAMERA,
    FUTURE,
    future_faults,
    scene_faults,
    without_faults,
)
from dreamport_tools.captioning.rules import RuleCaptioner, event_words, scene_words  # noqa: E402
from dreamport_tools.captioning.run import caption_dataset, caption_episode  # noqa: E402
from room_dataset import record_room  # noqa: E402

INFO = DatasetInfo(
    "play", "CC0-1.0", 10.0, 64, 48, (32.0, 32.0, 32.0, 24.0), ("forward", "jump"), 20.0, depth="none"
)
RED, BLUE = (200, 30, 30), (30, 40, 200)


def record(
    root: Path, parts: list[tuple[int, tuple[int, int, int], int, float]], index: int = 0, pose: bool = True
) -> Episode:
    """An episode in parts: frames, colour of the picture, buttons held, degrees turned a frame."""
    create_dataset(root, INFO)
    place, yaw = np.zeros(3), 0.0
    with EpisodeWriter(root, INFO, index, seed=index, split="train") as writer:
        row = 0
        for frames, colour, buttons, turn in parts:
            for _ in range(frames):
                yaw += turn
                place = place + np.array([0.0, 0.0, 0.1 * (buttons & 1)])
                matrix = np.eye(4)
                matrix[:3, 3] = place
                picture = np.broadcast_to(np.array(colour, np.uint8), (48, 64, 3)).copy()
                writer.add(
                    RecordedFrame(
                        picture,
                        pose=matrix if pose else None,
                        buttons=buttons if row else None,
                        look_deg=(turn, 0.0) if row else None,
                    )
                )
                row += 1
        writer.finish()
    return Dataset(root)[index]


def test_chunks_cover_an_episode_and_a_short_rest_joins_the_last() -> None:
    assert chunk_rows(100, 10.0, 5.0) == [(0, 50), (50, 100)]
    assert chunk_rows(120, 10.0, 5.0) == [(0, 50), (50, 120)]
    assert chunk_rows(130, 10.0, 5.0) == [(0, 50), (50, 100), (100, 130)]
    assert chunk_rows(7, 10.0, 5.0) == [(0, 7)]


def test_captions_tell_what_was_pressed_and_turned(tmp_path: Path) -> None:
    episode = record(tmp_path, [(20, RED, 1, 0.0), (20, RED, 0, 5.0), (20, BLUE, 0, 0.0)])
    captions = caption_episode(episode, RuleCaptioner(), 2.0)
    assert [chunk.event for chunk in captions.chunks] == ["walks forward", "turns right", "stands still"]
    assert [(chunk.start, chunk.end) for chunk in captions.chunks] == [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0)]
    assert "red" in captions.chunks[0].scene and "blue" in captions.chunks[2].scene
    assert captions.narrative.startswith(
        "For 6 s the player walks forward, then turns right, then stands still."
    )


def test_what_comes_later_changes_nothing_that_was_said_before(tmp_path: Path) -> None:
    beginning = [(20, RED, 1, 0.0), (20, RED, 0, 4.0)]
    calm = record(tmp_path / "calm", [*beginning, (40, RED, 0, 0.0)])
    wild = record(tmp_path / "wild", [*beginning, (20, BLUE, 3, -9.0), (20, (240, 240, 240), 2, 9.0)])
    quiet, loud = (caption_episode(episode, RuleCaptioner(), 2.0) for episode in (calm, wild))
    assert quiet.chunks[:2] == loud.chunks[:2]
    assert quiet.chunks[2:] != loud.chunks[2:]
    assert quiet.narrative != loud.narrative, "the narrative is of the whole, and may know"


def test_a_captioner_that_looks_ahead_is_stopped(tmp_path: Path) -> None:
    episode = record(tmp_path, [(20, RED, 1, 0.0), (20, BLUE, 0, 0.0)])
    past = Past(episode, 20)
    assert past.colour(19)[0, 0, 0] > 150
    for row in (20, 39, -1):
        with pytest.raises(FutureError):
            past.colour(row)
    for array in (past.buttons(), past.look_deg(), past.positions()):
        assert len(array) == 20
        array[:] = 0  # a copy: the episode does not change
    assert episode.buttons[1] == 1


def test_every_scene_that_rules_can_write_is_free_of_camera_and_action_words() -> None:
    for light in (0.01, 0.1, 0.3, 0.9):
        for median in (None, 0.5, 2.0, 7.0, 50.0):
            for detail in (0.0, 0.02, 0.5):
                for contrast in (0.05, 0.3):
                    colours = (("brown", 0.6), ("grey", 0.3), ("teal", 0.1))
                    scene = Scene(
                        light, colours, contrast, detail, None if median is None else median / 2, median
                    )
                    said = scene_words(scene)
                    assert not scene_faults(said) and not future_faults(said), said
                    assert said.endswith(".") and "brown" in said


def test_every_event_that_rules_can_write_tells_no_future() -> None:
    buttons = ("forward", "MOVE_BACKWARD", "strafe_left", "Jump", "attack", "use", "button_7")
    for turned in ((0.0, 0.0), (-10.0, 8.0), (90.0, -20.0), (-150.0, 0.0), (350.0, 0.0)):
        for share in (0.1, 0.9):
            for blocked in (False, True):
                held = dict.fromkeys(buttons, share)
                said = event_words(Action(5.0, held, turned, abs(turned[0]) + 70, 3.0, blocked))
                assert said and not future_faults(said), said


def test_walking_against_something_solid_is_noticed(tmp_path: Path) -> None:
    root = tmp_path / "blocked"
    create_dataset(root, INFO)
    with EpisodeWriter(root, INFO, 0, seed=0, split="train") as writer:
        for row in range(30):
            picture = np.full((48, 64, 3), 90, np.uint8)
            action = (1, (0.0, 0.0)) if row else (None, None)
            writer.add(RecordedFrame(picture, pose=np.eye(4), buttons=action[0], look_deg=action[1]))
        writer.finish()
    (chunk,) = caption_episode(Dataset(root)[0], RuleCaptioner(), 5.0).chunks
    assert chunk.event == "walks forward, held up by something solid"


def test_an_episode_without_poses_and_depth_is_captioned_from_what_there_is(tmp_path: Path) -> None:
    episode = record(tmp_path, [(30, RED, 1, 0.0)], pose=False)
    captions = caption_episode(episode, RuleCaptioner(), 5.0)
    assert captions.chunks[0].event == "walks forward"
    assert " m " not in captions.narrative and "m off" not in captions.scene


def test_depth_tells_how_large_the_place_is(tmp_path: Path) -> None:
    root = record_room(tmp_path / "room", episodes=1, frames=10)
    episode = Dataset(root)[0]
    scene = scene_of(Past(episode, 10), 0)
    assert scene.median_m is not None and 2.5 < scene.median_m < 6.0
    assert "m off" in scene_words(scene)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((220, 40, 40), "red"), ((120, 80, 40), "brown"), ((40, 160, 60), "green"), ((40, 60, 200), "blue"),
        ((128, 128, 128), "grey"), ((250, 250, 250), "white"), ((8, 8, 8), "black"),
        ((240, 160, 40), "orange"), ((230, 220, 60), "yellow"),
    ],
)  # fmt: skip
def test_colours_have_the_names_that_people_give_them(rgb: tuple[int, int, int], name: str) -> None:
    picture = np.broadcast_to(np.array(rgb, np.float32) / 255.0, (4, 4, 3))
    assert colour_shares([picture])[0] == (name, 1.0)


def test_sentences_at_fault_are_found_and_cut() -> None:
    text = "A brown hall with pillars. The camera pans left. Light falls from above."
    assert scene_faults(text) == ["camera", "pans"]
    assert without_faults(text, CAMERA + ACTION) == "A brown hall with pillars. Light falls from above."
    assert future_faults("It is dark. Soon the door will open.") == ["will", "soon"]
    assert future_faults("A willow stands by the nextdoor wall.") == []
    assert without_faults("The door will open.", FUTURE) == ""


def test_captions_lie_beside_the_episode_and_are_read_back(tmp_path: Path) -> None:
    episode = record(tmp_path, [(40, RED, 1, 0.0)])
    done = caption_dataset(tmp_path, RuleCaptioner(), 2.0)
    assert done.written == (captions_path(tmp_path, 0),) and done.kept == 0 and not done.faults
    captions = read_captions(tmp_path, episode.index)
    assert captions is not None and captions.frames == 40
    assert captions.at(0) == captions.chunks[0] and captions.at(39) == captions.chunks[1]
    assert captions.at(40) is None
    again = caption_dataset(tmp_path, RuleCaptioner(), 2.0)
    assert again.kept == 1 and not again.written
    assert len(caption_dataset(tmp_path, RuleCaptioner(), 2.0, again=True).written) == 1
    assert list((tmp_path / "captions").iterdir()) == [captions_path(tmp_path, 0)], "nothing half-written"


def test_damaged_captions_say_what_to_do(tmp_path: Path) -> None:
    record(tmp_path, [(10, RED, 0, 0.0)])
    captions_path(tmp_path, 0).parent.mkdir()
    captions_path(tmp_path, 0).write_text('{"format": "dreamport-captions-1"')
    with pytest.raises(DatasetError, match="run `dreamport caption` again"):
        read_captions(tmp_path, 0)
    captions_path(tmp_path, 0).unlink()
    chunk = CaptionedChunk(start=1, end=2, event="e", caption="c", scene="s")
    good = EpisodeCaptions(
        episode=0, frames=30, frame_rate=10, source="s", narrative="n", scene="s", chunks=(chunk,)
    )
    with pytest.raises(ValueError, match="order of time"):
        EpisodeCaptions.model_validate(
            {**good.model_dump(), "chunks": [chunk, chunk.model_copy(update={"start": 0.0})]}
        )
    write_captions(tmp_path, good)
    assert read_captions(tmp_path, 0) == good


def test_an_episode_that_cannot_be_read_is_named_and_the_others_are_captioned(tmp_path: Path) -> None:
    for index in range(3):
        record(tmp_path, [(20, RED, 0, 0.0)], index)
    (tmp_path / "data" / "chunk-000" / "file-001.parquet").unlink()
    done = caption_dataset(tmp_path, RuleCaptioner(), 2.0)
    assert [path.stem for path in done.written] == ["episode-000000", "episode-000002"]
    assert list(done.faults) == [1] and "episode 1" in done.faults[1]


def test_the_command_captions_offline_and_says_what_it_did(tmp_path: Path) -> None:
    record(tmp_path / "data", [(40, RED, 1, 0.0)])
    command = [sys.executable, "-m", "dreamport", "caption", str(tmp_path / "data"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["source"] == "dreamport-rules-1" and said["cost"] is None and len(said["written"]) == 1
    lost = subprocess.run(
        [*command[:4], str(tmp_path)], capture_output=True, text=True, check=False, timeout=120
    )
    assert lost.returncode == 2 and "is no data set" in lost.stderr
