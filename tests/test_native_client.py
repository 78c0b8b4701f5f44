"""The native core plays: against a real backend over every transport, across broken connections, and without
leaving anything behind.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import requires
from dreamport.generator.types import FrameControl
from dreamport.geometry import Intrinsics, Pose
from dreamport.service import PlayClient, ServerOptions, running_server
from dreamport.service import shared_memory as server_shared_memory
from dreamport.service.pictures import encode_inverse_depth
from dreamport.v1 import common_pb2, play_pb2
from dreamport_tools.native_core import (
    NativeClient,
    NativeError,
    NativeFrame,
    NativeLibrary,
    NativeQuery,
    Problem,
    State,
)
from dreamport_tools.native_core.library import Event, EventKind
from native_backend import Backend, backend, wait_for
from stubs import NEAR_M, StubGenerator, StubSource, stub_world

QUICK: dict[str, Any] = {"backoff_ms": (5, 40)}
JUMP = 4


@pytest.fixture(scope="session")
def library(native_library: Path) -> NativeLibrary:
    """The native core, loaded; its layout is compared with the binding's."""
    return NativeLibrary.load(native_library)


@pytest.fixture
def here() -> Iterator[Backend]:
    """A backend of one stub world at 100 fps."""
    with backend() as running:
        yield running


def wait_event(client: NativeClient, kind: EventKind, timeout_s: float = 10.0) -> Event:
    """The next event of a kind."""
    found: list[Event] = []

    def look() -> bool:
        found.extend(event for event in client.events() if event.kind is kind)
        return bool(found)

    wait_for(look, kind.name, timeout_s)
    return found[0]


def assert_is_stub_frame(frame: NativeFrame, seed: int, start: str, tolerance: int = 0) -> None:
    """The picture is what the stub draws when nobody steers."""
    height, width = frame.colour.shape[:2]
    phase = frame.index + 7 * (seed % 1009) + 3 * len(start)
    expected = np.empty((height, width, 3), np.uint8)
    expected[..., 0] = (np.arange(width) * 4 + phase) % 256
    expected[..., 1] = ((np.arange(height) * 5 + phase) % 256)[:, None]
    expected[..., 2] = phase % 256
    difference = np.abs(frame.colour[..., :3].astype(int) - expected)
    assert np.median(difference) <= tolerance
    assert tolerance or difference.max() == 0
    assert (frame.colour[..., 3] == 255).all()
    metres = np.full((height, width), 1.0 + phase % 16, np.float32)
    metres[0] = np.inf
    assert frame.depth is not None
    assert np.array_equal(frame.depth, encode_inverse_depth(metres, NEAR_M))
    assert np.isinf(frame.depth_metres()[0]).all()


