"""The two services of the wire contract, as thin as they can be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import grpc
import grpc.aio
import structlog

from dreamport.service.refusal import Refusal, invalid
from dreamport.service.sessions import Departure, Sessions
from dreamport.service.stream import Context, SessionFailed, StreamEnd, read_request
from dreamport.service.wire import encode_response
from dreamport.v1 import play_pb2, play_pb2_grpc, world_pb2, world_pb2_grpc

_log = structlog.get_logger(__name__)


class Worlds(Protocol):
    """Who knows the worlds of a server."""

    @property
    def worlds(self) -> Sequence[world_pb2.World]:
        """All of them."""
        ...

    def world(self, name: str, field_name: str) -> world_pb2.World:
        """The world of that name, or the default one. Raises ``Refusal`` (NOT_FOUND) with the field named."""
        ...


class WorldServicer(world_pb2_grpc.WorldServiceServicer):
    """Lists the worlds of this server."""

    def __init__(self, sessions: Worlds) -> None:
        self._sessions = sessions

    async def ListWorlds(
        self, request: world_pb2.ListWorldsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> world_pb2.ListWorldsResponse:
        """Every world, by name."""
        worlds = sorted(self._sessions.worlds, key=lambda world: world.summary.name)
        return world_pb2.ListWorldsResponse(worlds=[world.summary for world in worlds])

    async def GetWorld(
        self, request: world_pb2.GetWorldRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> world_pb2.GetWorldResponse:
        """One world in full."""
        try:
            return world_pb2.GetWorldResponse(world=self._sessions.world(request.name, "name"))
        except Refusal as refusal:
            await context.abort(refusal.code, str(refusal), refusal.trailers())
            raise


def add_play_servicer(servicer: play_pb2_grpc.PlayServiceServicer, server: grpc.aio.Server) -> None:
    """As the generated ``add_PlayServiceServicer_to_server``, but for frames, which come encoded."""
    play = grpc.stream_stream_rpc_method_handler(
        servicer.Play,
        request_deserializer=play_pb2.PlayRequest.FromString,
        response_serializer=encode_response,
    )
    service = play_pb2.DESCRIPTOR.services_by_name["PlayService"].full_name
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Play": play}),))


class PlayServicer(play_pb2_grpc.PlayServiceServicer):
    """One stream, one session."""

    def __init__(self, sessions: Sessions, open_timeout_s: float) -> None:
        self._sessions = sessions
        self._open_timeout_s = open_timeout_s

    async def Play(self, requests: object, context: Context) -> None:
        """Serve one client until it leaves."""
        try:
            await self._play(context)
        except Refusal as refusal:
            _log.info("play refused", code=refusal.code.name, message=str(refusal))
            await context.abort(refusal.code, str(refusal), refusal.trailers())

    async def _play(self, context: Context) -> None:
        wanted = await first_open(context, self._open_timeout_s)
        if wanted is None:
            return
        stream = await self._sessions.enter(wanted, context.peer())
        departure = Departure("server error", resumable=False, failed=True)
        try:
            end = await stream.run(context)
            departure = Departure(end.value, resumable=end is StreamEnd.LEFT)
        except SessionFailed:
            departure = Departure("session failed", resumable=False, failed=True)
            raise
        except Refusal as refusal:
            departure = Departure(refusal.code.name, resumable=True)
            raise
        except asyncio.CancelledError:
            departure = Departure("connection lost", resumable=True)
            raise
        finally:
            await self._sessions.leave(stream, departure)


async def first_open(context: Context, timeout_s: float) -> play_pb2.Open | None:
    """The first message of a stream, ``None`` when there is none. Raises ``Refusal`` for any other."""
    try:
        request = await asyncio.wait_for(read_request(context), timeout_s)
    except TimeoutError as error:
        raise Refusal(
            grpc.StatusCode.DEADLINE_EXCEEDED,
            "open: the first message must come right after the call begins",
        ) from error
    if request is None:
        return None
    if request.WhichOneof("message") != "open":
        raise invalid("open", "the first message must be it")
    return request.open
