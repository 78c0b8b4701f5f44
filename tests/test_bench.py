"""The benchmark measures what a player feels: every control counts, warm-up does not."""

from __future__ import annotations

import pytest

from dreamport_tools.bench.measure import MINUTE, PlayMeasurement
from dreamport_tools.bench.play import soak
from dreamport_tools.bench.script import CONTROL_RATE_HZ, ROUND, input_at

MS = 1_000_000
BUTTONS = ("forward", "backward", "left", "right")
INTERVAL = 1 / CONTROL_RATE_HZ


def test_every_control_is_answered_by_the_first_frame_that_applied_it() -> None:
    seen = PlayMeasurement(begin_ns=0, end_ns=MINUTE)
    for sequence, sent in ((1, 0), (2, 20 * MS), (3, 40 * MS)):
        seen.control_sent(sequence, sent)
    seen.frame_arrived(1, applied_sequence=2, now_ns=60 * MS)
    seen.frame_arrived(2, applied_sequence=2, now_ns=110 * MS)
    seen.frame_arrived(3, applied_sequence=3, now_ns=160 * MS)
    # Control 1 waited 60 ms, control 2 waited 40 ms, control 3 waited 120 ms.
    assert seen.numbers().control_to_frame_ms == {"p50": 60.0, "p95": pytest.approx(114.0)}


def test_frame_rate_and_intervals_come_from_arrivals() -> None:
    seen = PlayMeasurement(begin_ns=0, end_ns=MINUTE)
    for index, at in enumerate((0, 50, 100, 150, 250)):
        seen.frame_arrived(index + 1, 0, at * MS)
    numbers = seen.numbers()
    assert numbers.fps == 16.0
    assert numbers.frames == 5
    assert numbers.frame_interval_ms["p50"] == 50.0
    assert numbers.frame_interval_ms["p99"] == pytest.approx(98.5)


def test_warm_up_counts_for_nothing() -> None:
    seen = PlayMeasurement(begin_ns=1000 * MS, end_ns=MINUTE)
    seen.control_sent(1, 10 * MS)
    seen.frame_arrived(1, 1, 900 * MS)
    seen.memory_seen(10**12, 900 * MS)
    seen.control_sent(2, 1000 * MS)
    seen.frame_arrived(7, 2, 1050 * MS)
    seen.frame_arrived(8, 2, 1100 * MS)
    numbers = seen.numbers()
    assert numbers.control_to_frame_ms["p95"] == 50.0
    assert numbers.frames == 2
    assert numbers.dropped == 0
    assert numbers.rss_mb == 0.0


def test_gaps_in_frame_ids_are_dropped_frames() -> None:
    seen = PlayMeasurement(begin_ns=0, end_ns=MINUTE)
    for frame_id, at in ((5, 0), (6, 50), (9, 100)):
        seen.frame_arrived(frame_id, 0, at * MS)
    assert seen.numbers().dropped == 2


def test_a_soak_reports_whole_minutes_only() -> None:
    seen = PlayMeasurement(begin_ns=0, end_ns=5 * MINUTE // 2)
    for tenth in range(1500):  # 150 s at 10 fps, the last frame a little before the end
        now = tenth * MINUTE // 600
        seen.frame_arrived(tenth + 1, 0, now)
        seen.memory_seen(100_000_000 + tenth * 1000, now)
    minutes = seen.numbers().minutes
    assert [(minute.minute, minute.fps) for minute in minutes] == [(1, 10.0), (2, 10.0)]
    assert minutes[0].rss_mb < minutes[1].rss_mb == pytest.approx(101.2)


def test_the_last_minute_of_a_soak_counts_although_its_last_frame_came_before_its_end() -> None:
    seen = PlayMeasurement(begin_ns=0, end_ns=2 * MINUTE)
    for second in range(120):
        seen.frame_arrived(second + 1, 0, second * MINUTE // 60)
    assert [minute.fps for minute in seen.numbers().minutes] == [1.0, 1.0]


def test_a_soak_compares_its_last_minute_with_its_first() -> None:
    minutes = [
        {"minute": n, "fps": fps, "rss_mb": rss} for n, fps, rss in ((1, 20.0, 200.0), (2, 19.0, 210.0))
    ]
    assert soak(minutes) == {"soak": {"minutes": 2, "fps_change": -0.05, "rss_change": 0.05}}
    assert soak(minutes[:1]) == {}


def test_a_run_without_frames_says_so() -> None:
    with pytest.raises(ValueError, match="0 frames arrived"):
        PlayMeasurement(begin_ns=0, end_ns=MINUTE).numbers()


def test_the_script_walks_turns_and_stands() -> None:
    total = sum(phase.seconds for phase in ROUND)
    inputs = [input_at(n * INTERVAL, INTERVAL, BUTTONS) for n in range(int(total * CONTROL_RATE_HZ))]
    assert any(i.buttons == 0 and i.yaw_deg == 0 for i in inputs)
    assert any(i.buttons == 0b0001 and i.yaw_deg == 0 for i in inputs)
    assert any(i.buttons == 0 and i.yaw_deg < 0 for i in inputs)
    assert any(i.yaw_deg > 0 for i in inputs)


def test_the_script_is_a_round_that_ends_facing_where_it_began() -> None:
    total = sum(phase.seconds for phase in ROUND)
    assert sum(phase.seconds * phase.yaw_deg_per_s for phase in ROUND) == 0.0
    assert input_at(1.5, INTERVAL, BUTTONS) == input_at(1.5 + total, INTERVAL, BUTTONS)


def test_the_script_follows_the_world_s_own_order_of_buttons() -> None:
    assert input_at(2.0, INTERVAL, ("use", "forward")).buttons == 0b10
    assert input_at(2.0, INTERVAL, ("move_backward", "move_forward")).buttons == 0b10
    assert input_at(2.0, INTERVAL, ("jump",)).buttons == 0
    assert input_at(5.0, INTERVAL, BUTTONS, can_turn=False).yaw_deg == 0.0