def test_the_messages_are_generated_from_the_contract() -> None:
    requires.package("nanopb", extra="engines-dev")
    requires.package("grpc_tools", extra="dev")
    generate = Path(__file__).resolve().parent.parent / "native" / "proto" / "generate.py"
    done = subprocess.run([sys.executable, generate, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- frames


@pytest.mark.parametrize(
    ("transport", "colour", "used"),
    [("auto", "default", 2), ("shm", "default", 2), ("inline", "raw", 1), ("inline", "default", 1)],
)
def test_frames_arrive_as_they_were_made(
    library: NativeLibrary, here: Backend, transport: str, colour: str, used: int
) -> None:
    options: dict[str, Any] = {"transport": transport, "colour": colour, "seed": 5, "start": "yard"}
    with NativeClient(library, here.address, depth=True, **options) as client:
        client.wait_ready()
        assert client.status().transport == used
        form = client.frame_format()
        assert form is not None
        assert (form.width, form.height, form.colour_stride, form.depth_stride) == (64, 48, 256, 128)
        assert (form.depth_near_m, form.frame_rate, form.seed, form.start) == (NEAR_M, 100.0, 5, b"yard")
        assert (form.executor.name, form.session_number) == (b"stub", 1)
        last = -1
        for _ in range(50):
            with client.next_frame() as frame:
                assert frame.index > last
                last = frame.index
                jpeg = transport == "inline" and colour == "default"
                assert_is_stub_frame(frame, 5, "yard", tolerance=12 if jpeg else 0)
                assert frame.raw.arrived_ns >= frame.raw.server_generated_ns > 0
        assert last < 80, "frames were lost although they were taken as they came"


def test_the_world_tells_what_drives_it(library: NativeLibrary, here: Backend) -> None:
    with NativeClient(library, here.address) as client:
        client.wait_ready()
        world = client.world()
        assert world is not None
        assert (world.name, world.title, world.licence) == (b"stub", b"Stub world stub", b"CC0-1.0")
        assert [world.buttons[i].name for i in range(world.button_count)] == [b"forward", b"back", b"jump"]
        assert [world.starts[i].name for i in range(world.start_count)] == [b"hall", b"yard"]
        assert world.buttons[0].keys[0].value == b"KeyW"
        assert (world.look_yaw, world.look_pitch, world.takes_pose) == (1, 0, 1)
        assert (world.width, world.height, world.intrinsics.fx) == (64, 48, 32.0)
        assert client.button("jump") == JUMP


def test_before_the_session_there_is_nothing_and_nothing_breaks(library: NativeLibrary) -> None:
    with NativeClient(library, "127.0.0.1:9", **QUICK) as client:
        assert client.acquire() is None
        assert client.world() is None and client.frame_format() is None
        client.control(buttons=1, look=(3.0, 0.0))
        for call in (client.save, lambda: client.prompt("x"), client.reset):
            with pytest.raises(NativeError):
                call()
        client.wait_state(State.WAITING)
        assert client.status().problem is Problem.BACKEND_ABSENT
        assert "dreamport serve" in client.status().message


def test_the_newest_frame_wins(library: NativeLibrary, here: Backend) -> None:
    with NativeClient(library, here.address) as client:
        client.wait_ready()
        client.next_frame().release()
        (player,) = here.source.players()
        before = player.index
        wait_for(lambda: player.index >= before + 50, "50 frames")
        with client.next_frame() as frame:
            assert frame.index >= player.index - 4, "a stale frame was lent"
        assert client.statistics().frames_replaced >= 30


def test_four_frames_may_be_lent_and_stay_as_they_are(library: NativeLibrary, here: Backend) -> None:
    with NativeClient(library, here.address, colour="raw", transport="inline", depth=True, seed=1) as client:
        frames = [client.next_frame() for _ in range(4)]
        wait_for(lambda: client.statistics().frames_received >= 30, "more frames")
        with pytest.raises(NativeError, match="full"):
            client.acquire()
        for frame in frames:
            assert_is_stub_frame(frame, 1, "hall")
        frames.pop().release()
        client.next_frame().release()
        for frame in frames:
            frame.release()
        with pytest.raises(NativeError):
            client.release(frames[0].raw.lease)


def test_nothing_is_allocated_after_the_first_frames(library: NativeLibrary, here: Backend) -> None:
    for transport, colour in (("shm", "default"), ("inline", "jpeg")):
        with NativeClient(library, here.address, depth=True, transport=transport, colour=colour) as client:
            client.wait(lambda: client.statistics().frames_received >= 3, 10, "three frames")
            begin = client.statistics().allocations
            frames = [client.next_frame() for _ in range(4)]
            for frame in frames:
                frame.release()
            client.wait(lambda: client.statistics().frames_received >= 40, 10, "forty frames")
            assert client.statistics().allocations == begin


def test_depth_is_left_out_unless_asked_for(library: NativeLibrary, here: Backend) -> None:
    with NativeClient(library, here.address) as client, client.next_frame() as frame:
        assert frame.depth is None and frame.raw.depth_stride == 0


async def test_the_default_world_looks_and_measures_as_through_the_python_client(
    library: NativeLibrary, default_world: Path
) -> None:
    del default_world  # the shipped world must be there
    async with running_server(ServerOptions(port=0, max_sessions=2)) as server:
        async with PlayClient(server.address) as python:
            opening = python.open(
                seed=3, depth=True, colour=common_pb2.COLOUR_FORMAT_RAW_RGBA,
                transport=common_pb2.TRANSPORT_INLINE,
            )  # fmt: skip
            async with await opening as stream:
                expected = {}
                for _ in range(3):
                    frame = (await stream.next("frame")).frame
                    expected[frame.index] = (frame.colour, frame.depth, frame.pose)
                    await stream.presented(frame.id)

        def play() -> int:
            compared = 0
            with NativeClient(library, server.address, seed=3, depth=True) as client:
                client.wait_ready(30)
                while compared == 0:
                    with client.next_frame(30) as frame:
                        if frame.index not in expected:
                            break
                        colour, depth, pose = expected[frame.index]
                        assert frame.colour.tobytes() == colour
                        assert frame.depth is not None and frame.depth.tobytes() == depth
                        assert list(frame.raw.pose.position) == [
                            pose.position.x, pose.position.y, pose.position.z,
                        ]  # fmt: skip
                        compared += 1
            return compared

        assert await asyncio.to_thread(play) >= 1


# --- input


def latest(player: StubGenerator) -> FrameControl:
    """What the last frame applied."""
    return player.controls[-1] if player.controls else FrameControl()


def test_held_buttons_camera_and_intrinsics_reach_the_world(library: NativeLibrary, here: Backend) -> None:
    with NativeClient(library, here.address) as client:
        client.wait_ready()
        (player,) = here.source.players()
        client.control(buttons=1)
        wait_for(lambda: latest(player).buttons == 1, "the held button")
        client.control(buttons=0)
        wait_for(lambda: latest(player).buttons == 0, "the released button")
        at = Pose((1.0, -2.0, 3.0), (0.0, 0.6, 0.0, 0.8))
        client.control(camera=at, intrinsics=Intrinsics(50.0, 51.0, 30.0, 20.0))
        wait_for(lambda: latest(player).pose is not None, "the camera")
        taken = latest(player)
        assert taken.pose is not None and taken.pose.position == at.position
        assert taken.intrinsics == Intrinsics(50.0, 51.0, 30.0, 20.0)
        client.control()
        wait_for(lambda: latest(player).pose is None, "the world's own camera")


def test_wrong_input_is_refused_here_and_does_not_end_the_session(
    library: NativeLibrary, here: Backend
) -> None:
    with NativeClient(library, here.address) as client:
        client.wait_ready()
        nan = float("nan")
        refused: tuple[dict[str, Any], ...] = (
            {"buttons": 8},
            {"pressed": 1 << 31},
            {"look": (nan, 0.0)},
            {"camera": Pose((nan, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))},
            {"camera": Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 2.0))},
            {"camera": Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)), "intrinsics": Intrinsics(0.0, 1, 1, 1)},
        )
        for control in refused:
            with pytest.raises(NativeError, match="out of range"):
                client.control(**control)
        client.control(look=(1000.0, 0.0))  # more than one control may carry: it goes out in pieces
        client.next_frame().release()
        assert client.status().state is State.READY


