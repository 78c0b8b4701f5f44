"""Sessions on workers behind one address: who is placed where, what a lost worker's sessions go on from, and
that every kind of client follows. The workers' servers are real, their worlds and their cluster are stubs.
"""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from pathlib import Path

import grpc
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from certificates import Authority
from dreamport.errors import SnapshotError
from dreamport.generator.chunks import ChunkGenerator
from dreamport.generator.types import FrameControl
from dreamport.service import PlayClient, PlayError, PlayStream
from dreamport.service.controls import LatchedControl
from dreamport.service.kept import KeptSession, SessionKeeper, read_kept
from dreamport.service.placement.roll import SETTLE_S, Post, Roll
from dreamport.service.placement.workers import SessionReport, WorkerReport
from dreamport.service.session import Session
from dreamport.service.world_source import describe
from dreamport.v1 import common_pb2, play_pb2, play_pb2_grpc
from dreamport.web import running_web
from stub_chunks import StubChunkExecutor, chunk_pack
from stub_cluster import Placed, placed
from stubs import STUB, StubGenerator, stub_world, until


@pytest.fixture
def kept_session() -> KeptSession:
    """A session of a stub world at frame 4."""
    generator = StubGenerator(stub_world(), 3, "hall", lambda generator: None)
    frame = replace(generator.start_frame, index=4)
    return KeptSession("t" * 43, "5e55", "stub", "ab" * 32, 2**64 - 1, "hall", 2, 90, 12, -5, frame, b"state")


async def kept_past(here: Placed, stream: PlayStream, frames: int) -> list[play_pb2.Frame]:
    """Play until the gateway keeps a frame that came after so many; gives every frame so far."""
    seen: list[play_pb2.Frame] = []
    placement = next(p for p in here.gateway.roll if p.token == stream.opened.resume_token)
    while placement.kept is None or read_kept(placement.kept).frame.index < frames:
        await stream.control(buttons=1)
        seen.append((await stream.next("frame")).frame)
    return seen


async def test_sessions_are_spread_and_one_too_many_is_told_when_to_come_back() -> None:
    async with placed(2) as here:
        streams = [await here.client.open() for _ in range(4)]
        homes = [stream.worker for stream in streams]
        assert homes[0] != homes[1]
        assert sorted(homes) == sorted(worker.address for worker in here.cluster.workers for _ in range(2))
        with pytest.raises(PlayError, match=r"All 2 workers are full.*--workers") as full:
            await here.client.open()
        assert (full.value.code, full.value.retry_after_ms) == (grpc.StatusCode.RESOURCE_EXHAUSTED, 2000)
        await streams[1].close()
        async with await here.client.open() as again:
            assert again.worker == homes[1]
        for stream in streams:
            await stream.close()


async def test_a_client_that_does_not_follow_is_told_to_update() -> None:
    async with placed(1) as here, grpc.aio.insecure_channel(here.gateway.address) as channel:
        call = play_pb2_grpc.PlayServiceStub(channel).Play()
        await call.write(play_pb2.PlayRequest(open=play_pb2.Open(protocol_version=1)))
        assert await call.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert "Update the client" in await call.details()


async def test_a_worker_plays_only_what_its_gateway_sends() -> None:
    async with placed(1) as here, PlayClient(here.cluster.workers[0].address) as client:
        with pytest.raises(PlayError, match=r"open\.ticket.*gateway's address") as refused:
            await client.open()
        assert refused.value.code == grpc.StatusCode.FAILED_PRECONDITION


async def test_a_broken_stream_is_resumed_on_the_same_worker_without_a_jump() -> None:
    async with placed(2) as here:
        stream = await here.client.open()
        last = [(await stream.next("frame")).frame for _ in range(5)][-1]
        stream.cancel()
        again = await here.client.open(resume_token=stream.opened.resume_token)
        assert (again.opened.resumed, again.worker) == (True, stream.worker)
        frame = (await again.next("frame")).frame
        assert (frame.epoch, frame.index >= last.index) == (0, True)
        await again.close()


