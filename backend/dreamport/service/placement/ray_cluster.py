"""Workers as Ray actors, each with a server of its own: one a GPU, or a given number on machines without.

Needs the extra ``cluster``. Only this module knows Ray (https://docs.ray.io/en/latest/ray-core/actors.html).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import psutil
import structlog

from dreamport.errors import DreamportError
from dreamport.service.options import ServerOptions
from dreamport.service.placement.worker import Worker
from dreamport.service.placement.workers import Refused, WorkerGreeting, WorkerLostError, WorkerReport
from dreamport.service.server import ServerStartError

R = TypeVar("R")

LOCAL = "local"
"""Address that means: a Ray of our own on this machine, on loopback, gone with this process."""

_log = structlog.get_logger(__name__)


class RayActor(Worker):
    """A worker in a process of its own. For clients on other machines it listens on its machine's address."""

    def __init__(self, options: ServerOptions) -> None:
        from dreamport.service.logs import log_to_stderr  # noqa: PLC0415  (only the process of an actor needs it)

        log_to_stderr()
        host = options.host if options.loopback else _own_address()
        super().__init__(replace(options, host=host, port=0))


def _own_address() -> str:
    """That of this machine in its cluster."""
    import ray.util  # noqa: PLC0415  (an extra)

    return str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]


class RayWorker:
    """``WorkerHandle`` of one actor. ``make`` starts it."""

    def __init__(self, actor: Any, number: int) -> None:
        self._actor = actor
        self._number = number

    async def start(self) -> WorkerGreeting:
        """Waits as long as the cluster has no room for it."""
        return await self._answer(self._actor.start.remote())

    async def look(self) -> tuple[bytes, ...]:
        """Look again which worlds there are."""
        return await self._answer(self._actor.look.remote())

    async def reserve(self, ticket: str, world: str) -> Refused | None:
        """Hold a place."""
        return await self._answer(self._actor.reserve.remote(ticket, world))

    async def go_on(self, kept: bytes) -> Refused | None:
        """Take over a lost session."""
        return await self._answer(self._actor.go_on.remote(kept))

    async def report(self, known: Mapping[str, int]) -> WorkerReport:
        """All sessions."""
        return await self._answer(self._actor.report.remote(dict(known)))

    async def gone(self) -> str:
        """Ray notices the end of a process within some milliseconds."""
        try:
            await self._answer(self._actor.wait.remote())
        except WorkerLostError as error:
            return str(error)
        return "it was stopped"

    async def stop(self, grace_s: float) -> None:
        """Drain, then kill."""
        import ray  # noqa: PLC0415  (an extra)

        if grace_s > 0:
            with contextlib.suppress(WorkerLostError, TimeoutError):
                await asyncio.wait_for(self._answer(self._actor.stop.remote()), grace_s)
        ray.kill(self._actor)

    async def _answer(self, call: Awaitable[R]) -> R:
        from ray.exceptions import RayActorError, RayError, RayTaskError  # noqa: PLC0415  (an extra)

        try:
            return await call
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, DreamportError):
                raise WorkerLostError(str(cause)) from None
            _log.error("worker failed", worker=self._number, error=str(error))
            raise WorkerLostError(
                f"worker {self._number} failed: {type(cause).__name__}; see the log"
            ) from None
        except RayActorError as error:
            _log.debug("worker died", worker=self._number, error=str(error))
            raise WorkerLostError(f"the process of worker {self._number} is gone") from None
        except RayError as error:
            raise WorkerLostError(
                f"worker {self._number} cannot be reached: {type(error).__name__}"
            ) from None


class RayCluster:
    """Starts actors for workers of a server with these options. ``gpu``: each has one of its own."""

    def __init__(self, options: ServerOptions, count: int, gpu: bool) -> None:
        cores = psutil.cpu_count(logical=False) or 1
        self.count = count
        self._options = replace(
            options,
            captures=None,
            trainings=None,
            threads=options.threads or (None if gpu else max(1, cores // count)),
            max_sessions=options.max_sessions or (1 if gpu else None),
        )
        self._gpu = gpu

    def worker(self, number: int) -> RayWorker:
        """A new actor. On loopback it must be on this machine; else they are spread over all."""
        import ray  # noqa: PLC0415  (an extra)
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(RayActor).options(
            num_cpus=0 if self._gpu else 1,
            num_gpus=1 if self._gpu else 0,
            max_restarts=0,
            scheduling_strategy=here if self._options.loopback else "SPREAD",
        )
        return RayWorker(actor.remote(self._options), number)


@contextlib.contextmanager
def ray_cluster(options: ServerOptions, workers: int | None, address: str) -> Iterator[RayCluster]:
    """Ray while the block runs. ``workers`` ``None``: one a GPU, or one where there is none. ``address``:
    ``local``, or a cluster's as ``ray.init`` takes it. Raises ``ServerStartError``.

    Not inside an event loop: Ray waits for its processes.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == LOCAL:
        # Releases before 2.59 obey anyone who reaches their ports.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray  # noqa: PLC0415  (an extra)

    own: dict[str, Any] = {}
    if address == LOCAL:
        own = {"num_cpus": workers or 1, "include_dashboard": False}
        if options.loopback:
            own["_node_ip_address"] = "127.0.0.1"
    try:
        ray.init(address=address, logging_level=logging.WARNING, **own)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ServerStartError(
            f"no Ray at {address!r} ({type(error).__name__}: {error}); start one with `ray start --head`, or "
            "leave --ray-address out"
        ) from error
    try:
        has: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        kind = "GPU" if has.get("GPU", 0) >= 1 and options.executor != "openvino" else "CPU"
        room = max(1, int(has.get(kind, 0)))
        if workers is not None and workers > room:
            raise ServerStartError(
                f"{workers} workers need a {kind} each, and there are {room}: give --workers {room} or "
                "fewer, or more machines"
            )
        yield RayCluster(options, workers or (room if kind == "GPU" else 1), gpu=kind == "GPU")
    finally:
        ray.shutdown()
