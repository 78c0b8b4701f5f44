"""A world of moving pictures that are made beforehand: it costs next to nothing to generate, so what is
measured is the way from the generator to the client. It is no model and no product.

``python -m dreamport_tools.bench.pattern --frame-rate 600`` serves it on a free loopback port and prints one
line of JSON when it listens, as ``dreamport serve --json`` does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreamport.cli.serving import log_to_stderr
from dreamport.errors import WorldNotFoundError
from dreamport.generator.types import FrameControl, GeneratedFrame
from dreamport.geometry import Intrinsics, Pose
from dreamport.service import PlayServer, ServerOptions
from dreamport.service.server import serve
from dreamport.service.world_source import ExecutorInfo
from dreamport.v1 import common_pb2, world_pb2

NAME = "pattern"
NEAR_M = 0.25
FAR_M = 60.0
PICTURES = 8
STEP_PIXELS = 16
UPRIGHT = (0.0, 0.0, 0.0, 1.0)


class PatternSource:
    """One world, ``pattern``, of this frame size (pixels) and frame rate."""

    def __init__(self, width: int, height: int, frame_rate: float) -> None:
        self._world = describe(width, height, frame_rate)

    def worlds(self) -> Sequence[world_pb2.World]:
        """The one world."""
        return (self._world,)

    def open(self, name: str) -> PatternWorld:
        """Draw the pictures. Raises ``WorldNotFoundError``."""
        if name != NAME:
            raise WorldNotFoundError(name)
        return PatternWorld(self._world)


class PatternWorld:
    """The pictures, drawn once and shared by all sessions."""

    def __init__(self, world: world_pb2.World) -> None:
        size, camera = world.summary.frame_size, world.intrinsics
        self._pictures = draw(size.width, size.height)
        self._intrinsics = Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy)

    @property
    def executor(self) -> ExecutorInfo:
        """Nothing is executed."""
        return ExecutorInfo("pattern", "CPU", "none")

    def generator(self, seed: int, start: str) -> PatternGenerator:
        """Shows the pictures in turn."""
        return PatternGenerator(self._pictures, self._intrinsics)


class PatternGenerator:
    """Shows the pictures in turn. ``pose.position[0]`` of a frame is the moment at which it left the
    generator, seconds of this machine's monotonic clock: so a client on the same machine learns of it without
    a field in the contract.
    """

    def __init__(
        self, pictures: list[tuple[NDArray[np.uint8], NDArray[np.float32]]], intrinsics: Intrinsics
    ) -> None:
        self._pictures = pictures
        self._intrinsics = intrinsics
        self._index = 0

    @property
    def start_frame(self) -> GeneratedFrame:
        """The first picture."""
        return self._show()

    @property
    def snapshot_bytes(self) -> int:
        """The size of a number."""
        return 8

    def chunk(self, control: FrameControl) -> tuple[GeneratedFrame, ...]:
        """The next picture."""
        self._index += 1
        return (self._show(),)

    def finish(self) -> None:
        """Nothing is left to do."""

    def reset(self, seed: int | None = None, start: str | None = None) -> GeneratedFrame:
        """Back to the first picture."""
        self._index = 0
        return self._show()

    def snapshot(self) -> bytes:
        """Which picture is shown."""
        return self._index.to_bytes(8, "little")

    def sketch(self) -> bytes:
        """All of it."""
        return self.snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Show it again."""
        self._index = int.from_bytes(snapshot, "little")

    def close(self) -> None:
        """Holds nothing on a device."""

    def _show(self) -> GeneratedFrame:
        colour, depth = self._pictures[self._index % len(self._pictures)]
        pose = Pose((time.monotonic_ns() / 1e9, 0.0, 0.0), UPRIGHT)
        return GeneratedFrame(self._index, colour, depth, pose, self._intrinsics)


def draw(width: int, height: int) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """Colour ``[H, W, 3]`` and depth ``[H, W]`` metres of every picture: one textured view that scrolls.

    Edges, gradients and noise make its JPEG as large as that of a picture from a game (about 1.6 bits a pixel
    at quality 85).
    """
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bricks = 40.0 * ((x // 32 + 2 * (y // 16)) % 3) + 25.0 * ((x % 32 < 2) | (y % 16 < 2))
    light = 60.0 + 50.0 * np.sin(x / 173.0) * np.cos(y / 119.0)
    grain = random.normal(0.0, 5.0, (height, width)).astype(np.float32)
    base = bricks + light + grain
    colour = np.stack([base, 0.9 * base + 10, 0.7 * base + 30], axis=-1).clip(0, 255).astype(np.uint8)
    depth = (NEAR_M + (FAR_M - NEAR_M) * (0.5 + 0.5 * np.sin(x / 97.0 + y / 61.0)) ** 2).astype(np.float32)
    return [
        (np.roll(colour, -STEP_PIXELS * n, axis=1), np.roll(depth, -STEP_PIXELS * n, axis=1))
        for n in range(PICTURES)
    ]


def describe(width: int, height: int, frame_rate: float) -> world_pb2.World:
    """What a client learns of the pattern world."""
    return world_pb2.World(
        summary=world_pb2.WorldSummary(
            name=NAME,
            title="Moving pattern",
            description="Pictures made beforehand, for measuring the transport.",
            licence="CC0-1.0",
            frame_size=common_pb2.FrameSize(width=width, height=height),
            frame_rate=frame_rate,
        ),
        digest="00" * 32,
        chunk_frames=1,
        control_schema=world_pb2.ControlSchema(
            buttons=[world_pb2.Button(name="forward", label="Forward", keys=["KeyW"])],
            look=world_pb2.LookAxes(yaw=True, pitch=False, max_deg_per_frame=12.0),
            pose=False,
        ),
        intrinsics=common_pb2.Intrinsics(fx=width / 2, fy=width / 2, cx=width / 2, cy=height / 2),
        depth_range=world_pb2.DepthRange(min_m=NEAR_M, max_m=FAR_M),
        starts=[world_pb2.Start(name="first", title="First picture")],
        provenance=world_pb2.Provenance(data="drawn", licence="CC0-1.0"),
    )


def main() -> None:
    """Serve until Ctrl+C or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--frame-rate", type=float, default=60.0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--max-sessions", type=int)
    parser.add_argument("--grace", type=float, default=30.0)
    parser.add_argument("--token")
    parser.add_argument("--tls-certificate", type=Path)
    parser.add_argument("--tls-key", type=Path)
    given = parser.parse_args()
    options = replace(
        ServerOptions(),
        host=given.host,
        port=given.port,
        max_sessions=given.max_sessions,
        grace_s=given.grace,
        token=given.token,
        tls_certificate=given.tls_certificate,
        tls_key=given.tls_key,
    )
    log_to_stderr()
    source = PatternSource(given.width, given.height, given.frame_rate)

    def ready(server: PlayServer) -> None:
        print(json.dumps({"address": server.address, "pid": os.getpid()}), flush=True)

    asyncio.run(serve(options, source, ready))


if __name__ == "__main__":
    main()
