"""What goes wrong, and what a client then sees. The server stays up, and other sessions play on.

The list is that of the trusted servers: overload, malformed and oversized messages, clients that vanish, read
slowly or cancel all the time, models that fail, shutdown, strangers.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import psutil
import pytest

from dreamport.errors import ControlError, ExecutorError
from dreamport.service import (
    PlayClient,
    PlayError,
    PlayStream,
    ServerOptions,
    ServerOptionsError,
    ServerStartError,
    running_server,
)
from dreamport.service.refusal import Refusal
from dreamport.service.session import Session
from dreamport.service.sessions import Departure, Sessions
from dreamport.service.shared_memory import LINUX_FOLDER, PREFIX, FrameRing, remove_leftovers
from dreamport.service.stream import Stream
from dreamport.v1 import common_pb2, play_pb2, world_pb2
from stubs import Serving, StubGenerator, StubSource, serving, stub_world, until

PLAY = "/dreamport.v1.PlayService/Play"
TESTS = Path(__file__).parent
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks into /dev/shm")


async def status_of(stream: PlayStream) -> PlayError:
    """How the call ends; frames before that are passed over."""
    with pytest.raises(PlayError) as caught:
        while True:
            await stream.receive()
    return caught.value


def wait_for(gate: threading.Event, seconds: float, seed: int | None = None) -> Any:
    """What to do before each step of generators (with that seed): wait for the gate, so long at most."""

    def wait(stub: StubGenerator) -> None:
        if seed in (None, stub.seed):
            gate.wait(seconds)

    return wait


def strangers_channel(
    here: Serving, compression: grpc.Compression = grpc.Compression.NoCompression
) -> grpc.aio.Channel:
    """A connection that does not go through the client library."""
    return grpc.aio.insecure_channel(here.server.address, compression=compression)


def raw_call(channel: grpc.aio.Channel, method: str = PLAY, **options: Any) -> Any:
    """A stream whose messages are bytes."""
    return channel.stream_stream(method)(**options)


def raw_unary(channel: grpc.aio.Channel, method: str) -> Any:
    """A method whose messages are bytes."""
    return channel.unary_unary(method)


async def code_of(call: Any) -> grpc.StatusCode:
    """The status of a call made without the client library; what still arrives is passed over."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        while await call.read() is not grpc.aio.EOF:
            pass
    code: grpc.StatusCode = await call.code()
    return code


async def plays_on(stream: PlayStream, frames: int = 5) -> bool:
    """True when that many more frames come."""
    first = (await stream.next_frame()).message.index
    while (await stream.next_frame()).message.index < first + frames:
        pass
    return True


@contextlib.asynccontextmanager
async def bystander(here: Serving) -> AsyncIterator[PlayStream]:
    """Another session, which must still be playing when the fault is over."""
    async with await here.client.open(seed=99) as stream:
        await stream.next_frame()
        yield stream
        assert await plays_on(stream)


# --- refused at the door


async def test_a_full_server_refuses_at_once_and_says_when_to_come_back() -> None:
    async with serving(max_sessions=1) as here:
        async with await here.client.open() as stream:
            with pytest.raises(PlayError, match="full") as caught:
                await here.client.open()
            assert caught.value.code == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert caught.value.retry_after_ms is not None and 0 < caught.value.retry_after_ms <= 60_000
            assert await plays_on(stream)
        await until(lambda: here.server.status().sessions == 0, "the lease to come back")
        async with await here.client.open() as stream:
            assert await plays_on(stream)


async def test_without_a_number_the_measured_speed_decides_how_many_play() -> None:
    source = StubSource(stub_world(frame_rate=10.0))
    pause = threading.Event()
    source.opened["stub"].before_step = wait_for(pause, 0.06)  # of an interval of 0.1 seconds
    async with serving(source, max_sessions=None) as here, await here.client.open():
        with pytest.raises(PlayError) as caught:
            await here.client.open()
    assert caught.value.code == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(("version", "to_update"), [(0, "client"), (2, "server")])
