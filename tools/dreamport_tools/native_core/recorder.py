"""Recording through the native core."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dreamport.geometry import Intrinsics, Pose
from dreamport_tools.native_core import abi
from dreamport_tools.native_core.client import COLOURS, pose
from dreamport_tools.native_core.library import Handle, NativeError, NativeLibrary, endpoint, memory_at

FULL = -4


@dataclass
class CaptureBuffer:
    """Memory lent for one frame: ``colour`` ``[H, W, 4]``, ``depth`` ``[H, W]`` inverse uint16, or
    ``None``.
    """

    lease: int
    colour: NDArray[np.uint8]
    depth: NDArray[np.uint16] | None


class NativeRecorder(Handle):
    """``dp_recorder``."""

    def __init__(
        self,
        library: NativeLibrary,
        address: str,
        *,
        size: tuple[int, int],
        dataset: str,
        licence: str = "proprietary",
        colour: str = "default",
        jpeg_quality: int = 0,
        depth_near_m: float = 0.0,
        frame_rate: float = 30.0,
        intrinsics: Intrinsics | None = None,
        queue_frames: int = 0,
        buttons: Sequence[str] = (),
        look_max_deg: float = 0.0,
        engine: tuple[str, str] = ("Python", "3"),
        project: str = "",
        plugin_version: str = "",
        **reach: Any,
    ) -> None:
        """Starts connecting. ``size``: width and height, pixels; ``depth_near_m`` 0 records no depth;
        ``reach`` as for ``NativeClient``.
        """
        super().__init__(library, "recorder")
        width, height = size
        camera = intrinsics or Intrinsics(width / 2, width / 2, width / 2, height / 2)
        options = abi.RecorderOptions(
            struct_size=ctypes.sizeof(abi.RecorderOptions),
            width=width,
            height=height,
            colour_format=COLOURS[colour],
            jpeg_quality=jpeg_quality,
            depth_format=int(depth_near_m > 0),
            depth_near_m=depth_near_m,
            frame_rate=frame_rate,
            intrinsics=abi.Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy),
            queue_frames=queue_frames,
            button_count=len(buttons),
            look_max_deg=look_max_deg,
            endpoint=endpoint(address, **reach),
            dataset=dataset.encode(),
            licence=licence.encode(),
            engine_name=engine[0].encode(),
            engine_version=engine[1].encode(),
            project=project.encode(),
            plugin_version=plugin_version.encode(),
        )
        for index, name in enumerate(buttons):
            options.buttons[index].value = name.encode()
        self.size = size
        library.check(library.calls.dp_recorder_create(ctypes.byref(options), ctypes.byref(self.pointer)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(
        self,
        seed: int = 0,
        split: str = "",
        map_name: str = "",
        map_digest: str = "",
        source: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Begin an episode."""
        options = abi.EpisodeOptions(
            struct_size=ctypes.sizeof(abi.EpisodeOptions),
            tag_count=len(tags or {}),
            seed=seed,
            split=split.encode(),
            map_name=map_name.encode(),
            map_digest=map_digest.encode(),
            source=source.encode(),
        )
        for index, (name, value) in enumerate((tags or {}).items()):
            options.tags[index] = abi.Tag(name.encode(), value.encode())
        self._do("begin", ctypes.byref(options))

    def acquire(self) -> CaptureBuffer | None:
        """Memory for the next frame, or ``None`` when all is in use."""
        raw = abi.CaptureBuffer()
        status = self.library.calls.dp_recorder_acquire(self.pointer, ctypes.byref(raw))
        if status == FULL:
            return None
        self.library.check(status)
        width, height = self.size
        colour = memory_at(raw.colour, raw.colour_stride * height).reshape(height, width, 4)
        depth = None
        if raw.depth:
            depth = memory_at(raw.depth, raw.depth_stride * height).view(np.uint16).reshape(height, width)
        return CaptureBuffer(raw.lease, colour, depth)

    def acquire_soon(self, timeout: float = 10.0) -> CaptureBuffer:
        """Wait (seconds) for memory. A refusal leaves a gap in the numbers, so it waits for room first."""
        self.wait(lambda: self.statistics().pressure < 1.0, timeout, "free buffer")
        buffer = self.acquire()
        if buffer is None:
            raise NativeError(FULL, "no free buffer")
        return buffer

    def submit(
        self,
        lease: int,
        at: Pose | None = None,
        *,
        client_time_ns: int = 0,
        intrinsics: Intrinsics | None = None,
        buttons: int = 0,
        look: tuple[float, float] = (0.0, 0.0),
        velocity: tuple[float, float, float] | None = None,
        engine_state: Sequence[float] = (),
        flip_rows: bool = False,
        redacted: bool = False,
    ) -> None:
        """Hand the frame over."""
        raw = abi.CaptureFrame(
            struct_size=ctypes.sizeof(abi.CaptureFrame),
            lease=lease,
            client_time_ns=client_time_ns,
            pose=pose(at or Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))),
            has_intrinsics=int(intrinsics is not None),
            buttons=buttons,
            look_yaw_deg=look[0],
            look_pitch_deg=look[1],
            has_velocity=int(velocity is not None),
            engine_state_count=len(engine_state),
            flip_rows=int(flip_rows),
            redacted=int(redacted),
        )
        if intrinsics is not None:
            raw.intrinsics = abi.Intrinsics(intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy)
        if velocity is not None:
            raw.velocity = (ctypes.c_double * 3)(*velocity)
        for index, value in enumerate(engine_state):
            raw.engine_state[index] = value
        self._do("submit", ctypes.byref(raw))

    def cancel(self, lease: int) -> None:
        """Give memory back without a frame."""
        self._do("cancel", lease)

    def marker(self, name: str, text: str = "") -> None:
        """A mark at the last frame submitted."""
        self._do("marker", name.encode(), text.encode())

    def finish(self, discard: bool = False) -> None:
        """End the episode; the answer is an event."""
        self._do("finish", int(discard))

    def statistics(self) -> abi.RecorderStats:
        """``dp_recorder_stats``."""
        raw = abi.RecorderStats()
        self._do("statistics", ctypes.byref(raw))
        return raw

    def _do(self, name: str, *arguments: Any) -> int:
        return self.library.check(
            getattr(self.library.calls, f"dp_recorder_{name}")(self.pointer, *arguments)
        )