def test_a_frame_names_the_input_it_applied(library: NativeLibrary, here: Backend) -> None:
    with NativeClient(library, here.address) as client:
        client.wait_ready()
        for number in range(1, 40):
            client.control(look=(1.0, 0.0), client_time_ns=1000 + number)
            frame = client.next_frame()
            while frame.raw.control_sequence < number:
                frame.release()
                frame = client.next_frame()
            assert frame.raw.control_sequence == number
            assert frame.raw.control_time_ns == 1000 + number
            assert frame.raw.applied_yaw_deg == 1.0
            frame.release()


def test_input_is_applied_exactly_once_across_twenty_cuts(library: NativeLibrary) -> None:
    source = StubSource(stub_world(max_deg_per_frame=90.0))
    with backend(source) as here, NativeClient(library, here.cable_address, **QUICK) as client:
        client.wait_ready()
        (player,) = source.players()

        def jumps() -> int:
            return sum(1 for control in list(player.controls) if control.buttons & JUMP)

        rng = random.Random(1)
        turned, pressed, samples, mismatched = 0.0, 0, 0, 0
        for cut in range(1, 21):
            until_s = time.monotonic() + rng.uniform(0.02, 0.15)
            at_s = until_s - rng.uniform(0.0, 0.02)
            while time.monotonic() < until_s or client.status().resumed < cut:
                if at_s and time.monotonic() > at_s:
                    here.cut()
                    at_s = 0.0
                # Little, because the contract lets at most half a turn wait, however long a break takes.
                degrees = rng.randrange(1, 16) / 64
                # Presses of one button that wait together count as one: the next when the last was applied.
                press = JUMP if jumps() == pressed and rng.random() < 0.5 else 0
                pressed += bool(press)
                client.control(look=(degrees, 0.0), pressed=press, buttons=1)
                turned += degrees
                samples += 1
                frame = client.acquire()
                if frame is not None:
                    applied = player.controls[frame.index - 1] if frame.index else None
                    yaw = applied.look_deg[0] if applied else 0.0
                    mismatched += frame.raw.applied_yaw_deg != np.float32(yaw)
                    frame.release()
                time.sleep(0.002)
                assert client.status().state is not State.FAILED, client.status()
        wait_for(lambda: sum(c.look_deg[0] for c in list(player.controls)) == turned, "every look, once")
        wait_for(lambda: jumps() == pressed, "every press, once")
        settled = len(player.controls) + 20
        wait_for(lambda: len(player.controls) >= settled, "twenty more frames")
        assert sum(control.look_deg[0] for control in player.controls) == turned
        assert jumps() == pressed and pressed > 20
        assert player.controls[-1].buttons & 1, "what is held is said again after a break"
        assert mismatched == 0
        status = client.status()
        assert (status.resumed, status.restarted) == (20, 0)
        assert client.statistics().controls_sent <= samples + 20
        frame_format = client.frame_format()
        assert frame_format is not None and frame_format.session_number == 1


