"""A native recorder in a process of its own: ``python native_capture_player.py LIBRARY ADDRESS SEED``
records made-up frames until it is killed, and prints the episode and after each frame how many are
acknowledged.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from capture_frames import BUTTONS, CAMERA, HEIGHT, NEAR_M, RATE, WIDTH, made_up
from dreamport_tools.native_core import NativeLibrary, NativeRecorder
from dreamport_tools.native_core.library import EventKind


def begun(recorder: NativeRecorder) -> str:
    """Id of the episode, once it is open."""
    while True:
        for event in recorder.events():
            if event.kind is EventKind.EPISODE_BEGUN:
                return event.text
        time.sleep(0.001)


def main(library: str, address: str, seed: int) -> None:
    """Record until killed."""
    with NativeRecorder(
        NativeLibrary.load(library),
        address,
        size=(WIDTH, HEIGHT),
        dataset="garden",
        licence="CC0-1.0",
        colour="raw",
        depth_near_m=NEAR_M,
        frame_rate=RATE,
        intrinsics=CAMERA,
        buttons=BUTTONS,
    ) as recorder:
        recorder.wait_ready()
        recorder.begin()
        print(begun(recorder), flush=True)
        index = 0
        while True:
            buffer = recorder.acquire_soon()
            frame = made_up(seed, index)
            buffer.colour[..., :3] = frame.rgb
            buffer.colour[..., 3] = 255
            assert buffer.depth is not None
            buffer.depth[:] = np.frombuffer(frame.depth, np.uint16).reshape(HEIGHT, WIDTH)
            recorder.submit(
                buffer.lease,
                frame.pose,
                client_time_ns=1_000_000 * index + seed,
                buttons=frame.buttons,
                look=frame.look_deg,
            )
            index += 1
            print(recorder.statistics().acknowledged, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
