"""The gateway's side of ``PlayService``: an address for each Open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dreamport.service.servicers import first_open
from dreamport.service.stream import Context
from dreamport.v1 import play_pb2, play_pb2_grpc

Place = Callable[[play_pb2.Open], Awaitable[play_pb2.Redirect]]


class GatewayPlayServicer(play_pb2_grpc.PlayServiceServicer):
    """One stream, one Open, one address. What ``place`` refuses ends the stream with its status."""

    def __init__(self, place: Place, open_timeout_s: float) -> None:
        self._place = place
        self._open_timeout_s = open_timeout_s

    async def Play(self, requests: object, context: Context) -> None:
        """Tell one client where it plays."""
        wanted = await first_open(context, self._open_timeout_s)
        if wanted is not None:
            await context.write(play_pb2.PlayResponse(redirect=await self._place(wanted)))
