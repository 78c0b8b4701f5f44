"""Recording an engine: what is acknowledged is on disk, what is recorded is read back bit for bit."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from capture_frames import (
    BUTTONS,
    CAMERA,
    HEIGHT,
    JPEG,
    NEAR_M,
    RATE,
    RGBA,
    WIDTH,
    Capturing,
    assert_is_made_up,
    begin_message,
    capturing,
    frame_message,
    made_up,
    record_episode,
    send_frame,
    until_notice,
)
from dreamport.episodes.plan import Progress
from dreamport.geometry import Pose
from dreamport.service import CaptureClient, CaptureError, Recorder, capture_desk
from dreamport.v1 import capture_pb2, common_pb2, play_pb2
from stubs import serving


@pytest.mark.parametrize(("colour", "codec"), [(JPEG, "mjpeg"), (RGBA, "utvideo")])
async def test_an_episode_is_read_back_bit_for_bit(
    tmp_path: Path, colour: common_pb2.ColourFormat, codec: str
) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        finished = await record_episode(
            recorder, 5, 40, colour_format=colour, seed=7, tags={"weather": "rain"}
        )
        assert (finished.episode_index, finished.frames, finished.missing) == (0, 40, 0)
        assert finished.episode_id == recorder.begun.episode_id
        assert recorder.acknowledged.frames == 40 and recorder.acknowledged.last_index == 39
        assert recorder.acknowledged.bytes > 40 * 1000
    data = here.dataset()
    assert data.info.colour_codec == codec and data.info.lossless
    assert (data.info.depth, data.info.depth_near_m) == ("inverse", NEAR_M)
    assert data.info.source == {
        "engine": "Stub", "engine_version": "1.2", "project": "Garden", "plugin_version": "0.2"
    }  # fmt: skip
    (episode,) = data
    assert_is_made_up(episode, 5)
    assert (episode.seed, episode.split) == (7, "train")
    assert episode.facts["map"] == "lawn" and episode.facts["map_digest"] == "abc"
    assert json.loads(episode.facts["tags"]) == {"weather": "rain"}
    assert episode.facts["ended"] == "finished" and episode.facts["played_by"] == "orbit sampler"
    stored = np.frombuffer(made_up(5, 3).depth, "<u2").reshape(HEIGHT, WIDTH)
    metres = episode.depth(3)
    assert np.isinf(metres[stored == 0]).all()
    assert np.allclose(metres[stored > 0], 65535 * NEAR_M / stored[stored > 0], rtol=1e-6)
    for index in (39, 0, 17, 16, 18):  # in any order
        assert episode.stored_depth(index).tobytes() == made_up(5, index).depth
    assert not list((tmp_path / "garden" / ".recording").glob("*/"))


async def test_a_recorder_records_one_episode_after_another(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        for number in range(3):
            finished = await record_episode(recorder, number, 3 + number)
            assert finished.episode_index == number
    data = here.dataset()
    assert [len(episode) for episode in data] == [3, 4, 5]
    assert len(set(data.seeds())) == 3, "episodes without a seed get different ones"
    for number, episode in enumerate(data):
        assert_is_made_up(episode, number)


async def test_depth_may_be_left_out(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message(depth_format=0, depth_near_m=0.0))
        for index in range(3):
            await recorder.frame(made_up(1, index).jpeg, made_up(1, index).pose)
        await recorder.finish()
    (episode,) = here.dataset()
    assert episode.jpeg(2) == made_up(1, 2).jpeg
    with pytest.raises(Exception, match="without depth"):
        episode.depth(0)


# --- the alignment rule, at every border


async def test_the_first_frame_has_no_action_whatever_it_came_with(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message())
        for index in (3, 4):  # made-up frames 3 and 4 hold buttons and turn
            await send_frame(recorder, 2, index)
        finished = await recorder.finish()
    assert finished.missing == 3, "three frames are missing before the first"
    table = pq.read_table(here.folder / "garden" / "data" / "chunk-000" / "file-000.parquet")
    assert table["action.buttons"].to_pylist() == [None, 4]
    assert table["action.look_deg"].to_pylist() == [None, [2.0, -0.25]]
    assert table["is_first"].to_pylist() == [True, False] and table["is_last"].to_pylist() == [False, True]
    assert table["timestamp"].to_pylist() == pytest.approx([0.0, 1 / RATE])
    assert_is_made_up(here.dataset()[0], 2, [3, 4])


async def test_a_gap_begins_a_run_and_no_row_changes_its_place(tmp_path: Path) -> None:
    indices = [0, 1, 2, 6, 7, 20]
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message())
        for index in indices:
            await send_frame(recorder, 2, index)
        finished = await recorder.finish()
    assert (finished.frames, finished.missing) == (6, 15)
    (episode,) = here.dataset()
    assert_is_made_up(episode, 2, indices)
    assert episode.missing_before.tolist() == [0, 0, 0, 3, 0, 12]
    assert episode.runs() == [(0, 3), (3, 5), (5, 6)]
    assert episode.facts["missing"] == 15


async def test_a_mark_names_the_frame_before_it_and_moves_nothing(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message())
        await recorder.mark("note", "before the first frame")
        for index in range(5):
            await send_frame(recorder, 2, index)
            if index == 2:
                await recorder.mark("collision", "the wall\nhit", 77)
        await recorder.finish()
    (episode,) = here.dataset()
    assert_is_made_up(episode, 2)
    header, *marks = episode.raw()
    assert header["map"] == "lawn" and header["ended"] == "finished"
    assert [(mark["mark"], mark["row"], mark["text"]) for mark in marks] == [
        ("note", 0, "before the first frame"),
        ("collision", 2, "the wall\nhit"),
    ]
    assert marks[1]["client_time_ns"] == 77


async def test_a_recorder_that_comes_back_begins_another_episode_with_a_first_frame_of_its_own(
    tmp_path: Path,
) -> None:
    async with capturing(tmp_path) as here:
        lost = here.client.record()
        await lost.begin_with(begin_message())
        for index in range(4):
            await send_frame(lost, 1, index)
        await lost.safe(4)
        lost.cancel()
        async with here.client.record() as recorder:
            await record_episode(recorder, 1, 3)
            await until_episodes(here.folder / "garden", 2)
    episodes = {episode.facts["ended"]: episode for episode in here.dataset()}
    assert {ended: len(episode) for ended, episode in episodes.items()} == {
        "connection lost": 4,
        "finished": 3,
    }
    for episode in episodes.values():
        assert_is_made_up(episode, 1)


async def until_episodes(root: Path, count: int) -> None:
    for _ in range(2000):
        if len(list(root.glob("meta/episodes/*/*"))) >= count:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"waited in vain for {count} episodes")


# --- state, cameras, what else a row carries


async def test_state_comes_from_the_poses_when_the_engine_gives_no_velocity(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message())
        for index in (0, 1, 2, 6):
            await send_frame(recorder, 2, index)
        await recorder.finish()
    (episode,) = here.dataset()
    state = episode.motion_state
    assert np.allclose(state[:, :3], episode.pose[:, :3, 3])
    yaw = np.radians([0.0, 3.0, 6.0, 18.0])
    assert np.allclose(state[:, 3:5], np.stack([np.sin(yaw), np.cos(yaw)], 1))
    assert np.allclose(state[:, 5], math.radians(2.0))
    assert np.allclose(state[:, 6], [0.0, 0.1, 0.1, 0.1]), "metres a frame, also over the gap"
    assert np.allclose(state[:, 8], [0.0, 0.02, 0.06, 0.02 * (36 - 4) / 4])


async def test_what_the_engine_says_itself_is_kept(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message())
        await send_frame(recorder, 2, 0)
        await send_frame(
            recorder,
            2,
            1,
            velocity=common_pb2.Vector3(x=3.0, y=-6.0, z=30.0),
            intrinsics=common_pb2.Intrinsics(fx=20.0, fy=21.0, cx=15.0, cy=7.0),
            engine_state=[1.5, 2.5],
            redacted=True,
        )
        await recorder.finish()
    (episode,) = here.dataset()
    assert np.allclose(episode.motion_state[1, 6:], [0.1, -0.2, 1.0])
    assert episode.cameras.tolist() == [[CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy], [20.0, 21.0, 15.0, 7.0]]
    assert episode.engine[1, :2].tolist() == [1.5, 2.5] and np.isnan(episode.engine[1, 2:]).all()
    assert episode.redacted.tolist() == [False, True]


# --- life


async def test_a_discarded_episode_leaves_nothing(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message(seed=3))
        await send_frame(recorder, 1, 0)
        finished = await recorder.finish(discard=True)
        assert finished.frames == 0
        assert len(here.dataset()) == 0
        again = await record_episode(recorder, 1, 2, seed=3, split="heldout")
        assert again.episode_index == 0
    assert not list((tmp_path / "garden" / ".recording").glob("*/"))


async def test_an_episode_without_frames_is_none(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message())
        assert (await recorder.finish()).frames == 0
        assert len(here.dataset()) == 0


async def test_a_refused_frame_ends_the_stream_and_keeps_what_came_before(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here:
        recorder = here.client.record()
        await recorder.begin_with(begin_message())
        await send_frame(recorder, 1, 0)
        await send_frame(recorder, 1, 1)
        await recorder.frame(b"no picture", made_up(1, 2).pose, made_up(1, 2).depth)
        with pytest.raises(CaptureError, match=r"frame\.colour: not a JPEG") as caught:
            await recorder.finish()
        assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT
        assert "The 2 frames until then are episode 0 of data set garden." in caught.value.message
    (episode,) = here.dataset()
    assert episode.facts["ended"] == "refused"
    assert_is_made_up(episode, 1)


async def test_a_server_that_stops_says_so_and_keeps_the_episode(tmp_path: Path) -> None:
    async with capturing(tmp_path, drain_s=0.2) as here:
        recorder = here.client.record()
        await recorder.begin_with(begin_message())
        await send_frame(recorder, 1, 0)
        await recorder.safe(1)
        stopping = asyncio.create_task(_stop(here))
        with pytest.raises(CaptureError, match="shutting down") as caught:
            await recorder.safe(2)
        await stopping
    assert caught.value.code == grpc.StatusCode.UNAVAILABLE
    assert any(n.code == capture_pb2.CAPTURE_NOTICE_CODE_SHUTTING_DOWN for n in recorder.notices)
    (episode,) = here.dataset()
    assert episode.facts["ended"] == "server stopped"
    assert_is_made_up(episode, 1)


async def test_a_stopping_server_waits_for_a_recorder_that_finishes(tmp_path: Path) -> None:
    async with capturing(tmp_path, drain_s=30.0) as here:
        recorder = here.client.record()
        await recorder.begin_with(begin_message())
        await send_frame(recorder, 1, 0)
        await recorder.safe(1)
        stopping = asyncio.create_task(_stop(here))
        await until_notice(recorder, capture_pb2.CAPTURE_NOTICE_CODE_SHUTTING_DOWN)
        assert (await recorder.finish()).frames == 1
        await stopping
    assert here.dataset()[0].facts["ended"] == "finished"


async def _stop(here: Capturing) -> None:
    await here.stop()


# --- refused


async def refused(folder: Path, requests: list[capture_pb2.RecordRequest], **options: Any) -> CaptureError:
    """How a server ends a stream of these requests."""
    async with capturing(folder, **options) as here:
        recorder = here.client.record()
        with pytest.raises(CaptureError) as caught:
            for request in requests:
                await recorder.send(request)
            await recorder.safe(1 << 40)
        return caught.value


BAD_BEGINNINGS: list[tuple[str, dict[str, Any]]] = [
    ("begin.dataset", {"dataset": "../elsewhere"}),
    ("begin.dataset", {"dataset": ""}),
    ("begin.dataset", {"dataset": "/etc"}),
    ("begin.dataset", {"dataset": "a/b"}),
    ("begin.dataset", {"dataset": "a\\b"}),
    ("begin.dataset", {"dataset": ".hidden"}),
    ("begin.dataset", {"dataset": "nul.txt"}),
    ("begin.dataset", {"dataset": "dot."}),
    ("begin.dataset", {"dataset": "x" * 65}),
    ("begin.dataset", {"dataset": "gärten"}),
    ("begin.dataset", {"dataset": "line\n"}),
    ("begin.licence", {"licence": ""}),
    ("begin.licence", {"licence": "x" * 129}),
    ("begin.frame_rate", {"frame_rate": 0.5}),
    ("begin.frame_rate", {"frame_rate": 241.0}),
    ("begin.frame_rate", {"frame_rate": math.nan}),
    ("begin.frame_size.width", {"frame_size": common_pb2.FrameSize(width=31, height=16)}),
    ("begin.frame_size.height", {"frame_size": common_pb2.FrameSize(width=32, height=4098)}),
    (
        "begin.frame_size",
        {"frame_size": common_pb2.FrameSize(width=4096, height=4096), "colour_format": RGBA},
    ),
    ("begin.frame_size.width", {"frame_size": None}),
    ("begin.colour_format", {"colour_format": 0}),
    ("begin.colour_format", {"colour_format": 9}),
    ("begin.depth_format", {"depth_format": 9}),
    ("begin.depth_near_m", {"depth_near_m": 0.0}),
    ("begin.depth_near_m", {"depth_near_m": math.inf}),
    ("begin.intrinsics", {"intrinsics": None}),
    ("begin.intrinsics.fx", {"intrinsics": common_pb2.Intrinsics(fx=0.0, fy=1.0)}),
    ("begin.intrinsics.cy", {"intrinsics": common_pb2.Intrinsics(fx=1.0, fy=1.0, cy=math.nan)}),
    ("begin.buttons", {"buttons": [f"b{n}" for n in range(33)]}),
    ("begin.buttons", {"buttons": ["jump", "jump"]}),
    ("begin.buttons", {"buttons": [""]}),
    ("begin.look_max_deg", {"look_max_deg": -1.0}),
    ("begin.engine.name", {"engine": capture_pb2.EngineIdentity(name="x" * 129)}),
    ("begin.map.name", {"map": capture_pb2.MapIdentity(name="bell\a")}),
    ("begin.seed", {"seed": 1 << 63}),
    ("begin.split", {"split": "test"}),
    ("begin.source", {"source": "x" * 121}),
    ("begin.tags", {"tags": {f"t{n}": "" for n in range(33)}}),
    ("begin.tags", {"tags": {"t": "x" * 513}}),
]


@pytest.mark.parametrize(("field", "changes"), BAD_BEGINNINGS)
async def test_a_beginning_with_a_wrong_value_is_refused_and_the_field_named(
    tmp_path: Path, field: str, changes: dict[str, Any]
) -> None:
    error = await refused(tmp_path / "captures", [capture_pb2.RecordRequest(begin=begin_message(**changes))])
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert error.message.startswith(f"{field}: "), error.message
    assert not (tmp_path / "captures").exists(), "nothing is made for a refused beginning"


def _spoil(frame: capture_pb2.CapturedFrame, path: str, value: float) -> None:
    *parents, name = path.split(".")
    target: Any = frame
    for parent in parents:
        target = getattr(target, parent)
    setattr(target, name, value)


def _set(**values: Any) -> Callable[[capture_pb2.CapturedFrame], None]:
    def change(frame: capture_pb2.CapturedFrame) -> None:
        for path, value in values.items():
            if isinstance(value, list):
                getattr(frame, path).extend(value)
            elif value is None:
                frame.ClearField(path)
            else:
                _spoil(frame, path.replace("__", "."), value)

    return change


SMALL_JPEG = made_up(1, 1).jpeg
BAD_FRAMES: list[tuple[str, Callable[[capture_pb2.CapturedFrame], None]]] = [
    ("frame.index", _set(index=0)),
    ("frame.index", _set(index=1 << 60)),
    ("frame.pose", _set(pose=None)),
    ("frame.pose.position.x", _set(pose__position__x=math.nan)),
    ("frame.pose.position.z", _set(pose__position__z=1e9)),
    ("frame.pose.orientation", _set(pose__orientation__w=1.5)),
    ("frame.pose.orientation.y", _set(pose__orientation__y=math.inf)),
    ("frame.intrinsics.fx", _set(intrinsics__fx=-1.0)),
    ("frame.buttons", _set(buttons=8)),
    ("frame.look_yaw_deg", _set(look_yaw_deg=math.nan)),
    ("frame.look_pitch_deg", _set(look_pitch_deg=1e6)),
    ("frame.velocity.y", _set(velocity__y=math.inf)),
    ("frame.engine_state", _set(engine_state=[0.0] * 9)),
    ("frame.engine_state", _set(engine_state=[math.nan])),
    ("frame.colour", _set(colour=b"")),
    ("frame.colour", _set(colour=b"\xff\xd8\xff")),
    ("frame.colour", _set(colour=SMALL_JPEG[:-2])),
    ("frame.depth", _set(depth=b"")),
    ("frame.depth", _set(depth=b"\0" * (WIDTH * HEIGHT * 2 + 1))),
]


@pytest.mark.parametrize(("field", "spoil"), BAD_FRAMES)
async def test_a_frame_with_a_wrong_value_is_refused_and_the_field_named(
    tmp_path: Path, field: str, spoil: Callable[[capture_pb2.CapturedFrame], None]
) -> None:
    bad = frame_message(1, 1)
    spoil(bad)
    requests = [
        capture_pb2.RecordRequest(begin=begin_message()),
        capture_pb2.RecordRequest(frame=frame_message(1, 0)),
        capture_pb2.RecordRequest(frame=bad),
    ]
    error = await refused(tmp_path, requests)
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert error.message.startswith(f"{field}: "), error.message


async def test_a_jpeg_of_another_size_is_refused(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here:
        recorder = here.client.record()
        await recorder.begin_with(begin_message(depth_format=0))
        await recorder.frame(np.zeros((8, 8, 3), np.uint8), Pose((0, 0, 0), (0, 0, 0, 1)))
        with pytest.raises(CaptureError, match="a JPEG of 8x8, not of 32x16"):
            await recorder.finish()


@pytest.mark.parametrize(
    ("field", "requests"),
    [
        ("frame", [capture_pb2.RecordRequest(frame=capture_pb2.CapturedFrame())]),
        ("marker", [capture_pb2.RecordRequest(marker=capture_pb2.Marker(name="m"))]),
        ("finish", [capture_pb2.RecordRequest(finish=capture_pb2.FinishEpisode())]),
        ("begin", [capture_pb2.RecordRequest(begin=begin_message())] * 2),
        ("begin.protocol_version", [capture_pb2.RecordRequest(begin=begin_message(protocol_version=2))]),
    ],
)
async def test_messages_out_of_order_are_refused(
    tmp_path: Path, field: str, requests: list[capture_pb2.RecordRequest]
) -> None:
    error = await refused(tmp_path, requests)
    assert error.code == grpc.StatusCode.FAILED_PRECONDITION
    assert error.message.startswith(f"{field}: "), error.message


async def test_marks_are_checked_and_so_are_messages_that_are_none(tmp_path: Path) -> None:
    begin = capture_pb2.RecordRequest(begin=begin_message())
    for field, request in (
        ("marker.name", capture_pb2.RecordRequest(marker=capture_pb2.Marker())),
        ("marker.name", capture_pb2.RecordRequest(marker=capture_pb2.Marker(name="x" * 65))),
        ("marker.text", capture_pb2.RecordRequest(marker=capture_pb2.Marker(name="x", text="x" * 513))),
        ("message", capture_pb2.RecordRequest()),
    ):
        error = await refused(tmp_path, [begin, request])
        assert error.code == grpc.StatusCode.INVALID_ARGUMENT and error.message.startswith(f"{field}: ")


async def test_a_link_out_of_the_captures_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "captures").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "captures" / "garden").symlink_to(tmp_path / "elsewhere")
    error = await refused(tmp_path / "captures", [capture_pb2.RecordRequest(begin=begin_message())])
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT and "leads out" in error.message
    assert not list((tmp_path / "elsewhere").iterdir())


async def test_another_data_set_of_that_name_is_not_mixed_in(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await record_episode(recorder, 1, 2)
    error = await refused(
        tmp_path, [capture_pb2.RecordRequest(begin=begin_message(frame_rate=60.0, look_max_deg=9.0))]
    )
    assert error.code == grpc.StatusCode.FAILED_PRECONDITION
    assert "other settings (frame_rate, look_max_deg)" in error.message
    assert len(here.dataset()) == 1


async def test_a_seed_stays_in_its_split(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await record_episode(recorder, 1, 2, seed=11)
        await record_episode(recorder, 1, 2, seed=12, split="heldout")
    error = await refused(
        tmp_path, [capture_pb2.RecordRequest(begin=begin_message(seed=11, split="heldout"))]
    )
    assert error.code == grpc.StatusCode.FAILED_PRECONDITION and "begin.split" in error.message
    assert here.dataset().seeds("heldout") == [12]


async def test_a_seed_stays_in_its_split_when_its_episode_is_recovered_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message(seed=11, split="heldout"))
        await send_frame(recorder, 1, 0)
        await recorder.safe(1)
        shutil.copytree(tmp_path / "garden" / ".recording", tmp_path / "left")
        await recorder.finish(discard=True)
    shutil.copytree(tmp_path / "left", tmp_path / "garden" / ".recording", dirs_exist_ok=True)
    go, really = threading.Event(), capture_desk._recover

    def late(captures: Path, stop: threading.Event) -> None:
        go.wait(20)
        really(captures, stop)

    monkeypatch.setattr(capture_desk, "_recover", late)
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await record_episode(recorder, 1, 2, seed=12)
        go.set()
        with pytest.raises(CaptureError, match=r"begin\.split"):
            for _ in range(500):
                await recorder.begin_with(begin_message(seed=11))
                await recorder.finish(discard=True)
    assert here.dataset().seeds("heldout") == [11]


async def test_a_server_takes_so_many_recorders_and_says_when_to_come_back(tmp_path: Path) -> None:
    async with capturing(tmp_path, max_recorders=1) as here:
        async with here.client.record() as first:
            await first.begin_with(begin_message())
            with pytest.raises(CaptureError, match="Too many recorders") as caught:
                await here.client.record().begin_with(begin_message())
            assert caught.value.code == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert caught.value.retry_after_ms == 2000
            await send_frame(first, 1, 0)
            assert (await first.finish()).frames == 1
        async with here.client.record() as second:
            assert (await record_episode(second, 1, 1)).frames == 1


async def test_a_server_without_a_captures_folder_or_without_the_extra_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving() as here, CaptureClient(here.server.address) as client:
        with pytest.raises(CaptureError, match="--captures") as caught:
            await client.record().begin_with(begin_message())
    assert caught.value.code == grpc.StatusCode.UNIMPLEMENTED
    monkeypatch.setattr("dreamport.service.capture_desk.NEEDED", ("av", "not_installed_at_all"))
    error = await refused(tmp_path, [capture_pb2.RecordRequest(begin=begin_message())])
    assert error.code == grpc.StatusCode.UNIMPLEMENTED
    assert "lacks not_installed_at_all: install dreamport[capture]" in error.message


async def test_no_token_no_recording(tmp_path: Path) -> None:
    async with capturing(tmp_path, token="t" * 32) as here:
        async with here.client.record() as recorder:
            assert (await record_episode(recorder, 1, 1)).frames == 1
        async with CaptureClient(here.server.address, "wrong" * 8) as stranger:
            with pytest.raises(CaptureError) as caught:
                await stranger.record().begin_with(begin_message())
    assert caught.value.code == grpc.StatusCode.UNAUTHENTICATED


async def test_only_recording_takes_large_messages(tmp_path: Path) -> None:
    async with capturing(tmp_path, max_capture_message_bytes=300_000) as here:
        channel: Any = grpc.aio.insecure_channel(here.server.address)
        call = channel.stream_stream("/dreamport.v1.PlayService/Play")()
        await call.write(play_pb2.PlayRequest(prompt=play_pb2.Prompt(text="x" * 100_000)).SerializeToString())
        assert await call.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        unary = channel.unary_unary("/dreamport.v1.WorldService/ListWorlds")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await unary(b"\x0a" + b"\xa0\x8d\x06" + b"x" * 100_000)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        recorder = here.client.record()
        await recorder.begin_with(begin_message())
        with pytest.raises(CaptureError) as refusal:
            await recorder.frame(b"x" * 400_000, made_up(1, 0).pose, made_up(1, 0).depth)
            await recorder.finish()
        assert refusal.value.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        await channel.close()


async def test_health_and_reflection_know_the_service(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, grpc.aio.insecure_channel(here.server.address) as opened:
        channel: Any = opened
        name = "dreamport.v1.CaptureService"
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        async for response in call:
            assert name in [service.name for service in response.list_services_response.service]
            break


# --- held back, and told


async def test_no_more_than_the_window_is_read_ahead_of_a_slow_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dreamport.episodes import recording

    gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    at_sync: list[int] = []
    in_recording = recording.Recording.sync

    def slow_sync(self: recording.Recording) -> Progress:
        if self.written.frames:
            at_sync.append(self.written.frames)
            asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(30)
        return in_recording(self)

    monkeypatch.setattr(recording.Recording, "sync", slow_sync)
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message())
        window = recorder.begun.max_unacknowledged
        assert window == 64
        sender = asyncio.create_task(_send_frames(recorder, 4 * window))
        message = await until_notice(recorder, capture_pb2.CAPTURE_NOTICE_CODE_SLOW_DISK)
        assert "held back" in message
        assert recorder.acknowledged.frames == 0
        (folder,) = (path for path in (tmp_path / "garden" / ".recording").iterdir() if path.is_dir())
        from dreamport.episodes.rows import read_rows

        assert len(list(read_rows(folder / "rows"))) == window, "written, but for the window nothing is read"
        gate.set()
        await sender
        assert (await recorder.finish()).frames == 4 * window
    assert_is_made_up(here.dataset()[0], 1)


async def _send_frames(recorder: Recorder, count: int) -> None:
    for index in range(count):
        await send_frame(recorder, 1, index, wait=False)


@pytest.mark.parametrize("colour", [JPEG, RGBA])
async def test_black_pictures_are_told_once(tmp_path: Path, colour: common_pb2.ColourFormat) -> None:
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgba = b"\0\0\0\xff" * (WIDTH * HEIGHT)
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message(depth_format=0, depth_near_m=0.0, colour_format=colour))
        for _ in range(150):
            await recorder.frame(rgba if colour == RGBA else black, Pose((0, 0, 0), (0, 0, 0, 1)))
        await until_notice(recorder, capture_pb2.CAPTURE_NOTICE_CODE_BLACK)
        await recorder.finish()
    assert [n.code for n in recorder.notices] == [capture_pb2.CAPTURE_NOTICE_CODE_BLACK]


async def test_frozen_pictures_are_told_only_when_the_camera_moves(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await recorder.begin_with(begin_message())
        still = made_up(1, 1)
        for _ in range(90):
            await recorder.frame(still.jpeg, still.pose, still.depth)
        await recorder.finish()
        assert not recorder.notices
        await recorder.begin_with(begin_message())
        for index in range(60):
            await recorder.frame(still.jpeg, made_up(1, index).pose, still.depth)
        await until_notice(recorder, capture_pb2.CAPTURE_NOTICE_CODE_FROZEN)
        await recorder.finish()


async def test_buttons_of_the_data_set_are_those_of_the_recorder(tmp_path: Path) -> None:
    async with capturing(tmp_path) as here, here.client.record() as recorder:
        await record_episode(recorder, 1, 2)
    assert here.dataset().info.buttons == BUTTONS