# --- the session's life


def test_a_session_that_is_gone_is_replaced(library: NativeLibrary) -> None:
    with backend(grace_s=0.0) as here, NativeClient(library, here.cable_address, **QUICK) as client:
        client.wait_ready()
        client.next_frame().release()
        here.cut()
        wait_for(lambda: client.status().restarted == 1, "a new session")
        client.wait_ready()
        with client.next_frame() as frame:
            assert frame.raw.session_number == 2
        opened = [event.number for event in client.events() if event.kind is EventKind.OPENED]
        assert opened == [1, 2]


def test_without_reconnecting_a_break_is_final_until_asked(library: NativeLibrary) -> None:
    with backend() as here, NativeClient(library, here.cable_address, reconnect=False) as client:
        client.wait_ready()
        here.cut()
        status = client.wait_state(State.FAILED)
        assert status.problem is Problem.CONNECTION_LOST
        client.retry_now()
        client.wait_state(State.READY)
        assert client.status().resumed == 1


def test_a_pause_between_attempts_can_be_ended(library: NativeLibrary) -> None:
    with backend() as here, NativeClient(library, here.cable_address, backoff_ms=(60000, 60000)) as client:
        client.wait_ready()
        with pytest.raises(NativeError):
            client.retry_now()
        here.cut()
        status = client.wait_state(State.WAITING)
        assert status.next_attempt_ns - library.now_ns() > 30e9
        client.retry_now()
        client.wait_state(State.READY, timeout=5)


def test_a_detached_session_goes_on_in_another_client(library: NativeLibrary, here: Backend) -> None:
    first = NativeClient(library, here.address, seed=9)
    first.wait_ready()
    first.control(look=(6.0, 0.0))
    (player,) = here.source.players()
    wait_for(lambda: player.yaw == 6.0, "the turn")
    token = first.detach()
    with NativeClient(library, here.address, resume_token=token, **QUICK) as second:
        second.wait_ready()
        form = second.frame_format()
        assert form is not None and (form.seed, form.session_number) == (9, 1)
        assert wait_event(second, EventKind.RESUMED).number == 1
        second.control(look=(5.0, 0.0))
        wait_for(lambda: player.yaw == 11.0, "the second turn")
    assert len(here.source.players()) == 1


def test_a_token_of_nobody_opens_a_new_session(library: NativeLibrary, here: Backend) -> None:
    with NativeClient(library, here.address, resume_token="nobody", **QUICK) as client:
        client.wait_ready()
        assert wait_event(client, EventKind.OPENED).number == 1
        assert client.status().resumed == 0


