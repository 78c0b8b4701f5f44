"""The one gate that every call passes: no token, no service; and no exception text ever reaches a client."""

from __future__ import annotations

import hmac
import inspect
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import grpc
import grpc.aio
import structlog

from dreamport.service.refusal import Refusal

AUTHORIZATION = "authorization"
BEARER = "Bearer "

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

_log = structlog.get_logger(__name__)

_MALFORMED = object()


class Guard(grpc.aio.ServerInterceptor):
    """Default-deny: covers every method of every service, unknown ones too. ``token`` ``None`` asks for none
    (loopback only). No message may be larger than ``max_message_bytes``, but for the methods in ``larger``:
    gRPC itself knows one limit for all.
    """

    def __init__(
        self, token: str | None, max_message_bytes: int, larger: Mapping[str, int] | None = None
    ) -> None:
        self._expected = None if token is None else (BEARER + token).encode()
        self._max_message_bytes = max_message_bytes
        self._larger = dict(larger or {})

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Refuse or wrap the handler of one call."""
        if not self._allows(handler_call_details):
            return grpc.stream_stream_rpc_method_handler(_deny)
        handler = await continuation(handler_call_details)
        limit = self._larger.get(handler_call_details.method, self._max_message_bytes)
        return None if handler is None else _guarded(handler, limit)

    def _allows(self, details: grpc.HandlerCallDetails) -> bool:
        if self._expected is None:
            return True
        given = [value for key, value in details.invocation_metadata or () if key == AUTHORIZATION]
        if len(given) != 1:
            return False
        presented = given[0] if isinstance(given[0], bytes) else given[0].encode()
        return hmac.compare_digest(presented, self._expected)


async def _deny(_requests: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    await context.abort(
        grpc.StatusCode.UNAUTHENTICATED, "Send the server's token: metadata 'authorization: Bearer <token>'."
    )


def _guarded(handler: Any, max_message_bytes: int) -> Handler:
    """The handler with fixed texts for malformed requests and for whatever goes wrong inside.

    ``handler`` is gRPC's own named tuple, which its type stubs do not tell.
    """
    bounded = partial(_bounded, handler.request_deserializer, max_message_bytes)
    if handler.unary_unary or handler.unary_stream:
        bounded = partial(_decoded, bounded)
    handler = handler._replace(request_deserializer=bounded)
    for kind in ("unary_unary", "unary_stream", "stream_unary", "stream_stream"):
        method = getattr(handler, kind)
        if method is not None:
            handler = handler._replace(**{kind: _shielded(method)})
    guarded: Handler = handler
    return guarded


def _bounded(decode: Callable[[bytes], Any] | None, max_message_bytes: int, raw: bytes) -> Any:
    if len(raw) > max_message_bytes:
        raise Refusal(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"A message of {len(raw)} bytes; this method takes {max_message_bytes} at most.",
        )
    return raw if decode is None else decode(raw)


def _decoded(decode: Callable[[bytes], Any], raw: bytes) -> Any:
    try:
        return decode(raw)
    except Refusal as refusal:
        return refusal
    except Exception:  # whatever the deserializer of any service raises
        return _MALFORMED


def _shielded(method: Callable[..., Any]) -> Callable[..., Any]:
    async def fail(context: grpc.aio.ServicerContext[Any, Any], error: Exception) -> None:
        if isinstance(error, grpc.aio.BaseError):
            raise error  # an abort, or a connection that is gone
        if isinstance(error, Refusal):
            await context.abort(error.code, str(error), error.trailers())
        incident = secrets.token_hex(4)
        _log.error("call failed", incident=incident, exc_info=error)
        await context.abort(grpc.StatusCode.INTERNAL, f"The server failed. Incident {incident} in its log.")

    async def refuse(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        if isinstance(request, Refusal):
            await context.abort(request.code, str(request), request.trailers())
        if request is _MALFORMED:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "The request is not a message of this method."
            )

    if inspect.isasyncgenfunction(method):

        async def stream(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            await refuse(request, context)
            try:
                async for response in method(request, context):
                    yield response
            except Exception as error:
                await fail(context, error)

        return stream

    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        await refuse(request, context)
        try:
            return await method(request, context)
        except Exception as error:
            await fail(context, error)

    return call