async def test_a_lost_session_goes_on_elsewhere_from_a_frame_that_was_seen() -> None:
    async with placed(2) as here:
        stream = await here.client.open(seed=7)
        seen = await kept_past(here, stream, 3)
        here.cluster.at(stream.worker).lose()
        with pytest.raises(PlayError, match=r"is lost\. Open again with the session's resume token") as lost:
            while True:
                seen.append((await stream.next("frame")).frame)
        assert lost.value.code == grpc.StatusCode.UNAVAILABLE
        again = await here.client.open(resume_token=stream.opened.resume_token)
        assert again.worker != stream.worker
        assert (again.opened.session_id, again.opened.seed) == (stream.opened.session_id, 7)
        frame = (await again.next("frame")).frame
        before = next(old for old in seen if old.index == frame.index)
        assert (frame.colour, frame.depth, frame.pose) == (before.colour, before.depth, before.pose)
        assert (frame.epoch, frame.id > seen[-1].id) == (1, True)
        assert again.opened.last_control_sequence == before.control.sequence
        later = (await again.next("frame")).frame
        assert later.index > frame.index
        assert later.pose == before.pose, "nothing is held any more, and the world is where it was"
        await until(lambda: bool(again.notices), "the notice that it was restored")
        await again.close()


async def test_a_client_that_leaves_while_its_session_is_moved_finds_it_there() -> None:
    async with placed(2) as here:
        stream = await here.client.open()
        await kept_past(here, stream, 1)
        stream.cancel()
        placement = here.gateway.roll.find(stream.opened.resume_token)
        assert placement is not None
        await until(lambda: not placement.playing, "the gateway to hear that the client is away")
        lost = here.cluster.at(stream.worker)
        other = next(worker for worker in here.cluster.workers if worker is not lost)
        other.may_answer.clear()
        here.cluster.may_start.clear()
        lost.lose()
        await until(lambda: placement.post is None, "the loss")
        opening = asyncio.create_task(here.client.open(resume_token=stream.opened.resume_token))
        await until(lambda: other.moved == 1, "the worker to be told")
        opening.cancel()
        await asyncio.wait((opening,))
        await asyncio.sleep(0.1)  # the gateway hears of it
        other.may_answer.set()
        await until(lambda: placement.post is not None, "the worker's answer")
        again = await here.client.open(resume_token=stream.opened.resume_token)
        assert (again.opened.resumed, again.worker, other.moved) == (True, other.address, 1)
        await again.close()


async def test_lost_sessions_take_places_before_new_ones() -> None:
    async with placed(2) as here:
        streams = [await here.client.open() for _ in range(4)]
        lost = [stream for stream in streams if stream.worker == streams[0].worker]
        for stream in lost:
            await kept_past(here, stream, 1)
        here.cluster.may_start.clear()
        here.cluster.at(lost[0].worker).lose()
        for stream in lost:
            with pytest.raises(PlayError, match="is lost"):
                while True:
                    await stream.next("frame")
        with pytest.raises(PlayError, match=r"Its last snapshot is kept.*same token") as wait:
            await here.client.open(resume_token=lost[0].opened.resume_token)
        assert (wait.value.code, wait.value.retry_after_ms) == (grpc.StatusCode.RESOURCE_EXHAUSTED, 2000)
        with pytest.raises(PlayError, match="1 of 2 are being started"):
            await here.client.open()
        here.cluster.may_start.set()
        await until(lambda: not here.gateway.roll.lost(), "the lost sessions' new places")
        with pytest.raises(PlayError, match="full"):
            await here.client.open()
        for stream in lost:
            again = await here.client.open(resume_token=stream.opened.resume_token)
            assert again.opened.resumed
            await again.close()


async def test_a_session_lost_before_anything_was_kept_is_over_and_says_so() -> None:
    async with placed(1) as here:
        stream = await here.client.open()
        placement = here.gateway.roll.find(stream.opened.resume_token)
        assert placement is not None
        here.cluster.at(stream.worker).lose()
        await until(lambda: placement.post is None, "the loss")
        placement.kept = None
        with pytest.raises(PlayError, match=r"no snapshot of it can go on\. Open a new session") as over:
            await here.client.open(resume_token=stream.opened.resume_token)
        assert over.value.code == grpc.StatusCode.NOT_FOUND


