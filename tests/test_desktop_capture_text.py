"""Text fields that the system knows of: what is typed into them, and what they show, is not recorded."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import requires
from desktop_session import SCREEN, Desk, need_a_desktop
from dreamport.episodes.dataset import Dataset
from dreamport_tools.desktop.episode import input_events
from dreamport_tools.desktop.trial.display import running_server
from dreamport_tools.desktop.trial.script import Player
from dreamport_tools.desktop.trial.trial import wait_until

TITLE = "Dreamport text"
PROGRAM = Path(__file__).parent / "desktop_text_program.py"
SYSTEM_PYTHON = "/usr/bin/python3"


@contextmanager
def accessibility(display: str, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """A session bus of its own, on which AT-SPI starts when it is asked for."""
    daemon = requires.program("dbus-daemon", package="dbus-daemon")
    requires.file(Path("/usr/libexec/at-spi-bus-launcher"), package="at-spi2-core")
    requires.package("jeepney", extra="the extra capture")
    patch.setenv("DISPLAY", display)
    patch.setenv("XDG_RUNTIME_DIR", str(folder))
    patch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    with subprocess.Popen(
        [daemon, "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE, text=True
    ) as bus:
        assert bus.stdout is not None
        patch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.stdout.readline().strip())
        try:
            yield
        finally:
            bus.terminate()


@contextmanager
def text_program() -> Iterator[subprocess.Popen[str]]:
    """The GTK program; ``give_focus`` tells it what to do."""
    found = subprocess.run(
        [SYSTEM_PYTHON, "-c", "import gi; gi.require_version('Gtk', '3.0')"], check=False, capture_output=True
    )
    if found.returncode != 0:
        requires.lacking("needs GTK for the system's Python: install python3-gi and gir1.2-gtk-3.0")
    with subprocess.Popen(
        [SYSTEM_PYTHON, str(PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "GDK_BACKEND": "x11"},
    ) as program:
        assert program.stdout is not None and program.stdout.readline() == "ready\n"
        try:
            yield program
        finally:
            program.terminate()


def give_focus(program: subprocess.Popen[str], widget: str) -> None:
    assert program.stdin is not None
    program.stdin.write(f"{widget}\n")
    program.stdin.flush()


def test_a_text_field_with_the_focus_is_blacked_out_and_its_keys_have_no_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_a_desktop()
    with (
        running_server(SCREEN) as (display, server),
        accessibility(display, tmp_path, monkeypatch),
        text_program() as program,
    ):
        desk = Desk(display, Player(display), tmp_path, server)
        desk.player.focus(TITLE)
        recorder = desk.recorder(tmp_path / "data", "--window", TITLE)
        recorder.wait_for_frames()
        desk.key("KeyE")
        recorder.wait_for_key("KeyE")
        give_focus(program, "field")
        wait_until("the field's focus", lambda: recorder.rows()[-1].facts.redacted)
        for key in ("KeyD", "KeyW", "KeyF"):
            desk.key(key)
        recorder.wait_for_key("hidden")
        recorder.wait_for_frames()
        give_focus(program, "button")
        wait_until("the field's end", lambda: not recorder.rows()[-1].facts.redacted)
        desk.key("KeyR")
        recorder.wait_for_key("KeyR")
        summary = recorder.stop()
        desk.player.close()
    assert summary["backends"]["text_fields"] == "at-spi" and summary["redacted"] > 5
    (episode,) = Dataset(tmp_path / "data")
    keys = [event for _, event in input_events(episode.raw()) if event.kind == "key"]
    assert [event.name for event in keys if event.down] == ["KeyE", *["hidden"] * 3, "KeyR"]
    assert "KeyW" not in "".join(str(line) for line in episode.raw()[1:])
    secret = np.flatnonzero(episode.redacted)
    assert not episode.buttons[secret].any(), "keys that went into the field are no controls"
    for row in secret:
        assert episode.colour(int(row))[150:176, 10:310].max() < 16
    assert episode.colour(len(episode) - 1)[150:176, 10:310].max() > 100