async def test_a_wrong_protocol_version_names_the_side_to_update(version: int, to_update: str) -> None:
    async with serving() as here:
        with pytest.raises(PlayError, match=f"Update the {to_update}") as caught:
            await here.client.open(protocol_version=version)
    assert caught.value.code == grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("wanted", "code", "says"),
    [
        ({"world": "nowhere"}, grpc.StatusCode.NOT_FOUND, "open.world"),
        ({"start": "moon"}, grpc.StatusCode.NOT_FOUND, "open.start"),
        ({"world": "w" * 65}, grpc.StatusCode.INVALID_ARGUMENT, "open.world"),
        ({"resume_token": "guess"}, grpc.StatusCode.NOT_FOUND, "open.resume_token"),
        ({"colour": 9}, grpc.StatusCode.INVALID_ARGUMENT, "open.colour_format"),
        ({"transport": 9}, grpc.StatusCode.INVALID_ARGUMENT, "open.transport"),
        ({"max_frames_in_flight": 65}, grpc.StatusCode.INVALID_ARGUMENT, "open.max_frames_in_flight"),
    ],
)
async def test_what_cannot_be_opened_is_refused_with_the_field_named(
    wanted: dict[str, Any], code: grpc.StatusCode, says: str
) -> None:
    async with serving() as here:
        with pytest.raises(PlayError, match=says) as caught:
            await here.client.open(**wanted)
        assert caught.value.code == code
        await until(lambda: here.server.status().sessions == 0, "no lease to be lost")


async def test_a_world_that_does_not_load_is_unavailable_and_no_path_leaks() -> None:
    source = StubSource(stub_world(), stub_world("broken"), broken=["broken"])
    async with serving(source) as here, bystander(here):
        with pytest.raises(PlayError) as caught:
            await here.client.open(world="broken")
    assert caught.value.code == grpc.StatusCode.UNAVAILABLE
    assert "secret" not in str(caught.value) and "dreamport worlds" in str(caught.value)


async def test_a_call_that_never_opens_is_ended() -> None:
    async with serving(open_timeout_s=0.05) as here, strangers_channel(here) as channel:
        assert await code_of(raw_call(channel)) == grpc.StatusCode.DEADLINE_EXCEEDED


# --- wrong and hostile messages


async def test_a_control_that_is_not_a_number_ends_the_stream_but_not_the_session() -> None:
    async with serving() as here, bystander(here):
        stream = await here.client.open()
        await stream.control(look_deg=(float("nan"), 0.0))
        error = await status_of(stream)
        assert error.code == grpc.StatusCode.INVALID_ARGUMENT
        assert error.message.startswith("control.look_yaw_deg: ")
        async with await here.client.open(resume_token=stream.opened.resume_token) as again:
            assert again.opened.resumed and await plays_on(again)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (play_pb2.PlayRequest(), "message"),
        (play_pb2.PlayRequest(open=play_pb2.Open(protocol_version=1)), "open"),
        (play_pb2.PlayRequest(prompt=play_pb2.Prompt(text="x" * 2001)), "prompt.text"),
    ],
)
async def test_a_message_out_of_place_is_refused(request_: play_pb2.PlayRequest, says: str) -> None:
    async with serving() as here, bystander(here):
        stream = await here.client.open()
        await stream.send(request_)
        error = await status_of(stream)
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT and error.message.startswith(f"{says}: ")


