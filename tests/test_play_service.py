"""Playing over a real gRPC connection: a server on loopback, a client, a stub in place of the generator."""

from __future__ import annotations

import math
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from dreamport.geometry import Intrinsics, Pose
from dreamport.service import PlayError, PlayStream
from dreamport.service.client import PlayedFrame
from dreamport.service.world_source import ExecutorInfo
from dreamport.v1 import common_pb2, play_pb2
from stubs import NEAR_M, StubGenerator, StubSource, serving, stub_world, until


async def frames_until_applied(stream: PlayStream, sequence: int) -> list[PlayedFrame]:
    """Frames up to the first that applied control ``sequence``."""
    frames = []
    async for frame in stream.frames():
        frames.append(frame)
        if frame.message.control.sequence >= sequence:
            return frames
    return frames


async def test_a_client_finds_the_worlds_and_all_it_must_know_to_drive_one() -> None:
    async with serving(StubSource(stub_world("yard"), stub_world("attic"))) as here:
        assert [world.name for world in await here.client.worlds()] == ["attic", "yard"]
        world = await here.client.world("yard")
    forward = world.control_schema.buttons[0]
    assert (forward.name, list(forward.keys)) == ("forward", ["KeyW"])
    assert world.control_schema.look.yaw and not world.control_schema.look.pitch
    assert world.control_schema.look.max_deg_per_frame == 12.0
    assert world.control_schema.pose and not world.control_schema.prompts
    assert (world.summary.frame_size.width, world.summary.frame_size.height) == (64, 48)
    assert (world.summary.frame_rate, world.chunk_frames) == (100.0, 1)
    assert world.intrinsics.fx == 32.0 and world.depth_range.min_m == NEAR_M
    assert [start.name for start in world.starts] == ["hall", "yard"]
    assert world.card == "# Stub" and world.provenance.metrics["psnr.1"] == 30.0


async def test_an_unknown_world_is_not_found_and_the_answer_names_those_there_are() -> None:
    async with serving() as here:
        with pytest.raises(PlayError, match="it has: stub") as caught:
            await here.client.world("nowhere")
        assert caught.value.code == grpc.StatusCode.NOT_FOUND


async def test_opened_states_what_was_agreed() -> None:
    source = StubSource(executor=ExecutorInfo("torch", "CPU", "f32", "openvino is not installed"))
    async with serving(source, grace_s=7.0) as here, await here.client.open(seed=5, start="yard") as stream:
        opened = stream.opened
        await until_notice(stream, play_pb2.NOTICE_CODE_FALLBACK)
    assert opened.protocol_version == 1 and not opened.resumed
    assert (opened.seed, opened.start, opened.world.summary.name) == (5, "yard", "stub")
    assert opened.cadence.frame_rate == 100.0 and opened.cadence.frame_interval_ns == 10_000_000
    assert opened.colour_format == common_pb2.COLOUR_FORMAT_RAW_RGBA
    assert opened.depth_format == common_pb2.DEPTH_FORMAT_INVERSE_UINT16
    assert opened.transport == common_pb2.TRANSPORT_INLINE
    assert opened.grace_ns == 7_000_000_000 and len(opened.resume_token) >= 32
    assert opened.resume_token not in opened.session_id and len(opened.session_id) >= 8
    assert (opened.executor.name, opened.executor.fallback_reason) == ("torch", "openvino is not installed")
    assert any("openvino is not installed" in notice.message for notice in stream.notices)


async def until_notice(stream: PlayStream, code: play_pb2.NoticeCode) -> play_pb2.Notice:
    """The next notice of that code."""
    while not any(notice.code == code for notice in stream.notices):
        await stream.receive()
    return next(notice for notice in stream.notices if notice.code == code)


async def test_the_first_frame_is_the_start_and_every_step_follows() -> None:
    async with serving() as here, await here.client.open(seed=1) as stream:
        messages = [(await stream.next_frame()).message for _ in range(6)]
    assert messages[0].index == 0 and messages[0].control.sequence == 0
    assert [m.index for m in messages] == sorted({m.index for m in messages})
    assert [m.id for m in messages] == sorted({m.id for m in messages})
    assert all(m.epoch == 0 for m in messages)


async def test_without_a_seed_the_server_chooses_one_and_says_which() -> None:
    async with serving() as here:
        async with await here.client.open() as first, await here.client.open() as second:
            assert first.opened.seed != second.opened.seed
        assert [player.seed for player in here.source.players()] == [first.opened.seed, second.opened.seed]


