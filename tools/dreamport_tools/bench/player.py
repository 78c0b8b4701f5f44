"""The scripted player: a real gRPC client in a process of its own. It prints what it saw as JSON.

``python -m dreamport_tools.bench.player --address 127.0.0.1:50700 --seconds 20``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dreamport.errors import DreamportError
from dreamport.service import PlayClient, PlayStream
from dreamport.v1 import common_pb2, play_pb2
from dreamport_tools.bench.measure import SECOND, PlayMeasurement
from dreamport_tools.bench.script import CONTROL_RATE_HZ, input_at

TRANSPORTS = {
    "shared-memory": (common_pb2.TRANSPORT_SHARED_MEMORY, common_pb2.COLOUR_FORMAT_RAW_RGBA),
    "inline": (common_pb2.TRANSPORT_INLINE, common_pb2.COLOUR_FORMAT_RAW_RGBA),
    "jpeg": (common_pb2.TRANSPORT_INLINE, common_pb2.COLOUR_FORMAT_JPEG),
}
"""How pixels travel, by name: transport and colour format asked for."""


class PlayerError(DreamportError):
    """The scripted player saw too little to measure."""


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
    """Play by the script and measure. Raises ``PlayError`` when the server ends it, or ``PlayerError``."""
    transport, colour = TRANSPORTS[options.transport]
    asked_ns = time.monotonic_ns()
    async with PlayClient(options.address) as client:
        opening = client.open(
            options.world,
            options.seed,
            options.start,
            colour=colour,
            depth=options.depth,
            transport=transport,
        )
        async with await opening as stream:
            begin_ns = time.monotonic_ns() + round(options.warm_up_s * SECOND)
            end_ns = begin_ns + round(options.seconds * SECOND)
            seen = PlayMeasurement(begin_ns, end_ns)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_send_controls(stream, seen, end_ns))
                receiving = tasks.create_task(_receive(stream, seen, end_ns))
            return _report(options, stream, seen, (receiving.result() - asked_ns) / 1e6)


async def _send_controls(stream: PlayStream, seen: PlayMeasurement, end_ns: int) -> None:
    """Controls at an even rate until the end."""
    schema = stream.opened.world.control_schema
    names = [button.name for button in schema.buttons]
    interval_ns = round(SECOND / CONTROL_RATE_HZ)
    began_ns = time.monotonic_ns()
    count = 0
    while (now_ns := time.monotonic_ns()) < end_ns:
        planned = input_at(count / CONTROL_RATE_HZ, 1 / CONTROL_RATE_HZ, names, schema.look.yaw)
        seen.control_sent(
            await stream.control(buttons=planned.buttons, look_deg=(planned.yaw_deg, 0.0)), now_ns
        )
        count += 1
        # The schedule is absolute: a late control does not delay the next.
        await asyncio.sleep(max(0, began_ns + count * interval_ns - time.monotonic_ns()) / SECOND)


async def _receive(stream: PlayStream, seen: PlayMeasurement, end_ns: int) -> int:
    """Take frames in until the end; gives when the first one came."""
    first_ns = 0
    while (now_ns := time.monotonic_ns()) < end_ns:
        response = await stream.receive()
        kind = response.WhichOneof("message")
        if kind == "stats":
            seen.memory_seen(response.stats.rss_bytes, now_ns)
        elif kind == "frame":
            picture = stream.picture(response.frame)
            arrived_ns = time.monotonic_ns()  # the pixels are here and decoded
            first_ns = first_ns or arrived_ns
            if picture is not None:
                seen.frame_arrived(response.frame.id, response.frame.control.sequence, arrived_ns)
                await stream.presented(response.frame.id)
    return first_ns


def _report(
    options: PlayerOptions, stream: PlayStream, seen: PlayMeasurement, first_frame_ms: float
) -> dict[str, Any]:
    try:
        numbers = seen.numbers()
    except ValueError as error:
        raise PlayerError(f"the server sent too little to measure: {error}; play longer") from error
    opened, stats = stream.opened, stream.stats or play_pb2.Stats()
    executor = stats.executor if stats.HasField("executor") else opened.executor
    return {
        **asdict(numbers),
        "torn": stream.torn_frames,
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
        "transport": options.transport,
        "depth": options.depth,
        "first_frame_ms": round(first_frame_ms, 1),
        "generation_ms": {"p50": round(stats.generation_ms_p50, 3), "p95": round(stats.generation_ms_p95, 3)},
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
    except* DreamportError as group:
        print(_first(group), file=sys.stderr)
        raise SystemExit(2) from None


def _first(group: BaseExceptionGroup[DreamportError]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    main()
