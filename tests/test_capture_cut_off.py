"""A call of a recorder that is cancelled while it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest

from capture_frames import assert_is_made_up, begin_message, frame_message
from dreamport.episodes.dataset import Dataset
from dreamport.episodes.layout import recordings_left
from dreamport.service import ServerOptions
from dreamport.service.capture_desk import CaptureDesk
from dreamport.service.capture_stream import CaptureStream, Context
from dreamport.v1 import capture_pb2


class GoneRecorder:
    """The call of a recorder that begins an episode, sends two frames and goes away."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self._requests = [
            capture_pb2.RecordRequest(begin=begin_message()),
            *(capture_pb2.RecordRequest(frame=frame_message(3, index)) for index in range(2)),
        ]

    async def send_initial_metadata(self, _metadata: object) -> None:
        """Nobody looks at it."""

    async def read(self) -> capture_pb2.RecordRequest | None:
        if self._requests:
            return self._requests.pop(0)
        self.gone.set()
        return None

    async def write(self, _message: object) -> None:
        """Nobody reads it."""


@pytest.mark.parametrize("turns", range(8))
async def test_it_puts_the_episode_in_place_whenever_it_is_cancelled(tmp_path: Path, turns: int) -> None:
    recorder = GoneRecorder()
    stream = CaptureStream(CaptureDesk(ServerOptions(captures=tmp_path)))
    call = asyncio.create_task(stream.run(cast(Context, recorder)))
    await recorder.gone.wait()
    for _ in range(turns):
        await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait((call,))
    assert not recordings_left(tmp_path)
    (episode,) = Dataset(tmp_path / "garden")
    assert_is_made_up(episode, 3, [0, 1])