async def test_a_first_message_that_is_not_open_is_refused() -> None:
    async with serving() as here, strangers_channel(here) as channel:
        call = raw_call(channel)
        await call.write(play_pb2.PlayRequest(control=play_pb2.Control(sequence=1)).SerializeToString())
        assert await code_of(call) == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_an_oversized_message_is_refused_even_when_it_was_small_before_unpacking(
    compression: grpc.Compression,
) -> None:
    prompt = play_pb2.PlayRequest(prompt=play_pb2.Prompt(text="0" * 20_000_000)).SerializeToString()
    opening = play_pb2.PlayRequest(open=play_pb2.Open(protocol_version=1)).SerializeToString()
    async with serving() as here, bystander(here), strangers_channel(here, compression) as channel:
        call = raw_call(channel)
        await call.write(opening)
        assert await call.read() is not grpc.aio.EOF
        await call.write(prompt)
        assert await code_of(call) == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_malformed_request_of_a_unary_method_is_refused_without_detail() -> None:
    async with serving() as here, strangers_channel(here) as channel:
        for method in ("/dreamport.v1.WorldService/GetWorld", "/grpc.health.v1.Health/Check"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await raw_unary(channel, method)(b"\xff\xff\xff")
            assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert caught.value.details() == "The request is not a message of this method."


def hostile_messages(count: int) -> list[bytes]:
    """Random bytes, truncated messages and messages with flipped bits; the same every time."""
    dice = random.Random(20260731)
    valid = [
        play_pb2.PlayRequest(open=play_pb2.Open(protocol_version=1, world="stub", seed=3, start="hall")),
        play_pb2.PlayRequest(
            control=play_pb2.Control(
                sequence=1,
                buttons=3,
                look_yaw_deg=1.5,
                camera=play_pb2.Camera(pose=common_pb2.Pose(position=common_pb2.Vector3(x=1.0))),
            )
        ),
        play_pb2.PlayRequest(load=play_pb2.Load(handle="abcdefgh")),
        play_pb2.PlayRequest(prompt=play_pb2.Prompt(text="open the red door")),
        play_pb2.PlayRequest(presented=play_pb2.Presented(frame_id=1 << 60, client_time_ns=-1)),
        play_pb2.PlayRequest(reset=play_pb2.Reset(seed=1 << 63, start="yard")),
    ]
    messages = []
    for _ in range(count):
        raw = bytearray(dice.choice(valid).SerializeToString())
        kind = dice.randrange(3)
        if kind == 0:
            raw = bytearray(dice.randbytes(dice.randrange(200)))
        elif kind == 1:
            raw = raw[: dice.randrange(len(raw))]
        else:
            raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        messages.append(bytes(raw))
    return messages


@pytest.mark.timeout(600)
async def test_a_thousand_random_and_truncated_messages_do_no_harm() -> None:
    opening = play_pb2.PlayRequest(open=play_pb2.Open(protocol_version=1)).SerializeToString()
    expected = {
        grpc.StatusCode.OK,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.NOT_FOUND,
    }
    seen = set()

    async def attack(channel: grpc.aio.Channel, number: int, message: bytes) -> None:
        call = raw_call(channel)
        try:
            if number % 2:
                await call.write(opening)
            await call.write(message)
            await call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass  # refused while it was still writing; the code tells how
        seen.add(await code_of(call))

    attacks = list(enumerate(hostile_messages(1000)))
    async with (
        serving(max_sessions=64) as here,
        bystander(here) as other,
        strangers_channel(here) as channel,
    ):
        for begin in range(0, len(attacks), 20):
            await asyncio.gather(*(attack(channel, *pair) for pair in attacks[begin : begin + 20]))
        assert await plays_on(other)
    assert seen <= expected, seen


# --- clients that vanish, hurry or dawdle

KILLED_CLIENT = """
    import asyncio, sys
    from dreamport.service import PlayClient
    from dreamport.v1 import common_pb2

    async def play(address):
        client = PlayClient(address)
        stream = await client.open(seed=4, transport=common_pb2.TRANSPORT_SHARED_MEMORY)
        await stream.control(buttons=1)
        async for frame in stream.frames():
            message = frame.message
            if message.index >= 10:
                print(stream.opened.resume_token, message.index, message.pose.position.z, flush=True)
                break
        async for frame in stream.frames():
            pass

    asyncio.run(play(sys.argv[1]))
"""


async def test_a_client_that_is_killed_resumes_by_token_from_the_same_cache() -> None:
    async with serving() as here, bystander(here):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            textwrap.dedent(KILLED_CLIENT),
            here.server.address,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        token, index, z = (await process.stdout.readline()).decode().split()
        process.kill()
        await process.wait()
        player = here.source.players()[1]
        await until(lambda: here.server.status().parked == 1, "the session to be parked")
        steps, walked = len(player.controls), player.z
        assert steps >= int(index) and walked >= float(z) > 0
        async with await here.client.open(resume_token=token) as stream:
            first = (await stream.next_frame()).message
            second = (await stream.next_frame()).message
        assert stream.opened.resumed and stream.opened.seed == 4 and stream.opened.last_control_sequence == 1
        assert first.index == steps, "the last frame is shown again, and none was made meanwhile"
        assert second.index == steps + 1 and second.pose.position.z == walked, (
            "the same state, with no key held"
        )
        assert len(here.source.players()) == 2, "no new generator was made"


async def test_a_parked_session_holds_no_lease_and_is_forgotten_after_the_grace_time() -> None:
    async with serving(max_sessions=1, grace_s=0.3) as here:
        stream = await here.client.open()
        await stream.next_frame()
        stream.cancel()
        await until(lambda: here.server.status().parked == 1, "the session to be parked")
        async with await here.client.open() as other:
            with pytest.raises(PlayError) as caught:
                await here.client.open(resume_token=stream.opened.resume_token)
            assert caught.value.code == grpc.StatusCode.RESOURCE_EXHAUSTED, "its place is taken for now"
            await until(lambda: here.server.status().parked == 0, "the grace time to end")
            assert await plays_on(other)
        with pytest.raises(PlayError, match="grace time") as caught:
            await here.client.open(resume_token=stream.opened.resume_token)
        assert caught.value.code == grpc.StatusCode.NOT_FOUND


async def test_closing_ends_a_session_for_good() -> None:
    async with serving() as here:
        async with await here.client.open() as stream:
            await stream.next_frame()
        with pytest.raises(PlayError) as caught:
            await here.client.open(resume_token=stream.opened.resume_token)
        assert caught.value.code == grpc.StatusCode.NOT_FOUND and here.server.status().parked == 0


async def test_the_newest_stream_of_a_session_wins() -> None:
    async with serving(max_sessions=1) as here:
        old = await here.client.open()
        await old.control(buttons=1)
        await plays_on(old)
        async with await here.client.open(resume_token=old.opened.resume_token) as new:
            error = await status_of(old)
            assert error.code == grpc.StatusCode.ABORTED and "resumed" in error.message
            assert await plays_on(new)
            assert len(here.source.players()) == 1


async def test_nobody_takes_the_place_of_a_session_while_its_client_changes_streams() -> None:
    async with serving(max_sessions=1) as here:
        old = await here.client.open()
        await old.next_frame()
        sessions = here.server.sessions
        (seat,) = sessions._seats.values()
        opening = play_pb2.Open(protocol_version=1)

        async def rival() -> None:
            await seat.left.wait()  # at the first moment at which the old stream is gone
            await sessions.enter(opening, "ipv4:127.0.0.1:1")

        rivalry = asyncio.create_task(rival())
        async with await here.client.open(resume_token=old.opened.resume_token) as new:
            with pytest.raises(Refusal, match="full"):
                await rivalry
            assert await plays_on(new)


class StubContext:
    """A call whose client goes at once and never takes a message. ``said``: what the stream did with it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.writing = asyncio.Event()
        self.written = asyncio.Event()

    async def send_initial_metadata(self, metadata: object) -> None:
        """Note it."""
        self.said.append("metadata")

    async def read(self) -> object:
        """The end, as soon as the first message is being written."""
        await self.writing.wait()
        return grpc.aio.EOF

    async def write(self, message: play_pb2.PlayResponse) -> None:
        """Hang."""
        self.said.append("write")
        self.writing.set()
        await self.written.wait()
        self.said.append("written")


async def test_a_stream_that_is_cancelled_while_it_ends_completes_its_write_and_leaves_no_task() -> None:
    async with serving() as here:
        sessions = here.server.sessions
        stream = await sessions.enter(play_pb2.Open(protocol_version=1), "ipv4:127.0.0.1:1")
        tasks_before = asyncio.all_tasks()
        context = StubContext()
        run = asyncio.create_task(stream.run(context))  # type: ignore[arg-type]
        await until(lambda: stream._over, "the stream to see that its client is gone")
        run.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not run.done(), "it waits for the write"
        context.written.set()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert context.said == ["metadata", "write", "written"]
        assert asyncio.all_tasks() - {run} <= tasks_before
        await sessions.leave(stream, Departure("test", resumable=False))


@pytest.mark.timeout(600)
async def test_a_storm_of_cancelled_calls_leaves_nothing_behind() -> None:
    dice = random.Random(7)

    async def cancelled(here: Serving, transport: common_pb2.Transport) -> None:
        opening = asyncio.create_task(here.client.open(transport=transport))
        if dice.random() < 0.5:
            await asyncio.wait([opening], timeout=dice.random() * 0.02)
            opening.cancel()
        with contextlib.suppress(asyncio.CancelledError, PlayError):
            stream = await opening
            for _ in range(dice.randrange(3)):
                await stream.next_frame()
            stream.cancel()

    def quiet(here: Serving) -> bool:
        return here.server.status().sessions == 1

    def rings() -> int:
        return len(list(LINUX_FOLDER.glob(f"{PREFIX}*"))) if sys.platform == "linux" else 0

    rings_before = rings()
    async with serving(max_sessions=64) as here, bystander(here):
        counts = []
        for _ in range(4):
            for number in range(50):
                transport = (
                    common_pb2.TRANSPORT_SHARED_MEMORY if number % 5 == 0 else common_pb2.TRANSPORT_INLINE
                )
                await asyncio.gather(*(cancelled(here, transport) for _ in range(20)))
            await until(lambda: quiet(here), "the last calls to be over")
            gc.collect()
            live = gc.get_objects()
            counts.append(
                (
                    sum(isinstance(thing, Session) for thing in live),
                    sum(isinstance(thing, Stream) for thing in live),
                    len(asyncio.all_tasks()),
                    threading.active_count(),
                    rings(),
                )
            )
            del live
        assert len(here.source.players()) > 100, "many of them got as far as a session"
        sessions, streams, tasks, threads, ring_count = counts[-1]
        assert sessions <= 9 and streams <= 2, counts  # the bystander, and at most eight parked
        assert here.server.status().parked <= 8
        assert tasks <= counts[0][2] + 4 and threads <= counts[0][3] + 4, counts
        assert ring_count == rings_before, counts


async def test_a_client_that_does_not_read_loses_old_frames_and_the_server_keeps_few() -> None:
    source = StubSource(stub_world(size=(320, 192)))
    async with serving(source) as here, bystander(here):
        slow = await here.client.open()
        player = here.source.players()[1]
        await until(lambda: len(player.controls) >= 150, "150 frames of 368,640 bytes")
        stale = 0
        behind = len(player.controls)
        while (await slow.next_frame()).message.index < behind:
            stale += 1
        while slow.stats is None or slow.stats.frames < behind:
            await slow.receive()
        stats = slow.stats
        slow.cancel()
    assert stale < 75, "what HTTP/2 and the sockets hold"
    assert stats.dropped >= behind - stale - 5


async def test_a_flood_of_controls_is_heard_in_full_and_disturbs_nobody() -> None:
    async with serving() as here, bystander(here), await here.client.open() as stream:
        for _ in range(1500):
            sequence = await stream.control(look_deg=(0.0078125, 0.0))
        async for frame in stream.frames():
            if frame.message.control.sequence == sequence:
                break
        player = here.source.players()[1]
        assert sum(control.look_deg[0] for control in player.controls) == pytest.approx(1500 * 0.0078125)


async def test_too_many_commands_at_once_are_refused() -> None:
    async with serving() as here, bystander(here):
        gate = threading.Event()
        here.source.opened["stub"].before_step = wait_for(gate, 20.0, seed=5)
        stream = await here.client.open(seed=5)
        for _ in range(40):
            with contextlib.suppress(PlayError):
                await stream.send(play_pb2.PlayRequest(save=play_pb2.Save()))
        ending = asyncio.create_task(status_of(stream))
        await asyncio.wait([ending], timeout=0.1)
        gate.set()  # the refusal is sent when the step that runs is done
        error = await ending
    assert error.code == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("reads", [True, False])
async def test_a_client_that_writes_at_the_end_of_its_call_is_told_what_the_server_said(reads: bool) -> None:
    async with serving() as here:
        for _ in range(20):
            stream = await here.client.open()
            ending = asyncio.create_task(status_of(stream)) if reads else None
            with pytest.raises(PlayError) as caught:
                for _ in range(400):
                    await stream.send(play_pb2.PlayRequest(save=play_pb2.Save()))
            read = await ending if ending is not None else caught.value
            for error in (caught.value, read):
                assert error.code == grpc.StatusCode.RESOURCE_EXHAUSTED, error
                assert "await the answers" in error.message
            stream.cancel()


# --- models that fail


@pytest.mark.parametrize(
    "fault", [ExecutorError("/secret/path: out of memory at 0x7f"), MemoryError(), ZeroDivisionError()]
)
async def test_a_model_fault_ends_that_session_only_and_says_nothing_of_its_inside(fault: Exception) -> None:
    def fail(stub: StubGenerator) -> None:
        if stub.seed == 13 and stub.index == 3:
            raise fault

    async with serving() as here, bystander(here):
        here.source.opened["stub"].before_step = fail
        stream = await here.client.open(seed=13)
        error = await status_of(stream)
        assert error.code == grpc.StatusCode.UNAVAILABLE
        assert "Incident" in error.message and "secret" not in error.message and "0x" not in error.message
        with pytest.raises(PlayError) as caught:
            await here.client.open(resume_token=stream.opened.resume_token)
        assert caught.value.code == grpc.StatusCode.NOT_FOUND, "its state cannot be trusted"
        assert here.server.status().parked == 0
        async with await here.client.open(seed=14) as fresh:
            assert await plays_on(fresh)


async def test_a_control_that_the_world_itself_refuses_is_the_clients_fault() -> None:
    def refuse(stub: StubGenerator) -> None:
        if stub.seed == 13:
            raise ControlError("pose is inside the rock")

    async with serving() as here, bystander(here):
        here.source.opened["stub"].before_step = refuse
        error = await status_of(await here.client.open(seed=13))
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT and error.message.startswith("control: ")


async def test_a_session_that_hangs_does_not_hold_up_the_others() -> None:
    gate = threading.Event()
    async with serving() as here, bystander(here) as other:
        here.source.opened["stub"].before_step = wait_for(gate, 20.0, seed=13)
        hanging = await here.client.open(seed=13)
        await hanging.next_frame()
        assert await plays_on(other, frames=60)
        stuck = here.source.players()[1]
        assert len(stuck.controls) == 0
        gate.set()
        assert await plays_on(hanging)
        await hanging.close()


async def test_a_server_that_stops_says_so_to_everybody() -> None:
    async with contextlib.AsyncExitStack() as clients:
        async with running_server(ServerOptions(port=0, max_sessions=3), StubSource()) as server:
            client = await clients.enter_async_context(PlayClient(server.address))
            streams = [await client.open() for _ in range(3)]
            endings = [asyncio.create_task(status_of(stream)) for stream in streams]
            await streams[0].control()
        for ending, stream in zip(endings, streams, strict=True):
            error = await ending
            assert error.code == grpc.StatusCode.UNAVAILABLE and "shutting down" in error.message
            assert [notice.code for notice in stream.notices] == [play_pb2.NOTICE_CODE_SHUTTING_DOWN]


# --- strangers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", ""])
@pytest.mark.parametrize("token", [None, "t" * 32])
async def test_an_address_that_others_can_reach_needs_tls_and_a_token(host: str, token: str | None) -> None:
    with pytest.raises(ServerOptionsError, match="token and a TLS certificate"):
        async with running_server(ServerOptions(host=host, port=0, token=token), StubSource()):
            pass


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"token": "short"}, "easy to guess"),
        ({"token": "lang genug, mit Ü"}, "no header"),
        ({"tls_key": Path("key.pem")}, "both"),
        ({"port": 70000}, "port"),
        ({"max_sessions": 0}, "max_sessions"),
        ({"grace_s": -1.0}, "grace_s"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ServerOptionsError, match=says):
        ServerOptions(**options).check()


async def test_by_default_the_socket_listens_on_loopback_alone() -> None:
    async with serving() as here:
        listening = [
            ipaddress.ip_address(connection.laddr.ip.removeprefix("::ffff:"))
            for connection in psutil.Process().net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == here.server.port
        ]
    assert listening and all(address.is_loopback for address in listening)


async def test_two_servers_do_not_share_a_port() -> None:
    async with serving() as here:
        with pytest.raises(Exception, match="choose another port"):
            async with running_server(ServerOptions(port=here.server.port), StubSource()):
                pass


TOKEN = "correct horse battery staple"


@pytest.mark.parametrize("given", [None, "wrong horse battery staple", TOKEN.upper(), TOKEN + "s", ""])
async def test_with_a_token_set_every_method_asks_for_it(given: str | None) -> None:
    metadata = () if given is None else (("authorization", f"Bearer {given}"),)
    async with serving(token=TOKEN) as here, strangers_channel(here) as channel:
        assert [world.name for world in await here.client.worlds()] == ["stub"], "with the token it answers"
        for method in (
            "/dreamport.v1.WorldService/ListWorlds",
            "/dreamport.v1.WorldService/GetWorld",
            "/grpc.health.v1.Health/Check",
            "/dreamport.v1.PlayService/Nothing",
            "/somebody.Else/Method",
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await raw_unary(channel, method)(b"", metadata=metadata)
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED, method
        for method in (
            PLAY,
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            "/grpc.health.v1.Health/Watch",
        ):
            call = raw_call(channel, method, metadata=metadata)
            assert await code_of(call) == grpc.StatusCode.UNAUTHENTICATED, method


async def test_the_token_may_not_be_given_twice() -> None:
    metadata = (("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer x"))
    async with serving(token=TOKEN) as here, strangers_channel(here) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw_unary(channel, "/dreamport.v1.WorldService/ListWorlds")(b"", metadata=metadata)
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_no_exception_text_reaches_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Sessions, name: str, field_name: str) -> world_pb2.World:
        raise RuntimeError("/secret/path at 0x7f00")

    async with serving() as here:
        monkeypatch.setattr(Sessions, "world", broken)
        with pytest.raises(PlayError) as unary:
            await here.client.world("stub")
        with pytest.raises(PlayError) as stream:
            await here.client.open()
    for caught in (unary, stream):
        assert caught.value.code == grpc.StatusCode.INTERNAL
        assert "secret" not in caught.value.message and "Incident" in caught.value.message


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("making a certificate needs the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "certificate.pem", folder / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    where = ["-out", str(paths[0]), "-keyout", str(paths[1])]
    subprocess.run([openssl, "req", *kind, *names, *where], check=True, capture_output=True)
    return paths


async def test_with_tls_and_a_token_any_address_is_served(certificate: tuple[Path, Path]) -> None:
    options = ServerOptions(
        host="0.0.0.0", port=0, token=TOKEN, tls_certificate=certificate[0], tls_key=certificate[1]
    )
    root = certificate[0].read_bytes()
    async with running_server(options, StubSource()) as server:
        target = f"127.0.0.1:{server.port}"
        async with PlayClient(target, TOKEN, root) as client, await client.open() as stream:
            assert await plays_on(stream)
        async with PlayClient(target, "x" * 32, root) as stranger:
            with pytest.raises(PlayError) as caught:
                await stranger.worlds()
            assert caught.value.code == grpc.StatusCode.UNAUTHENTICATED
        async with PlayClient(target, TOKEN) as unprotected:
            with pytest.raises(PlayError) as caught:
                await unprotected.worlds()
            assert caught.value.code == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(("content", "error"), [(None, ServerOptionsError), ("nonsense", ServerStartError)])
async def test_tls_files_that_are_none_are_refused(
    tmp_path: Path, content: str | None, error: type[Exception]
) -> None:
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    for path in paths:
        if content is not None:
            path.write_text(content)
    options = ServerOptions(port=0, tls_certificate=paths[0], tls_key=paths[1])
    with pytest.raises(error):
        async with running_server(options, StubSource()):
            pass


# --- shared memory


@linux_only
async def test_a_ring_is_the_users_own_random_and_gone_with_its_stream() -> None:
    names = set()
    async with serving() as here:
        for _ in range(2):
            async with await here.client.open(transport=common_pb2.TRANSPORT_SHARED_MEMORY) as stream:
                await stream.next_frame()
                name = stream.opened.shared_memory.name
                path = LINUX_FOLDER / name.removeprefix("/")
                assert path.stat().st_mode & 0o777 == 0o600
                assert path.stat().st_size == stream.opened.shared_memory.bytes
                names.add(name)
            assert not path.exists()
    assert len(names) == 2 and all(len(name) <= 31 for name in names)


@linux_only
async def test_rings_of_a_killed_server_are_removed_by_the_next_and_those_of_a_live_one_stay() -> None:
    code = (
        "import time\n"
        "from dreamport.service.shared_memory import FrameRing\n"
        "print(FrameRing(4096, 0).layout.name, flush=True)\n"
        "time.sleep(600)\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    leftover = LINUX_FOLDER / (await process.stdout.readline()).decode().strip().removeprefix("/")
    ours = FrameRing(4096, 0)
    path = LINUX_FOLDER / ours.layout.name.removeprefix("/")
    try:
        remove_leftovers()
        assert leftover.exists(), "its server lives"
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert leftover.exists(), "nobody could clean up"
        async with serving():
            assert not leftover.exists() and path.exists()
    finally:
        ours.close()
    assert not path.exists()


async def test_a_slot_that_was_written_over_is_not_shown() -> None:
    from dreamport.service.shared_memory import SLOTS, FrameRingReader

    ring = FrameRing(64, 32)
    reader = FrameRingReader(ring.layout)

    def write(number: int) -> play_pb2.SharedMemorySlot:
        colour, depth = ring.slot_views()
        colour[:], depth[:] = number, number + 100
        return ring.publish(number)

    first = write(1)
    assert reader.read(first) == (bytes([1]) * 64, bytes([101]) * 32)
    for number in range(2, SLOTS + 1):
        write(number)
    assert reader.read(first) is not None, "the ring is not full yet"
    ring.slot_views()
    assert reader.read(first) is None, "it is being written"
    last = ring.publish(9)
    assert reader.read(first) is None and reader.read(last) is not None
    reader.close()
    ring.close()


@pytest.mark.parametrize("name", ["/etc-passwd", "/dreamport-../x", "/dreamport-gone", ""])
def test_a_client_opens_nothing_but_a_ring(name: str) -> None:
    from dreamport.service.shared_memory import FrameRingReader, SharedMemoryError, layout

    with pytest.raises(SharedMemoryError, match="inline"):
        FrameRingReader(layout(64, 0, name))