async def test_every_frame_names_the_control_it_applied() -> None:
    async with serving() as here, await here.client.open() as stream:
        mask = stream.button("forward", "jump")
        sequence = await stream.control(buttons=mask)
        frame = (await frames_until_applied(stream, sequence))[-1].message
        later = (await stream.next_frame()).message
    assert frame.control.sequence == sequence and frame.control.buttons == mask == 0b101
    assert frame.control.client_time_ns > 0
    assert later.control.sequence == sequence and later.control.buttons == mask, "held until told otherwise"
    assert later.pose.position.z > frame.pose.position.z > 0.0
    assert (later.intrinsics.fx, later.intrinsics.cy) == (32.0, 24.0)


async def test_look_is_applied_exactly_once_whatever_frames_it_falls_into() -> None:
    async with serving() as here, await here.client.open() as stream:
        turns = [0.5, -3.25, 40.0, 1.75, 2.0, -0.125, 30.0]
        for turn in turns:
            last = await stream.control(look_deg=(turn, 5.0))
        await frames_until_applied(stream, last)
        (player,) = here.source.players()
        await until(lambda: len(player.controls) > 12, "frames after the last look")
        controls = list(player.controls)
    assert math.isclose(sum(control.look_deg[0] for control in controls), sum(turns), abs_tol=1e-6)
    assert max(abs(control.look_deg[0]) for control in controls) <= 12.0
    assert all(control.look_deg[1] == 0.0 for control in controls), "the world has no pitch"
    assert controls[-1].look_deg == (0.0, 0.0)


async def test_a_press_lives_for_one_frame_even_if_it_was_over_before_the_frame() -> None:
    async with serving() as here, await here.client.open() as stream:
        jump = stream.button("jump")
        await stream.control(pressed=jump)
        last = await stream.control()
        await frames_until_applied(stream, last)
        (player,) = here.source.players()
        seen = len(player.controls)
        await until(lambda: len(player.controls) > seen + 5, "five more frames")
        controls = list(player.controls)
    assert [control.buttons for control in controls].count(jump) == 1
    assert sum(control.buttons != 0 for control in controls) == 1


async def test_a_camera_from_outside_drives_the_frames_until_it_is_left_out() -> None:
    pose = Pose.from_yaw_pitch((1.0, -2.0, 3.0), 30.0)
    async with serving() as here, await here.client.open() as stream:
        sequence = await stream.control(pose=pose, intrinsics=Intrinsics(50.0, 51.0, 30.0, 20.0))
        driven = (await frames_until_applied(stream, sequence))[-1].message
        sequence = await stream.control()
        free = (await frames_until_applied(stream, sequence))[-1].message
    assert driven.control.camera and not free.control.camera
    assert (driven.pose.position.x, driven.pose.position.y, driven.pose.position.z) == (1.0, -2.0, 3.0)
    assert driven.pose.orientation.y == pytest.approx(pose.orientation[1])
    assert (driven.intrinsics.fx, driven.intrinsics.fy) == (50.0, 51.0)
    assert (free.pose.position.x, free.intrinsics.fx) == (0.0, 32.0)


async def test_a_world_that_moves_its_own_camera_says_so_once() -> None:
    async with serving(StubSource(stub_world(pose=False))) as here, await here.client.open() as stream:
        for _ in range(3):
            last = await stream.control(pose=Pose.from_yaw_pitch((1.0, 0.0, 0.0), 0.0))
        frames = await frames_until_applied(stream, last)
        notice = await until_notice(stream, play_pb2.NOTICE_CODE_UNSUPPORTED)
        await stream.next_frame()
    assert "poses are ignored" in notice.message and len(stream.notices) == 1
    assert not frames[-1].message.control.camera


@pytest.mark.parametrize(
    "request_",
    [
        play_pb2.PlayRequest(prompt=play_pb2.Prompt(text="a red door")),
        play_pb2.PlayRequest(event=play_pb2.Event(name="rain")),
    ],
)
async def test_a_world_without_prompts_or_events_answers_so_and_plays_on(
    request_: play_pb2.PlayRequest,
) -> None:
    async with serving() as here, await here.client.open() as stream:
        await stream.send(request_)
        notice = await until_notice(stream, play_pb2.NOTICE_CODE_UNSUPPORTED)
        frame = await stream.next_frame()
    assert "This world" in notice.message
    assert frame.message.index >= 0


async def test_reset_begins_again_under_a_new_epoch() -> None:
    async with serving() as here, await here.client.open(seed=1) as stream:
        last = await stream.control(buttons=1)
        frames = await frames_until_applied(stream, last)
        await stream.reset(seed=9, start="yard")
        while frames[-1].message.epoch == 0:
            frames.append(await stream.next_frame())
        first = frames[-1].message
        second = (await stream.next_frame()).message
        (player,) = here.source.players()
    assert first.index == 0 and first.epoch == 1
    assert (second.epoch, second.index) == (1, 1)
    ids = [frame.message.id for frame in frames]
    assert ids == sorted(set(ids)) and second.id > first.id, "ids never go back"
    assert (player.seed, player.start) == (9, "yard")


