"""Which worlds fit a machine, and how fast they will be, is told before anything is loaded."""

from __future__ import annotations

import pytest

from dreamport.executors.fit import (
    KNOWN_SIZES,
    USUAL_FRAME,
    CheckpointWorld,
    Fit,
    chunk_flops,
    expected_speed,
    lingbot_fit,
    lingbot_fits,
    small_fit,
)
from dreamport.executors.gpu import Gpu
from dreamport.executors.lingbot.memory import PLANS, MemoryEstimate, MemoryPlan
from dreamport.worlds.checkpoint import LingBotSizes

SMALL, LARGE = KNOWN_SIZES["LingBot-World 1.3B"], KNOWN_SIZES["LingBot-World 14B"]


def memory(sizes: LingBotSizes, plan: MemoryPlan, frame: tuple[int, int]) -> MemoryEstimate:
    """A stand-in for counting: so many GB on the card and in main memory for each plan."""
    way = next(way for way, known in PLANS.items() if known == plan)
    device = {"bf16": (20, 80), "int8": (14, 50), "offload": (8, 20)}[way][sizes.layers == 40]
    host = {"bf16": 0, "int8": 12, "offload": 24}[way]
    return MemoryEstimate({"weights": device * 10**9}, {"text encoder": host * 10**9})


def card(name: str, gigabytes: float) -> Gpu:
    return Gpu(f"NVIDIA {name}", (9, 0), "580.1", int(gigabytes * 10**9))


def one(sizes: LingBotSizes, gpu: Gpu, memory_bytes: int) -> Fit:
    return lingbot_fit(CheckpointWorld("mine", sizes), gpu, memory_bytes, memory)


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


def test_main_memory_must_hold_what_waits_beside_the_card() -> None:
    assert one(SMALL, card("RTX 4090", 16), 16 * 10**9).fits
    lacking = one(SMALL, card("RTX 4090", 16), 8 * 10**9)
    assert not lacking.fits and "24.0 GB of main memory" in lacking.way


def test_memory_is_counted_for_the_decoder_that_the_world_has() -> None:
    own = lingbot_fit(CheckpointWorld("mine", SMALL), card("H200", 141), 64 * 10**9)
    tiny = lingbot_fit(CheckpointWorld("mine", SMALL, decoder="taehv"), card("H200", 141), 64 * 10**9)
    assert 10 < tiny.needs_gb < own.needs_gb < 60


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
    speed, source = expected_speed(LARGE, USUAL_FRAME, "NVIDIA H100 80GB HBM3")
    # as fast on paper as an H200, on which vLLM-Omni measured 4.9 frames a second
    assert speed == "slower than real time (about 4.8 fps of 16)"
    assert "1657 TFLOP a chunk at half of 989 TFLOP/s" in source
    assert expected_speed(LARGE, USUAL_FRAME, "NVIDIA H200")[1].startswith("measured by vLLM-Omni")


@pytest.mark.parametrize("name", ["NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA RTX A1000", "Example 1"])
def test_no_speed_is_invented_for_a_card_that_is_not_known(name: str) -> None:
    speed, source = expected_speed(SMALL, USUAL_FRAME, name)
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
