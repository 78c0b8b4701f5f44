"""The page's server: static files, the relay to ``PlayService``, and the catalogue.

It is a client of the gRPC service like any engine, and knows nothing of sessions, generators or worlds.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator

import grpc
import grpc.aio
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Lifespan
from starlette.websockets import WebSocket

from dreamport.errors import DreamportError
from dreamport.web.assets import load_assets
from dreamport.web.guard import LOOPBACK_NAMES, Guard
from dreamport.web.placed_call import Metadata, Workers, host_of, on_this_machine
from dreamport.web.relay import PlayRelay
from dreamport.web.unary import SERVICE, WorldRelay

DEFAULT_WEB_PORT = 8060
CONTROL_LIMIT_BYTES = 64 * 1024
"""Largest message from the page, the same as the service takes from any client."""
FRAME_LIMIT_BYTES = 64 * 1024 * 1024
PING_INTERVAL_S = 5.0
PING_TIMEOUT_S = 15.0
CONNECTIONS = 128


class WebServerError(DreamportError):
    """The page cannot be served at this address."""


def create_app(
    grpc_target: str, *, credentials: grpc.ChannelCredentials | None = None, token: str | None = None
) -> Starlette:
    """The ASGI application of the page.

    ``grpc_target``: address of the service, ``host:port``. ``credentials``: TLS for that connection, none on
    loopback. ``token``: what the service asks of its clients; the page never sees it.
    """
    assets = load_assets()
    metadata: Metadata = (("authorization", f"Bearer {token}"),) if token else ()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with _channel(grpc_target, credentials) as channel:
            workers = Workers(lambda address: _worker_channel(address, grpc_target, credentials))
            app.state.play = PlayRelay(channel, workers, metadata)
            app.state.worlds = WorldRelay(channel, metadata)
            try:
                yield
            finally:
                await workers.close()

    async def play(websocket: WebSocket) -> None:
        relay: PlayRelay = websocket.app.state.play
        await relay.serve(websocket)

    async def worlds(request: Request) -> Response:
        relay: WorldRelay = request.app.state.worlds
        return await relay.answer(request)

    async def page(request: Request) -> Response:
        asset = assets.get(request.scope["path"])
        if asset is None:
            return PlainTextResponse("There is nothing here. The page is at /.\n", status_code=404)
        headers = {"etag": asset.etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.body, media_type=asset.content_type, headers=headers)

    return _application(
        lifespan,
        [
            WebSocketRoute("/play", play),
            Route(f"/{SERVICE}/{{method}}", worlds, methods=["POST"]),
            Route("/{path:path}", page, methods=["GET"]),
        ],
    )


def _application(lifespan: Lifespan[Starlette], routes: list[Route | WebSocketRoute]) -> Starlette:
    return Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(Guard, hosts=LOOPBACK_NAMES)])


def _worker_channel(
    address: str, target: str, credentials: grpc.ChannelCredentials | None
) -> grpc.aio.Channel | None:
    """To a worker that ``target`` handed out: over TLS under that name, without TLS on this machine only."""
    if credentials is None:
        return _channel(address, None) if on_this_machine(address) else None
    return _channel(address, credentials, ("grpc.ssl_target_name_override", host_of(target)))


def _channel(
    target: str, credentials: grpc.ChannelCredentials | None, *more: tuple[str, int | str]
) -> grpc.aio.Channel:
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", FRAME_LIMIT_BYTES),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_reconnect_backoff_ms", 1000),
        *more,
    ]
    if credentials is None:
        return grpc.aio.insecure_channel(target, options)
    return grpc.aio.secure_channel(target, credentials, options)


@contextlib.asynccontextmanager
async def running_web(
    grpc_target: str,
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_WEB_PORT,
    credentials: grpc.ChannelCredentials | None = None,
    token: str | None = None,
) -> AsyncIterator[str]:
    """Serve the page while the block runs; gives its address, ``http://127.0.0.1:8060/``.

    ``host`` must be a loopback address and ``port`` 0 picks a free one. Raises ``WebServerError``. Other
    machines reach the page by forwarding a port (``ssh -L``, ``adb reverse``), which keeps it encrypted.
    """
    listener = _listen(host, port)
    app = create_app(grpc_target, credentials=credentials, token=token)
    server = _QuietServer(
        uvicorn.Config(
            app,
            ws="websockets-sansio",
            ws_max_size=CONTROL_LIMIT_BYTES,
            ws_ping_interval=PING_INTERVAL_S,
            ws_ping_timeout=PING_TIMEOUT_S,
            ws_per_message_deflate=False,
            lifespan="on",
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=2,
            server_header=False,
            access_log=False,
            log_config=None,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        bound_host, bound_port = listener.getsockname()[:2]
        yield f"http://{f'[{bound_host}]' if ':' in bound_host else bound_host}:{bound_port}/"
    finally:
        server.should_exit = True
        await task


async def serve_web(
    grpc_target: str,
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_WEB_PORT,
    credentials: grpc.ChannelCredentials | None = None,
    token: str | None = None,
) -> None:
    """Serve the page until cancelled. See ``running_web``."""
    async with running_web(grpc_target, host=host, port=port, credentials=credentials, token=token):
        await asyncio.get_running_loop().create_future()


class _QuietServer(uvicorn.Server):
    """uvicorn inside somebody else's process: signals belong to whoever started it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    name = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        loopback = ipaddress.ip_address(name).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise WebServerError(
            f"{host} can be reached from other machines, and the page is served to this one only: listen on "
            "127.0.0.1, and forward the port (ssh -L, adb reverse) to play from elsewhere"
        )
    try:
        return socket.create_server((name, port), family=socket.AF_INET6 if ":" in name else socket.AF_INET)
    except OSError as error:
        raise WebServerError(
            f"cannot serve the page on {host}:{port}: {error.strerror}; choose another port, or 0 for any"
        ) from error
