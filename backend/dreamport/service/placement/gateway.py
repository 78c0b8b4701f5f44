"""The gateway: one address for clients, several workers behind it.

It plays nothing itself. Each Open is answered with the address of a worker that holds a place; a session's
newest snapshot is fetched from its worker every second, so that another one can go on when a worker is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
import secrets
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import grpc
import structlog

from dreamport.errors import WorldNotFoundError
from dreamport.service.negotiation import check_open
from dreamport.service.options import ServerOptions
from dreamport.service.placement.roll import Placement, Post, Roll
from dreamport.service.placement.servicers import GatewayPlayServicer
from dreamport.service.placement.workers import (
    Cluster,
    Refused,
    WorkerGreeting,
    WorkerHandle,
    WorkerLostError,
)
from dreamport.service.refusal import Refusal
from dreamport.service.server import ServerStartError, ServerStatus, endpoint
from dreamport.service.servicers import WorldServicer
from dreamport.service.sessions import SHUTTING_DOWN
from dreamport.service.world_source import ExecutorInfo, world_named
from dreamport.v1 import play_pb2, world_pb2

REPORT_INTERVAL_S = 1.0
REPORT_TIMEOUT_S = 30.0
RETRY_AFTER_MS = 2000
MOST_PAUSE_S = 30.0
STOP_S = 5.0

_log = structlog.get_logger(__name__)


class Gateway:
    """Places sessions on the workers of ``cluster``, and replaces the workers that are lost."""

    def __init__(self, options: ServerOptions, cluster: Cluster) -> None:
        self.options = options
        self.port = 0
        self.posts = [Post(number) for number in range(cluster.count)]
        self._cluster = cluster
        self.roll = Roll()
        self._worlds: dict[str, world_pb2.World] = {}
        self._executors: dict[str, ExecutorInfo] = {}
        self._staffing: list[asyncio.Task[None]] = []
        self._rehoming: set[asyncio.Task[None]] = set()
        self._closing = False

    # --- what it tells

    @property
    def address(self) -> str:
        """``host:port`` as a client takes it."""
        return f"{self.options.bind_address}:{self.port}"

    @property
    def worlds(self) -> list[world_pb2.World]:
        """The worlds of all workers there have been; of two with one name, what was heard last."""
        return list(self._worlds.values())

    def status(self) -> ServerStatus:
        """What all workers do now."""
        placements = list(self.roll)
        playing = sum(placement.playing for placement in placements)
        return ServerStatus(
            address=self.address,
            worlds=tuple(world.summary.name for world in self.worlds),
            executors=dict(self._executors),
            sessions=playing,
            parked=len(placements) - playing,
            fps=sum(post.fps for post in self.posts),
        )

    def workers(self) -> list[WorkerGreeting]:
        """Every worker that is up."""
        return [post.greeting for post in self.posts if post.greeting is not None]

    def world(self, name: str, field_name: str) -> world_pb2.World:
        """The world of that name, or the default one. Raises ``Refusal`` (NOT_FOUND) with the field named."""
        try:
            return world_named(self.worlds, name or self.options.default_world)
        except WorldNotFoundError as error:
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"{field_name}: {error}") from error

    # --- what it does for clients

    async def place(self, wanted: play_pb2.Open) -> play_pb2.Redirect:
        """Where this client plays. Raises ``Refusal``."""
        check_open(wanted)
        if not wanted.follows_redirect:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                "open.follows_redirect: this address places sessions on workers, and the client does not "
                "follow from one address to another. Update the client.",
            )
        if self._closing:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, SHUTTING_DOWN)
        if wanted.resume_token:
            return await self._find(wanted.resume_token)
        return await self._begin(self.world(wanted.world, "open.world").summary.name)

    async def _begin(self, world: str) -> play_pb2.Redirect:
        ticket = secrets.token_urlsafe(32)
        refusals: list[Refused] = []
        for post, worker in self._by_room(world):
            if not post.takes_new:
                continue
            address, placement = post.address, self.roll.place(ticket, world, post, math.inf)
            try:
                refused = await worker.reserve(ticket, world)
            except WorkerLostError:
                self.roll.remove(placement)
                continue  # the others may have room, and this one will be back
            except asyncio.CancelledError:
                placement.since_s = _now_s()
                raise
            if refused is None:
                placement.since_s = _now_s()
                return play_pb2.Redirect(address=address, ticket=ticket)
            self.roll.remove(placement)
            refusals.append(refused)
        raise self._no_room(refusals)

    async def _find(self, token: str) -> play_pb2.Redirect:
        placement = self.roll.find(token)
        if placement is None:
            raise Refusal(
                grpc.StatusCode.NOT_FOUND,
                "open.resume_token: no session waits under it; the grace time is over or the server was "
                "restarted. Open a new session without a token.",
            )
        await asyncio.shield(self._in_background(self._rehome(placement)))  # the client may leave meanwhile
        if placement.post is not None:
            return play_pb2.Redirect(address=placement.post.address)
        if placement.kept is None:
            self.roll.remove(placement)
            raise Refusal(
                grpc.StatusCode.NOT_FOUND,
                "open.resume_token: the worker that played this session was lost, and no snapshot of it can "
                "go on. Open a new session without a token.",
            )
        raise Refusal(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "The worker that played this session was lost. Its last snapshot is kept, and a place for it is "
            f"being made: resume with the same token in {RETRY_AFTER_MS // 1000} seconds.",
            RETRY_AFTER_MS,
        )

    def _by_room(self, world: str) -> list[tuple[Post, WorkerHandle]]:
        """Workers that have this world, those with the fewest sessions first."""
        has_world = [
            (len(self.roll.at(post)), post.number, post, post.worker)
            for post in self.posts
            if post.worker is not None and post.greeting is not None and _has(post.greeting.worlds, world)
        ]
        return [(post, worker) for _, _, post, worker in sorted(has_world, key=lambda found: found[:2])]

    def _no_room(self, refusals: Sequence[Refused]) -> Refusal:
        for refused in refusals:
            if not refused.full:
                return refused.refusal()
        playing = sum(
            1 for found in self.roll if found.post is not None and (found.playing or not found.seen)
        )
        starting = sum(1 for post in self.posts if not post.takes_new)
        again = f"Try again in {RETRY_AFTER_MS // 1000} seconds"
        if starting == len(self.posts):
            text = f"No worker is up; {starting} are being started. {again}."
        elif starting:
            text = (
                f"Every worker that is up is full ({playing} sessions), and {starting} of "
                f"{len(self.posts)} are being started. {again}."
            )
        else:
            text = (
                f"All {len(self.posts)} workers are full: they play {playing} sessions at full frame rate. "
                f"{again}, close another session, or start the server with more workers (--workers)."
            )
        return Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, text, RETRY_AFTER_MS)

    # --- what it does for workers

    async def staff(self) -> None:
        """Start every worker and keep every post staffed. Raises ``ServerStartError`` when none can start."""
        ready = [asyncio.get_running_loop().create_future() for _ in self.posts]
        self._staffing = [
            asyncio.create_task(self._keep_staffed(post, first))
            for post, first in zip(self.posts, ready, strict=True)
        ]
        troubles = [trouble for trouble in await asyncio.gather(*ready) if trouble is not None]
        if len(troubles) == len(self.posts):
            raise ServerStartError(f"no worker can start: {troubles[0]}") from troubles[0]

    async def look_for_worlds(self) -> None:
        """Let every worker look again which worlds there are."""
        for post in self.posts:
            if post.worker is not None and post.greeting is not None:
                with contextlib.suppress(WorkerLostError):
                    worlds = await post.worker.look()
                    self._greet(post, dataclasses.replace(post.greeting, worlds=worlds))

    async def close(self) -> None:
        """No more placing; stop every worker, which tells its clients."""
        self._closing = True
        tasks = [*self._staffing, *self._rehoming]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        workers = [post.worker for post in self.posts if post.worker is not None]
        await asyncio.gather(*(worker.stop(STOP_S) for worker in workers), return_exceptions=True)

    async def _keep_staffed(self, post: Post, first: asyncio.Future[WorkerLostError | None]) -> None:
        failures = 0
        while True:
            worker = self._cluster.worker(post.number)
            try:
                greeting = await worker.start()
            except WorkerLostError as error:
                failures += 1
                pause_s = min(MOST_PAUSE_S, 2.0**failures)
                _log.error("worker cannot start", worker=post.number, error=str(error), again_in_s=pause_s)
                if not first.done():
                    first.set_result(error)
                await worker.stop(0.0)
                await asyncio.sleep(pause_s)
                continue
            failures, post.worker = 0, worker
            self._greet(post, greeting)
            _log.info("worker ready", worker=post.number, address=post.address, pid=greeting.pid)
            if not first.done():
                first.set_result(None)
            try:
                await self._rehome_lost()
                post.takes_new = True
                why = await self._watch(post, worker)
            finally:
                post.takes_new = False
                if not self._closing:
                    post.worker = post.greeting = None
                    post.fps = 0.0
            gone = self.roll.lose(post, _now_s())
            _log.error("worker lost", worker=post.number, sessions=len(gone), reason=why)
            await worker.stop(0.0)
            self._in_background(self._rehome_lost())  # not waited for: a worker is to be hired

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._rehoming.add(task)
        task.add_done_callback(self._rehoming.discard)
        return task

    def _greet(self, post: Post, greeting: WorkerGreeting) -> None:
        post.greeting = greeting
        self._executors.update(greeting.executors)
        for data in greeting.worlds:
            world = world_pb2.World.FromString(data)
            self._worlds[world.summary.name] = world

    async def _watch(self, post: Post, worker: WorkerHandle) -> str:
        """Fetch reports until the worker is gone; gives why."""
        gone = asyncio.ensure_future(worker.gone())
        try:
            while True:
                asked_s = _now_s()
                report = await asyncio.wait_for(worker.report(self.roll.known(post)), REPORT_TIMEOUT_S)
                self.roll.note(post, report, asked_s)
                self.roll.forget_before(_now_s() - self.options.grace_s)
                done, _ = await asyncio.wait((gone,), timeout=REPORT_INTERVAL_S)
                if done:
                    return gone.result()
        except WorkerLostError as error:
            return str(error)
        except TimeoutError:
            return f"no answer for {REPORT_TIMEOUT_S:.0f} seconds"
        except Exception as error:  # whatever it is, the post must be staffed again
            _log.exception("worker cannot be watched", worker=post.number)
            return f"{type(error).__name__}; see the log"
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def _rehome_lost(self) -> None:
        """Let sessions that were played go on before new ones take their places."""
        for placement in self.roll.lost():
            if placement.playing:
                await self._rehome(placement)

    async def _rehome(self, placement: Placement) -> None:
        """Let another worker go on from what is kept, if one has room."""
        async with placement.moving:
            if placement.post is not None or placement.kept is None:
                return
            for post, worker in self._by_room(placement.world):
                try:
                    refused = await worker.go_on(placement.kept)
                except WorkerLostError:
                    continue
                if refused is None and post.worker is not worker:
                    continue  # lost since it answered
                if refused is None:
                    self.roll.moved(placement, post, _now_s())
                    return
                if not refused.full:
                    _log.error("session cannot go on", worker=post.number, error=refused.message)
                    if refused.code == grpc.StatusCode.NOT_FOUND.name:
                        placement.kept = None
                        return


@contextlib.asynccontextmanager
async def running_gateway(options: ServerOptions, cluster: Cluster) -> AsyncIterator[Gateway]:
    """A gateway in this event loop, with all its workers up. Raises ``ServerOptionsError`` and
    ``ServerStartError``.
    """
    options.check()
    gateway = Gateway(options, cluster)
    try:
        await gateway.staff()
        play, worlds = GatewayPlayServicer(gateway.place, options.open_timeout_s), WorldServicer(gateway)
        async with endpoint(options, play, worlds, gateway) as port:
            gateway.port = port
            _log.info("placing", address=gateway.address, workers=len(gateway.posts))
            yield gateway
    finally:
        await gateway.close()


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _has(worlds: Sequence[bytes], name: str) -> bool:
    return any(world_pb2.World.FromString(data).summary.name == name for data in worlds)
