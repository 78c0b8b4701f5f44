"""A small client of ``PlayService``, for scripts, the bench and tests. Engines have their own, in native
code.

::

    async with PlayClient("127.0.0.1:50700") as client:
        async with await client.open(world="default", seed=1) as stream:
            await stream.control(buttons=stream.button("forward"))
            frame = await stream.next_frame()
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from dreamport.call_end import CallEnding
from dreamport.errors import DreamportError
from dreamport.geometry import Intrinsics, Pose
from dreamport.service.channel import host_of, only_this_machine
from dreamport.service.negotiation import PROTOCOL_VERSION
from dreamport.service.pictures import decode_inverse_depth
from dreamport.service.refusal import RETRY_PUSHBACK, SAID_BY_SERVER
from dreamport.service.service_client import ServiceClient
from dreamport.service.shared_memory import FrameRingReader
from dreamport.service.wire import intrinsics_message, pose_message
from dreamport.v1 import common_pb2, play_pb2, play_pb2_grpc, world_pb2, world_pb2_grpc

KEPT_MESSAGES = 64
LOST_WORKER = (
    "The worker at {worker} that plays this session is lost. Open again with the session's resume token: "
    "another worker goes on from its last snapshot, some seconds back."
)
LOST_RETRY_MS = 500


class PlayError(DreamportError):
    """The server ended the call. ``retry_after_ms``: when it says to come back, or ``None``."""

    def __init__(self, code: grpc.StatusCode, message: str, retry_after_ms: int | None) -> None:
        super().__init__(f"{message} ({code.name})")
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms


@dataclass(frozen=True)
class PlayedFrame:
    """A frame as it came. ``colour [H, W, 3]`` uint8 sRGB; ``depth [H, W]`` float32 metres, or ``None``."""

    message: play_pb2.Frame
    colour: NDArray[np.uint8]
    depth: NDArray[np.float32] | None
    received_ns: int


class PlayClient(ServiceClient):
    """A connection to a server, and to the workers whose addresses it hands out. ``root_certificate`` (PEM)
    turns TLS on; a token goes with every call.
    """

    def __init__(self, target: str, token: str | None = None, root_certificate: bytes | None = None) -> None:
        super().__init__(target, token, root_certificate)
        self._workers: dict[str, grpc.aio.Channel] = {}

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for channel in self._workers.values():
            await channel.close()
        await super().__aexit__(kind, error, trace)

    async def worlds(self) -> list[world_pb2.WorldSummary]:
        """Every world of the server. Raises ``PlayError``."""
        stub = world_pb2_grpc.WorldServiceStub(self._channel)
        try:
            response = await stub.ListWorlds(world_pb2.ListWorldsRequest(), metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise _play_error(error) from error
        return list(response.worlds)

    async def world(self, name: str) -> world_pb2.World:
        """One world in full. Raises ``PlayError``."""
        stub = world_pb2_grpc.WorldServiceStub(self._channel)
        try:
            response = await stub.GetWorld(world_pb2.GetWorldRequest(name=name), metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise _play_error(error) from error
        world: world_pb2.World = response.world
        return world

    async def open(
        self,
        world: str = "",
        seed: int | None = None,
        start: str = "",
        colour: common_pb2.ColourFormat = common_pb2.COLOUR_FORMAT_RAW_RGBA,
        depth: bool = True,
        transport: common_pb2.Transport = common_pb2.TRANSPORT_INLINE,
        max_frames_in_flight: int = 0,
        resume_token: str = "",
        protocol_version: int = PROTOCOL_VERSION,
    ) -> PlayStream:
        """Begin a session, or go on with one. Raises ``PlayError``."""
        wanted = play_pb2.Open(
            protocol_version=protocol_version,
            world=world,
            seed=seed,
            start=start,
            colour_format=colour,
            depth_format=(
                common_pb2.DEPTH_FORMAT_INVERSE_UINT16 if depth else common_pb2.DEPTH_FORMAT_UNSPECIFIED
            ),
            transport=transport,
            max_frames_in_flight=max_frames_in_flight,
            resume_token=resume_token,
            follows_redirect=True,
        )
        stream = await self._begin(self._channel, wanted, "")
        if stream.elsewhere is not None:
            wanted.ticket = stream.elsewhere.ticket
            address = stream.elsewhere.address
            stream.cancel()
            stream = await self._begin(self._channel_to(address), wanted, address)
        return stream

    async def _begin(self, channel: grpc.aio.Channel, wanted: play_pb2.Open, worker: str) -> PlayStream:
        stream = PlayStream(play_pb2_grpc.PlayServiceStub(channel).Play(metadata=self._metadata), worker)
        try:
            await stream.send(play_pb2.PlayRequest(open=wanted))
            await stream.begin()
        except BaseException:
            stream.cancel()
            raise
        return stream

    def _channel_to(self, worker: str) -> grpc.aio.Channel:
        """A channel to a worker whose address this client was handed. Raises ``PlayError``."""
        if self._root_certificate is None and not only_this_machine(host_of(worker)):
            raise PlayError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"The server hands out {worker}, another machine, without TLS. Start it with a certificate.",
                None,
            )
        if worker not in self._workers:
            self._workers[worker] = self._connect(worker, host_of(self._target))
        return self._workers[worker]


class PlayStream:
    """One session as its client sees it. Writing is safe from several tasks; reading is for one."""

    def __init__(self, call: Any, worker: str = "") -> None:
        self._call = call
        self.worker = worker
        """Address of the worker that plays the session, where the server handed one out."""
        self.elsewhere: play_pb2.Redirect | None = None
        self._writing, self._reading = asyncio.Lock(), asyncio.Lock()
        self._end = CallEnding(call)
        self._responses: AsyncIterator[play_pb2.PlayResponse] = aiter(call)
        self._unread: deque[play_pb2.PlayResponse] = deque()
        self._ring: FrameRingReader | None = None
        self._sequence = 0
        self.opened = play_pb2.Opened()
        self.stats: play_pb2.Stats | None = None
        self.notices: deque[play_pb2.Notice] = deque(maxlen=KEPT_MESSAGES)
        self.torn_frames = 0
        """Frames in shared memory that the server had written over before they were read."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def begin(self) -> None:
        """Wait for ``Opened``, or for ``elsewhere``."""
        response = await self.receive()
        if response.WhichOneof("message") == "redirect" and not self.worker:
            self.elsewhere = response.redirect
            return
        if response.WhichOneof("message") != "opened":
            raise PlayError(grpc.StatusCode.INTERNAL, "The server did not begin with Opened.", None)
        self.opened = response.opened
        self._sequence = self.opened.last_control_sequence
        if self.opened.transport == common_pb2.TRANSPORT_SHARED_MEMORY:
            self._ring = FrameRingReader(self.opened.shared_memory)

    def button(self, *names: str) -> int:
        """The mask of these buttons. Raises ``ValueError`` for a name that the world does not have."""
        known = [button.name for button in self.opened.world.control_schema.buttons]
        return sum(1 << known.index(name) for name in set(names))

    async def send(self, request: play_pb2.PlayRequest) -> None:
        """Send any message. Raises ``PlayError`` when the call is over."""
        try:
            async with self._writing:
                await self._call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            async with self._reading:  # the status comes after all that the server said before
                while (response := await self._read()) is not None:
                    self._unread.append(response)
            raise await self._ending() from error

    async def control(
        self,
        buttons: int = 0,
        pressed: int = 0,
        look_deg: tuple[float, float] = (0.0, 0.0),
        pose: Pose | None = None,
        intrinsics: Intrinsics | None = None,
    ) -> int:
        """Send one sample of input, stamped with the monotonic clock; gives its sequence number."""
        self._sequence += 1
        await self.send(
            play_pb2.PlayRequest(
                control=play_pb2.Control(
                    sequence=self._sequence,
                    client_time_ns=time.monotonic_ns(),
                    buttons=buttons,
                    pressed=pressed,
                    look_yaw_deg=look_deg[0],
                    look_pitch_deg=look_deg[1],
                    camera=None if pose is None else _wire_camera(pose, intrinsics),
                )
            )
        )
        return self._sequence

    async def prompt(self, text: str) -> None:
        """Say words to the world; they hold from its next frame on."""
        await self.send(play_pb2.PlayRequest(prompt=play_pb2.Prompt(text=text)))

    async def event(self, name: str) -> None:
        """Let something happen in the world, from its next frame on."""
        await self.send(play_pb2.PlayRequest(event=play_pb2.Event(name=name)))

    async def reset(self, seed: int | None = None, start: str = "") -> None:
        """Begin again; the answer is a frame of a greater epoch."""
        await self.send(play_pb2.PlayRequest(reset=play_pb2.Reset(seed=seed, start=start)))

    async def pause(self, paused: bool = True) -> None:
        """Stop, or go on."""
        await self.send(play_pb2.PlayRequest(pause=play_pb2.Pause(paused=paused)))

    async def presented(self, frame_id: int) -> None:
        """Tell that a frame was shown now."""
        shown = play_pb2.Presented(frame_id=frame_id, client_time_ns=time.monotonic_ns())
        await self.send(play_pb2.PlayRequest(presented=shown))

    async def save(self) -> play_pb2.Saved:
        """Keep the present state. Frames that arrive meanwhile are passed over."""
        await self.send(play_pb2.PlayRequest(save=play_pb2.Save()))
        return (await self.next("saved")).saved

    async def load(self, handle: str) -> play_pb2.Loaded:
        """Go back to a kept state. Frames that arrive meanwhile are passed over."""
        await self.send(play_pb2.PlayRequest(load=play_pb2.Load(handle=handle)))
        return (await self.next("loaded")).loaded

    async def receive(self) -> play_pb2.PlayResponse:
        """The next message of any kind. Raises ``PlayError`` at the end of the call, code OK after a
        ``close``.
        """
        async with self._reading:
            response = self._unread.popleft() if self._unread else await self._read()
        if response is None:
            raise await self._ending()
        kind = response.WhichOneof("message")
        if kind == "stats":
            self.stats = response.stats
        elif kind == "notice":
            self.notices.append(response.notice)
        return response

    async def next(self, kind: str) -> play_pb2.PlayResponse:
        """The next message of that kind ("frame", "saved", "loaded", "stats", "notice"); others are passed
        over.
        """
        while True:
            response = await self.receive()
            if response.WhichOneof("message") == kind:
                return response

    async def next_frame(self) -> PlayedFrame:
        """The next frame."""
        while True:
            frame = self.picture((await self.next("frame")).frame)
            if frame is not None:
                return frame

    async def frames(self) -> AsyncIterator[PlayedFrame]:
        """Every frame until the call ends. Raises ``PlayError``."""
        while True:
            yield await self.next_frame()

    def picture(self, message: play_pb2.Frame) -> PlayedFrame | None:
        """Colour and depth of a frame message; ``None`` when its slot was written over before it could be
        read.
        """
        opened, received_ns = self.opened, time.monotonic_ns()
        height, width = opened.frame_size.height, opened.frame_size.width
        colour_bytes, depth_bytes = message.colour, message.depth
        if self._ring is not None:
            pixels = self._ring.read(message.slot)
            if pixels is None:
                self.torn_frames += 1
                return None
            colour_bytes, depth_bytes = pixels
        if opened.colour_format == common_pb2.COLOUR_FORMAT_JPEG:
            colour = simplejpeg.decode_jpeg(colour_bytes, "RGB")
        else:
            colour = np.frombuffer(colour_bytes, np.uint8).reshape(height, width, 4)[..., :3]
        depth = None
        if opened.depth_format == common_pb2.DEPTH_FORMAT_INVERSE_UINT16:
            values = np.frombuffer(depth_bytes, "<u2").reshape(height, width)
            depth = decode_inverse_depth(values, opened.world.depth_range.min_m)
        return PlayedFrame(message, colour, depth, received_ns)

    async def close(self) -> None:
        """End the session for good."""
        if not self._call.done():
            try:
                await self.send(play_pb2.PlayRequest(close=play_pb2.Close()))
                while True:
                    await self.receive()
            except PlayError:
                pass  # the end of the call, which is what we wait for
        self.cancel()

    def cancel(self) -> None:
        """Drop the connection without a word: the session can be resumed."""
        self._call.cancel()
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    async def _read(self) -> play_pb2.PlayResponse | None:
        try:
            return await anext(self._responses, None)
        except grpc.aio.AioRpcError:
            return None
        except asyncio.CancelledError:
            # A call that was cancelled here raises this too; a task that is cancelled must see it.
            if self._call.cancelled() and not _being_cancelled():
                raise PlayError(grpc.StatusCode.CANCELLED, "The call was cancelled.", None) from None
            raise

    async def _ending(self) -> PlayError:
        end = await self._end.wait()
        error = PlayError(end.code, end.details or "The call is over.", _retry_after(end.trailers))
        return self._told(error, end.trailers)

    def _told(self, error: PlayError, trailers: Any) -> PlayError:
        """What a person is told: of a worker that is gone, gRPC says no more than that a socket closed."""
        said = any(key == SAID_BY_SERVER for key, _ in trailers or ())
        if not self.worker or error.code != grpc.StatusCode.UNAVAILABLE or said:
            return error
        return PlayError(error.code, LOST_WORKER.format(worker=self.worker), LOST_RETRY_MS)


def _play_error(error: grpc.aio.AioRpcError) -> PlayError:
    return PlayError(error.code(), error.details() or "", _retry_after(error.trailing_metadata()))


def _retry_after(trailers: Any) -> int | None:
    for key, value in trailers or ():
        if key == RETRY_PUSHBACK:
            return int(value)
    return None


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _wire_camera(pose: Pose, intrinsics: Intrinsics | None) -> play_pb2.Camera:
    return play_pb2.Camera(
        pose=pose_message(pose), intrinsics=None if intrinsics is None else intrinsics_message(intrinsics)
    )
