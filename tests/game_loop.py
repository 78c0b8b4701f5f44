"""The game of ``native/tests/game_loop_program.cpp`` as a test sees it: a process whose main thread calls the
native core 120 times a second and measures every call.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dreamport_tools.native_core import Problem, State
from on_time import assert_on_time

LIMIT_MS = 1.0
"""What no call may cost the game's thread, milliseconds."""

Record = dict[str, Any]


class Game:
    """Runs until it is closed; ``records`` are the lines it has printed."""

    def __init__(self, program: Path, library: Path, address: str, **options: object) -> None:
        given = [f"{name}={value}" for name, value in options.items()]
        self._process = subprocess.Popen(
            [program, library, address, *given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.records: list[Record] = []
        self._summary: Record | None = None
        self._news = threading.Condition()
        self._passed = 0
        self._ended = False
        self._reader = threading.Thread(target=self._read, name="game")
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()

    def wait(self, wanted: Callable[[Record], bool], what: str, timeout_s: float = 15.0) -> Record:
        """The first line not yet passed over that is ``wanted``; fails after ``timeout_s`` seconds."""
        end_s, seen = time.monotonic() + timeout_s, self._passed
        with self._news:
            while True:
                for index in range(seen, len(self.records)):
                    if wanted(self.records[index]):
                        self._passed = index + 1
                        return self.records[index]
                seen = len(self.records)
                assert not self._ended, f"the game ended while it should have shown {what}: {self._last()}"
                left_s = end_s - time.monotonic()
                assert left_s > 0, f"no {what} in {timeout_s} s; the game last showed {self._last()}"
                self._news.wait(left_s)

    def wait_status(
        self, state: State, *problems: Problem, timeout_s: float = 15.0, **fields: object
    ) -> Record:
        """The next status of that state, with one of the problems and these fields."""

        def wanted(record: Record) -> bool:
            return (
                record["kind"] == "status"
                and record["state"] == state
                and (not problems or record["problem"] in problems)
                and all(record[name] == value for name, value in fields.items())
            )

        names = " or ".join(problem.name for problem in problems) or "any problem"
        return self.wait(wanted, f"{state.name} with {names} {fields or ''}", timeout_s)

    def wait_frames(self, count: int, timeout_s: float = 15.0) -> Record:
        """Until ``count`` more frames were acquired."""
        first = self._frames()
        return self.wait(
            lambda record: record["kind"] == "play" and record["frames"] >= first + count,
            f"{count} more frames",
            timeout_s,
        )

    def finish(self) -> Record:
        """End the game; gives its summary, and fails when the library did not shut down."""
        if self._summary is not None:
            return self._summary
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._summary = summary = self.wait(lambda record: record["kind"] == "summary", "summary", 20.0)
        self._process.wait(10)
        assert summary["shutdown"] == 0, "the library's threads did not end"
        assert summary["errors"] == 0, "a call was refused"
        return summary

    def wait_absent(self, lost: Record) -> None:
        """Until nobody listens any more, if ``lost``, the status before, did not say so already."""
        if lost["problem"] != Problem.BACKEND_ABSENT:
            self.wait_status(State.WAITING, Problem.BACKEND_ABSENT)

    def _frames(self) -> int:
        plays = [record["frames"] for record in self.records if record["kind"] == "play"]
        return int(plays[-1]) if plays else 0

    def _last(self) -> list[Record]:
        return [record for record in self.records if record["kind"] != "play"][-3:] + self.records[-1:]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.records.append(json.loads(line))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def worst_calls(summary: Record) -> dict[str, float]:
    """The worst milliseconds over all calls of a game but ``create``, which stands apart, and how often one
    waited for something at all.
    """
    calls = [call for name, call in summary["calls"].items() if name != "create"]
    names = ("worst_undisturbed_ms", "worst_cpu_ms", "waits", "worst_wait_ms", "p999_ms", "worst_ms")
    worst = {name: max(call[name] for call in calls) for name in names}
    return {**worst, "create_cpu_ms": summary["calls"]["create"]["worst_cpu_ms"]}


def assert_never_waited(summary: Record) -> None:
    """No call held the game's thread for a millisecond.

    Other programs share this machine, and other machines its processors. A call that nobody interrupted
    counts by the clock on the wall. One that was interrupted counts by its processor time, of which the
    kernel books some work of others (packets that arrive, timers) on whoever was interrupted: a long one is
    no fault, but they must stay rare.
    """
    for name, call in summary["calls"].items():
        assert_on_time(call["worst_undisturbed_ms"] < LIMIT_MS, f"{name} waits: {call}")
        disturbed = call["count"] - call["undisturbed"]
        assert_on_time(call["slow_disturbed"] <= 1 + disturbed // 100, f"{name} computes too long: {call}")
        if call["count"] >= 100:
            enough = call["undisturbed"] > call["count"] / 10
            assert_on_time(enough, f"too much else runs here to judge {name}: {call}")
