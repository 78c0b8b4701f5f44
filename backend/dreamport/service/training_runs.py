"""What a run's folder says of it. The folder is the truth: any server that has it tells the same.

Written by ``dreamport train``: ``run.json`` (what it was begun with), ``process.json`` (which process works
on it), ``progress.json``, ``stages.json``, ``plan.txt``, ``STAGE.jsonl``, ``samples/STAGE-STEP.png``. By the
server: ``request.json`` (what a client asked for) and ``log.txt`` (what the process printed). Everything is
read as if a stranger had written it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from dreamport.v1 import training_pb2

MAX_JSON_BYTES = 256 * 1024
MAX_LOG_BYTES = 64 * 1024
MAX_STAGES = 32
MAX_TEXT = 2_000
MAX_NUMBER = 1e300
PROBLEM = "dreamport: "
"""How a command begins the line that says why it gave up."""

STARTING = training_pb2.RUN_STATE_STARTING
RUNNING = training_pb2.RUN_STATE_RUNNING
STOPPING = training_pb2.RUN_STATE_STOPPING
STOPPED = training_pb2.RUN_STATE_STOPPED
INTERRUPTED = training_pb2.RUN_STATE_INTERRUPTED
FAILED = training_pb2.RUN_STATE_FAILED
DONE = training_pb2.RUN_STATE_DONE
AT_WORK = frozenset({STARTING, RUNNING, STOPPING})

_STAGE = re.compile(r"[a-z][a-z0-9_]{0,31}")
_MARKS = {"done": training_pb2.STAGE_STATE_DONE, "skipped": training_pb2.STAGE_STATE_SKIPPED}


@dataclass(frozen=True)
class Process:
    """A process by its number and the time it started, so that a number given out again is not taken for
    it."""

    pid: int
    started: float

    @property
    def alive(self) -> bool:
        """It is there, and not just waiting to be forgotten."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1.0
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    @staticmethod
    def of(pid: int) -> Process | None:
        """The process of that number; ``None`` when there is none."""
        try:
            return Process(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return None


def process_of(folder: Path) -> Process | None:
    """The process that works on a run, or did last."""
    note = read_json(folder / "process.json")
    pid, started = note.get("pid"), note.get("started")
    if not isinstance(pid, int) or not isinstance(started, int | float) or pid < 1:
        return None
    return Process(pid, float(started))


def at_work(folder: Path) -> bool:
    """A process works on the run now."""
    process = process_of(folder)
    return process is not None and process.alive


def describe_run(folder: Path, pack: Path) -> training_pb2.TrainingRun:
    """Everything that is known of the run in ``folder``, whose world goes to ``pack``."""
    asked, begun = read_json(folder / "request.json"), read_json(folder / "run.json")
    progress, marks = read_json(folder / "progress.json"), read_json(folder / "stages.json")
    run = training_pb2.TrainingRun(
        world=folder.name,
        dataset=_text(asked.get("dataset")),
        preset=_text(asked.get("preset")) or _text(begun.get("preset")),
        stage=_text(progress.get("stage")),
        step=_count(progress.get("step")),
        steps=_count(progress.get("steps")),
        seconds=_number(progress.get("seconds")) or 0.0,
        started_at=_number(asked.get("started_at")) or 0.0,
        plan=read_text(folder / "plan.txt", MAX_LOG_BYTES)[:8_000],
        playable=(pack / "world.json").is_file(),
    )
    loss, left = _number(progress.get("loss")), _number(progress.get("seconds_left"))
    if loss is not None:
        run.loss = loss
    if left is not None:
        run.seconds_left = max(0.0, left)
    for name, mark in list(marks.items())[:MAX_STAGES]:
        if _STAGE.fullmatch(name) and isinstance(mark, dict):
            run.stages.add(
                name=name,
                state=_MARKS.get(_text(mark.get("state")), training_pb2.STAGE_STATE_UNSPECIFIED),
                seconds=_number(mark.get("seconds")) or 0.0,
                message=_text(mark.get("reason")),
            )
    run.state, run.message = _state(folder, progress, marks)
    run.message = _without_folders(run.message, folder)
    return run


def _state(
    folder: Path, progress: dict[str, Any], marks: dict[str, Any]
) -> tuple[training_pb2.RunState, str]:
    if at_work(folder):
        if (folder / "stop").exists():
            return STOPPING, "Saving what is done."
        return (RUNNING if progress else STARTING), ""
    export = marks.get("export")
    told, message = _text(progress.get("state")), _text(progress.get("message"))
    if isinstance(export, dict) and export.get("state") == "done" and told == "done":
        return DONE, ""
    if told == "stopped":
        return STOPPED, message
    if told == "failed":
        return FAILED, message
    why = _last_problem(folder / "log.txt")
    if why:
        return FAILED, why
    return (
        INTERRUPTED,
        "Its process is gone without a word; start it again, it goes on from its last checkpoint.",
    )


def _last_problem(log: Path) -> str:
    """What the process said before it gave up, if it said anything."""
    lines = [line for line in read_text(log, MAX_LOG_BYTES).splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return last.removeprefix(PROBLEM)[:MAX_TEXT] if last.startswith(PROBLEM) else ""


def _without_folders(message: str, folder: Path) -> str:
    """A client has no business with where things lie on the server."""
    for place in (folder, folder.parent):
        message = message.replace(str(place), place.name)
    return re.sub(r"(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.~ -]+){2,}[/\\]", "", message)


def read_json(path: Path) -> dict[str, Any]:
    """An object of a file; empty when there is none that can be read."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            return {}
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_text(path: Path, most: int) -> str:
    """The end of a text file, at most ``most`` bytes of it."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return ""


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace a file in one step."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(value), encoding="utf-8")
    os.replace(partial, path)


def is_stage(name: str) -> bool:
    """Whether a file's name is that of a stage."""
    return _STAGE.fullmatch(name) is not None


def _text(value: Any) -> str:
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_NUMBER:
        return None
    return float(value)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62 else 0
