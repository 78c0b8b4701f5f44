"""Files of a recording that was cut off anywhere: everything whole is read, nothing broken is."""

from __future__ import annotations

import io
import json
import os
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture_frames import BUTTONS, HEIGHT, NEAR_M, RATE, WIDTH, assert_is_made_up, made_up
from dreamport.episodes import matroska, placing
from dreamport.episodes.dataset import Dataset
from dreamport.episodes.layout import DatasetInfo, LookScale
from dreamport.episodes.locks import FileLock
from dreamport.episodes.matroska import Block, GrowingVideo, Track
from dreamport.episodes.placing import place, recover
from dreamport.episodes.plan import EpisodePlan
from dreamport.episodes.recording import Recording
from dreamport.episodes.rows import (
    FrameFacts,
    Mark,
    Row,
    RowsWriter,
    pack_row,
    read_rows,
    unpack_row,
)
from dreamport.errors import DatasetError

INFO = DatasetInfo(
    name="garden",
    licence="CC0-1.0",
    frame_rate=RATE,
    width=WIDTH,
    height=HEIGHT,
    intrinsics=(16.0, 16.0, 16.0, 8.0),
    buttons=BUTTONS,
    look_max_deg=15.0,
    source={"engine": "Stub"},
    colour_codec="mjpeg",
    depth="inverse",
    depth_near_m=NEAR_M,
    depth_codec="ffvhuff",
)


def facts_of(seed: int, index: int) -> FrameFacts:
    """What ``capture_frames`` says of a frame, as the service would write it."""
    frame = made_up(seed, index)
    return FrameFacts(
        index=index,
        client_time_ns=1_000_000 * index + seed,
        position=frame.pose.position,
        orientation=frame.pose.orientation,
        buttons=frame.buttons,
        look_deg=frame.look_deg,
    )


def record(root: Path, frames: int, episode_id: str = "one", seed: int = 4) -> Recording:
    """A recording of made-up frames, on disk and given up by its writer, as a killed server leaves it."""
    recording = Recording(root, EpisodePlan(episode_id, INFO, "jpeg", 9, "train"))
    for index in range(frames):
        frame = made_up(seed, index)
        recording.add(facts_of(seed, index), frame.jpeg, frame.depth)
    recording.sync()
    recording.close()
    recording.release()
    return recording


# --- the journal of rows

finite = st.floats(allow_nan=False, allow_infinity=False)
blocks = st.builds(Block, st.integers(0, 2**63), st.integers(0, 2**40), st.integers(0, 2**32 - 1))
rows = st.builds(
    Row,
    st.builds(
        FrameFacts,
        index=st.integers(0, 2**53),
        client_time_ns=st.integers(-(2**63), 2**63 - 1),
        position=st.tuples(finite, finite, finite),
        orientation=st.tuples(finite, finite, finite, finite),
        intrinsics=st.none() | st.tuples(finite, finite, finite, finite),
        buttons=st.integers(0, 2**32 - 1),
        look_deg=st.tuples(st.floats(width=32, allow_nan=False), st.floats(width=32, allow_nan=False)),
        velocity=st.none() | st.tuples(finite, finite, finite),
        engine=st.lists(finite, max_size=8).map(tuple),
        redacted=st.booleans(),
        confidence=st.floats(0, 1, width=32),
        mouse_dxdy=st.none() | st.tuples(finite, finite),
    ),
    blocks,
    st.none() | blocks,
)
marks = st.builds(Mark, st.integers(0, 2**31), st.text(), st.text(), st.integers(-(2**63), 2**63 - 1))


@given(rows)
def test_a_row_comes_back_as_it_was(row: Row) -> None:
    assert unpack_row(pack_row(row)) == row


def test_a_row_without_a_pose_and_a_row_of_the_layout_before_come_back() -> None:
    row = Row(facts_of(4, 2), Block(8, 7, 6), Block(5, 4, 3))
    poseless = replace(row, facts=replace(row.facts, position=None, orientation=None, confidence=0.0))
    assert unpack_row(pack_row(poseless)) == poseless
    of_layout_2 = pack_row(row)[: -(4 + 8 + 8)]
    assert unpack_row(of_layout_2) == row


