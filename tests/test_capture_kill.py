"""``kill -9`` of either side at random moments: whatever was acknowledged is there afterwards, bit for
bit.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture_frames import assert_is_made_up, begin_message, capturing, send_frame
from dreamport.episodes.dataset import Dataset
from dreamport.episodes.layout import recordings_left
from dreamport.episodes.placing import recover
from dreamport.service import CaptureClient, CaptureError

TESTS = Path(__file__).parent
MOMENTS = 20
FRAMES = 25
MOST_FRAMES, MOST_S = 60, 0.02
"""Each kill comes after a random number of frames, which may be in a second or third episode, and a random
time.
"""


def all_placed(captures: Path) -> bool:
    """True once every recording is an episode. One whose recorder died as the server stopped waits for the
    next start, whose work is done here.
    """
    deadline = time.monotonic() + 20
    while (left := recordings_left(captures)) and time.monotonic() < deadline:
        for dataset in left:
            list(recover(dataset))
        time.sleep(0.02)
    return not left


@contextlib.contextmanager
def process(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A script of the tests in a process of its own; killed at the end of the block if it still runs."""
    command = [sys.executable, str(TESTS / script), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def first_line(child: subprocess.Popen[str]) -> str:
    """What it says first."""
    assert child.stdout is not None
    return child.stdout.readline()


def assert_kept(root: Path, seed: int, acknowledged: dict[str, int]) -> int:
    """Every acknowledged frame is in its episode, once. Gives how many episodes there are."""
    data = Dataset(root)
    by_id = {str(row["episode_id"]): number for number, row in enumerate(data.rows())}
    assert len(by_id) == len(data), "no episode is there twice"
    for episode_id, frames in acknowledged.items():
        if frames == 0 and episode_id not in by_id:
            continue
        assert episode_id in by_id, f"{frames} acknowledged frames are lost"
        episode = data[by_id[episode_id]]
        assert len(episode) >= frames
        assert_is_made_up(episode, seed)
        episode.close()
    return len(data)


async def test_a_recorder_killed_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    random_ = random.Random(20)
    acknowledged: list[dict[str, int]] = []
    async with capturing(tmp_path) as here:
        for moment in range(MOMENTS):
            frames, wait_s = random_.randint(0, MOST_FRAMES), random_.uniform(0, MOST_S)
            said = await asyncio.to_thread(_killed_recorder, here.server.address, frames, wait_s)
            acknowledged.append(said)
            assert said, f"recorder {moment} began no episode"
    assert all_placed(tmp_path)
    together = {episode: frames for said in acknowledged for episode, frames in said.items()}
    assert assert_kept(tmp_path / "garden", 1, together) >= MOMENTS // 2
    lost = [row["ended"] for row in Dataset(tmp_path / "garden").rows()].count("connection lost")
    assert lost >= MOMENTS // 3, "most are killed while they record"


def _killed_recorder(address: str, frames: int, wait_s: float) -> dict[str, int]:
    """Run a recorder, kill it so long after so many frames, and give what it was acknowledged."""
    with process("capture_player.py", address, 1) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(1 + frames)]
        time.sleep(wait_s)
        child.kill()
        lines += child.stdout.read().splitlines(keepends=True)
    return {
        episode: int(frames)
        for episode, frames in (line.split() for line in lines if line.endswith("\n") and line.strip())
    }


async def test_a_server_killed_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    random_ = random.Random(21)
    acknowledged: dict[str, int] = {}
    left = 0
    for _ in range(MOMENTS):
        with process("capture_server.py", tmp_path) as server:
            ready = json.loads(await asyncio.to_thread(first_line, server))
            sent = asyncio.Semaphore(0)
            recording = asyncio.create_task(_record_until_lost(ready["address"], acknowledged, sent))
            for _ in range(random_.randint(1, MOST_FRAMES)):
                await sent.acquire()
            await asyncio.sleep(random_.uniform(0, MOST_S))
            server.kill()
            await recording
        left += bool(recordings_left(tmp_path))
    assert left >= MOMENTS // 2, "most are killed while an episode is open"
    with process("capture_server.py", tmp_path) as server:  # recovers what the last one left
        await asyncio.to_thread(first_line, server)
        deadline = time.monotonic() + 20
        while recordings_left(tmp_path) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
    assert not recordings_left(tmp_path)
    assert assert_kept(tmp_path / "garden", 2, acknowledged) >= left


async def _record_until_lost(address: str, acknowledged: dict[str, int], sent: asyncio.Semaphore) -> None:
    """Record made-up frames, episode after episode, and note what is on disk. ``sent`` is released a
    frame.
    """
    async with CaptureClient(address) as client:
        recorder = client.record()
        with contextlib.suppress(CaptureError):
            while True:
                begun = await recorder.begin_with(begin_message())
                acknowledged[begun.episode_id] = 0
                for index in range(FRAMES):
                    await send_frame(recorder, 2, index)
                    sent.release()
                    acknowledged[begun.episode_id] = recorder.acknowledged.frames
                acknowledged[begun.episode_id] = (await recorder.finish()).frames
        if recorder.begun.episode_id in acknowledged:
            heard = recorder.acknowledged.frames
            acknowledged[recorder.begun.episode_id] = max(acknowledged[recorder.begun.episode_id], heard)
        recorder.cancel()


@pytest.mark.parametrize("again", [1, 2])
async def test_recovering_again_changes_nothing(tmp_path: Path, again: int) -> None:
    acknowledged: dict[str, int] = {}
    with process("capture_server.py", tmp_path) as server:
        ready = json.loads(await asyncio.to_thread(first_line, server))
        recording = asyncio.create_task(
            _record_until_lost(ready["address"], acknowledged, asyncio.Semaphore(0))
        )
        while sum(acknowledged.values()) < 30:
            await asyncio.sleep(0.005)
        server.kill()
        await recording
    for _ in range(again):
        done = subprocess.run(
            [sys.executable, "-m", "dreamport", "capture", "recover", tmp_path, "--json"],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
    assert json.loads(done.stdout) == {"recovered": [], "failed": []} or again == 1
    assert_kept(tmp_path / "garden", 2, acknowledged)
    listed = subprocess.run(
        [sys.executable, "-m", "dreamport", "capture", "list", tmp_path, "--json"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    (garden,) = json.loads(listed.stdout)["datasets"]
    assert [row["episode_index"] for row in garden["episodes"]] == list(range(len(garden["episodes"])))
