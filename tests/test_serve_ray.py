"""``dreamport serve --ray``: two workers on this machine, four players, and ``kill -9``.

Ray runs in the server's process and its children, never in pytest's: it leaves signal stacks behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import grpc
import pytest

from dreamport.service import PlayClient, PlayError, PlayStream
from dreamport.v1 import play_pb2
from on_time import assert_on_time, measured_again

READY_S = 90.0
RESUME_S = 60.0
FRAME_RATE = 20.0

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra 'cluster' (ray)")


@contextlib.contextmanager
def ray_server(world: Path, folder: Path, *options: str) -> Iterator[dict[str, Any]]:
    """``dreamport serve --ray`` as a process of its own; gives its line of JSON."""
    command = [
        sys.executable,
        "-m",
        "dreamport",
        "serve",
        str(world),
        "--ray",
        "--port",
        "0",
        "--json",
        *options,
    ]
    errors = folder / "serve.log"
    environment = {**os.environ, "XDG_DATA_HOME": str(folder)}
    with errors.open("wb") as log:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
        try:
            assert server.stdout is not None
            line = next((line for line in server.stdout if line.startswith("{")), None)
            assert line is not None, errors.read_text()
            yield json.loads(line)
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                assert server.wait(30) == 0, errors.read_text()
            finally:
                server.kill()


class Player:
    """One client that walks on and notes when each frame came."""

    def __init__(self, address: str, number: int) -> None:
        self.client = PlayClient(address)
        self.number = number
        self.stream: PlayStream | None = None
        self.frames: list[play_pb2.Frame] = []
        self.times_s: list[float] = []

    async def open(self, resume_token: str = "") -> play_pb2.Opened:
        """Begin, or go on."""
        self.stream = await self.client.open(seed=self.number, depth=False, resume_token=resume_token)
        return self.stream.opened

    async def play(self, frames: int) -> None:
        """Walk for so many frames."""
        assert self.stream is not None
        for _ in range(frames):
            await self.stream.control(buttons=self.stream.button("forward"))
            self.frames.append((await self.stream.next("frame")).frame)
            self.times_s.append(time.monotonic())

    async def play_until(self, over: asyncio.Event) -> None:
        """Walk until told."""
        while not over.is_set():
            await self.play(1)

    async def resume(self) -> play_pb2.Opened:
        """Come back as the messages say, as often as they say."""
        assert self.stream is not None
        token, until_s = self.stream.opened.resume_token, time.monotonic() + RESUME_S
        while True:
            try:
                return await self.open(token)
            except PlayError as error:
                assert error.retry_after_ms is not None, error
                assert time.monotonic() < until_s, error
                await asyncio.sleep(error.retry_after_ms / 1000)

    def rate(self, begin_s: float, end_s: float) -> float:
        """Frames a second in that time."""
        return sum(begin_s <= time_s < end_s for time_s in self.times_s) / (end_s - begin_s)


@measured_again
async def test_a_killed_worker_loses_nobody_and_slows_nobody(tiny_pack: Path, tmp_path: Path) -> None:
    with ray_server(tiny_pack, tmp_path, "--workers", "2", "--max-sessions", "2", "--grace", "120") as server:
        players = [Player(server["address"], number) for number in range(4)]
        for player in players:
            await player.open()
        homes = [player.stream.worker for player in players if player.stream]
        assert Counter(homes) == {worker["address"]: 2 for worker in server["workers"]}

        fifth = Player(server["address"], 5)
        with pytest.raises(
            PlayError, match=r"All 2 workers are full.*Try again in 2 seconds.*--workers"
        ) as full:
            await fifth.open()
        assert (full.value.code, full.value.retry_after_ms) == (grpc.StatusCode.RESOURCE_EXHAUSTED, 2000)

        begin_s = time.monotonic()
        await asyncio.gather(*(player.play(100) for player in players))
        killed = server["workers"][0]
        lost = [player for player, home in zip(players, homes, strict=True) if home == killed["address"]]
        kept = [player for player in players if player not in lost]
        over = asyncio.Event()
        playing_on = [asyncio.create_task(player.play_until(over)) for player in kept]
        before = {player.number: player.stream.opened for player in lost if player.stream}

        killed_s = time.monotonic()
        os.kill(killed["pid"], signal.SIGKILL)
        ends = await asyncio.gather(*(player.play(1000) for player in lost), return_exceptions=True)
        for end in ends:
            assert isinstance(end, PlayError), end
            assert end.code == grpc.StatusCode.UNAVAILABLE
            assert killed["address"] in str(end)
            assert "resume token" in str(end)

        ended_s = time.monotonic()
        resumed = await asyncio.gather(*(player.resume() for player in lost))
        resumed_s = time.monotonic()
        back: list[int] = []
        for player, opened in zip(lost, resumed, strict=True):
            assert opened.resumed
            assert opened.session_id == before[player.number].session_id
            assert opened.seed == player.number
            assert player.stream is not None
            assert player.stream.worker != killed["address"]
            last = player.frames[-1]
            await player.play(40)
            first = player.frames[-40]
            assert first.epoch == last.epoch + 1
            assert first.id > last.id
            assert 0 < first.index <= last.index
            back.append(last.index - first.index)
            assert back[-1] <= 5 * FRAME_RATE, "the snapshot is older than some seconds"
            assert [frame.index for frame in player.frames[-40:]] == list(
                range(first.index, first.index + 40)
            )
            assert [notice.code for notice in player.stream.notices] == [play_pb2.NOTICE_CODE_RESTORED]
        over.set()
        await asyncio.gather(*playing_on)
        rates = [(player.rate(begin_s, killed_s), player.rate(killed_s, resumed_s)) for player in kept]
        age_s = [round(frames / FRAME_RATE, 1) for frames in back]
        shown = [(round(before, 1), round(after, 1)) for before, after in rates]
        print(
            f"\nerror after {1000 * (ended_s - killed_s):.0f} ms; resumed after {resumed_s - killed_s:.1f} s"
        )
        print(f"from {age_s} s back; the others' frames a second, before and after: {shown}")
        for player in (*players, fifth):
            if player.stream is not None:
                await player.stream.close()
            await player.client.__aexit__(None, None, None)
        assert_on_time(all(after >= 0.9 * before for before, after in rates), shown)