def test_a_recording_without_poses_and_depth_becomes_an_episode(tmp_path: Path) -> None:
    bare = replace(INFO, depth="none", depth_near_m=0.0, depth_codec="ffv1")
    info = replace(bare, pose="none", look_scale=LookScale(0.022))
    plan = EpisodePlan("one", info, "jpeg", 9, "train", session="evening")
    recording = Recording(tmp_path, plan)
    for index in range(4):
        counts = (float(index), -1.0) if index != 2 else None
        facts = replace(
            facts_of(4, index), position=None, orientation=None, confidence=0.0, mouse_dxdy=counts
        )
        recording.add(facts, made_up(4, index).jpeg, None)
    recording.sync()
    recording.close()
    assert place(recording.folder, "finished", verify=True) is not None
    recording.release()
    episode = Dataset(tmp_path)[0]
    assert episode.info == info and episode.session == "evening"
    assert np.isnan(episode.pose).all() and np.isnan(episode.motion_state).all()
    assert episode.pose_confidence.tolist() == [0, 0, 0, 0]
    assert episode.mouse_dxdy[[1, 3]].tolist() == [[1, -1], [3, -1]]
    assert np.isnan(episode.mouse_dxdy[[0, 2]]).all()
    assert episode.jpeg(3) == made_up(4, 3).jpeg


@settings(max_examples=8, deadline=None)
@given(st.lists(rows | marks, min_size=1, max_size=3), st.data())
def test_a_journal_cut_off_anywhere_gives_the_records_before_the_cut(
    tmp_path_factory: pytest.TempPathFactory, records: list[Row | Mark], data: st.DataObject
) -> None:
    whole, ends = written(tmp_path_factory.mktemp("rows") / "rows", records)
    path = whole.with_name("cut")
    content = whole.read_bytes()
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        assert list(read_rows(path)) == records[: sum(end <= cut for end in ends)]
    at = data.draw(st.integers(0, len(content) - 1))
    bit = data.draw(st.integers(0, 7))
    damaged = bytearray(content)
    damaged[at] ^= 1 << bit
    path.write_bytes(damaged)
    before = [record for record, end in zip(records, ends, strict=True) if end <= at]
    assert list(read_rows(path)) == before, "a damaged record and all after it are left out"


def written(path: Path, records: list[Row | Mark]) -> tuple[Path, list[int]]:
    """A journal of these records, and where each ends."""
    writer, ends = RowsWriter(path), []
    for record_ in records:
        if isinstance(record_, Row):
            writer.row(record_)
        else:
            writer.mark(record_)
        ends.append(writer.size)
    writer.close()
    return path, ends


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_a_journal_of_anything_at_all_is_read_to_its_first_fault(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows"
    path.write_bytes(b"DPROWS1\n" + content)
    assert list(read_rows(path)) == []


# --- growing videos


def numbers_of(path: Path) -> list[int]:
    """The first byte of every packet that FFmpeg finds."""
    with av.open(str(path)) as container:
        return [bytes(packet)[0] for packet in container.demux(video=0) if packet.size]


def test_a_video_is_readable_while_it_grows_and_after_any_cut(tmp_path: Path) -> None:
    track = Track("V_MJPEG", b"", 32, 16, Fraction(30))
    path = tmp_path / "a.mkv"
    video = GrowingVideo(path, track)
    placed = [video.append(number, bytes([number]) * (20 + number)) for number in range(6)]
    assert numbers_of(path) == [0, 1, 2, 3, 4, 5], "nothing needs finishing"
    content = path.read_bytes()
    for cut in range(placed[2].end, placed[3].end):
        path.write_bytes(content[:cut])
        assert numbers_of(path)[:3] == [0, 1, 2]
    video.close()


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(30000, 1001), Fraction(60), Fraction(240)])
def test_a_finished_video_has_an_index_a_duration_and_the_right_times(tmp_path: Path, rate: Fraction) -> None:
    track = Track("V_MJPEG", b"", 32, 16, rate)
    video = GrowingVideo(tmp_path / "a.mkv", track)
    placed = [video.append(number, bytes([number]) * 9) for number in range(200)]
    video.append(200, b"not acknowledged")
    video.close()
    for _ in range(2):  # doing it again changes nothing
        matroska.finish(tmp_path / "a.mkv", track, (block.offset for block in placed), placed[-1].end)
        with av.open(str(tmp_path / "a.mkv")) as container:
            stream = container.streams.video[0]
            assert container.duration is not None and stream.average_rate is not None
            assert abs(container.duration / 1e6 - 200 / rate) < 0.002
            assert abs(stream.average_rate / rate - 1) < 1e-6
            packets = [p for p in container.demux(stream) if p.size]
            assert [bytes(packet)[0] for packet in packets] == list(range(200))
            assert stream.time_base is not None
            for number, packet in enumerate(packets):
                assert packet.pts is not None and packet.is_keyframe
                assert abs(packet.pts * stream.time_base - number / rate) <= Fraction(1, 2000)
            container.seek(round(150 / rate / stream.time_base), stream=stream)
            assert bytes(next(iter(container.demux(stream))))[0] == 150


