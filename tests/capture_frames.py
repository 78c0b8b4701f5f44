"""Small made-up captures whose every byte follows from (seed, index), and what of them must be found
again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from dreamport.episodes.dataset import Dataset, Episode
from dreamport.geometry import Intrinsics, Pose
from dreamport.service import CaptureClient, PlayServer, Recorder
from dreamport.service.wire import pose_message
from dreamport.v1 import capture_pb2, common_pb2
from stubs import serving

WIDTH, HEIGHT, NEAR_M, RATE = 32, 16, 0.25, 30.0
CAMERA = Intrinsics(16.0, 16.0, 16.0, 8.0)
BUTTONS = ("forward", "left", "jump")
RGBA, JPEG = common_pb2.COLOUR_FORMAT_RAW_RGBA, common_pb2.COLOUR_FORMAT_JPEG


@dataclass(frozen=True)
class MadeUp:
    """One frame: RGB, the same as JPEG and RGBA, inverse depth, and what goes with it."""

    rgb: np.ndarray[Any, np.dtype[np.uint8]]
    jpeg: bytes
    rgba: bytes
    depth: bytes
    pose: Pose
    buttons: int
    look_deg: tuple[float, float]


@lru_cache(maxsize=4096)
def made_up(seed: int, index: int) -> MadeUp:
    """The frame of that seed and index."""
    random = np.random.default_rng([seed, index])
    rgb = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    rgba = np.dstack([rgb, np.full((HEIGHT, WIDTH), 255, np.uint8)]).tobytes()
    depth = random.integers(0, 65536, (HEIGHT, WIDTH), np.uint16).tobytes()
    pose = Pose.from_yaw_pitch((0.1 * index, -1.0, 0.02 * index * index), 3.0 * index, 2.0)
    look = (float(index % 7) / 2, -float(index % 3) / 4)
    return MadeUp(rgb, simplejpeg.encode_jpeg(rgb, quality=90), rgba, depth, pose, index % 8, look)


def begin_message(dataset: str = "garden", **changes: Any) -> capture_pb2.BeginEpisode:
    """A ``BeginEpisode`` with nothing wrong in it."""
    begin = capture_pb2.BeginEpisode(
        protocol_version=1,
        dataset=dataset,
        licence="CC0-1.0",
        frame_rate=RATE,
        frame_size=common_pb2.FrameSize(width=WIDTH, height=HEIGHT),
        colour_format=JPEG,
        depth_format=common_pb2.DEPTH_FORMAT_INVERSE_UINT16,
        depth_near_m=NEAR_M,
        intrinsics=common_pb2.Intrinsics(fx=CAMERA.fx, fy=CAMERA.fy, cx=CAMERA.cx, cy=CAMERA.cy),
        buttons=BUTTONS,
        look_max_deg=15.0,
        engine=capture_pb2.EngineIdentity(name="Stub", version="1.2", project="Garden", plugin_version="0.2"),
        map=capture_pb2.MapIdentity(name="lawn", digest="abc"),
        source="orbit sampler",
    )
    for name, value in changes.items():
        if isinstance(value, (str, int, float, bool)):
            setattr(begin, name, value)
        elif value is None:
            begin.ClearField(name)
        elif isinstance(value, dict):
            getattr(begin, name).update(value)
        elif isinstance(value, (list, tuple)):
            begin.ClearField(name)
            getattr(begin, name).extend(value)
        else:
            getattr(begin, name).CopyFrom(value)
    return begin


def frame_message(seed: int, index: int) -> capture_pb2.CapturedFrame:
    """The made-up frame of that seed and index as a JPEG, with its depth and input."""
    frame = made_up(seed, index)
    return capture_pb2.CapturedFrame(
        index=index,
        colour=frame.jpeg,
        depth=frame.depth,
        pose=pose_message(frame.pose),
        buttons=frame.buttons,
        look_yaw_deg=frame.look_deg[0],
        look_pitch_deg=frame.look_deg[1],
        client_time_ns=1_000_000 * index + seed,
    )


async def send_frame(recorder: Recorder, seed: int, index: int, *, raw: bool = False, **others: Any) -> None:
    """Send the made-up frame of that seed and index."""
    frame = made_up(seed, index)
    await recorder.frame(
        frame.rgba if raw else frame.jpeg,
        frame.pose,
        frame.depth,
        index=index,
        buttons=frame.buttons,
        look_yaw_deg=frame.look_deg[0],
        look_pitch_deg=frame.look_deg[1],
        client_time_ns=1_000_000 * index + seed,
        **others,
    )


def assert_is_made_up(episode: Episode, seed: int, indices: list[int] | None = None) -> None:
    """Every row of ``episode`` is the made-up frame of its index, bit for bit, with the input that led to
    it.
    """
    indices = list(range(len(episode))) if indices is None else indices
    assert episode.frame_number.tolist() == indices
    for row, index in enumerate(indices):
        frame = made_up(seed, index)
        assert episode.stored_depth(row).tobytes() == frame.depth, (row, index)
        if episode.info.colour_codec == "mjpeg":
            assert episode.jpeg(row) == frame.jpeg, (row, index)
        else:
            assert np.array_equal(episode.colour(row), frame.rgb), (row, index)
        assert np.allclose(episode.pose[row], frame.pose.matrix(), atol=1e-12)
        assert episode.client_time_ns[row] == 1_000_000 * index + seed
        expected = (0, (0.0, 0.0)) if row == 0 else (frame.buttons, frame.look_deg)
        assert (episode.buttons[row], tuple(episode.look_deg[row].tolist())) == expected, (row, index)


@dataclass
class Capturing:
    """A server that records into ``folder``, and a client of it."""

    server: PlayServer
    client: CaptureClient
    folder: Path
    stop: Callable[[], Awaitable[None]]
    """Stops the server while the client is still there."""

    def dataset(self, name: str = "garden") -> Dataset:
        """The data set of that name."""
        return Dataset(self.folder / name)


@contextlib.asynccontextmanager
async def capturing(folder: Path, **options: Any) -> AsyncIterator[Capturing]:
    """A real gRPC server on loopback that records, and a real client."""
    async with contextlib.AsyncExitStack() as stack:
        here = await stack.enter_async_context(serving(captures=folder, **options))
        async with CaptureClient(here.server.address, here.server.options.token) as client:
            yield Capturing(here.server, client, folder, stack.aclose)


async def record_episode(
    recorder: Recorder, pictures: int, frames: int, **changes: Any
) -> capture_pb2.Finished:
    """Record ``frames`` made-up frames of the seed ``pictures`` and finish."""
    await recorder.begin_with(begin_message(**changes))
    for index in range(frames):
        await send_frame(recorder, pictures, index, raw=changes.get("colour_format") == RGBA)
    return await recorder.finish()


async def until_notice(recorder: Recorder, code: capture_pb2.CaptureNoticeCode) -> str:
    """Wait for a notice of that code; gives its message. Fails after ten seconds."""
    for _ in range(2000):
        for notice in recorder.notices:
            if notice.code == code:
                return notice.message
        await asyncio.sleep(0.005)
    raise AssertionError(f"no notice {code} among {list(recorder.notices)}")
