"""What is still to be sent to a recorder. Answers and notices keep their order; of acknowledgements, each of
which covers those before it, only the last is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque

from dreamport.v1 import capture_pb2

MAX_WAITING = 64


class CaptureOutbox:
    """Filled by the stream, emptied by its sender."""

    def __init__(self) -> None:
        self._messages: deque[capture_pb2.RecordResponse] = deque()
        self._acknowledged: capture_pb2.RecordResponse | None = None
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def empty(self) -> bool:
        """True when all has been taken."""
        return not self._messages and self._acknowledged is None

    def put(self, message: capture_pb2.RecordResponse) -> None:
        """Queue an answer or a notice, after every acknowledgement so far."""
        if self._acknowledged is not None:
            self._messages.append(self._acknowledged)
            self._acknowledged = None
        self._messages.append(message)
        if len(self._messages) >= MAX_WAITING:
            self._room.clear()
        self._wake.set()

    def acknowledge(self, acknowledged: capture_pb2.Acknowledged) -> None:
        """Queue an acknowledgement in place of the one that waits."""
        self._acknowledged = capture_pb2.RecordResponse(acknowledged=acknowledged)
        self._wake.set()

    async def room(self) -> None:
        """Wait until the recorder has taken most of what it asked for."""
        await self._room.wait()

    async def get(self) -> capture_pb2.RecordResponse:
        """The next message; waits for one."""
        while self.empty:
            self._wake.clear()
            await self._wake.wait()
        if self._messages:
            message = self._messages.popleft()
        else:
            assert self._acknowledged is not None
            message, self._acknowledged = self._acknowledged, None
        if len(self._messages) < MAX_WAITING:
            self._room.set()
        return message
