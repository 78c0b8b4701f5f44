"""One client of the transport benchmark, in a process of its own. It prints what it measured as JSON.

``python -m dreamport_tools.bench.transport_client --address 127.0.0.1:50700 --client native --transport shm``

Two clients: ``native`` is the library that engines load, with a loop as an engine's thread has it; ``python``
is the small client of scripts, for comparison. All times are of this machine's monotonic clock, which server
and client share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamport.errors import DreamportError
from dreamport.service import PlayClient
from dreamport_tools.bench.measure import SECOND
from dreamport_tools.bench.player import TRANSPORTS
from dreamport_tools.native_core import NativeClient, NativeLibrary

WIRE_TRANSPORTS = {"shm": "shared-memory", "jpeg": "jpeg", "raw": "inline"}
NATIVE_TRANSPORTS = {"shm": ("shm", "raw"), "jpeg": ("inline", "jpeg"), "raw": ("inline", "raw")}


class TransportError(DreamportError):
    """A transport could not be measured."""


@dataclass(frozen=True)
class TransportOptions:
    """What one client measures. ``poll_us``: pause between two looks for a newer frame, microseconds; 0 looks
    all the time.
    """

    address: str
    library: Path = Path()
    client: str = "native"
    transport: str = "shm"
    depth: bool = True
    seconds: float = 5.0
    warm_up_s: float = 1.0
    poll_us: float = 100.0


class Seen:
    """Collects frames from ``begin_ns`` on. Times are nanoseconds of the monotonic clock."""

    def __init__(self, begin_ns: int) -> None:
        self.begin_ns = begin_ns
        self._frames: list[tuple[int, int, int, int, int]] = []

    def frame(
        self, frame_id: int, generator_ns: int, generated_ns: int, arrived_ns: int, acquired_ns: int
    ) -> None:
        """One frame: it left the generator, was written, lay decoded in client memory, was acquired."""
        if arrived_ns >= self.begin_ns:
            self._frames.append((frame_id, generator_ns, generated_ns, arrived_ns, acquired_ns))

    def numbers(self) -> dict[str, Any]:
        """Frames a second and latencies. Raises ``TransportError`` with fewer than ten frames."""
        if len(self._frames) < 10:
            raise TransportError(f"only {len(self._frames)} frames arrived; measure longer")
        ids, generator, generated, arrived, acquired = np.asarray(self._frames, np.int64).T
        elapsed_s = float(arrived[-1] - arrived[0]) / SECOND
        return {
            "fps": round((len(ids) - 1) / elapsed_s, 1),
            **percentiles("", acquired - generated),
            "generated_to_arrived_ms": percentiles("", arrived - generated),
            "generator_to_arrived_ms": percentiles("", arrived - generator),
            "generator_to_acquired_ms": percentiles("", acquired - generator),
            "interval_ms": percentiles("", np.diff(arrived)),
            "frames": len(ids),
            "not_acquired": int(ids[-1] - ids[0]) + 1 - len(ids),
            "seconds": round(elapsed_s, 3),
        }


def percentiles(prefix: str, samples_ns: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, float]:
    """Median and 99th percentile, milliseconds."""
    p50, p99 = np.percentile(samples_ns, (50, 99)) / 1e6
    return {f"{prefix}p50_ms": round(float(p50), 3), f"{prefix}p99_ms": round(float(p99), 3)}


async def measure_python(options: TransportOptions) -> dict[str, Any]:
    """With the small client of scripts: a frame is acquired as it arrives."""
    transport, colour = TRANSPORTS[WIRE_TRANSPORTS[options.transport]]
    async with PlayClient(options.address) as client:
        opening = client.open(colour=colour, depth=options.depth, transport=transport, max_frames_in_flight=2)
        async with await opening as stream:
            seen = Seen(time.monotonic_ns() + round(options.warm_up_s * SECOND))
            end_ns = seen.begin_ns + round(options.seconds * SECOND)
            while time.monotonic_ns() < end_ns:
                frame = (await stream.next("frame")).frame
                picture = stream.picture(frame)
                arrived_ns = time.monotonic_ns()
                if picture is not None:
                    generator_ns = round(frame.pose.position.x * SECOND)
                    seen.frame(frame.id, generator_ns, frame.timing.generated_at_ns, arrived_ns, arrived_ns)
                await stream.presented(frame.id)
            stats = stream.stats
            return {
                **seen.numbers(),
                "torn": stream.torn_frames,
                "server_fps": round(stats.fps, 1) if stats else None,
            }


def measure_native(options: TransportOptions) -> dict[str, Any]:
    """With the library that engines load: this is the engine's thread, which looks for a newer frame every
    ``poll_us``; the library receives, copies and decodes on a thread of its own.
    """
    transport, colour = NATIVE_TRANSPORTS[options.transport]
    library = NativeLibrary.load(options.library)
    pause_s = options.poll_us / 1e6
    with NativeClient(
        library, options.address, transport=transport, colour=colour, depth=options.depth
    ) as client:
        client.wait_ready()
        seen = Seen(time.monotonic_ns() + round(options.warm_up_s * SECOND))
        end_ns = seen.begin_ns + round(options.seconds * SECOND)
        while (now_ns := time.monotonic_ns()) < end_ns:
            frame = client.acquire()
            if frame is None:
                if pause_s:
                    time.sleep(pause_s)
                continue
            raw = frame.raw
            generator_ns = round(raw.pose.position[0] * SECOND)
            seen.frame(raw.id, generator_ns, raw.server_generated_ns, raw.arrived_ns, now_ns)
            frame.release()
        status, statistics = client.status(), client.statistics()
        if status.transport != (2 if options.transport == "shm" else 1):
            raise TransportError(f"frames came over transport {status.transport}, not {options.transport}")
        return {
            **seen.numbers(),
            "torn": int(statistics.frames_torn),
            "server_fps": round(statistics.server_fps, 1),
            "decode_ms_p50": round(statistics.decode_ms_p50, 3),
            "allocations": int(statistics.allocations),
            "components": library.components,
        }


def measure(options: TransportOptions) -> dict[str, Any]:
    """Measure one transport. Raises ``DreamportError``."""
    return asyncio.run(measure_python(options)) if options.client == "python" else measure_native(options)


def parse(arguments: Sequence[str] | None = None) -> TransportOptions:
    """Options from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--library", type=Path, default=Path(), help="the native core")
    parser.add_argument("--client", choices=("native", "python"), default="native")
    parser.add_argument("--transport", choices=sorted(WIRE_TRANSPORTS), default="shm")
    parser.add_argument("--no-depth", dest="depth", action="store_false")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warm-up-s", type=float, default=1.0)
    parser.add_argument("--poll-us", type=float, default=100.0)
    return TransportOptions(**vars(parser.parse_args(arguments)))


def main() -> None:
    """Measure and print the JSON; an error is one line on standard error and exit code 2."""
    try:
        print(json.dumps(measure(parse())))
    except DreamportError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
