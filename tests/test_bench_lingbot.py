"""The scaled-down LingBot world through the real server in a real browser: ``dreamport bench lingbot``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import requires
from on_time import assert_on_time, measured_again

COMMAND = ("-m", "dreamport", "bench", "lingbot", "--tiny", "--chunks", "3", "--json")


@pytest.mark.timeout(600)
@measured_again
def test_three_chunks_are_shown_evenly_a_prompt_changes_the_world_and_all_can_be_made_again() -> None:
    """MUST-SHOW 4 of issue 5."""
    requires.program("chromium", "chromium-browser", "google-chrome", package="chromium")
    for module in ("torch", "safetensors", "transformers"):
        requires.package(module, extra="lingbot")
    done = subprocess.run(
        [sys.executable, *COMMAND], capture_output=True, text=True, timeout=190, check=False
    )
    assert done.returncode == 0, done.stderr
    played = json.loads(done.stdout)
    assert played["chunks"] >= 3
    assert played["frames"] >= 12 + 16 + 16 - 2
    assert played["replay_identical"] and played["prompt_changed"]
    assert played["prompt_at_frame"] % 16 == 13, "the first frame of a chunk"
    interval = played["frame_interval_ms"]
    assert_on_time(interval["p50"] == pytest.approx(62.5, rel=0.15), interval)
    assert_on_time(interval["p99"] <= 1.5 * interval["p50"], interval)
