"""``WorldService`` for the page: Connect's unary protocol, forwarded to gRPC without parsing.

``POST /dreamport.v1.WorldService/<method>`` with ``content-type: application/proto`` carries one protobuf
message each way; an error is JSON ``{"code", "message"}`` under Connect's HTTP status
(https://connectrpc.com/docs/protocol#unary-request).
"""

from __future__ import annotations

import grpc
import grpc.aio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dreamport.web.placed_call import Metadata
from dreamport.web.relay import connect_code

SERVICE = "dreamport.v1.WorldService"
METHODS = ("ListWorlds", "GetWorld")
REQUEST_LIMIT_BYTES = 4096
DEADLINE_S = 10.0
PROTO = "application/proto"

HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


class WorldRelay:
    """Forwards ``METHODS`` to one ``WorldService``; any other name is a 404."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Metadata = ()) -> None:
        self._calls: dict[str, grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = {
            name: channel.unary_unary(f"/{SERVICE}/{name}") for name in METHODS
        }
        self._metadata = metadata

    async def answer(self, request: Request) -> Response:
        """Forward one request."""
        call = self._calls.get(request.path_params["method"])
        if call is None:
            return _error("unimplemented", "There is no such method.", 404)
        if request.headers.get("content-type") != PROTO:
            return _error("unknown", f"Send one protobuf message as {PROTO}.", 415)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > REQUEST_LIMIT_BYTES:
                return _error("resource_exhausted", f"Send at most {REQUEST_LIMIT_BYTES} bytes.", 413)
        try:
            reply = await call(body, metadata=self._metadata, timeout=DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            code = error.code()
            return _error(connect_code(code), error.details() or "", HTTP_STATUS.get(code, 500))
        return Response(reply, media_type=PROTO)


def _error(code: str, message: str, status: int) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status_code=status)
