"""One ``Play`` call wherever its session is: a service that places sessions on workers hands out an address.

Only the first message each way is looked at. What is added to ``Open`` is appended to it: protobuf merges a
field that comes twice (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable

import grpc
import grpc.aio

from dreamport.call_end import CallEnding
from dreamport.v1 import play_pb2

PLAY_METHOD = "/dreamport.v1.PlayService/Play"
OPEN, REDIRECT = b"\x0a", b"\x3a"
"""First bytes of a ``PlayRequest`` with ``open``, field 1, and of a ``PlayResponse`` with ``redirect``, 7."""
FOLLOWS = play_pb2.PlayRequest(open=play_pb2.Open(follows_redirect=True)).SerializeToString()

Metadata = tuple[tuple[str, str], ...]
PlayCall = grpc.aio.StreamStreamCall[bytes, bytes]
Connect = Callable[[str], grpc.aio.Channel | None]


class Workers:
    """Channels to the workers that the service hands out; ``connect`` opens one, or gives ``None``."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._channels: dict[str, grpc.aio.Channel] = {}

    def channel(self, address: str) -> grpc.aio.Channel | None:
        """The channel to that worker; ``None`` when it must not be followed."""
        channel = self._channels.get(address) or self._connect(address)
        if channel is not None:
            self._channels[address] = channel
        return channel

    async def close(self) -> None:
        """End all."""
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()


class PlacedCall:
    """A call that begins at the service and goes on at the address that the service says."""

    def __init__(self, home: grpc.aio.Channel, workers: Workers, metadata: Metadata) -> None:
        self.worker = ""
        """Address of the worker that has the session; empty while that is the service itself."""
        self.trouble = ""
        """Why the address that the service said is not followed; for the page."""
        self._workers = workers
        self._metadata = metadata
        self.call = self._begin(home)
        self._open = b""
        self._placed = asyncio.Event()
        self._finished = False

    async def write(self, data: bytes) -> None:
        """Send one message; all but the first wait until the session's place is known."""
        if self._open:
            await self._placed.wait()
            await self.call.write(data)
            return
        self._open = data + FOLLOWS if data.startswith(OPEN) else data
        await self.call.write(self._open)

    async def done_writing(self) -> None:
        """No more messages from this side."""
        self._finished = True
        await self.call.done_writing()

    async def read(self) -> bytes | None:
        """The next message; ``None`` at the end. Raises ``AioRpcError``."""
        try:
            message = await anext(self._messages, None)
            if not self._placed.is_set() and message is not None and message.startswith(REDIRECT):
                message = await self._follow(play_pb2.PlayResponse.FromString(message).redirect)
        finally:
            self._placed.set()
        return message

    def cancel(self) -> None:
        """End the call."""
        self._placed.set()
        self.call.cancel()

    def _begin(self, channel: grpc.aio.Channel) -> PlayCall:
        play: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(PLAY_METHOD)
        call = play(metadata=self._metadata)
        self.end = CallEnding(call)
        self._messages = aiter(call)
        return call

    async def _follow(self, redirect: play_pb2.Redirect) -> bytes | None:
        channel = self._workers.channel(redirect.address)
        if channel is None:
            self.trouble = f"The service hands out {redirect.address}, another machine, without TLS."
        if channel is None or self._finished:
            return None
        self.call.cancel()
        self.worker = redirect.address
        self.call = self._begin(channel)
        ticket = play_pb2.PlayRequest(open=play_pb2.Open(ticket=redirect.ticket)).SerializeToString()
        await self.call.write(self._open + ticket)
        return await anext(self._messages, None)


def on_this_machine(address: str) -> bool:
    """True when ``host:port`` is a loopback address."""
    try:
        return host_of(address) == "localhost" or ipaddress.ip_address(host_of(address)).is_loopback
    except ValueError:
        return False


def host_of(address: str) -> str:
    """The host in ``host:port`` or ``[v6]:port``, without brackets."""
    return address.rpartition(":")[0].strip("[]")