def test_a_full_disk_leaves_the_index_out_and_the_video_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = Track("V_MJPEG", b"", 32, 16, Fraction(30))
    video = GrowingVideo(tmp_path / "a.mkv", track)
    placed = [video.append(number, bytes([number]) * 9) for number in range(5)]
    video.close()
    really = matroska._write_all

    def full(file: io.RawIOBase, data: matroska.Buffer) -> int:
        if bytes(data[:4]) == bytes.fromhex("1c53bb6b"):
            file.write(data[:7])
            raise OSError(28, "No space left on device")
        return really(file, data)

    monkeypatch.setattr(matroska, "_write_all", full)
    matroska.finish(tmp_path / "a.mkv", track, (block.offset for block in placed), placed[-1].end)
    assert (tmp_path / "a.mkv").stat().st_size == placed[-1].end
    assert numbers_of(tmp_path / "a.mkv") == [0, 1, 2, 3, 4]


# --- placing


def test_what_a_killed_server_left_becomes_an_episode(tmp_path: Path) -> None:
    record(tmp_path, 7)
    (placed,) = recover(tmp_path)
    assert not isinstance(placed, DatasetError)
    assert (placed.index, placed.frames, placed.missing) == (0, 7, 0)
    (episode,) = Dataset(tmp_path)
    assert_is_made_up(episode, 4)
    assert episode.facts["ended"] == "server killed"
    assert list(recover(tmp_path)) == []


@pytest.mark.parametrize("file", ["colour.mkv", "depth.mkv", "rows"])
@pytest.mark.parametrize("fault", ["cut", "flipped"])
def test_frames_before_the_first_damaged_one_are_kept(tmp_path: Path, file: str, fault: str) -> None:
    """What a power cut may do to bytes that were not synced."""
    path = record(tmp_path, 7).folder / file
    content = bytearray(path.read_bytes())
    at = len(content) * 3 // 4
    if fault == "flipped":
        content[at] ^= 0x10
    path.write_bytes(content[:at] if fault == "cut" else content)
    (placed,) = recover(tmp_path)
    assert not isinstance(placed, DatasetError)
    assert 3 <= placed.frames < 7
    assert_is_made_up(Dataset(tmp_path)[0], 4)


