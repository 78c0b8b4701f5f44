"""A small client of ``TrainingService`` for scripts and tests.

::

    async with TrainingClient("127.0.0.1:50700") as client:
        await client.start("garden", dataset="garden")
        async for news in client.watch("garden"):
            if news.HasField("run"):
                print(news.run.stage, news.run.step, news.run.steps)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

import grpc
import grpc.aio

from dreamport.service.client import PlayError
from dreamport.service.negotiation import PROTOCOL_VERSION
from dreamport.service.refusal import RETRY_PUSHBACK
from dreamport.service.service_client import ServiceClient
from dreamport.v1 import training_pb2, training_pb2_grpc


class TrainingCallError(PlayError):
    """The server refused or ended a call. ``retry_after_ms``: when it says to come back, or ``None``."""


class TrainingClient(ServiceClient):
    """A connection to a server. ``root_certificate`` (PEM) turns TLS on; a token goes with every call. Every
    call raises ``TrainingCallError`` when the server refuses."""

    def __init__(self, target: str, token: str | None = None, root_certificate: bytes | None = None) -> None:
        super().__init__(target, token, root_certificate)
        self._service = training_pb2_grpc.TrainingServiceStub(self._channel)

    async def start(
        self,
        world: str,
        *,
        dataset: str,
        preset: str = "",
        seed: int = 0,
        device: str = "",
        steps: Mapping[str, int] | None = None,
        skip: Sequence[str] = (),
        title: str = "",
    ) -> training_pb2.StartResponse:
        """Begin a run, or take it up again with the same settings. See ``StartRequest``."""
        return await self.start_with(
            training_pb2.StartRequest(
                protocol_version=PROTOCOL_VERSION,
                world=world,
                dataset=dataset,
                preset=preset,
                seed=seed,
                device=device,
                steps=steps,
                skip=skip,
                title=title,
            )
        )

    async def start_with(self, request: training_pb2.StartRequest) -> training_pb2.StartResponse:
        """Begin a run as the message says."""
        try:
            answer: training_pb2.StartResponse = await self._service.Start(request, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise _told(error) from None
        return answer

    async def stop(self, world: str, force: bool = False) -> training_pb2.TrainingRun:
        """Ask a run to save and stop; ``force`` ends it at once."""
        request = training_pb2.StopRequest(world=world, force=force)
        try:
            answer: training_pb2.StopResponse = await self._service.Stop(request, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise _told(error) from None
        return answer.run

    async def runs(self) -> list[training_pb2.TrainingRun]:
        """All runs, the newest first."""
        request = training_pb2.ListRunsRequest()
        try:
            answer: training_pb2.ListRunsResponse = await self._service.ListRuns(
                request, metadata=self._metadata
            )
        except grpc.aio.AioRpcError as error:
            raise _told(error) from None
        return list(answer.runs)

    async def watch(
        self, world: str, *, history: bool = True, samples: bool = True
    ) -> AsyncIterator[training_pb2.WatchResponse]:
        """What a run does, until it is over."""
        request = training_pb2.WatchRequest(world=world, history=history, samples=samples)
        try:
            async for response in self._service.Watch(request, metadata=self._metadata):
                yield response
        except grpc.aio.AioRpcError as error:
            raise _told(error) from None


def _told(error: grpc.aio.AioRpcError) -> TrainingCallError:
    after = next((int(v) for k, v in error.trailing_metadata() or () if k == RETRY_PUSHBACK), None)
    return TrainingCallError(error.code(), error.details() or "", after)
