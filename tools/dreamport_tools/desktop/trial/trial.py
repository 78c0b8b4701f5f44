"""Records the trial game while it is played by script, and compares what was recorded with what was given."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from dreamport.episodes.dataset import Dataset, Episode
from dreamport.episodes.layout import RECORDINGS
from dreamport.errors import DesktopCaptureError
from dreamport_tools.desktop.bindings import Bindings
from dreamport_tools.desktop.controls import HeldControls
from dreamport_tools.desktop.episode import input_events
from dreamport_tools.desktop.events import InputEvent
from dreamport_tools.desktop.grid import SECOND_NS
from dreamport_tools.desktop.trial.display import running_display
from dreamport_tools.desktop.trial.game import TITLE, read_number
from dreamport_tools.desktop.trial.script import Given, Player

WAIT_S = 60.0
POLL_S = 0.02
PICTURES = 24


@dataclass(frozen=True)
class Trial:
    """What to do. ``size``: of the game's window; ``events`` are spread over the ``seconds`` that are
    recorded.
    """

    seconds: float = 60.0
    events: int = 200
    fps: float = 30.0
    size: tuple[int, int] = (1280, 720)
    source: str = "auto"
    seed: int = 1


def wait_until(what: str, there: Callable[[], bool], seconds: float = WAIT_S) -> None:
    """Look again and again. Raises ``DesktopCaptureError`` when it does not come to be."""
    until = time.monotonic() + seconds
    while not there():
        if time.monotonic() > until:
            raise DesktopCaptureError(f"{what}: not within {seconds:g} s")
        time.sleep(POLL_S)


@contextlib.contextmanager
def running_game(
    display: str, log: Path, size: tuple[int, int], fps: float = 60.0
) -> Iterator[psutil.Process]:
    """The game with its window on ``display``, drawing."""
    command = [sys.executable, "-m", "dreamport_tools.desktop.trial.game", str(log)]
    command += ["--size", f"{size[0]}x{size[1]}", "--fps", str(fps)]
    environment = {**os.environ, "DISPLAY": display, "SDL_VIDEODRIVER": "x11", "SDL_VIDEO_WINDOW_POS": "0,0"}
    game = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until("the game's window", lambda: log.exists() and log.stat().st_size > 0)
        yield psutil.Process(game.pid)
    finally:
        game.terminate()
        game.wait()


def is_recording(out: Path) -> bool:
    """An episode under ``out`` has its first frames on the disk."""
    return any(rows.stat().st_size > 2000 for rows in (out / RECORDINGS).glob("*/rows"))


def run_trial(folder: Path, trial: Trial) -> dict[str, Any]:
    """One trial with its files in ``folder``; the figures. Raises ``DesktopCaptureError``."""
    out, log = folder / "data", folder / "game.jsonl"
    with running_display(trial.size) as display, running_game(display, log, trial.size) as game:
        player = Player(display)
        player.focus(TITLE)
        command = [sys.executable, "-m", "dreamport", "capture", "desktop", str(out), "--window", TITLE]
        command += ["--fps", str(trial.fps), "--seconds", str(trial.seconds), "--input", trial.source]
        command += ["--consent", "--json"]
        environment = {**os.environ, "DISPLAY": display, "XDG_CONFIG_HOME": str(folder / "config")}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as recorder:
            wait_until("the recording", lambda: is_recording(out) or recorder.poll() is not None)
            watched = [psutil.Process(recorder.pid), game]
            before, began = [_cpu_s(process) for process in watched], time.monotonic()
            given = player.play(trial.events, trial.seed, trial.events / (0.8 * trial.seconds))
            cores = [
                (_cpu_s(p) - b) / (time.monotonic() - began) for p, b in zip(watched, before, strict=True)
            ]
            player.close()
            told, _ = recorder.communicate(timeout=trial.seconds + WAIT_S)
        if recorder.returncode != 0:
            raise DesktopCaptureError(f"the recorder ended with exit code {recorder.returncode}")
    summary = json.loads(told)
    episode = Dataset(out)[summary["episodes"][-1]]
    received = [json.loads(line) for line in log.read_text().splitlines()][1:]
    return {
        "trial": asdict(trial),
        "backends": summary["backends"],
        "input": {**compare_input(episode, given, len(received)), "repairs": summary["repairs"]},
        "frames": {**frame_figures(episode, trial.fps), "dropped": summary["dropped"]},
        "cpu_cores": {"recorder": round(cores[0], 2), "game": round(cores[1], 2)},
        "disk_mb": round(sum(f.stat().st_size for f in out.rglob("*") if f.is_file()) / 1e6, 1),
    }


def compare_input(episode: Episode, given: list[Given], received: int) -> dict[str, Any]:
    """What became of the events that were given. ``controls_equal``: the rows' buttons and counts are what
    the given events make of the rows' own times.
    """
    pairs = [(row, event) for row, event in input_events(episode.raw()) if event.kind != "held"]
    recorded = [event for _, event in pairs]
    contents = [(event.kind, event.name, event.down, event.dx, event.dy) for event in recorded]
    errors_ms = [
        abs(event.time_ns - (one.before_ns + one.after_ns) / 2) / 1e6
        for event, one in zip(recorded, given, strict=False)
    ]
    times = episode.client_time_ns.tolist()
    in_its_row = sum(
        (row == 0 or times[row - 1] < event.time_ns) and event.time_ns <= times[row] for row, event in pairs
    )
    return {
        "given": len(given),
        "received_by_the_game": received,
        "recorded": len(recorded),
        "same_kind_and_order": contents == [one.content for one in given],
        "in_the_row_of_their_time": in_its_row,
        "controls_equal": _controls_equal(episode, recorded),
        "time_error_ms": {**_percentiles(errors_ms), "max": round(max(errors_ms, default=0.0), 2)},
        "time_error_frames_p95": round(float(np.percentile(errors_ms, 95)) * episode.info.frame_rate / 1e3, 3)
        if errors_ms
        else None,
    }


def _controls_equal(episode: Episode, events: list[InputEvent]) -> bool:
    bound = episode.info.source["keys"].items()
    held = HeldControls(Bindings(tuple((name, tuple(keys)) for name, keys in bound)))
    waiting, equal = list(events), True
    for row, time_ns in enumerate(episode.client_time_ns.tolist()):
        count = sum(event.time_ns <= time_ns for event in waiting)
        control, _ = held.row(waiting[:count])
        del waiting[:count]
        if row:
            counts = (float(episode.mouse_dxdy[row][0]), float(episode.mouse_dxdy[row][1]))
            equal &= control.buttons == int(episode.buttons[row]) and (control.dx, control.dy) == counts
    return equal


def frame_figures(episode: Episode, fps: float) -> dict[str, Any]:
    """Rate and evenness of the frames, and whether their pictures are in order."""
    times = episode.client_time_ns.tolist()
    intervals_ms = np.diff(np.array(times)) / 1e6
    seconds = float(times[-1] - times[0]) / SECOND_NS
    step = max(1, len(episode) // PICTURES)
    numbers = [read_number(episode.colour(i)) for i in range(0, len(episode), step)]
    played_s = float(times[(len(numbers) - 1) * step] - times[0]) / SECOND_NS
    return {
        "count": len(episode),
        "seconds": round(seconds, 2),
        "fps": round((len(episode) - 1) / seconds, 2),
        "asked_fps": fps,
        "interval_ms": {**_percentiles(intervals_ms), "max": round(float(intervals_ms.max()), 1)},
        "grab_ms": _percentiles(episode.engine[:, 0]),
        "late_ms": _percentiles(episode.engine[:, 1]),
        "size": [episode.info.width, episode.info.height],
        "pictures_in_order": bool(np.all(np.diff(numbers) > 0)),
        "game_fps": round((numbers[-1] - numbers[0]) / played_s, 1),
    }


def _percentiles(values: Any) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(values, p)), 2) for p in (50, 95, 99)} if len(values) else {}


def _cpu_s(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0
