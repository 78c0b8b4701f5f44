"""Which worlds fit a machine, and how fast they will be, is told before anything is loaded."""

from __future__ import annotations

import pytest

from dreamport.executors.fit import (
    KNOWN_SIZES,
    USUAL_FRAME,
    Fit,
    chunk_flops,
    expected_speed,
    lingbot_fits,
    small_fit,
)
from dreamport.executors.gpu import Gpu
from dreamport.worlds.checkpoint import LingBotSizes

SMALL, LARGE = KNOWN_SIZES["LingBot-World 1.3B"], KNOWN_SIZES["LingBot-World 14B"]


def memory(sizes: LingBotSizes, way: str, frame: tuple[int, int]) -> int:
    """A stand-in for counting: so many GB for each way."""
    needs = (
        {"bf16": 20, "int8": 14, "offload": 8}
        if sizes.layers == 30
        else {"bf16": 80, "int8": 50, "offload": 20}
    )
    return needs[way] * 10**9


def card(name: str, gigabytes: float) -> Gpu:
    return Gpu(f"NVIDIA {name}", (9, 0), "580.1", int(gigabytes * 10**9))


def verdicts(gpu: Gpu | None, memory_bytes: int = 64 * 10**9) -> tuple[Fit, Fit]:
    small, large = lingbot_fits([], gpu, memory_bytes, memory)
    assert (small.world, large.world) == ("LingBot-World 1.3B", "LingBot-World 14B")
    return small, large


def test_a_large_card_plays_both_as_they_are() -> None:
    small, large = verdicts(card("H200", 141))
    assert (small.fits, small.way, large.fits, large.way) == (True, "as it is", True, "as it is")
    assert small.speed.startswith("faster than real time")
    assert large.speed == "slower than real time (about 4.9 fps of 16)" and "vLLM-Omni" in large.source


@pytest.mark.parametrize(
    ("gigabytes", "way"), [(24, "as it is"), (16, "8-bit weights"), (10, "streamed from main memory")]
)
def test_the_least_change_that_makes_it_fit_is_named(gigabytes: float, way: str) -> None:
    small, _ = verdicts(card("RTX 4090", gigabytes))
    assert small.fits and way in small.way
    assert small.has_gb == gigabytes and small.needs_gb <= gigabytes


def test_a_card_that_is_too_small_is_told_what_is_missing() -> None:
    small, large = verdicts(card("RTX 3060", 6))
    assert not small.fits and (small.needs_gb, small.has_gb) == (8, 6)
    assert "more memory" in large.way and "cannot be played" in large.speed


def test_a_card_that_is_too_old_is_told_so_however_large_it_is() -> None:
    old = Gpu("NVIDIA TITAN RTX", (7, 5), "580.1", 240 * 10**9)
    small, large = verdicts(old)
    assert not small.fits and not large.fits
    assert "too old (compute capability 7.5); use 8.0 or later" in small.way


def test_without_a_card_main_memory_decides_and_nobody_is_promised_real_time() -> None:
    small, large = verdicts(None)
    assert small.fits and "far from real time" in small.speed and small.device == "processor"
    assert not large.fits and "NVIDIA GPU" in large.way


def test_speed_is_arithmetic_with_its_source_where_nobody_has_measured() -> None:
    speed, source = expected_speed("mine", LARGE, USUAL_FRAME, "NVIDIA H200")
    # the same model on the same card, measured by vLLM-Omni: 4.9 frames a second
    assert speed == "slower than real time (about 4.8 fps of 16)"
    assert "1657 TFLOP a chunk at half of 989 TFLOP/s" in source


@pytest.mark.parametrize("name", ["NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA RTX A1000", "Example 1"])
def test_no_speed_is_invented_for_a_card_that_is_not_known(name: str) -> None:
    speed, source = expected_speed("mine", SMALL, USUAL_FRAME, name)
    assert speed == "not known for this card" and "measure it" in source


def test_a_chunk_costs_what_its_matrices_say() -> None:
    tokens, seen = 4 * 1508, 18 * 1508 + 512
    per_block = 2 * tokens * (10 * 1536**2 + 2 * 1536 * 8960) + 4 * tokens * seen * 1536
    ends = 2 * tokens * 1536 * 4 * (36 + 16)
    assert chunk_flops(SMALL, (832, 464)) == 5 * (30 * per_block + ends)


def test_a_world_of_graphs_is_promised_its_rate_only_where_that_was_measured() -> None:
    fast = small_fit("default", (320, 192), 20.0, ("avx2", "avx512f"), 8 * 10**9)
    assert fast.fits and fast.speed == "real time (20 fps)"
    assert "bench play" in small_fit("default", (320, 192), 20.0, ("avx2",), 8 * 10**9).source
    assert not small_fit("default", (320, 192), 20.0, (), 10**8).fits
