"""The relay between the page and ``PlayService``: bytes in, the same bytes out.

One WebSocket is one ``Play`` call. Each binary message is one protobuf message of ``proto/dreamport/v1``,
which the relay does not parse: the page opens, steers and resumes a session exactly as an engine does. Only
where the session is, the relay finds out for it (``placed_call``).
WebSockets have no trailers, so the call's end travels as Connect's end-of-stream message, JSON in one text
message ``{"error": {"code": "resource_exhausted", "message": "..."}, "metadata": {...}}``
(https://connectrpc.com/docs/protocol#streaming-rpcs), and then the socket closes with 4000 + the gRPC code.

Back-pressure: the relay holds one message each way. A page that reads slowly fills the socket's buffer and
then the call's flow-control window, and the service's outbox keeps only the newest frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import json

import grpc
import grpc.aio
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from dreamport.web.placed_call import Metadata, PlacedCall, Workers

CLOSE_BASE = 4000
UNSUPPORTED_DATA = 1003
GOODBYE_S = 2.0
SAID_BY_SERVER = "dreamport-said"
"""Trailer of an UNAVAILABLE that the service itself says: gRPC makes the same of a broken connection."""
RELAYED_METADATA = ("grpc-retry-pushback-ms",)
ABSENT = "The Dreamport backend does not answer. Start it again with `dreamport play`, then reload."
LOST_WORKER = (
    "The worker that plays this session is lost. It goes on by itself on another one, from its last "
    "snapshot, some seconds back."
)

_log = structlog.get_logger(__name__)


class PlayRelay:
    """Relays WebSockets to one ``PlayService``, ``limit`` of them at a time.

    ``metadata`` goes with every call (a token, where the service asks for one). ``workers``: the channels to
    those that the service hands out.
    """

    def __init__(
        self, channel: grpc.aio.Channel, workers: Workers, metadata: Metadata = (), limit: int = 32
    ) -> None:
        self._channel = channel
        self._workers = workers
        self._metadata = metadata
        self._limit = limit
        self._open = 0

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one page until it leaves or the call ends."""
        await websocket.accept()
        if self._open >= self._limit:
            await _end(
                websocket,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"This server already has {self._limit} open pages. Close one, then try again.",
                {},
            )
            return
        self._open += 1
        try:
            await self._relay(websocket)
        finally:
            self._open -= 1

    async def _relay(self, websocket: WebSocket) -> None:
        call = PlacedCall(self._channel, self._workers, self._metadata)
        upstream = asyncio.create_task(_forward_controls(websocket, call))
        downstream = asyncio.create_task(_forward_frames(websocket, call))
        try:
            await asyncio.wait((upstream, downstream), return_when=asyncio.FIRST_COMPLETED)
            # A page that is gone has half-closed the call: what it said last (Close, maybe) is still heard.
            await asyncio.wait((downstream,), timeout=GOODBYE_S)
            if downstream.done():
                await _report_end(websocket, call)
        finally:
            for task in (upstream, downstream):
                task.cancel()
            call.cancel()
            await asyncio.gather(upstream, downstream, return_exceptions=True)


def connect_code(code: grpc.StatusCode) -> str:
    """A gRPC status as Connect spells it: lower case, and one L in "canceled"."""
    return "canceled" if code == grpc.StatusCode.CANCELLED else code.name.lower()


async def _forward_controls(websocket: WebSocket, call: PlacedCall) -> None:
    """Page -> service, until the page is gone; then the call is half-closed."""
    while True:
        message = await websocket.receive()
        data = message.get("bytes")
        try:
            if data is not None:
                await call.write(data)
                continue
            await call.done_writing()
        except (asyncio.InvalidStateError, grpc.aio.AioRpcError):
            return  # The call is over; its status is reported by the other direction.
        if message["type"] != "websocket.disconnect":
            await websocket.close(UNSUPPORTED_DATA, "Send protobuf messages as binary frames.")
        return


async def _forward_frames(websocket: WebSocket, call: PlacedCall) -> None:
    """Service -> page, until the call ends; what comes after the page is gone is dropped."""
    gone = False
    while True:
        try:
            message = await call.read()
        except grpc.aio.AioRpcError:
            return
        if message is None:
            return
        if not gone:
            try:
                await websocket.send_bytes(message)
            except (WebSocketDisconnect, RuntimeError):
                gone = True


async def _report_end(websocket: WebSocket, placed: PlacedCall) -> None:
    if placed.trouble:
        await _end(websocket, grpc.StatusCode.FAILED_PRECONDITION, placed.trouble, {})
        return
    end = await placed.end.wait()
    details, metadata, said = end.details, {}, False
    for key, value in end.trailers:
        said = said or key == SAID_BY_SERVER
        if key in RELAYED_METADATA:
            metadata[key] = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if end.code == grpc.StatusCode.UNAVAILABLE and not said:
        details = LOST_WORKER if placed.worker else ABSENT
    await _end(websocket, end.code, details, metadata)


async def _end(websocket: WebSocket, code: grpc.StatusCode, details: str, metadata: dict[str, str]) -> None:
    """Tell the page how the call ended, and close."""
    end: dict[str, object] = {"metadata": metadata}
    if code != grpc.StatusCode.OK:
        end["error"] = {"code": connect_code(code), "message": details}
    _log.info("play call ended", code=code.name, details=details)
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.send_text(json.dumps(end))
        number: int = code.value[0]
        await websocket.close(1000 if code == grpc.StatusCode.OK else CLOSE_BASE + number)
