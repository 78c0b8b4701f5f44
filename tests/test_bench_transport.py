"""The transport benchmark counts what it says: frames that arrive, from the moment they were generated."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreamport_tools.bench.pattern import draw
from dreamport_tools.bench.transport import Case, TransportBench, bench_transport, measure_case
from dreamport_tools.bench.transport_client import Seen, TransportError
from on_time import assert_on_time, measured_again

MS = 1_000_000


def test_latency_is_counted_from_the_generator_and_from_the_written_frame() -> None:
    seen = Seen(begin_ns=100 * MS)
    seen.frame(1, 0, 0, 99 * MS, 99 * MS)  # warm-up
    for number in range(2, 13):
        begin = 100 * MS + 10 * MS * number
        seen.frame(number + (number == 12), begin, begin + 1 * MS, begin + 3 * MS, begin + 5 * MS)
    numbers = seen.numbers()
    assert numbers["fps"] == 100.0 and numbers["frames"] == 11
    assert numbers["not_acquired"] == 1, "frame 12 never came, 13 did"
    assert numbers["p50_ms"] == 4.0, "generated to acquired"
    assert numbers["generated_to_arrived_ms"]["p50_ms"] == 2.0
    assert numbers["generator_to_arrived_ms"]["p50_ms"] == 3.0
    assert numbers["generator_to_acquired_ms"]["p50_ms"] == 5.0
    assert numbers["interval_ms"]["p50_ms"] == 10.0


def test_too_few_frames_are_no_measurement() -> None:
    with pytest.raises(TransportError, match="only 0 frames"):
        Seen(0).numbers()


def test_the_pattern_moves_and_has_depth() -> None:
    pictures = draw(64, 48)
    for colour, depth in pictures:
        assert colour.shape == (48, 64, 3) and depth.shape == (48, 64) and depth.min() > 0
    assert len({colour.tobytes() for colour, _ in pictures}) == 4, "it scrolls by a quarter of this picture"


@measured_again
def test_the_python_client_is_measured_too() -> None:
    small = TransportBench(library=Path(), width=64, height=48, seconds=1.0, frame_rate=50.0)
    numbers = measure_case(small, "jpeg", Case("python_client", depth=True, client="python"))
    assert numbers["asked_fps"] == 50.0
    assert_on_time(numbers["fps"] == pytest.approx(50.0, rel=0.2), numbers["fps"])
    written, whole = numbers["generated_to_arrived_ms"], numbers["generator_to_arrived_ms"]
    assert 0 < written["p50_ms"] < whole["p50_ms"] < 1000


@measured_again
def test_the_native_core_is_measured_over_every_transport(native_library: Path) -> None:
    small = TransportBench(
        library=native_library, width=320, height=192, seconds=1.0, frame_rate=100.0, cases=()
    )
    result = bench_transport(small)
    for transport in ("shm", "jpeg", "raw"):
        numbers = result[transport]
        assert 0 < numbers["generated_to_arrived_ms"]["p50_ms"] <= numbers["p50_ms"], transport
        assert_on_time(numbers["fps"] == pytest.approx(100.0, rel=0.2), (transport, numbers["fps"]))
        assert_on_time(numbers["p50_ms"] < 100, (transport, numbers["p50_ms"]))
        assert numbers["torn"] == 0
    assert (
        result["frame_size"] == [320, 192]
        and result["cores"] >= 1
        and "nghttp2" in result["native_components"]
    )