async def test_reset_to_an_unknown_start_is_answered_and_play_goes_on() -> None:
    async with serving() as here, await here.client.open() as stream:
        await stream.reset(start="moon")
        await until_notice(stream, play_pb2.NOTICE_CODE_NOT_FOUND)
        assert (await stream.next_frame()).message.epoch == 0


async def test_load_goes_back_to_where_save_was() -> None:
    async with serving() as here, await here.client.open() as stream:
        await frames_until_applied(stream, await stream.control(buttons=1))
        saved = await stream.save()
        frames = [await stream.next_frame() for _ in range(4)]
        loaded = await stream.load(saved.handle)
        shown = await stream.next_frame()
        after = await stream.next_frame()
    assert saved.bytes > 0 and loaded.handle == saved.handle
    assert loaded.frame_index == saved.frame_index < frames[-1].message.index
    assert (shown.message.index, shown.message.epoch) == (saved.frame_index, 1), (
        "the kept picture is shown at once"
    )
    assert after.message.index == saved.frame_index + 1


async def test_a_state_that_is_not_kept_is_not_found_and_play_goes_on() -> None:
    async with serving() as here, await here.client.open() as other, await here.client.open() as stream:
        foreign = await other.save()
        for handle in ("nonsense", foreign.handle):
            stream.notices.clear()
            await stream.send(play_pb2.PlayRequest(load=play_pb2.Load(handle=handle)))
            await until_notice(stream, play_pb2.NOTICE_CODE_NOT_FOUND)
        assert (await stream.next_frame()).message.epoch == 0


async def test_only_the_newest_states_are_kept() -> None:
    async with serving() as here, await here.client.open() as stream:
        saved = [await stream.save() for _ in range(9)]
        await stream.send(play_pb2.PlayRequest(load=play_pb2.Load(handle=saved[0].handle)))
        await until_notice(stream, play_pb2.NOTICE_CODE_NOT_FOUND)
        assert (await stream.load(saved[1].handle)).frame_index == saved[1].frame_index


async def test_a_state_too_large_to_keep_is_not_kept() -> None:
    async with serving(max_saved_bytes=10) as here, await here.client.open() as stream:
        await stream.send(play_pb2.PlayRequest(save=play_pb2.Save()))
        assert (await until_notice(stream, play_pb2.NOTICE_CODE_NO_SPACE)).message


async def test_pause_stops_the_frames_and_drops_looks_but_not_held_buttons() -> None:
    async with serving() as here, await here.client.open() as stream:
        await stream.next_frame()
        await stream.pause()
        await stream.control(buttons=1, pressed=4, look_deg=(30.0, 0.0))
        saved = await stream.save()  # answered while paused, so everything before it has been heard
        (player,) = here.source.players()
        steps = len(player.controls)
        await stream.next("stats")
        assert len(player.controls) == steps, "no frame is generated while paused"
        await stream.pause(False)
        await until(lambda: len(player.controls) > steps + 3, "frames after the pause")
        after = player.controls[steps:]
    assert saved.frame_index == steps
    assert all(control.look_deg == (0.0, 0.0) and control.buttons == 1 for control in after)


async def test_a_pause_without_anything_else_stops_the_frames_too() -> None:
    async with serving() as here, await here.client.open() as stream:
        await stream.next_frame()
        await stream.pause()
        (player,) = here.source.players()
        while stream.stats is None or stream.stats.fps > 0:
            await stream.receive()
        steps = len(player.controls)
        await stream.next("stats")
        assert len(player.controls) == steps


async def test_presented_frames_feed_the_latency_in_stats() -> None:
    async with serving() as here, await here.client.open() as stream:
        while stream.stats is None or stream.stats.control_to_presented_ms_p50 == 0.0:
            sequence = await stream.control()
            frame = (await frames_until_applied(stream, sequence))[-1]
            await stream.presented(frame.message.id)
        stats = stream.stats
    assert 0.0 < stats.control_to_frame_ms_p50 <= stats.control_to_frame_ms_p95
    assert (
        stats.control_to_frame_ms_p50
        <= stats.control_to_presented_ms_p50
        <= stats.control_to_presented_ms_p95
    )
    assert stats.generation_ms_p50 > 0.0 and stats.frames > 0 and stats.fps > 0
    assert stats.rss_bytes > 1_000_000 and stats.executor.name == "stub" and stats.sessions == 1