@pytest.mark.parametrize("step", range(7))
def test_placing_may_be_interrupted_at_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Every renaming is a moment at which the server may be killed; nothing is lost, and nothing is there
    twice.
    """
    record(tmp_path, 5, "one")
    assert [type(found) for found in recover(tmp_path)] == [placing.PlacedEpisode]
    folder = record(tmp_path, 6, "two").folder
    really, left = os.replace, [step]

    class Killed(BaseException):
        pass

    def replace(source: Any, target: Any) -> None:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        really(source, target)

    monkeypatch.setattr(os, "replace", replace)
    interrupted = True
    try:
        place(folder, "finished", verify=False)
        interrupted = False
    except Killed:
        pass
    monkeypatch.setattr(os, "replace", really)
    assert interrupted == (step < 6)
    assert len(Dataset(tmp_path)) == (1 if step < 6 else 2)
    record(tmp_path, 3, "a")  # another is placed first, and must not take the same index
    list(recover(tmp_path))
    data = Dataset(tmp_path)
    assert sorted((row["episode_id"], row["length"]) for row in data.rows()) == [
        ("a", 3),
        ("one", 5),
        ("two", 6),
    ]
    for episode in data:
        assert_is_made_up(episode, 4)
    assert not [path for path in (tmp_path / ".recording").iterdir() if path.is_dir()]


def test_a_recording_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    recording = Recording(tmp_path, EpisodePlan("live", INFO, "jpeg", 9, "train"))
    recording.add(facts_of(4, 0), made_up(4, 0).jpeg, made_up(4, 0).depth)
    assert list(recover(tmp_path)) == []
    recording.add(facts_of(4, 1), made_up(4, 1).jpeg, made_up(4, 1).depth)
    recording.close()
    placed = place(recording.folder, "finished", verify=True)
    recording.release()
    assert placed is not None and placed.frames == 2


def test_a_recording_killed_before_it_began_or_without_frames_is_removed(tmp_path: Path) -> None:
    record(tmp_path, 0)
    half = tmp_path / ".recording" / "half"
    half.mkdir()
    (half / "plan.part").write_text("{")
    assert list(recover(tmp_path)) == []
    assert len(Dataset(tmp_path)) == 0
    assert not [path for path in (tmp_path / ".recording").iterdir() if path.is_dir()]


@pytest.mark.parametrize("how", ["placed", "without frames", "thrown away"])
def test_a_recording_whose_removal_was_interrupted_is_neither_an_episode_nor_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Files go in any order; the server may be killed after any of them."""

    def remove_some(folder: Path, *_: object, **__: object) -> None:
        for name in ("colour.mkv", "placing.json", "rows"):
            (folder / name).unlink(missing_ok=True)

    monkeypatch.setattr(shutil, "rmtree", remove_some)
    recording = record(tmp_path, 0 if how == "without frames" else 3)
    if how == "thrown away":
        recording.discard()
    else:
        place(recording.folder, "finished", verify=False)
    monkeypatch.undo()
    assert recording.folder.exists()
    assert list(recover(tmp_path)) == []
    assert not recording.folder.exists()
    assert len(Dataset(tmp_path)) == (1 if how == "placed" else 0)


def test_a_data_set_that_another_program_holds_is_named_and_its_recordings_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = record(tmp_path, 2).folder
    monkeypatch.setattr("dreamport.episodes.recording.LOCK_WAIT_S", 0.0)
    with FileLock(tmp_path / ".recording" / "lock").take():
        (found,) = recover(tmp_path)
    assert isinstance(found, DatasetError) and "held by another program" in str(found)
    assert folder.exists()


def test_a_recording_whose_plan_is_damaged_is_named_and_kept(tmp_path: Path) -> None:
    folder = record(tmp_path, 2).folder
    plan = json.loads((folder / "plan.json").read_text())
    del plan["plan"]["split"]
    (folder / "plan.json").write_text(json.dumps(plan))
    (found,) = recover(tmp_path)
    assert isinstance(found, DatasetError) and "plan.json" in str(found)
    assert folder.exists()


# --- the layout


def test_a_data_set_of_the_first_layout_is_still_read() -> None:
    data = Dataset(Path(__file__).parent.parent / "benchmarks" / "heldout")
    assert data.info.colour_codec == "hevc" and data.info.depth == "millimetres"
    episode = data[0]
    assert episode.runs() == [(0, len(episode))]
    assert episode.frame_number.tolist() == list(range(len(episode)))
    assert np.isfinite(episode.depth(0)).any() and not episode.redacted.any()


def test_a_data_set_of_the_first_layout_can_be_gone_on_with(tmp_path: Path) -> None:
    source = Path(__file__).parent.parent / "benchmarks" / "heldout"
    shutil.copytree(source / "meta", tmp_path / "meta")
    from dreamport.episodes.layout import create_dataset, read_info

    before = (tmp_path / "meta" / "info.json").read_bytes()
    create_dataset(tmp_path, read_info(tmp_path))
    assert (tmp_path / "meta" / "info.json").read_bytes() == before
