"""The parts of a session, each alone: controls, pacing, outbox, statistics, formats. Time is passed in."""

from __future__ import annotations

import asyncio
import math
import sys
import threading
from collections.abc import Callable

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamport.service.controls import ControlInbox
from dreamport.service.negotiation import same_machine
from dreamport.service.outbox import MAX_MESSAGES, Outbox
from dreamport.service.pacing import Pacer
from dreamport.service.refusal import Refusal
from dreamport.service.statistics import RecentSamples, SessionStatistics
from dreamport.service.uninterrupted import uninterrupted
from dreamport.service.wire import EncodedFrame
from dreamport.service.world_source import flat_numbers
from dreamport.v1 import common_pb2, play_pb2
from stubs import stub_world

NAN, INFINITY = math.nan, math.inf


def control(sequence: int = 1, **fields: object) -> play_pb2.Control:
    """A control with some fields set."""
    return play_pb2.Control(sequence=sequence, **fields)  # type: ignore[arg-type]


def camera(
    position: tuple[float, float, float] = (0.0, 0.0, 0.0),
    orientation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0),
    intrinsics: tuple[float, float, float, float] | None = None,
) -> play_pb2.Camera:
    """A camera of these numbers, right or wrong."""
    px, py, pz = position
    qx, qy, qz, qw = orientation
    return play_pb2.Camera(
        pose=common_pb2.Pose(
            position=common_pb2.Vector3(x=px, y=py, z=pz),
            orientation=common_pb2.Quaternion(x=qx, y=qy, z=qz, w=qw),
        ),
        intrinsics=(
            None
            if intrinsics is None
            else common_pb2.Intrinsics(fx=intrinsics[0], fy=intrinsics[1], cx=intrinsics[2], cy=intrinsics[3])
        ),
    )


# --- controls


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (control(look_yaw_deg=NAN), "control.look_yaw_deg"),
        (control(look_pitch_deg=-INFINITY), "control.look_pitch_deg"),
        (control(look_yaw_deg=400.0), "control.look_yaw_deg"),
        (control(buttons=1 << 3), "control.buttons"),
        (control(pressed=1 << 31), "control.pressed"),
        (control(sequence=0), "control.sequence"),
        (control(camera=camera(position=(NAN, 0, 0))), "control.camera.pose.position"),
        (control(camera=camera(position=(0, 1e9, 0))), "control.camera.pose.position"),
        (control(camera=camera(orientation=(0, 0, 0, 0))), "control.camera.pose.orientation"),
        (control(camera=camera(orientation=(0, 0, NAN, 1))), "control.camera.pose.orientation"),
        (control(camera=camera(orientation=(0, 0, 1e200, 1))), "control.camera.pose.orientation"),
        (control(camera=camera(orientation=(0, 0, 0, 1.02))), "control.camera.pose.orientation"),
        (control(camera=camera(intrinsics=(0, 32, 32, 24))), "control.camera.intrinsics.fx"),
        (control(camera=camera(intrinsics=(32, INFINITY, 32, 24))), "control.camera.intrinsics.fy"),
        (control(camera=camera(intrinsics=(32, 32, 1e6, 24))), "control.camera.intrinsics.cx"),
        (control(camera=camera(intrinsics=(32, 32, 32, NAN))), "control.camera.intrinsics.cy"),
        (control(camera=play_pb2.Camera()), "control.camera.pose"),
    ],
)
def test_a_wrong_control_is_refused_with_its_field_named_and_changes_nothing(
    wrong: play_pb2.Control, field: str
) -> None:
    inbox = ControlInbox(stub_world())
    with pytest.raises(Refusal, match=f"^{field.replace('.', '[.]')}: ") as caught:
        inbox.add(wrong, 0)
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT
    latched = inbox.latch()
    assert latched.sequence == 0 and latched.frame.look_deg == (0.0, 0.0) and latched.frame.pose is None


def test_a_sequence_that_goes_back_or_stands_still_is_refused() -> None:
    inbox = ControlInbox(stub_world())
    inbox.add(control(5), 0)
    for sequence in (5, 4):
        with pytest.raises(Refusal, match="sequence"):
            inbox.add(control(sequence), 0)


def test_a_nearly_unit_quaternion_is_made_one() -> None:
    inbox = ControlInbox(stub_world())
    inbox.add(control(camera=camera(orientation=(0, 0, 0, 1.005))), 0)
    pose = inbox.latch().frame.pose
    assert pose is not None and pose.orientation == (0.0, 0.0, 0.0, 1.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=30),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
)
def test_whatever_the_interleaving_the_looks_applied_add_up_to_the_looks_sent(
    turns: list[float], latches: list[int]
) -> None:
    inbox = ControlInbox(stub_world(max_deg_per_frame=360.0))
    applied = 0.0
    for number, (turn, count) in enumerate(zip(turns, latches, strict=False), 1):
        inbox.add(control(number, look_yaw_deg=turn), 0)
        for _ in range(count):
            applied += inbox.latch().frame.look_deg[0]
            if abs(applied) > 1e9:
                break
        if abs(sum(turns[:number]) - applied) > 180.0:
            return  # more than half a turn waits: the rest is dropped, as the contract says
    applied += inbox.latch().frame.look_deg[0]
    assert applied == pytest.approx(sum(turns), abs=1e-4)
    assert inbox.latch().frame.look_deg == (0.0, 0.0)


