"""A desktop of its own with the trial game on it, and the recorder as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requires
from dreamport.episodes.layout import RECORDINGS
from dreamport.episodes.rows import Mark, Row, read_rows
from dreamport_tools.desktop.trial.display import running_server
from dreamport_tools.desktop.trial.game import TITLE
from dreamport_tools.desktop.trial.script import Given, Player
from dreamport_tools.desktop.trial.trial import running_game, wait_until

SCREEN, GAME = (640, 360), (320, 180)
FPS = 20.0


def need_a_desktop() -> None:
    """Skip where there is no X server to start, no game or no recorder."""
    requires.program("Xvfb", package="xvfb")
    requires.package("pygame", extra="pygame-ce")
    for module in ("mss", "pynput"):
        requires.package(module, extra="the extra capture")


@dataclass
class Desk:
    """A display with the game, and a player who gives real events to it."""

    display: str
    player: Player
    folder: Path
    server: subprocess.Popen[bytes]

    def key(self, name: str) -> None:
        """Press a key and let it go."""
        for down in (True, False):
            self.player.give(Given("key", name, down, 0, 0))

    def recorder(self, out: Path, *options: str) -> Recorder:
        """Start ``dreamport capture desktop`` for the game."""
        return Recorder(self, out, options)

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run ``dreamport`` to its end."""
        command = [sys.executable, "-m", "dreamport", *(str(argument) for argument in arguments)]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """Of the recorder."""
        return {**os.environ, "DISPLAY": self.display, "XDG_CONFIG_HOME": str(self.folder), "NO_COLOR": "1"}


class Recorder:
    """A recorder that runs."""

    def __init__(self, desk: Desk, out: Path, options: tuple[str, ...]) -> None:
        self.out = out
        command = [sys.executable, "-m", "dreamport", "capture", "desktop", str(out), "--window", TITLE]
        command += ["--consent", "--json", "--fps", str(FPS), *options]
        self.process = subprocess.Popen(
            command, env=desk.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def records(self) -> list[Row | Mark]:
        """What the episode that is being recorded has on the disk, in order."""
        journals = sorted((self.out / RECORDINGS).glob("*/rows"))
        return list(read_rows(journals[-1])) if journals else []

    def rows(self) -> list[Row]:
        """Its frames."""
        return [record for record in self.records() if isinstance(record, Row)]

    def marks(self, name: str) -> list[Mark]:
        """Its marks of that name."""
        return [record for record in self.records() if isinstance(record, Mark) and record.name == name]

    def wait_for_frames(self, more: int = 6) -> None:
        """Until so many more frames are recorded."""
        begin = len(self.rows())
        wait_until(f"{more} more frames", lambda: self._check() and len(self.rows()) >= begin + more)

    def wait_for_mark(self, name: str, count: int = 1) -> None:
        """Until there are so many marks of that name."""
        wait_until(f"mark {name}", lambda: self._check() and len(self.marks(name)) >= count)

    def wait_for_key(self, name: str) -> None:
        """Until that key's event is on the disk."""
        wait_until(f"key {name}", lambda: any(name in mark.text for mark in self.marks("input")))

    def stop(self) -> Any:
        """Ctrl+C; what it printed."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> Any:
        """Wait for its end; what it printed."""
        output, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        return json.loads(output)

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.communicate()

    def _check(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()[1]
        return True


@contextmanager
def desk_with_game(folder: Path) -> Iterator[Desk]:
    """The desktop, and the game that has the keyboard."""
    need_a_desktop()
    log = folder / "game.jsonl"
    with running_server(SCREEN) as (display, server), running_game(display, log, GAME, 30.0):
        player = Player(display)
        player.focus(TITLE)
        try:
            yield Desk(display, player, folder, server)
        finally:
            if server.poll() is None:
                player.close()