async def test_every_frame_tells_when_it_was_made_and_when_it_is_due() -> None:
    async with serving() as here, await here.client.open() as stream:
        timings = [(await stream.next_frame()).message.timing for _ in range(8)]
    for timing in timings[1:]:
        assert timing.latched_at_ns < timing.generated_at_ns <= timing.present_at_ns
        assert 0.0 < timing.generation_ms <= (timing.generated_at_ns - timing.latched_at_ns) / 1e6
    due = [timing.present_at_ns for timing in timings]
    assert due == sorted(due) and min(np.diff(due[1:])) >= 0.69 * 10_000_000, "never in bursts"


async def test_what_generation_leaves_over_is_done_after_each_frame_and_on_a_thread_of_its_own() -> None:
    import threading

    async with serving() as here:
        async with await here.client.open() as stream:
            for _ in range(5):
                await stream.next_frame()
        (player,) = here.source.players()
    assert len(player.controls) == player.finished
    assert len(player.threads) == 1 and threading.get_ident() not in player.threads


@pytest.mark.parametrize("transport", [common_pb2.TRANSPORT_INLINE, common_pb2.TRANSPORT_SHARED_MEMORY])
async def test_pixels_and_depth_arrive_as_they_were_made(transport: common_pb2.Transport) -> None:
    async with serving() as here, await here.client.open(seed=2, transport=transport) as stream:
        frame = await stream.next_frame()
    made = StubGenerator(stub_world(), 2, "hall", lambda stub: None).start_frame
    assert stream.opened.transport == transport and frame.message.index == 0
    assert np.array_equal(frame.colour, made.colour)
    assert frame.depth is not None and made.depth is not None and np.isinf(frame.depth[0]).all()
    assert np.allclose(frame.depth[1:], made.depth[1:], rtol=made.depth[1, 0] / (2 * NEAR_M * 65535))
    assert bool(frame.message.colour) == (transport == common_pb2.TRANSPORT_INLINE)


async def test_jpeg_is_close_and_small_and_depth_can_be_left_out() -> None:
    wanted = common_pb2.COLOUR_FORMAT_JPEG
    source = StubSource(stub_world(size=(320, 192)))
    async with serving(source) as here, await here.client.open(seed=2, colour=wanted, depth=False) as stream:
        frame = await stream.next_frame()
    made = StubGenerator(stub_world(size=(320, 192)), 2, "hall", lambda stub: None).start_frame
    assert frame.depth is None and not frame.message.depth
    assert frame.message.colour[:2] == b"\xff\xd8" and len(frame.message.colour) < 320 * 192
    assert np.abs(frame.colour.astype(int) - made.colour).mean() < 12


async def test_wishes_that_cannot_be_granted_are_answered_with_what_is_used() -> None:
    async with serving() as here:
        stream = await here.client.open(
            colour=common_pb2.COLOUR_FORMAT_JPEG, transport=common_pb2.TRANSPORT_SHARED_MEMORY
        )
        async with stream:
            notice = await until_notice(stream, play_pb2.NOTICE_CODE_NEGOTIATED)
            assert stream.opened.colour_format == common_pb2.COLOUR_FORMAT_RAW_RGBA
    assert "RGBA" in notice.message


async def test_no_more_frames_are_in_flight_than_the_client_allows() -> None:
    async with serving() as here, await here.client.open(max_frames_in_flight=2) as stream:
        (player,) = here.source.players()
        await until(lambda: len(player.controls) > 20, "twenty frames")
        start, first, second = [(await stream.next_frame()).message for _ in range(3)]
        await stream.presented(second.id)
        third = (await stream.next_frame()).message
        stats = (await stream.next("stats")).stats
    assert start.index == 0 and (first.id, second.id) == (2, 3)
    assert third.index >= 20, "frames in between were dropped, the newest is sent"
    assert stats.dropped >= 10


async def test_health_and_reflection_answer() -> None:
    async with serving() as here, grpc.aio.insecure_channel(here.server.address) as channel:
        check: Any = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        for service in ("", "dreamport.v1.PlayService", "dreamport.v1.WorldService"):
            answer = await check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflect: Any = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        call = reflect(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        names = [service.name async for answer in call for service in answer.list_services_response.service]
    assert {"dreamport.v1.PlayService", "dreamport.v1.WorldService", "grpc.health.v1.Health"} <= set(names)


async def test_status_tells_what_runs_where() -> None:
    async with serving() as here:
        async with await here.client.open() as stream:
            await stream.next("stats")
            status = here.server.status()
        await until(lambda: here.server.status().sessions == 0, "the lease to come back")
    assert status.sessions == 1 and status.fps > 0 and status.worlds == ("stub",)
    assert status.executors["stub"].name == "stub"