def test_more_than_half_a_turn_does_not_wait() -> None:
    inbox = ControlInbox(stub_world(max_deg_per_frame=10.0))
    inbox.add(control(1, look_yaw_deg=300.0), 0)
    turned = [inbox.latch().frame.look_deg[0] for _ in range(20)]
    assert turned == [10.0] * 18 + [0.0] * 2


def test_a_latch_tells_which_controls_it_is_the_first_to_apply() -> None:
    inbox = ControlInbox(stub_world())
    inbox.add(control(1, client_time_ns=70), 100)
    inbox.add(control(2, client_time_ns=80, buttons=2), 200)
    latched = inbox.latch()
    assert (latched.sequence, latched.client_time_ns, latched.arrivals_ns) == (2, 80, (100, 200))
    assert latched.frame.buttons == 2, "the latest wins"
    assert inbox.latch().arrivals_ns == ()


def test_controls_that_arrive_while_a_frame_takes_them_are_neither_lost_nor_doubled() -> None:
    inbox = ControlInbox(stub_world(max_deg_per_frame=360.0))
    count, taken, done = 20_000, [], threading.Event()

    def take() -> None:
        while not done.is_set():
            taken.append(inbox.latch())
        taken.append(inbox.latch())

    taker = threading.Thread(target=take)
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        taker.start()
        for sequence in range(1, count + 1):
            inbox.add(control(sequence, look_yaw_deg=0.0078125), 0)
    finally:
        done.set()
        taker.join()
        sys.setswitchinterval(switch_s)
    assert sum(latched.frame.look_deg[0] for latched in taken) == count * 0.0078125
    assert taken[-1].sequence == count


def test_a_client_that_is_gone_holds_nothing() -> None:
    inbox = ControlInbox(stub_world())
    inbox.add(control(1, buttons=1, pressed=4, look_yaw_deg=3, camera=camera()), 0)
    inbox.let_go()
    latched = inbox.latch()
    assert latched.frame.buttons == 4, "the press was heard and is applied once; the held button is let go"
    assert latched.frame.look_deg == (3.0, 0.0) and latched.frame.pose is None
    assert inbox.latch().frame.buttons == 0
    assert inbox.sequence == 1, "numbers go on where they were"


# --- pacing


def simulate(
    duration_s: Callable[[int], float], frames: int, interval_s: float = 0.05, rest_s: float = 0.01
) -> tuple[list[float], list[float]]:
    """When each frame left, and how long before that it took its controls, on a clock of our own."""
    now = 0.0
    pacer = Pacer(interval_s, now)
    out, waits = [], []
    for number in range(frames):
        latched = now = max(now, pacer.latch_at())
        now += duration_s(number)
        pacer.made(now - latched)
        now = max(now, pacer.due_s)
        out.append(now)
        waits.append(now - latched)
        pacer.handed_out(now)
        now += rest_s
    return out, waits


def test_frames_leave_at_even_intervals_although_generation_is_uneven() -> None:
    noise = np.random.default_rng(0).uniform(0.030, 0.034, 400)
    noise[::40] = 0.050
    out, _ = simulate(lambda number: float(noise[number]), 400)
    gaps = np.diff(out[50:])
    assert np.percentile(gaps, 99) <= 1.5 * np.median(gaps)
    assert np.median(gaps) == pytest.approx(0.05, abs=1e-6)
    assert gaps.min() >= 0.7 * 0.05 - 1e-9
    assert len(out) / out[-1] == pytest.approx(20.0, rel=0.01), "delays are made up"


def test_a_fast_world_gives_little_time_away() -> None:
    pacer = Pacer(interval_s=0.002, now_s=10.0)
    pacer.made(0.001)
    assert pacer.due_s - 0.001 - pacer.latch_at() == pytest.approx(0.00006)


def test_controls_are_taken_as_late_as_the_frame_can_still_be_in_time() -> None:
    out, waits = simulate(lambda number: 0.032, 100)
    assert max(waits[10:]) < 0.032 + 0.003
    # A control that comes at the worst moment waits a whole interval, then the generation.
    assert 0.05 + max(waits[10:]) < 0.1
    assert np.allclose(np.diff(out[10:]), 0.05)


def test_a_machine_that_is_too_slow_runs_evenly_at_its_own_pace() -> None:
    out, _ = simulate(lambda number: 0.070, 100)
    gaps = np.diff(out[5:])
    assert np.allclose(gaps, 0.080), "generation and rest, back to back"


def test_a_short_stall_is_made_up_whole() -> None:
    out, _ = simulate(lambda number: 0.120 if number == 50 else 0.02, 200)
    undisturbed, _ = simulate(lambda number: 0.02, 200)
    assert out[-1] == pytest.approx(undisturbed[-1], abs=1e-9)