async def test_tls_and_the_token_hold_on_the_way_to_a_worker(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.server("server", "DNS:localhost")
    secrets = {"token": "a-token-of-enough-letters", "tls_certificate": pair.certificate, "tls_key": pair.key}
    root = authority.certificate.read_bytes()
    async with placed(1, "localhost", root, **secrets) as here:
        async with await here.client.open() as stream:
            assert stream.worker.startswith("127.0.0.1:"), "the certificate is for another name"
            assert (await stream.next_frame()).message.id > 0
        async with PlayClient(here.cluster.workers[0].address, None, root) as stranger:
            with pytest.raises(PlayError):
                await stranger.open()


async def test_the_page_follows_and_is_told_of_a_lost_worker() -> None:
    wanted = play_pb2.Open(protocol_version=1, colour_format=common_pb2.COLOUR_FORMAT_JPEG)

    async def opened(socket: ClientConnection, token: str = "") -> play_pb2.Opened:
        wanted.resume_token = token
        await socket.send(play_pb2.PlayRequest(open=wanted).SerializeToString())
        answer = await socket.recv()
        assert isinstance(answer, bytes), answer
        return play_pb2.PlayResponse.FromString(answer).opened

    async with placed(2) as here, running_web(here.gateway.address, port=0) as url:
        address = url.replace("http", "ws") + "play"
        async with connect(address, origin=Origin(url.rstrip("/"))) as socket:
            first = await opened(socket)
            placement = here.gateway.roll.find(first.resume_token)
            assert placement is not None
            assert placement.post is not None
            while placement.kept is None:
                await socket.recv()
            here.cluster.at(placement.post.address).lose()
            message = await socket.recv()
            while isinstance(message, bytes):
                message = await socket.recv()
            error = json.loads(message)["error"]
            assert error["code"] == "unavailable"
            assert "goes on by itself on another one" in error["message"]
        async with connect(address, origin=Origin(url.rstrip("/"))) as socket:
            again = await opened(socket, first.resume_token)
            assert (again.resumed, again.session_id) == (True, first.session_id)


def test_what_is_kept_comes_back_and_damage_is_refused(kept_session: KeptSession) -> None:
    data = kept_session.to_bytes()
    again = read_kept(data)
    assert again.to_bytes() == data
    assert (again.token, again.heard, again.snapshot) == (kept_session.token, 12, b"state")
    assert again.frame.depth is not None
    assert kept_session.frame.depth is not None
    assert np.array_equal(again.frame.depth, kept_session.frame.depth, equal_nan=True)
    assert again.frame.pose == kept_session.frame.pose
    for damaged in (b"", data[:-30], data.replace(b"dreamport-kept-session", b"dreamport-something-el")):
        with pytest.raises(SnapshotError):
            read_kept(damaged)


def test_of_a_state_too_large_to_keep_the_picture_the_camera_and_the_words_are_kept(tmp_path: Path) -> None:
    pack, keeper = chunk_pack(tmp_path), SessionKeeper()
    generator = ChunkGenerator(pack, StubChunkExecutor(), 1)
    session = Session(describe(pack), STUB, generator, 1, "start", max_saved_bytes=1, keeper=keeper)
    said = LatchedControl(FrameControl(prompt="snow falls"), 4, 0, ())
    frames = session.chunk(said, 0)
    session.settle()
    kept = read_kept(keeper.newest[1])
    executor = StubChunkExecutor()
    other = Session(describe(pack), STUB, ChunkGenerator(pack, executor, 9), 1, "start", max_saved_bytes=1)
    other.go_on(kept)
    assert (other.frame.index, other.epoch, other.applied.sequence) == (frames, 1, 4)
    assert executor.sessions[0].prompts[-1] == "snow falls"
    assert np.array_equal(executor.sessions[0]._image, kept.frame.colour)


def test_keeping_takes_a_twentieth_of_the_time_at_most(kept_session: KeptSession) -> None:
    now_s, made = [0.0], []

    def state() -> KeptSession:
        now_s[0] += 1.0  # a heavy world
        made.append(now_s[0])
        return kept_session

    keeper = SessionKeeper(interval_s=2.0, clock=lambda: now_s[0])
    while now_s[0] < 100.0:
        keeper.keep_when_due(state)
        now_s[0] += 0.5
    assert len(made) == 5
    assert keeper.newest[0] == 5


def test_a_session_that_takes_long_to_begin_is_not_forgotten() -> None:
    roll, post = Roll(), Post(0)
    placement = roll.place("token", "hall", post, math.inf)
    nothing = WorkerReport((), 0.0)
    roll.note(post, nothing, 1000.0)
    assert roll.find("token") is placement, "its world is still being loaded"
    placement.since_s = 1000.0
    roll.note(post, WorkerReport((SessionReport("token", False, reserved=True),), 0.0), 1009.0)
    roll.note(post, nothing, 1011.0)
    assert roll.find("token") is placement, "its client has come and its first picture is being encoded"
    roll.note(post, WorkerReport((SessionReport("token", True),), 0.0), 1020.0)
    roll.note(post, nothing, 1021.0)
    assert roll.find("token") is None, "it was there and is over"


def test_a_place_that_nobody_took_is_forgotten() -> None:
    roll, post = Roll(), Post(0)
    roll.place("token", "hall", post, 1000.0)
    roll.note(post, WorkerReport((), 0.0), 1000.0 + SETTLE_S + 1.0)
    assert roll.find("token") is None
