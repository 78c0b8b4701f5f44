"""``dreamport bench transport``: how fast frames get from a server to a client in another process.

A real server (``pattern``) and the native core, each in a process of its own, over each transport: in shared
memory, as JPEG and raw over TCP on loopback.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamport.errors import DreamportError
from dreamport_tools.bench.play import machine_facts
from dreamport_tools.bench.processes import run_client, running_server

PATTERN = ("dreamport_tools.bench.pattern",)
CLIENT = "dreamport_tools.bench.transport_client"
RATES = {"shm": 600.0, "jpeg": 220.0, "raw": 150.0}
"""Frames a second that the server is asked to make, when the user does not say."""
AS_FAST_AS_IT_GOES = 4000.0
WARM_UP_S = 1.0
SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
LIBRARIES = {
    "linux": "libdreamport_core.so",
    "macos": "libdreamport_core.dylib",
    "windows": "dreamport_core.dll",
}


class NoNativeLibraryError(DreamportError):
    """The native core is not built."""


@dataclass(frozen=True)
class Case:
    """One measurement beside the main one. ``name``: where its numbers stand in the result."""

    name: str
    depth: bool = False
    client: str = "native"
    poll_us: float = 100.0
    frame_rate: float | None = None


MAIN = Case("")
CASES = (
    Case("with_depth", depth=True),
    Case("highest", frame_rate=AS_FAST_AS_IT_GOES),
    Case("highest_with_depth", depth=True, frame_rate=AS_FAST_AS_IT_GOES),
    Case("at_60_fps_with_depth", depth=True, frame_rate=60.0),
    Case("looking_all_the_time", poll_us=0.0),
    Case("python_client", client="python"),
)


@dataclass(frozen=True)
class TransportBench:
    """What to measure. ``frame_rate`` ``None`` takes ``RATES``; ``seconds`` are those of one measurement;
    ``cases`` come beside the main one of each transport.
    """

    library: Path
    width: int = 1280
    height: int = 720
    frame_rate: float | None = None
    seconds: float = 5.0
    transports: tuple[str, ...] = tuple(RATES)
    cases: tuple[Case, ...] = CASES


def bench_transport(
    options: TransportBench, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Measure every transport and report. ``progress`` is told measurements done and in all. Raises
    ``ProcessError``.
    """
    result: dict[str, Any] = {}
    cases = (MAIN, *options.cases)
    total = len(options.transports) * len(cases)
    for number, transport in enumerate(options.transports):
        for index, case in enumerate(cases):
            if progress is not None:
                progress(number * len(cases) + index, total)
            numbers = measure_case(options, transport, case)
            components = numbers.pop("components", None)
            if case is MAIN:
                result[transport] = numbers
            else:
                result[transport][case.name] = numbers
            if components is not None:
                result["native_components"] = components
    if progress is not None:
        progress(total, total)
    return {
        **result,
        "frame_size": [options.width, options.height],
        "p50_ms": "from the server's generated_at_ns to the acquiring call of the client's thread",
        **machine_facts(),
    }


def measure_case(options: TransportBench, transport: str, case: Case) -> dict[str, Any]:
    """One measurement, on a server of its own."""
    asked = case.frame_rate or options.frame_rate or RATES[transport]
    serving = ["--width", str(options.width), "--height", str(options.height), "--frame-rate", str(asked)]
    with running_server(serving, PATTERN) as server:
        arguments = ["--address", server.address, "--library", str(options.library)]
        arguments += ["--client", case.client, "--transport", transport, "--poll-us", str(case.poll_us)]
        arguments += ["--seconds", str(options.seconds), "--warm-up-s", str(WARM_UP_S)]
        arguments += [] if case.depth else ["--no-depth"]
        numbers = run_client(CLIENT, arguments, WARM_UP_S + options.seconds)
    return {"asked_fps": asked, "depth": case.depth, **numbers}


def built_library() -> Path:
    """The native core that ``native/build.py`` made in this checkout. Raises ``NoNativeLibraryError``."""
    system = SYSTEMS.get(sys.platform, "")
    target = f"{system}-{MACHINES.get(platform.machine().lower(), '')}"
    folder = Path(__file__).resolve().parents[3] / "native"
    path = folder / "build" / target / LIBRARIES.get(system, "")
    if not path.is_file():
        raise NoNativeLibraryError(
            f"the native core is not built: run `python {folder / 'build.py'}`, or give --library PATH"
        )
    return path
