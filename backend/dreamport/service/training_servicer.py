"""``TrainingService``, as thin as it can be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import grpc
import grpc.aio

from dreamport.service.training_desk import TrainingDesk
from dreamport.v1 import training_pb2, training_pb2_grpc

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class TrainingServicer(training_pb2_grpc.TrainingServiceServicer):
    """Runs of training. What is refused ends the call in the guard."""

    def __init__(self, desk: TrainingDesk) -> None:
        self._desk = desk

    async def Start(self, request: training_pb2.StartRequest, context: Context) -> training_pb2.StartResponse:
        """Begin or take up a run."""
        run, resumed = await self._desk.begin(request)
        return training_pb2.StartResponse(run=run, resumed=resumed)

    async def Watch(
        self, request: training_pb2.WatchRequest, context: Context
    ) -> AsyncIterator[training_pb2.WatchResponse]:
        """Tell what a run does."""
        async for response in self._desk.watch(request.world, request.history, request.samples):
            yield response

    async def Stop(self, request: training_pb2.StopRequest, context: Context) -> training_pb2.StopResponse:
        """Ask a run to stop."""
        return training_pb2.StopResponse(run=await self._desk.stop(request.world, request.force))

    async def ListRuns(
        self, request: training_pb2.ListRunsRequest, context: Context
    ) -> training_pb2.ListRunsResponse:
        """All runs."""
        return training_pb2.ListRunsResponse(runs=await self._desk.runs())
