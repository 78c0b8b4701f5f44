"""A real server with the pattern world in a process of its own: to be killed, frozen and cut off."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from types import TracebackType
from typing import Self


class PatternServer:
    """Listens once it is made. ``prefix``: what runs the command elsewhere, e.g. in a network namespace."""

    def __init__(self, *arguments: object, prefix: tuple[str, ...] = ()) -> None:
        command = [sys.executable, "-m", "dreamport_tools.bench.pattern", "--width", "320", "--height", "192"]
        self._process = subprocess.Popen(
            [*prefix, *command, *(str(argument) for argument in arguments)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the server did not start; its log says why"
        self.address = str(json.loads(line)["address"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """SIGKILL: gone without a word."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def drain(self) -> None:
        """SIGTERM: tells its clients and ends. Returns at once."""
        self._signal(signal.SIGTERM)

    def freeze(self) -> None:
        """SIGSTOP: it is there and does nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
