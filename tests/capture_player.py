"""A recorder in a process of its own: ``python capture_player.py ADDRESS SEED`` records made-up frames,
episode after episode, as fast as it may, and prints what is acknowledged, until it is killed.
"""

from __future__ import annotations

import asyncio
import sys

from capture_frames import begin_message, send_frame
from dreamport.service import CaptureClient, Recorder

EPISODE_FRAMES = 25


async def record(recorder: Recorder, seed: int) -> None:
    """Record until killed: after each frame a line ``EPISODE_ID FRAMES``, the frames that are on disk by
    then.
    """
    while True:
        begun = await recorder.begin_with(begin_message())
        print(begun.episode_id, 0, flush=True)
        for index in range(EPISODE_FRAMES):
            await send_frame(recorder, seed, index)
            print(begun.episode_id, recorder.acknowledged.frames, flush=True)
        finished = await recorder.finish()
        print(begun.episode_id, finished.frames, flush=True)


async def main(address: str, seed: int) -> None:
    """Record into the server at ``address``."""
    async with CaptureClient(address) as client, client.record() as recorder:
        await record(recorder, seed)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
