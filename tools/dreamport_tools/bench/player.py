"""The scripted player: a real gRPC client in a process of its own. It prints what it saw as JSON.

``python -m dreamport_tools.bench.player --address 127.0.0.1:50700 --seconds 20``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import grpc
import grpc.aio

from dreamport.errors import DreamportError
from dreamport.service.shared_memory import FrameRingReader
from dreamport.v1 import common_pb2, play_pb2, play_pb2_grpc
from dreamport_tools.bench.measure import SECOND, PlayMeasurement
from dreamport_tools.bench.script import CONTROL_RATE_HZ, input_at

PROTOCOL_VERSION = 1
MAX_FRAME_MESSAGE_BYTES = 64 << 20
GOODBYE_S = 5.0
TRANSPORTS = {
    "shared-memory": (common_pb2.TRANSPORT_SHARED_MEMORY, common_pb2.COLOUR_FORMAT_RAW_RGBA),
    "inline": (common_pb2.TRANSPORT_INLINE, common_pb2.COLOUR_FORMAT_RAW_RGBA),
    "jpeg": (common_pb2.TRANSPORT_INLINE, common_pb2.COLOUR_FORMAT_JPEG),
}
"""How pixels travel, by name: transport and colour format asked for."""


class PlayerError(DreamportError):
    """The scripted player could not play, or its stream ended before its time."""


@dataclass(frozen=True)
class PlayerOptions:
    """What to play and for how long. ``warm_up_s`` comes before ``seconds`` and is not measured."""

    address: str
    world: str = ""
    seconds: float = 20.0
    warm_up_s: float = 3.0
    seed: int | None = None
    start: str = ""
    transport: str = "shared-memory"
    depth: bool = True


async def play(options: PlayerOptions) -> dict[str, Any]:
    """Play by the script and measure. Raises ``PlayerError``."""
    limits = [("grpc.max_receive_message_length", MAX_FRAME_MESSAGE_BYTES)]
    async with grpc.aio.insecure_channel(options.address, options=limits) as channel:
        call = play_pb2_grpc.PlayServiceStub(channel).Play()
        try:
            return await _Player(options, call).run()
        except grpc.aio.AioRpcError as error:
            raise PlayerError(
                f"the server ended the session: {error.code().name}: {error.details()}"
            ) from error
        finally:
            call.cancel()


class _Player:
    def __init__(self, options: PlayerOptions, call: Any) -> None:
        self._options = options
        self._call = call
        self._write = asyncio.Lock()
        self._ring: FrameRingReader | None = None
        self._torn = 0
        self._stats = play_pb2.Stats()
        self._over = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        asked_ns = time.monotonic_ns()
        await self._send(play_pb2.PlayRequest(open=self._open()))
        opened = await self._opened()
        if opened.transport == common_pb2.TRANSPORT_SHARED_MEMORY:
            self._ring = FrameRingReader(opened.shared_memory)
        try:
            begin_ns = time.monotonic_ns() + round(self._options.warm_up_s * SECOND)
            seen = PlayMeasurement(begin_ns)
            end_ns = begin_ns + round(self._options.seconds * SECOND)
            controls = asyncio.create_task(self._send_controls(opened, seen, end_ns))
            try:
                first_ns = await self._receive(seen)
            finally:
                controls.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await controls
        finally:
            if self._ring is not None:
                self._ring.close()
        return self._report(opened, seen, (first_ns - asked_ns) / 1e6)

    def _open(self) -> play_pb2.Open:
        transport, colour = TRANSPORTS[self._options.transport]
        return play_pb2.Open(
            protocol_version=PROTOCOL_VERSION,
            world=self._options.world,
            seed=self._options.seed,
            start=self._options.start,
            transport=transport,
            colour_format=colour,
            depth_format=common_pb2.DEPTH_FORMAT_INVERSE_UINT16 if self._options.depth else None,
        )

    async def _send(self, request: play_pb2.PlayRequest) -> None:
        async with self._write:
            await self._call.write(request)

    async def _opened(self) -> play_pb2.Opened:
        response = await self._call.read()
        if response is grpc.aio.EOF:
            await self._raise_status()
        if response.WhichOneof("message") != "opened":
            raise PlayerError(f"the server answered Open with {response.WhichOneof('message')}")
        opened: play_pb2.Opened = response.opened
        return opened

    async def _raise_status(self) -> None:
        raise PlayerError(
            f"the server ended the session: {(await self._call.code()).name}: {await self._call.details()}"
        )

    async def _send_controls(self, opened: play_pb2.Opened, seen: PlayMeasurement, end_ns: int) -> None:
        """Controls at an even rate until the end, then the goodbye."""
        schema = opened.world.control_schema
        names = [button.name for button in schema.buttons]
        interval_ns = round(SECOND / CONTROL_RATE_HZ)
        began_ns = time.monotonic_ns()
        count = 0
        while time.monotonic_ns() < end_ns:
            planned = input_at(count / CONTROL_RATE_HZ, 1 / CONTROL_RATE_HZ, names, schema.look.yaw)
            count += 1
            sequence = opened.last_control_sequence + count
            now = time.monotonic_ns()
            seen.control_sent(sequence, now)
            control = play_pb2.Control(
                sequence=sequence, client_time_ns=now, buttons=planned.buttons, look_yaw_deg=planned.yaw_deg
            )
            await self._send(play_pb2.PlayRequest(control=control))
            # The schedule is absolute: a late control does not delay the next.
            await asyncio.sleep(max(0, began_ns + count * interval_ns - time.monotonic_ns()) / SECOND)
        self._over.set()
        await self._send(play_pb2.PlayRequest(close=play_pb2.Close()))
        await self._call.done_writing()

    async def _receive(self, seen: PlayMeasurement) -> int:
        """Take everything in until the stream ends; gives when the first frame came."""
        first_ns = 0
        while True:
            wait = asyncio.create_task(self._call.read())
            done, _ = await asyncio.wait({wait}, timeout=GOODBYE_S if self._over.is_set() else None)
            if not done:
                wait.cancel()
                raise PlayerError(
                    f"the server did not end the session within {GOODBYE_S:.0f} s of the goodbye"
                )
            response = wait.result()
            if response is grpc.aio.EOF:
                break
            kind = response.WhichOneof("message")
            if kind == "frame":
                first_ns = await self._take(response.frame, seen) or first_ns
            elif kind == "stats":
                self._stats = response.stats
                seen.memory_seen(response.stats.rss_bytes, time.monotonic_ns())
        if not self._over.is_set() or (await self._call.code()) != grpc.StatusCode.OK:
            await self._raise_status()
        return first_ns

    async def _take(self, frame: play_pb2.Frame, seen: PlayMeasurement) -> int | None:
        """Copy the pixels as an engine would, then note the arrival; gives the first frame's time only."""
        if self._ring is not None and self._ring.read(frame.slot) is None:
            self._torn += 1
            return None
        now = time.monotonic_ns()
        if not self._over.is_set():
            seen.frame_arrived(frame.id, frame.control.sequence, now)
            await self._send(
                play_pb2.PlayRequest(presented=play_pb2.Presented(frame_id=frame.id, client_time_ns=now))
            )
        return now if frame.id == 1 else None

    def _report(
        self, opened: play_pb2.Opened, seen: PlayMeasurement, first_frame_ms: float
    ) -> dict[str, Any]:
        try:
            numbers = seen.numbers()
        except ValueError as error:
            raise PlayerError(f"the server sent too little to measure: {error}") from error
        executor = self._stats.executor if self._stats.HasField("executor") else opened.executor
        return {
            **asdict(numbers),
            "torn": self._torn,
            "frame_size": [opened.frame_size.width, opened.frame_size.height],
            "frame_rate": opened.cadence.frame_rate,
            "executor": executor.name,
            "device": executor.device,
            "precision": executor.precision,
            "fallback_reason": executor.fallback_reason or None,
            "world": opened.world.summary.name,
            "digest": opened.world.digest,
            "seed": opened.seed,
            "start": opened.start,
            "transport": self._options.transport,
            "depth": self._options.depth,
            "first_frame_ms": round(first_frame_ms, 1),
            "generation_ms": {
                "p50": round(self._stats.generation_ms_p50, 3),
                "p95": round(self._stats.generation_ms_p95, 3),
            },
        }


def parse(arguments: Sequence[str] | None = None) -> PlayerOptions:
    """Options from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--world", default="")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--warm-up-s", type=float, default=3.0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--start", default="")
    parser.add_argument("--transport", choices=sorted(TRANSPORTS), default="shared-memory")
    parser.add_argument("--no-depth", dest="depth", action="store_false")
    return PlayerOptions(**vars(parser.parse_args(arguments)))


def main() -> None:
    """Play and print the JSON; an error is one line on standard error and exit code 2."""
    try:
        print(json.dumps(asyncio.run(play(parse()))))
    except DreamportError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
