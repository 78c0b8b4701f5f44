"""``CaptureService``, as thin as it can be."""

from __future__ import annotations

import structlog

from dreamport.service.capture_desk import CaptureDesk
from dreamport.service.capture_stream import CaptureStream, Context
from dreamport.service.refusal import Refusal
from dreamport.v1 import capture_pb2_grpc

_log = structlog.get_logger(__name__)


class CaptureServicer(capture_pb2_grpc.CaptureServiceServicer):
    """One stream, one recorder."""

    def __init__(self, desk: CaptureDesk) -> None:
        self._desk = desk

    async def Record(self, requests: object, context: Context) -> None:
        """Serve one recorder until it leaves."""
        stream = CaptureStream(self._desk)
        try:
            self._desk.enter(stream)
            await stream.run(context)
        except Refusal as refusal:
            _log.info("recorder refused", code=refusal.code.name, message=str(refusal))
            await context.abort(refusal.code, str(refusal), refusal.trailers())
        finally:
            self._desk.leave(stream)
