"""The native recorder and ``kill -9`` of either side: whatever was acknowledged is there, bit for bit."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import time
from pathlib import Path

from capture_frames import capturing
from dreamport.episodes.layout import recordings_left
from dreamport_tools.bench.capture import CaptureBench, bench_capture
from test_capture_kill import all_placed, assert_kept, first_line, process

MOMENTS = 10
MOST_FRAMES, MOST_S = 60, 0.03


def recorded(child_lines: list[str]) -> dict[str, int]:
    """The episode that a native recorder names in its first line, and the last acknowledgement it told."""
    whole = [line.strip() for line in child_lines if line.endswith("\n")]
    return {whole[0]: int(whole[-1])} if len(whole) > 1 else {}


def killed_recorder(library: Path, address: str, frames: int, wait_s: float) -> dict[str, int]:
    """Run a native recorder, kill it so long after so many frames; what it was acknowledged."""
    with process("native_capture_player.py", library, address, 1) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(1 + frames)]
        time.sleep(wait_s)
        child.kill()
        lines += child.stdout.read().splitlines(keepends=True)
    assert lines[0], "the recorder began no episode"
    return recorded(lines)


async def test_a_native_recorder_killed_at_any_moment_loses_nothing_acknowledged(
    native_library: Path, tmp_path: Path
) -> None:
    random_ = random.Random(30)
    acknowledged: dict[str, int] = {}
    async with capturing(tmp_path) as here:
        for _ in range(MOMENTS):
            frames, wait_s = random_.randint(0, MOST_FRAMES), random_.uniform(0, MOST_S)
            acknowledged |= await asyncio.to_thread(
                killed_recorder, native_library, here.server.address, frames, wait_s
            )
    assert all_placed(tmp_path)
    assert len(acknowledged) >= MOMENTS - 2 and sum(acknowledged.values()) > MOMENTS
    assert assert_kept(tmp_path / "garden", 1, acknowledged) <= MOMENTS


async def test_a_server_killed_under_a_native_recorder_loses_nothing_acknowledged(
    native_library: Path, tmp_path: Path
) -> None:
    random_ = random.Random(31)
    acknowledged: dict[str, int] = {}
    for _ in range(MOMENTS):
        with process("capture_server.py", tmp_path) as server:
            address = json.loads(await asyncio.to_thread(first_line, server))["address"]
            frames, wait_s = random_.randint(1, MOST_FRAMES), random_.uniform(0, MOST_S)
            acknowledged |= await asyncio.to_thread(
                _record_and_kill, native_library, address, server, frames, wait_s
            )
    with process("capture_server.py", tmp_path) as server:  # recovers what the last one left
        await asyncio.to_thread(first_line, server)
        deadline = time.monotonic() + 30
        while recordings_left(tmp_path) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
    assert not recordings_left(tmp_path)
    assert len(acknowledged) >= MOMENTS - 2 and sum(acknowledged.values()) > MOMENTS
    assert_kept(tmp_path / "garden", 1, acknowledged)


def _record_and_kill(
    library: Path, address: str, server: subprocess.Popen[str], frames: int, wait_s: float
) -> dict[str, int]:
    with process("native_capture_player.py", library, address, 1) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(1 + frames)]
        time.sleep(wait_s)
        server.kill()
        time.sleep(wait_s)  # it tells what it still hears
        child.kill()
        lines += child.stdout.read().splitlines(keepends=True)
    return recorded(lines)


def test_the_bench_records_without_loss_and_opens_what_it_recorded(native_library: Path) -> None:
    options = CaptureBench(native_library, 320, 192, fps=30.0, seconds=3.0)
    result = bench_capture(options, ramp=False)
    assert result["submitted"] == result["acknowledged"] == 90
    assert (result["refused"], result["lost"]) == (0, 0)
    episode = result["episode"]
    assert (episode["rows"], episode["missing"]) == (90, 0)
    assert episode["aligned"] and episode["depth_lossless"] and episode["colour_psnr_db"] > 30
    assert result["disk_bytes"] < result["wire_bytes"], "depth is stored smaller than it was sent"
