"""How a gRPC call ended, as its server says it.

When the end of a call cuts a write off, ``grpc.aio`` reports INTERNAL of its own accord: before it has read
the status that the server sent, or over it. And it reads that status only after all that came before it was
read. So whoever writes and reads at a time asks ``CallEnding``, and reads by iterating: ``read`` stops at the
first report of an end.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import grpc
import grpc.aio

CUT_OFF = "Internal error from Core"
"""How the details begin of what ``grpc.aio`` reports for a write that was cut off."""
STATUS_S = 2.0
POLL_S = 0.005


@dataclass(frozen=True)
class CallEnd:
    """Status and trailers of a call."""

    code: grpc.StatusCode
    details: str
    trailers: tuple[tuple[str, str | bytes], ...]

    @property
    def cut_off(self) -> bool:
        """True for the report of a write that was cut off."""
        return self.code == grpc.StatusCode.INTERNAL and self.details.startswith(CUT_OFF)


class CallEnding:
    """Notes how ``call`` ends; made before anything is written."""

    def __init__(self, call: grpc.aio.Call) -> None:
        self._call = call
        self._first: CallEnd | None = None
        call.add_done_callback(self._note)

    async def wait(self, within_s: float = STATUS_S) -> CallEnd:
        """Wait until the call is over; gives what its server said, or after another ``within_s`` seconds what
        gRPC says.
        """
        end = await _end_of(self._call)
        until_s = time.monotonic() + within_s
        while end.cut_off and time.monotonic() < until_s:
            if self._first is not None and not self._first.cut_off:
                return self._first
            await asyncio.sleep(POLL_S)
            end = await _end_of(self._call)
        return end

    def _note(self, call: grpc.aio.Call) -> None:
        reading = _end_of(call)
        try:
            reading.send(None)  # the status is there: nothing is waited for
        except StopIteration as done:
            self._first = done.value
        reading.close()


async def _end_of(call: grpc.aio.Call) -> CallEnd:
    code, details = await call.code(), await call.details()
    return CallEnd(code, details or "", tuple(await call.trailing_metadata() or ()))