def test_two_clients_do_not_fight_over_a_session(library: NativeLibrary, here: Backend) -> None:
    first = NativeClient(library, here.address, **QUICK)
    first.wait_ready()
    opened = wait_event(first, EventKind.OPENED)
    assert opened.text
    token = next(iter(here.serving.server.sessions.playing)).token
    with NativeClient(library, here.address, resume_token=token) as second:
        second.wait_ready()
        status = first.wait_state(State.FAILED)
        assert status.problem is Problem.TAKEN_OVER and "Another client" in status.message
        assert second.status().state is State.READY
    first.close()


def test_reset_save_load_and_pause(library: NativeLibrary, here: Backend) -> None:
    with NativeClient(library, here.address, depth=True, seed=1) as client:
        client.wait_ready()
        (player,) = here.source.players()
        wait_for(lambda: player.index > 20, "frame 20")
        client.save()
        saved = wait_event(client, EventKind.SAVED)
        assert saved.number > 20 and saved.text
        client.reset(seed=77, start="yard")
        wait_for(lambda: (player.seed, player.start) == (77, "yard"), "the reset")
        client.load(saved.text)
        assert wait_event(client, EventKind.LOADED).number == saved.number
        assert player.seed == 1
        client.load("nothing")
        assert wait_event(client, EventKind.NOTICE).code == play_pb2.NOTICE_CODE_NOT_FOUND
        client.prompt("a door")
        assert wait_event(client, EventKind.NOTICE).code == play_pb2.NOTICE_CODE_UNSUPPORTED
        client.event("thunder")
        assert wait_event(client, EventKind.NOTICE).code == play_pb2.NOTICE_CODE_UNSUPPORTED
        client.pause()
        wait_for(lambda: _stands_still(player), "the pause")
        client.pause(False)
        begin = player.index
        wait_for(lambda: player.index > begin + 3, "play to go on")
        with pytest.raises(NativeError):
            client.prompt("x" * 9000)


def _stands_still(player: StubGenerator) -> bool:
    before = player.index
    time.sleep(0.05)
    return player.index == before


def test_a_pause_outlives_a_break(library: NativeLibrary) -> None:
    with backend() as here, NativeClient(library, here.cable_address, **QUICK) as client:
        client.wait_ready()
        (player,) = here.source.players()
        client.pause()
        wait_for(lambda: _stands_still(player), "the pause")
        here.cut()
        wait_for(lambda: client.status().resumed == 1, "the session to go on")
        wait_for(lambda: _stands_still(player), "the pause to last")
        client.pause(False)
        begin = player.index
        wait_for(lambda: player.index > begin + 3, "play to go on")


