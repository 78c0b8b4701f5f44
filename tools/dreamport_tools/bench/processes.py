"""Server and client as processes: started, waited for, and ended by the one who started them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from dreamport.errors import DreamportError
from dreamport_tools.bench.player import PlayerOptions

SERVE = ("dreamport", "serve", "--json")
STARTING_S = 120.0
STOPPING_S = 15.0
GRACE_S = 60.0


class ProcessError(DreamportError):
    """The server or the client did not start, or ended before its time."""


@dataclass(frozen=True)
class ServerProcess:
    """A server that listens. ``started_s``: from its start to the line that says so, seconds; ``page``: the
    address to open in a browser, empty where it serves none.
    """

    pid: int
    address: str
    started_s: float
    page: str = ""


@contextmanager
def running_server(arguments: Sequence[str], server: Sequence[str] = SERVE) -> Iterator[ServerProcess]:
    """A server on a free loopback port, stopped at the end. ``server``: the module that runs it, and what it
    is always told; it prints a line of JSON when it listens. Raises ``ProcessError``.
    """
    command = [sys.executable, "-m", *server, "--port", "0", *arguments]
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            ready = _first_line(process, log)
            started_s = time.monotonic() - began
            yield ServerProcess(process.pid, ready["address"], started_s, ready.get("open", ""))
            if process.poll() is not None:
                raise ProcessError(f"the server ended with code {process.returncode}: {_tail(log)}")
        finally:
            _stop(process)


def run_player(
    options: PlayerOptions, progress: Callable[[float, float], None] | None = None
) -> dict[str, Any]:
    """The player's JSON. ``progress`` is told seconds played and seconds in all. Raises ``ProcessError``."""
    arguments = []
    for name, value in (
        ("--address", options.address),
        ("--world", options.world),
        ("--seconds", options.seconds),
        ("--warm-up-s", options.warm_up_s),
        ("--seed", options.seed),
        ("--start", options.start),
        ("--transport", options.transport),
    ):
        if value is not None:
            arguments += [name, str(value)]
    arguments += [] if options.depth else ["--no-depth"]
    total = options.warm_up_s + options.seconds
    return run_client("dreamport_tools.bench.player", arguments, total, progress)


def run_client(
    module: str,
    arguments: Sequence[str],
    total: float,
    progress: Callable[[float, float], None] | None = None,
) -> dict[str, Any]:
    """The JSON that a client prints after about ``total`` seconds. Raises ``ProcessError``."""
    command = [sys.executable, "-m", module, *arguments]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while True:
            try:
                output, errors = process.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                played = time.monotonic() - began
                if progress is not None:
                    progress(min(played, total), total)
                if played > total + GRACE_S:
                    raise ProcessError(f"the client is not done {GRACE_S:.0f} s after its time") from None
    finally:
        _stop(process)
    if process.returncode != 0:
        lines = errors.strip().splitlines() or [f"the client ended with code {process.returncode}"]
        raise ProcessError(lines[-1])
    result: dict[str, Any] = json.loads(output)
    return result


def _first_line(process: subprocess.Popen[str], log: IO[str]) -> dict[str, Any]:
    """The line of JSON by which a server says that it listens."""
    assert process.stdout is not None
    line = process.stdout.readline()  # the server ends, and with it the line, when it cannot start
    try:
        ready: dict[str, Any] = json.loads(line)
        return ready
    except ValueError:
        _stop(process)
        raise ProcessError(
            f"the server did not start: {_tail(log) or line.strip() or 'it said nothing'}"
        ) from None


def _tail(log: IO[str]) -> str:
    log.seek(0)
    lines = log.read().strip().splitlines()
    return lines[-1] if lines else ""


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask, wait, then end."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOPPING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