def test_after_a_long_stall_no_burst_follows() -> None:
    out, _ = simulate(lambda number: 1.0 if number == 50 else 0.02, 100)
    gaps = np.diff(out)
    assert (gaps[51:] >= 0.05 - 1e-9).all() and np.allclose(gaps[60:], 0.05)


def test_a_delay_is_made_up_without_a_burst() -> None:
    out, _ = simulate(lambda number: 0.12 if number == 50 else 0.005, 100, rest_s=0.001)
    gaps = np.diff(out)
    assert gaps[50:].min() >= 0.7 * 0.05 - 1e-9, "no two frames come at once"
    assert out[-1] == pytest.approx(100 * 0.05), "and the schedule is met again"


# --- outbox


def frame(number: int) -> EncodedFrame:
    """A frame, ready to be sent."""
    return EncodedFrame(number, b"")


def notice(text: str) -> play_pb2.PlayResponse:
    """A notice message."""
    return play_pb2.PlayResponse(notice=play_pb2.Notice(message=text))


async def test_the_newest_frame_replaces_the_one_that_waits_and_messages_go_first() -> None:
    outbox = Outbox()
    for number in (1, 2, 3):
        outbox.put_frame(frame(number))
    outbox.put(notice("first"))
    outbox.put(notice("second"))
    taken = [await outbox.get() for _ in range(3)]
    assert taken == [notice("first"), notice("second"), frame(3)]
    assert outbox.dropped == 2


async def test_frames_wait_while_too_many_are_in_flight() -> None:
    outbox = Outbox(max_in_flight=1)
    outbox.put_frame(frame(1))
    assert await outbox.get() == frame(1)
    outbox.put_frame(frame(2))
    waiting = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.put_frame(frame(3))
    outbox.presented(1)
    assert await waiting == frame(3) and outbox.dropped == 1


async def test_frames_are_held_until_they_are_presented_or_replaced() -> None:
    outbox = Outbox(max_in_flight=2)
    for number in (1, 2):
        outbox.put_frame(frame(number))
        await outbox.get()
    outbox.put_frame(frame(3))
    assert outbox.held() == (1, 2, 3)
    outbox.put_frame(frame(4))
    outbox.presented(1)
    assert outbox.held() == (2, 4)
    outbox.put(frame(5))
    assert outbox.held() == (2, 5, 4), "a frame that must arrive"


async def test_a_client_that_reads_no_answers_is_refused_before_memory_grows() -> None:
    outbox = Outbox()
    for _ in range(MAX_MESSAGES):
        outbox.put(notice("unread"))
    with pytest.raises(Refusal) as caught:
        outbox.put(notice("one more"))
    assert caught.value.code == grpc.StatusCode.RESOURCE_EXHAUSTED


# --- work that must be completed


async def test_work_that_was_begun_is_completed_although_its_caller_is_cancelled_twice() -> None:
    gate = asyncio.Event()
    done = []

    async def work() -> str:
        await gate.wait()
        done.append(True)
        return "result"

    caller = asyncio.create_task(uninterrupted(work()))
    for _ in range(2):
        await asyncio.sleep(0)
        caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert done == [True]
    assert await uninterrupted(work()) == "result"


# --- statistics, formats


def test_percentiles_forget_what_is_older_than_ten_seconds() -> None:
    samples = RecentSamples()
    assert samples.percentiles(0.0, 0.5) == (0.0,)
    samples.add(0.0, 1000.0)
    for number in range(101):
        samples.add(11.0, float(number))
    assert samples.percentiles(12.0, 0.5, 0.95) == (50.0, 95.0)


def test_only_the_first_frame_of_a_control_counts_for_its_latency() -> None:
    statistics = SessionStatistics()
    statistics.frame_handed_out(1, client_time_ns=1_000_000, arrivals_ns=(0,), generation_ms=1, now_s=0.02)
    statistics.frame_handed_out(2, client_time_ns=1_000_000, arrivals_ns=(), generation_ms=1, now_s=0.04)
    statistics.frame_presented(1, 31_000_000, 0.05)
    statistics.frame_presented(2, 99_000_000, 0.09)
    assert statistics.control_to_presented_ms.percentiles(0.1, 0.5, 1.0) == (30.0, 30.0)
    assert statistics.control_to_frame_ms.percentiles(0.1, 1.0) == pytest.approx((20.0,))
    assert statistics.fps(0.05) == 2.0


@pytest.mark.parametrize(
    ("peer", "same"),
    [
        ("ipv4:127.0.0.1:4000", True),
        ("ipv6:[::1]:4000", True),
        ("ipv6:%5B::1%5D:4000", True),
        ("unix:/tmp/socket", True),
        ("ipv4:192.168.1.7:4000", False),
        ("ipv6:[2001:db8::1]:4000", False),
        ("nonsense", False),
    ],
)
def test_shared_memory_is_only_for_the_same_machine(peer: str, same: bool) -> None:
    assert same_machine(peer) is same


def test_metrics_are_flattened_and_what_is_no_number_is_left_out() -> None:
    nested = {"psnr": {"1": 30, "16": 22.5}, "note": "x", "ok": True, "list": [1]}
    assert flat_numbers(nested) == {"psnr.1": 30.0, "psnr.16": 22.5}
