"""Playing and asking for worlds through the native core."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dreamport.geometry import Intrinsics, Pose
from dreamport_tools.native_core import abi
from dreamport_tools.native_core.library import (
    NOTHING_NEW,
    OK,
    Handle,
    NativeError,
    NativeLibrary,
    endpoint,
    memory_at,
)

TRANSPORTS = {"auto": 0, "inline": 1, "shm": 2}
COLOURS = {"default": 0, "raw": 1, "jpeg": 2}


@dataclass
class NativeFrame:
    """A lent frame. ``colour`` ``[H, W, 4]`` and ``depth`` ``[H, W]`` (inverse, uint16) are views of the
    library's memory, valid until ``release``; ``raw`` is the ``dp_frame``.
    """

    raw: abi.Frame
    colour: NDArray[np.uint8]
    depth: NDArray[np.uint16] | None
    _client: NativeClient

    def release(self) -> None:
        """Give it back; the views are invalid from now on."""
        self._client.release(self.raw.lease)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @property
    def id(self) -> int:
        """Number of the frame in its session."""
        return int(self.raw.id)

    @property
    def index(self) -> int:
        """Frames since the start."""
        return int(self.raw.index)

    def depth_metres(self) -> NDArray[np.float32]:
        """``[H, W]`` metres along the axis; infinity where there is nothing.

        Raises ``ValueError`` without depth.
        """
        if self.depth is None:
            raise ValueError("this session has no depth")
        with np.errstate(divide="ignore"):
            near = np.float32(65535 * self.raw.depth_near_m)
            return (near / self.depth.astype(np.float32)).astype(np.float32)


class NativeClient(Handle):
    """``dp_client``. Frames it lends are released by the caller."""

    def __init__(
        self,
        library: NativeLibrary,
        address: str,
        *,
        world: str = "",
        start: str = "",
        seed: int | None = None,
        size: tuple[int, int] = (0, 0),
        transport: str = "auto",
        colour: str = "default",
        jpeg_quality: int = 0,
        depth: bool = False,
        max_frames_in_flight: int = 0,
        reconnect: bool = True,
        backoff_ms: tuple[int, int] = (0, 0),
        resume_token: str | None = None,
        **reach: Any,
    ) -> None:
        """Starts connecting. ``reach``: what ``endpoint`` takes beside the address."""
        super().__init__(library, "client")
        options = abi.ClientOptions(
            struct_size=ctypes.sizeof(abi.ClientOptions),
            transport=TRANSPORTS[transport],
            endpoint=endpoint(address, **reach),
            world=world.encode(),
            start=start.encode(),
            seed=seed or 0,
            has_seed=int(seed is not None),
            width=size[0],
            height=size[1],
            colour_format=COLOURS[colour],
            jpeg_quality=jpeg_quality,
            depth_format=int(depth),
            max_frames_in_flight=max_frames_in_flight,
            reconnect=int(reconnect),
            backoff_min_ms=backoff_ms[0],
            backoff_max_ms=backoff_ms[1],
        )
        calls, out = library.calls, ctypes.byref(self.pointer)
        if resume_token is None:
            library.check(calls.dp_client_create(ctypes.byref(options), out))
        else:
            library.check(calls.dp_client_create_resumed(ctypes.byref(options), resume_token.encode(), out))
        self._acquire = calls.dp_client_acquire_frame
        self._release = calls.dp_client_release_frame
        self._control = calls.dp_client_control

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def acquire(self) -> NativeFrame | None:
        """The newest frame, or ``None`` when there is none newer than the last one acquired."""
        raw = abi.Frame()
        status = self._acquire(self.pointer, ctypes.byref(raw))
        if status == NOTHING_NEW:
            return None
        self.library.check(status)
        height, width = raw.height, raw.width
        colour = memory_at(raw.colour, raw.colour_stride * height).reshape(height, raw.colour_stride // 4, 4)
        depth = None
        if raw.depth:
            depth = memory_at(raw.depth, raw.depth_stride * height).view(np.uint16)
            depth = depth.reshape(height, raw.depth_stride // 2)[:, :width]
        return NativeFrame(raw, colour[:, :width], depth, self)

    def next_frame(self, timeout: float = 10.0) -> NativeFrame:
        """Wait (seconds) for the next new frame. Raises ``NativeError`` when none comes."""
        found: list[NativeFrame] = []

        def look() -> bool:
            frame = self.acquire()
            if frame is not None:
                found.append(frame)
            return frame is not None

        self.wait(look, timeout, "frame")
        return found[0]

    def release(self, lease: int) -> None:
        """Give a frame back."""
        self.library.check(self._release(self.pointer, lease))

    def control(
        self,
        buttons: int = 0,
        pressed: int = 0,
        look: tuple[float, float] = (0.0, 0.0),
        camera: Pose | None = None,
        intrinsics: Intrinsics | None = None,
        client_time_ns: int = 0,
    ) -> None:
        """One sample of input."""
        raw = abi.Control(
            struct_size=ctypes.sizeof(abi.Control),
            buttons=buttons,
            pressed=pressed,
            has_camera=0 if camera is None else 1 if intrinsics is None else 2,
            look_yaw_deg=look[0],
            look_pitch_deg=look[1],
            client_time_ns=client_time_ns,
        )
        if camera is not None:
            raw.camera = pose(camera)
        if intrinsics is not None:
            raw.intrinsics = abi.Intrinsics(intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy)
        self.library.check(self._control(self.pointer, ctypes.byref(raw)))

    def prompt(self, text: str) -> None:
        """Words to the world."""
        self._do("prompt", text.encode())

    def event(self, name: str) -> None:
        """Something that happens in the world."""
        self._do("event", name.encode())

    def reset(self, seed: int | None = None, start: str | None = None) -> None:
        """Begin again."""
        number = None if seed is None else ctypes.byref(ctypes.c_uint64(seed))
        self._do("reset", number, None if start is None else start.encode())

    def save(self) -> None:
        """Keep the present state; the handle comes as an event."""
        self._do("save")

    def load(self, handle: str) -> None:
        """Go back to a kept state."""
        self._do("load", handle.encode())

    def pause(self, paused: bool = True) -> None:
        """Stop or go on."""
        self._do("pause", int(paused))

    def presented(self, frame_id: int, client_time_ns: int = 0) -> None:
        """The frame was shown."""
        self._do("presented", frame_id, client_time_ns)

    def retry_now(self) -> None:
        """End a pause between two attempts."""
        self._do("retry_now")

    def detach(self) -> str:
        """Leave the session to be resumed; gives its token. The client is gone afterwards."""
        token = ctypes.create_string_buffer(256)
        self._do("detach", token, 256)
        self.pointer = ctypes.c_void_p()
        return token.value.decode()

    def world(self) -> abi.World | None:
        """The world of the open session, or ``None`` before it opened."""
        raw = abi.World()
        return raw if self._do("world", ctypes.byref(raw)) == OK else None

    def frame_format(self) -> abi.FrameFormat | None:
        """The format of the open session's frames, or ``None`` before it opened."""
        raw = abi.FrameFormat()
        return raw if self._do("frame_format", ctypes.byref(raw)) == OK else None

    def statistics(self) -> abi.Statistics:
        """``dp_statistics``."""
        raw = abi.Statistics()
        self._do("statistics", ctypes.byref(raw))
        return raw

    def button(self, name: str) -> int:
        """The bit of a button. Raises ``ValueError`` when the world has none of that name."""
        world = self.world()
        names = [] if world is None else [world.buttons[i].name.decode() for i in range(world.button_count)]
        return 1 << names.index(name)

    def _do(self, name: str, *arguments: Any) -> int:
        return self.library.check(getattr(self.library.calls, f"dp_client_{name}")(self.pointer, *arguments))


