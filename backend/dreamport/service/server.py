"""The server: binds, serves, drains."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection import SERVICE_NAME as REFLECTION_SERVICE

from dreamport.errors import DreamportError
from dreamport.service.capture_desk import CaptureDesk
from dreamport.service.capture_servicer import CaptureServicer
from dreamport.service.channel import server_channel
from dreamport.service.guard import Guard
from dreamport.service.options import ServerOptions, ServerOptionsError
from dreamport.service.servicers import PlayServicer, WorldServicer, add_play_servicer
from dreamport.service.sessions import Places, Sessions
from dreamport.service.shared_memory import remove_leftovers
from dreamport.service.training_desk import TrainingDesk
from dreamport.service.training_servicer import TrainingServicer
from dreamport.service.world_source import CatalogueSource, ExecutorInfo, WorldSource
from dreamport.v1 import (
    capture_pb2,
    capture_pb2_grpc,
    play_pb2,
    play_pb2_grpc,
    training_pb2,
    training_pb2_grpc,
    world_pb2,
    world_pb2_grpc,
)

SERVICES = (
    capture_pb2.DESCRIPTOR.services_by_name["CaptureService"].full_name,
    play_pb2.DESCRIPTOR.services_by_name["PlayService"].full_name,
    training_pb2.DESCRIPTOR.services_by_name["TrainingService"].full_name,
    world_pb2.DESCRIPTOR.services_by_name["WorldService"].full_name,
)
RECORD = f"/{SERVICES[0]}/Record"

_log = structlog.get_logger(__name__)


class ServerStartError(DreamportError):
    """The server cannot start."""


@dataclass(frozen=True)
class ServerStatus:
    """What a server does now. ``fps``: frames a second over all sessions; ``executors``: what runs each
    loaded world.
    """

    address: str
    worlds: tuple[str, ...]
    executors: dict[str, ExecutorInfo]
    sessions: int
    parked: int
    fps: float


class PlayServer:
    """A running server."""

    def __init__(self, options: ServerOptions, port: int, sessions: Sessions) -> None:
        self.options = options
        self.port = port
        self.sessions = sessions

    @property
    def address(self) -> str:
        """``host:port`` as a client takes it."""
        return f"{self.options.bind_address}:{self.port}"

    def status(self) -> ServerStatus:
        """What it does now."""
        now_s = asyncio.get_running_loop().time()
        return ServerStatus(
            address=self.address,
            worlds=tuple(world.summary.name for world in self.sessions.worlds),
            executors={loaded.world.summary.name: loaded.executor for loaded in self.sessions.desk.loaded},
            sessions=self.sessions.desk.taken,
            parked=self.sessions.parked,
            fps=sum(session.statistics.fps(now_s) for session in self.sessions.playing),
        )


@contextlib.asynccontextmanager
async def running_server(
    options: ServerOptions, source: WorldSource | None = None, places: Places | None = None
) -> AsyncIterator[PlayServer]:
    """A server in this event loop, with its default world loaded; drained and stopped at the end.

    ``source``: where worlds come from, the catalogue unless given. ``places``: who may begin a session, for a
    worker behind a gateway. Raises ``ServerOptionsError``, ``ServerStartError`` and what loading the default
    world raises.
    """
    options.check()
    if source is None:
        paths = (*options.worlds, *_trained_worlds(options))
        source = CatalogueSource(paths, options.executor, options.threads, options.precision, options.lingbot)
    sessions = Sessions(options, source, places)
    if not sessions.worlds:
        raise ServerStartError(
            "there is no world to play: `dreamport worlds list` shows where worlds are looked for"
        )
    await sessions.desk.load(sessions.world("", "default_world"))
    play, worlds = PlayServicer(sessions, options.open_timeout_s), WorldServicer(sessions)
    async with endpoint(options, play, worlds, sessions) as port:
        running = PlayServer(options, port, sessions)
        _log.info("serving", address=running.address, worlds=running.status().worlds)
        yield running


class Playing(Protocol):
    """What an endpoint needs of who plays."""

    @property
    def worlds(self) -> Sequence[world_pb2.World]:
        """Every world that can be played."""
        ...

    async def look_for_worlds(self) -> None:
        """Read again which worlds there are."""
        ...

    async def close(self) -> None:
        """Refuse new sessions and let the present ones end."""
        ...


@contextlib.asynccontextmanager
async def endpoint(
    options: ServerOptions,
    play: play_pb2_grpc.PlayServiceServicer,
    worlds: world_pb2_grpc.WorldServiceServicer,
    playing: Playing,
) -> AsyncIterator[int]:
    """All services behind one port, guarded, healthy and listed while the block runs; gives the port.

    Raises ``ServerStartError``.
    """
    remove_leftovers()
    larger = {} if options.captures is None else {RECORD: options.max_capture_message_bytes}
    desk = CaptureDesk(options)
    training = TrainingDesk(
        options,
        playing.look_for_worlds,
        known=lambda: [world.summary.name for world in playing.worlds],
    )
    server = grpc.aio.server(
        interceptors=[Guard(options.token, options.max_message_bytes, larger)],
        options=server_channel(max(options.max_message_bytes, *larger.values(), 0), options.max_calls),
        maximum_concurrent_rpcs=options.max_calls,
    )
    add_play_servicer(play, server)
    world_pb2_grpc.add_WorldServiceServicer_to_server(worlds, server)
    capture_pb2_grpc.add_CaptureServiceServicer_to_server(CaptureServicer(desk), server)
    training_pb2_grpc.add_TrainingServiceServicer_to_server(TrainingServicer(training), server)
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, REFLECTION_SERVICE), server)
    port = _bind(server, options)
    desk.start()
    training.start()
    await server.start()
    for service in ("", *SERVICES):
        await healthy.set(service, health_pb2.HealthCheckResponse.SERVING)
    try:
        yield port
    finally:
        await healthy.enter_graceful_shutdown()
        await asyncio.gather(playing.close(), desk.close(), training.close())
        await server.stop(0.5)
        _log.info("stopped")


async def serve(
    options: ServerOptions,
    source: WorldSource | None = None,
    ready: Callable[[PlayServer], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM (or cancellation). ``ready`` is called once the port is open."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl+C raises KeyboardInterrupt instead
            loop.add_signal_handler(number, stop.set)
    try:
        async with running_server(options, source) as server:
            if ready is not None:
                ready(server)
            await stop.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)


def _trained_worlds(options: ServerOptions) -> list[Path]:
    """The folder that trained worlds go to, made if need be: it is looked at again whenever one is done."""
    if options.trainings is None:
        return []
    folder = options.trained_worlds or options.trainings / "worlds"
    folder.mkdir(parents=True, exist_ok=True)
    return [folder]


def _bind(server: grpc.aio.Server, options: ServerOptions) -> int:
    address = f"{options.bind_address}:{options.port}"
    try:
        if options.tls_certificate is None or options.tls_key is None:
            return server.add_insecure_port(address)
        try:
            pair = (options.tls_key.read_bytes(), options.tls_certificate.read_bytes())
        except OSError as error:
            raise ServerOptionsError(f"cannot read {error.filename}: {error.strerror}") from error
        return server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    except RuntimeError as error:
        raise ServerStartError(
            f"cannot listen on {address}: choose another port, or port 0 for a free one; another server may "
            "run "
            "(`dreamport ps`), or the TLS files are not a certificate and its key"
        ) from error
