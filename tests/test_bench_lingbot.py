"""The scaled-down LingBot world through the real server in a real browser: ``dreamport bench lingbot``."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import requires

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def played() -> dict[str, Any]:
    requires.program("chromium", "chromium-browser", "google-chrome", package="chromium")
    for module in ("torch", "safetensors", "transformers"):
        requires.package(module, extra="lingbot")
    command = [sys.executable, "-m", "dreamport", "bench", "lingbot", "--tiny", "--chunks", "3", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_three_chunks_and_more_reach_the_screen(played: dict[str, Any]) -> None:
    assert played["chunks"] >= 3
    assert played["frames"] >= 12 + 16 + 16 - 2


def test_frames_are_spread_evenly(played: dict[str, Any]) -> None:
    """MUST-SHOW 4 of issue 5."""
    interval = played["frame_interval_ms"]
    assert interval["p50"] == pytest.approx(62.5, rel=0.15)
    assert interval["p99"] <= 1.5 * interval["p50"]


def test_a_prompt_changes_the_world_from_its_chunk_on_and_the_session_can_be_made_again(
    played: dict[str, Any],
) -> None:
    assert played["replay_identical"] and played["prompt_changed"]
    assert played["prompt_at_frame"] % 16 == 13, "the first frame of a chunk"