class NativeQuery(Handle):
    """``dp_query``: which worlds a backend has."""

    def __init__(self, library: NativeLibrary, address: str, **reach: Any) -> None:
        super().__init__(library, "query")
        raw = endpoint(address, **reach)
        library.check(library.calls.dp_query_create(ctypes.byref(raw), ctypes.byref(self.pointer)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def poll(self) -> int:
        """``dp_status``: OK, NOTHING_NEW, or an error when it failed."""
        return int(self.library.calls.dp_query_poll(self.pointer, None))

    def worlds(self, timeout: float = 10.0) -> Sequence[abi.World]:
        """Wait (seconds) for the answer. Raises ``NativeError`` with the library's words when it failed."""
        self.wait(lambda: self.poll() != NOTHING_NEW, timeout, "answer")
        if self.poll() != OK:
            status = self.status()
            raise NativeError(self.poll(), f"{status.problem.name}: {status.message}")
        found = [abi.World() for _ in range(self.library.calls.dp_query_world_count(self.pointer))]
        for index, world in enumerate(found):
            self.library.check(self.library.calls.dp_query_world(self.pointer, index, ctypes.byref(world)))
        return found


def pose(value: Pose) -> abi.Pose:
    """``dp_pose``."""
    return abi.Pose((ctypes.c_double * 3)(*value.position), (ctypes.c_double * 4)(*value.orientation))
