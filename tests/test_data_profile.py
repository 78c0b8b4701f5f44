"""Bad data: every fault of an episode is named with the episode, and the rest of the data set can be used."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from requires import package

package("av", extra="dreamport[capture]")
package("cv2", extra="dreamport[capture]")

import pyarrow as pa  # type: ignore[import-untyped]  # noqa: E402
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: E402

from data_rooms import INFO, change, play, room, with_controls_late, write  # noqa: E402
from dreamport.episodes.dataset import Dataset  # noqa: E402
from dreamport.episodes.layout import DatasetInfo, episode_paths  # noqa: E402
from dreamport.episodes.verdicts import Verdict, usable_episodes, usable_runs, verdicts  # noqa: E402
from dreamport.episodes.video import VideoWriter  # noqa: E402
from dreamport.errors import DatasetError  # noqa: E402
from dreamport_tools.data.gates import Gates  # noqa: E402
from dreamport_tools.data.profile import Profile, profile  # noqa: E402

BAD = 1
"""The episode that tests make bad; 0 and 2 stay good."""


def profiled(root: Path, **options: object) -> Profile:
    return profile(Dataset(root), gates=Gates(), **options)  # type: ignore[arg-type]


def only_the_bad_one_is_out(root: Path, *says: str) -> None:
    """Before and after profiling: one message names the bad episode, the others can be read and used."""
    for look in ("unprofiled", "profiled"):
        if look == "profiled":
            profiled(root)
        usable, out = usable_episodes(Dataset(root))
        assert [episode.index for episode in usable] == [0, 2], look
        assert [verdict.episode for verdict in out] == [BAD]
        text = " ".join(out[0].reasons)
        assert text.startswith(f"episode {BAD}")
        for each in says:
            assert re.search(each, text), (each, text)
        assert usable[1].colours().shape == (48, 48, 80, 3)


def said_by_the_profile(root: Path) -> Verdict:
    """The verdict on the bad episode, which can be opened; the others can be used."""
    found = profiled(root).episodes
    assert [each.verdict.usable for each in found] == [True, False, True]
    assert found[BAD].verdict in verdicts(Dataset(root))
    assert all(text.startswith(f"episode {BAD}") for text in found[BAD].verdict.reasons)
    return found[BAD].verdict


def test_good_play_is_used_and_says_nothing(tmp_path: Path) -> None:
    found = profiled(room(tmp_path))
    assert found.usable == 3
    assert [(each.verdict.reasons, each.verdict.warnings) for each in found.episodes] == [((), ())] * 3
    measured = found.episodes[0].measures
    assert measured is not None and measured.control_lag is not None and measured.control_lag.frames == 0
    assert measured.pose_lag is not None and measured.pose_lag.frames == 0


def test_a_truncated_video_is_named_with_what_is_left_of_it(tmp_path: Path) -> None:
    path = episode_paths(room(tmp_path), BAD)["colour.mkv"]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    only_the_bad_one_is_out(tmp_path, r"colour video is truncated: 2\d of 48 pictures")


def test_a_video_that_is_no_video_is_named(tmp_path: Path) -> None:
    episode_paths(room(tmp_path), BAD)["colour.mkv"].write_bytes(b"nothing")
    only_the_bad_one_is_out(tmp_path, "colour video is damaged")


def test_a_picture_that_is_damaged_inside_the_video_is_found_by_the_profile(tmp_path: Path) -> None:
    path = episode_paths(room(tmp_path), BAD)["depth.mkv"]
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes(300)
    path.write_bytes(content)
    assert re.search("depth|damaged|truncated", said_by_the_profile(tmp_path).reasons[0])


def test_missing_depth_is_named(tmp_path: Path) -> None:
    episode_paths(room(tmp_path), BAD)["depth.mkv"].unlink()
    only_the_bad_one_is_out(tmp_path, "lacks its depth video")


def test_poses_that_are_no_numbers_are_named_with_their_first_row(tmp_path: Path) -> None:
    room(tmp_path, episodes=1)
    frames = play(BAD, 48)
    change(frames, slice(7, 10), lambda frame: replace(frame, pose=np.full((4, 4), np.nan)))
    write(tmp_path, BAD, frames)
    write(tmp_path, 2, play(2, 48))
    only_the_bad_one_is_out(tmp_path, "NaN", "in 3 of 48 rows, the first is row 7")


@pytest.mark.parametrize(("by", "says"), [(1, "1 frame late"), (2, "2 frames late"), (-1, "1 frame early")])
def test_controls_beside_the_wrong_picture_are_found_from_its_movement(
    tmp_path: Path, by: int, says: str
) -> None:
    room(tmp_path, episodes=1, frames=64)
    write(tmp_path, BAD, with_controls_late(play(BAD, 64), by))
    write(tmp_path, 2, play(2, 64))
    (reason,) = said_by_the_profile(tmp_path).reasons
    assert f"controls come {says} (lag {by:+d})" in reason


def test_poses_beside_the_wrong_picture_are_found_too(tmp_path: Path) -> None:
    room(tmp_path, episodes=1, frames=64)
    frames = play(BAD, 64)
    late = [replace(frame, pose=frames[max(0, row - 1)].pose) for row, frame in enumerate(frames)]
    write(tmp_path, BAD, late)
    write(tmp_path, 2, play(2, 64))
    assert "poses come 1 frame late (lag +1)" in " ".join(said_by_the_profile(tmp_path).reasons)


def test_a_player_who_looks_at_nothing_has_no_lag(tmp_path: Path) -> None:
    write(tmp_path, 0, play(0, 48, np.zeros(48)))
    (only,) = profiled(tmp_path).episodes
    assert only.measures is not None and only.measures.control_lag is None and only.verdict.usable


def test_a_video_of_another_frame_rate_is_named(tmp_path: Path) -> None:
    slow = replace(INFO, frame_rate=10.0)
    write(tmp_path, 0, play(0, 48))
    write(tmp_path, BAD, play(BAD, 48), info=slow)
    write(tmp_path, 2, play(2, 48))
    only_the_bad_one_is_out(tmp_path, "10 frames a second, the data set has 20")


def test_frames_that_came_at_another_rate_than_the_data_set_says_are_named(tmp_path: Path) -> None:
    for index, rate in ((0, 20.0), (BAD, 30.0), (2, 20.5)):
        frames = play(index, 48)
        stamped = [replace(f, client_time_ns=1 + int(1e9 * row / rate)) for row, f in enumerate(frames)]
        write(tmp_path, index, stamped)
    assert (
        "30.0 times a second by the recorder's clock, the data set says 20 (wrong fps)"
        in (said_by_the_profile(tmp_path).reasons[0])
    )


def test_pictures_made_at_half_the_rate_are_named(tmp_path: Path) -> None:
    room(tmp_path, episodes=1)
    frames = play(BAD, 48)
    write(tmp_path, BAD, [replace(f, colour=frames[row // 2 * 2].colour) for row, f in enumerate(frames)])
    write(tmp_path, 2, play(2, 48))
    assert "repeat the one before" in said_by_the_profile(tmp_path).reasons[0]


def test_another_resolution_among_the_others_is_named(tmp_path: Path) -> None:
    room(tmp_path)
    paths = episode_paths(tmp_path, BAD)
    small = VideoWriter(paths["colour.mkv"], (40, 24), "rgb24", INFO.video_rate)
    for _ in range(48):
        small.add(np.zeros((24, 40, 3), np.uint8))
    small.close()
    only_the_bad_one_is_out(tmp_path, "40x24, the data set is 80x48: mixed resolutions")


def test_an_empty_episode_is_named(tmp_path: Path) -> None:
    path = episode_paths(room(tmp_path), BAD)["episode.parquet"]
    table = pq.read_table(path)
    row = table.set_column(table.column_names.index("length"), "length", pa.array([0], pa.int64()))
    pq.write_table(row, path)
    only_the_bad_one_is_out(tmp_path, "is empty: it has no frames")


@pytest.mark.parametrize("name", ["episode.parquet", "data.parquet"])
def test_a_damaged_table_costs_one_episode(tmp_path: Path, name: str) -> None:
    episode_paths(room(tmp_path), BAD)[name].write_bytes(b"PAR1 no")
    only_the_bad_one_is_out(tmp_path, "cannot be read")
    assert Dataset(tmp_path).next_index() == 3


def test_black_and_frozen_pictures_are_left_out_with_the_reason(tmp_path: Path) -> None:
    room(tmp_path, episodes=1)
    frames = play(BAD, 48)
    write(tmp_path, BAD, [replace(frame, colour=frames[5].colour) for frame in frames])
    dark = [replace(frame, colour=frame.colour // 64) for frame in play(2, 48)]
    write(tmp_path, 2, dark)
    found = profiled(tmp_path)
    assert [each.verdict.usable for each in found.episodes] == [True, False, False]
    assert "(frozen)" in found.episodes[1].verdict.reasons[0]
    assert "of its pictures are black" in found.episodes[2].verdict.reasons[0]


def test_a_jump_is_marked_and_cuts_the_run(tmp_path: Path) -> None:
    frames = play(0, 48)

    def away(frame: object) -> object:
        moved = np.array(frame.pose)  # type: ignore[attr-defined]
        moved[0, 3] += 9
        return replace(frame, pose=moved)  # type: ignore[type-var]

    change(frames, slice(30, 48), away)  # type: ignore[arg-type]
    write(tmp_path, 0, frames)
    (only,) = profiled(tmp_path).episodes
    assert only.verdict.usable and only.verdict.cuts == (30,)
    assert [(m.kind, m.first) for m in only.measures.marks if m.kind == "jump"] == [("jump", 30)]  # type: ignore[union-attr]
    (episode,), _ = usable_episodes(Dataset(tmp_path))
    assert usable_runs(episode, only.verdict) == [(0, 30), (30, 48)]


def test_being_stopped_by_a_wall_is_marked(tmp_path: Path) -> None:
    frames = play(0, 120, np.zeros(120))
    held = [frames[0], *(replace(frame, buttons=1) for frame in frames[1:])]
    place, stands = 0.0, range(60, 80)
    for row, frame in enumerate(held):
        place += 0.0 if row in stands else 0.1
        pose = np.array(frame.pose)
        pose[:3, 3] = (0, 0, place)
        held[row] = replace(frame, pose=pose)
    write(tmp_path, 0, held)
    (only,) = profiled(tmp_path).episodes
    assert only.measures is not None
    assert [(m.first, m.end) for m in only.measures.marks if m.kind == "collision"] == [(60, 80)]


def test_a_button_that_is_held_against_a_wall_all_the_time_is_known_from_its_other_uses(
    tmp_path: Path,
) -> None:
    frames = play(0, 160, np.zeros(160))
    held = [1] * 50 + [3] * 50 + [2] * 30 + [0] * 30  # forward; forward and left; left, stopped; nothing
    steps = [(0.0, 0.1)] * 50 + [(-0.1, 0.1)] * 50 + [(0.0, 0.0)] * 60
    place = np.zeros(2)
    for row, (frame, buttons, step) in enumerate(zip(frames, held, steps, strict=True)):
        place = place + step
        pose = np.array(frame.pose)
        pose[:3, 3] = (place[0], 0, place[1])
        frames[row] = replace(frame, pose=pose, buttons=buttons if row else None)
    write(tmp_path, 0, frames)
    (only,) = profiled(tmp_path).episodes
    assert only.measures is not None
    assert [(m.first, m.end) for m in only.measures.marks if m.kind == "collision"] == [(108, 130)]


def test_verdicts_hold_as_long_as_the_files_are_those_that_were_seen(tmp_path: Path) -> None:
    room(tmp_path)
    profiled(tmp_path, decisions={BAD: (False, "the menu is open")})
    (out,) = usable_episodes(Dataset(tmp_path))[1]
    assert out.reasons == (f"episode {BAD} was rejected by hand: the menu is open",)
    assert profiled(tmp_path).usable == 2, "what a person decided holds in later profiles"
    write(tmp_path, BAD, play(7, 48))
    assert len(usable_episodes(Dataset(tmp_path))[0]) == 3, "another recording has been put there"


def test_a_person_may_overrule_a_gate_but_not_a_broken_file(tmp_path: Path) -> None:
    room(tmp_path)
    write(tmp_path, BAD, with_controls_late(play(BAD, 48), 1))
    episode_paths(tmp_path, 2)["colour.mkv"].write_bytes(b"nothing")
    found = profiled(tmp_path, decisions={BAD: (True, ""), 2: (True, "")}).episodes
    assert [each.verdict.usable for each in found] == [True, True, False]
    assert "1 frame late" in found[BAD].verdict.warnings[0]
    with pytest.raises(DatasetError, match="no episode 9"):
        profiled(tmp_path, decisions={9: (True, "")})


def test_profiling_again_measures_only_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room(tmp_path)
    profiled(tmp_path)
    write(tmp_path, BAD, play(7, 48))
    measured = []
    from dreamport_tools.data import profile as module

    real = module._measure_one

    def measure_one(path: Path, at: int) -> object:
        measured.append(at)
        return real(path, at)

    monkeypatch.setattr(module, "_measure_one", measure_one)
    assert profiled(tmp_path).usable == 3
    assert measured == [BAD]


def test_a_damaged_raw_record_costs_one_episode_before_and_after_profiling(tmp_path: Path) -> None:
    room(tmp_path)
    raw = episode_paths(tmp_path, BAD)["raw.jsonl"]
    raw.write_text('{"mark": "no')
    assert re.search("raw record cannot be read", said_by_the_profile(tmp_path).reasons[0])
    room(tmp_path / "other")
    profiled(tmp_path / "other")
    episode_paths(tmp_path / "other", BAD)["raw.jsonl"].unlink()
    usable, (out,) = usable_episodes(Dataset(tmp_path / "other"))
    assert [episode.index for episode in usable] == [0, 2] and "raw record" in out.reasons[0]


def test_every_key_of_a_desktop_recording_is_no_mark_of_its_profile(tmp_path: Path) -> None:
    room(tmp_path, episodes=1)
    lines = [{"mark": "input", "row": 3, "text": '[["key", 1, "KeyW", 1]]'}, {"mark": "mark", "row": 4}]
    with episode_paths(tmp_path, 0)["raw.jsonl"].open("a") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in [{}, *lines])
    (only,) = profiled(tmp_path).episodes
    assert only.measures is not None
    kinds = [mark.kind for mark in only.measures.marks]
    assert "mark" in kinds and "input" not in kinds


def test_a_damaged_profile_is_named(tmp_path: Path) -> None:
    room(tmp_path, episodes=1)
    (tmp_path / "meta" / "profile.json").write_text(json.dumps({"version": 1, "episodes": {"0": {}}}))
    with pytest.raises(DatasetError, match=r"profile\.json cannot be read .* profile again"):
        verdicts(Dataset(tmp_path))
    with pytest.raises(DatasetError, match=r"profile\.json cannot be read"):
        profiled(tmp_path)  # what a person decided is not overwritten


def test_play_without_poses_is_cut_where_another_scene_begins(tmp_path: Path) -> None:
    info: DatasetInfo = replace(INFO, pose="none", depth="none")
    frames = [replace(frame, pose=None, depth=None) for frame in play(0, 48)]
    change(frames, slice(20, 48), lambda frame: replace(frame, colour=255 - frame.colour // 8))
    write(tmp_path, 0, frames, info=info)
    (only,) = profiled(tmp_path).episodes
    assert only.verdict.cuts == (20,) and only.verdict.usable
    assert only.measures is not None and only.measures.path_m is None
