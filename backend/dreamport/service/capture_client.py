"""A small recorder: a client of ``CaptureService`` for scripts and tests. Engines have their own, in native
code.

::

    async with CaptureClient("127.0.0.1:50700") as client, client.record() as recorder:
        await recorder.begin("garden", licence="CC0-1.0", frame_rate=30, size=(640, 360), intrinsics=camera)
        for k in range(100):
            await recorder.frame(picture, pose)
        finished = await recorder.finish()
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from dreamport.call_end import CallEnding
from dreamport.episodes.depth import encode_inverse_depth
from dreamport.geometry import Intrinsics, Pose
from dreamport.service.client import KEPT_MESSAGES, PlayError
from dreamport.service.negotiation import PROTOCOL_VERSION
from dreamport.service.refusal import RETRY_PUSHBACK
from dreamport.service.service_client import ServiceClient
from dreamport.service.wire import intrinsics_message, pose_message
from dreamport.v1 import capture_pb2, capture_pb2_grpc, common_pb2


class CaptureError(PlayError):
    """The server ended the recording. ``retry_after_ms``: when it says to come back, or ``None``."""


class CaptureClient(ServiceClient):
    """A connection to a server. ``root_certificate`` (PEM) turns TLS on; a token goes with every call."""

    def record(self) -> Recorder:
        """A recorder on a stream of its own."""
        return Recorder(capture_pb2_grpc.CaptureServiceStub(self._channel).Record(metadata=self._metadata))


class Recorder:
    """One recorder: an episode after another. Raises ``CaptureError`` once the server has ended the call.

    ``acknowledged``: what of the open episode is safely on disk; ``notices``: the latest remarks of the
    server.
    """

    def __init__(self, call: Any) -> None:
        self._call = call
        self._end = CallEnding(call)
        self._answers: asyncio.Queue[capture_pb2.RecordResponse | CaptureError] = asyncio.Queue()
        self._moved = asyncio.Event()
        self._hearing = asyncio.create_task(self._hear())
        self._error: CaptureError | None = None
        self._index = self._sent = 0
        self._near_m = 0.0
        self.begun = capture_pb2.Begun()
        self.acknowledged = capture_pb2.Acknowledged()
        self.notices: deque[capture_pb2.CaptureNotice] = deque(maxlen=KEPT_MESSAGES)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def begin(
        self,
        dataset: str,
        *,
        licence: str,
        frame_rate: float,
        size: tuple[int, int],
        intrinsics: Intrinsics,
        colour: common_pb2.ColourFormat = common_pb2.COLOUR_FORMAT_JPEG,
        depth_near_m: float | None = None,
        buttons: Sequence[str] = (),
        seed: int = 0,
        split: str = "",
        tags: Mapping[str, str] | None = None,
        **others: Any,
    ) -> capture_pb2.Begun:
        """Begin an episode of frames of ``size`` (width, height). ``depth_near_m``: the unit of inverse
        depth, ``None`` sends none. ``others``: further fields of ``BeginEpisode``.
        """
        depth = depth_near_m is not None
        return await self.begin_with(
            capture_pb2.BeginEpisode(
                protocol_version=PROTOCOL_VERSION,
                dataset=dataset,
                licence=licence,
                frame_rate=frame_rate,
                frame_size=common_pb2.FrameSize(width=size[0], height=size[1]),
                intrinsics=intrinsics_message(intrinsics),
                colour_format=colour,
                depth_format=(
                    common_pb2.DEPTH_FORMAT_INVERSE_UINT16 if depth else common_pb2.DEPTH_FORMAT_UNSPECIFIED
                ),
                depth_near_m=depth_near_m or 0.0,
                buttons=buttons,
                seed=seed,
                split=split,
                tags=tags,
                **others,
            )
        )

    async def begin_with(self, begin: capture_pb2.BeginEpisode) -> capture_pb2.Begun:
        """Begin an episode as the message says."""
        self._index, self._sent, self._near_m = 0, 0, begin.depth_near_m
        self.acknowledged = capture_pb2.Acknowledged()
        await self.send(capture_pb2.RecordRequest(begin=begin))
        self.begun = (await self._answer("begun")).begun
        return self.begun

    async def frame(
        self,
        colour: bytes | NDArray[np.uint8],
        pose: Pose,
        depth: bytes | NDArray[np.floating] | None = None,
        *,
        index: int | None = None,
        jpeg_quality: int = 92,
        wait: bool = True,
        **others: Any,
    ) -> int:
        """Send the next frame; gives its index. ``colour``: the agreed bytes, or ``[H, W, 3]`` RGB to be
        made a JPEG; ``depth``: the agreed bytes, or ``[H, W]`` metres. ``index`` leaves a gap when frames
        were dropped. ``wait`` false sends more than the server wants unacknowledged, and leaves it to the
        server to hold back. ``others``: further fields of ``CapturedFrame``.
        """
        number = self._index if index is None else index
        self._index = number + 1
        frame = capture_pb2.CapturedFrame(index=number, pose=pose_message(pose), **others)
        if isinstance(colour, bytes):
            frame.colour = colour
        else:
            frame.colour = simplejpeg.encode_jpeg(np.ascontiguousarray(colour), quality=jpeg_quality)
        if isinstance(depth, bytes):
            frame.depth = depth
        elif depth is not None:
            frame.depth = encode_inverse_depth(depth, self._near_m).tobytes()
        if wait:
            await self.safe(self._sent + 1 - self.begun.max_unacknowledged)
        self._sent += 1
        await self.send(capture_pb2.RecordRequest(frame=frame))
        return number

    async def mark(self, name: str, text: str = "", client_time_ns: int = 0) -> None:
        """Mark the last frame."""
        marker = capture_pb2.Marker(name=name, text=text, client_time_ns=client_time_ns)
        await self.send(capture_pb2.RecordRequest(marker=marker))

    async def finish(self, discard: bool = False) -> capture_pb2.Finished:
        """End the episode and wait until it is in the data set."""
        await self.send(capture_pb2.RecordRequest(finish=capture_pb2.FinishEpisode(discard=discard)))
        return (await self._answer("finished")).finished

    async def safe(self, frames: int) -> None:
        """Wait until so many frames of the open episode are on disk."""
        while self.acknowledged.frames < frames:
            if self._error is not None:
                raise self._error
            self._moved.clear()
            await self._moved.wait()

    async def send(self, request: capture_pb2.RecordRequest) -> None:
        """Send any message; waits while the server holds the recorder back."""
        try:
            await self._call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await self._hearing
            raise self._error or self._ended() from None

    async def close(self) -> None:
        """Send no more, hear what is left, and end the call."""
        if self._error is None:
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await self._call.done_writing()
        await self._hearing
        self._call.cancel()

    def cancel(self) -> None:
        """Drop the connection without a word."""
        self._call.cancel()

    async def _answer(self, kind: str) -> capture_pb2.RecordResponse:
        if self._error is not None and self._answers.empty():
            raise self._error
        answer = await self._answers.get()
        if isinstance(answer, CaptureError):
            raise answer
        if answer.WhichOneof("message") != kind:
            raise CaptureError(grpc.StatusCode.INTERNAL, f"The server did not answer {kind}.", None)
        return answer

    async def _hear(self) -> None:
        """Take in everything the server says until the call ends."""
        try:
            async for response in self._call:
                kind = response.WhichOneof("message")
                if kind == "acknowledged":
                    self.acknowledged = response.acknowledged
                elif kind == "notice":
                    self.notices.append(response.notice)
                else:
                    self._answers.put_nowait(response)
                self._moved.set()
            self._error = self._ended()
        except grpc.aio.AioRpcError:
            end = await self._end.wait()
            after = next((int(value) for key, value in end.trailers if key == RETRY_PUSHBACK), None)
            self._error = CaptureError(end.code, end.details, after)
        except asyncio.CancelledError:
            self._error = CaptureError(grpc.StatusCode.CANCELLED, "The call was cancelled.", None)
        self._answers.put_nowait(self._error)
        self._moved.set()

    @staticmethod
    def _ended() -> CaptureError:
        return CaptureError(grpc.StatusCode.OK, "The call is over.", None)