def test_shared_memory_that_cannot_be_opened_means_inline_frames_of_the_same_session(
    library: NativeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = server_shared_memory.FrameRing.__init__

    def elsewhere(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        real = self.layout.name
        close = self.close
        self.layout.name = "/dreamport-of-another-container"

        def close_real() -> None:
            self.layout.name = real
            close()

        self.close = close_real

    monkeypatch.setattr(server_shared_memory.FrameRing, "__init__", elsewhere)
    with backend() as here, NativeClient(library, here.address, depth=True, seed=4, **QUICK) as client:
        client.wait_ready()
        assert client.status().transport == 1
        with client.next_frame() as frame:
            assert_is_stub_frame(frame, 4, "hall", tolerance=12)
        assert len(here.source.players()) == 1
        notices = [event.text for event in client.events() if event.kind is EventKind.NOTICE]
        assert any("inline" in text for text in notices)


# --- queries


def test_a_query_lists_the_worlds(library: NativeLibrary) -> None:
    source = StubSource(stub_world("beta"), stub_world("alpha", frame_rate=30.0))
    with backend(source) as here, NativeQuery(library, here.address) as query:
        worlds = query.worlds()
        assert [world.name for world in worlds] == [b"alpha", b"beta"]
        assert (worlds[0].frame_rate, worlds[0].width, worlds[0].licence) == (30.0, 64, b"CC0-1.0")


def test_a_query_without_a_backend_says_so(library: NativeLibrary) -> None:
    with NativeQuery(library, "127.0.0.1:9") as query:
        with pytest.raises(NativeError, match="dreamport serve"):
            query.worlds()
        assert query.status().state is State.FAILED


# --- handles, threads, files


def test_a_handle_that_is_gone_is_refused(library: NativeLibrary, here: Backend) -> None:
    client = NativeClient(library, here.address)
    client.wait_ready()
    frame = client.next_frame()
    pointer = client.pointer
    client.close()
    client.pointer = pointer
    for call in (client.acquire, client.status, frame.release, client.control, client.statistics):
        with pytest.raises(NativeError):
            call()
    client.close()


def test_nobody_waits_for_a_client_to_end(library: NativeLibrary) -> None:
    with backend() as here:
        source = here.source
        hold = threading.Event()

        def wait(generator: StubGenerator) -> None:
            hold.wait(5)

        source.opened["stub"].before_step = wait
        client = NativeClient(library, here.address)
        client.wait_ready()
        begin = time.perf_counter()
        client.close()
        assert time.perf_counter() - begin < 0.02, "destroy waited for the network"
        hold.set()


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads and files as Linux lists them")
def test_thousands_of_clients_leave_no_thread_and_no_file(library: NativeLibrary) -> None:
    def threads() -> int:
        return len(os.listdir("/proc/self/task"))

    def files() -> int:
        return len(os.listdir("/proc/self/fd"))

    with backend(max_sessions=64) as here:
        with NativeClient(library, here.address) as client:
            client.next_frame().release()
        wait_for(lambda: not here.serving.server.sessions.playing, "the first session to end")
        time.sleep(0.3)
        threads_before, files_before = threads(), files()
        for _ in range(2000):
            NativeClient(library, "127.0.0.1:9", reconnect=False).close()
        for number in range(200):
            client = NativeClient(library, here.address, transport="shm" if number % 2 else "inline")
            if number % 10 == 0:
                client.wait_ready()
                client.next_frame()
            client.close()
        wait_for(lambda: threads() <= threads_before, "every thread to end", 20)
        wait_for(lambda: files() <= files_before, "every file to be closed", 20)
        wait_for(lambda: not here.serving.server.sessions.playing, "the sessions to end")


def test_the_library_ends_all_and_begins_again(library: NativeLibrary, here: Backend) -> None:
    clients = [NativeClient(library, here.address) for _ in range(3)]
    clients[0].wait_ready()
    lost = NativeClient(library, "127.0.0.1:9")
    query = NativeQuery(library, here.address)
    try:
        begin = time.monotonic()
        assert library.shutdown(3.0)
        assert time.monotonic() - begin < 3.0
        for handle in (*clients, lost, query):
            with pytest.raises(NativeError, match="shut down"):
                handle.status() if handle is not query else library.check(query.poll())
        with pytest.raises(NativeError, match="shut down"):
            NativeClient(library, here.address)
    finally:
        library.restart()
    with pytest.raises(NativeError):
        clients[0].status()
    with NativeClient(library, here.address) as client:
        client.next_frame().release()


def test_statistics_tell_what_happens(library: NativeLibrary, here: Backend) -> None:
    with NativeClient(library, here.address, depth=True) as client:
        client.wait_ready()

        def play() -> bool:
            client.control(look=(0.5, 0.0))
            client.next_frame().release()
            return bool(client.statistics().server_fps > 0)

        wait_for(play, "the server's statistics")
        wait_for(lambda: play() and client.statistics().fps > 50, "a rate")
        found = client.statistics()
        assert 5 < found.interval_ms_p50 < 15 and found.interval_ms_p99 >= found.interval_ms_p50
        assert 0 < found.control_to_frame_ms_p50 < 100
        assert 0 < found.generated_to_arrived_ms_p50 < 50
        assert found.controls_sent > 50 and found.controls_merged == 0
        assert found.bytes_received > 1000 and found.bytes_sent > 1000
        assert found.server_sessions == 1 and found.server_rss_bytes > 1e6
        assert found.decode_ms_p50 > 0 and found.generation_ms_p50 > 0
