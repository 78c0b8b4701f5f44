"""``dreamport bench lingbot``: a chunked world through the real server and the real page, in a browser."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamport.service.replay import replay
from dreamport.service.session_log import SessionLogReader
from dreamport.service.world_source import CatalogueSource, ExecutorInfo, OpenWorld
from dreamport.v1 import world_pb2
from dreamport_tools.bench.chromium import Page, running_chromium
from dreamport_tools.bench.play import machine_facts
from dreamport_tools.bench.processes import ProcessError, running_server

PLAY = ("dreamport", "play", "--no-browser", "--json")
PROMPT = "a thunderstorm at night, heavy rain"
PROMPT_AFTER = 1
"""Chunks that are seen before the prompt is said: it holds from the next one or the one after."""
LEAST_CHUNKS = 3
CHUNK_LIMIT_S = 60.0
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class LingBotBench:
    """What to play: the pack at ``world``, for so many whole ``chunks`` (3 at least)."""

    world: Path
    chunks: int = 4
    seed: int = 0
    executor: str = "auto"
    threads: int | None = None
    lingbot: tuple[str, ...] = ()
    starting_s: float = 600.0


def bench_lingbot(
    options: LingBotBench, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, Any]:
    """Play, walk, say a prompt on the way, and report.

    ``frame_interval_ms``: between frames as they were drawn on the page, those of the first chunk included.
    ``prompt_changed``: generated again from the session's log, the session is the same frame by frame;
    without the prompt it is the same up to the chunk that heard it, and another from that chunk on. Raises
    ``ProcessError``.
    """
    if options.chunks < LEAST_CHUNKS:
        raise ProcessError(f"at least {LEAST_CHUNKS} chunks are needed: one is before the prompt, two follow")
    with tempfile.TemporaryDirectory(prefix="dreamport-bench-") as folder:
        logs = Path(folder) / "logs"
        arguments = [str(options.world), "--log-folder", str(logs), "--seed", str(options.seed)]
        arguments += ["--executor", options.executor]
        arguments += ["--threads", str(options.threads)] if options.threads else []
        arguments += [word for option in options.lingbot for word in ("--lingbot", option)]
        with ExitStack() as stack:
            server = stack.enter_context(running_server(arguments, PLAY))
            page = stack.enter_context(running_chromium())
            page.open(server.page)
            played = _play(page, options, progress)
        (log,) = logs.glob("*.jsonl")
        told = _prompt_effect(log, options)
    intervals = np.array(played.pop("intervals"))
    return {
        **played,
        "frames": len(intervals) + 1,
        "fps": round(1e3 / float(intervals.mean()), 2),
        "frame_interval_ms": {
            f"p{rank}": round(float(np.percentile(intervals, rank)), 2) for rank in PERCENTILES
        },
        **told,
        "server_start_s": round(server.started_s, 2),
        **machine_facts(),
    }


def _play(page: Page, options: LingBotBench, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Hold forward, and say the prompt after the first chunk."""
    limit_s = CHUNK_LIMIT_S + options.starting_s
    page.wait_for("globalThis.dreamport?.state().chunks >= 1", limit_s, "its first chunk")
    page.key("KeyW", down=True)
    said = False
    intervals: dict[float, float] = {}
    # The last chunk counts when one more has begun: then all its frames were drawn.
    for number in range(2, options.chunks + 2):
        page.wait_for(f"globalThis.dreamport.state().chunks >= {number}", CHUNK_LIMIT_S, f"chunk {number}")
        progress(number - 1, options.chunks)
        intervals.update(page.evaluate("globalThis.dreamport.intervals()"))  # the page forgets old ones
        if not said and number > PROMPT_AFTER:
            said = True
            words = json.dumps(PROMPT)
            page.evaluate(f"document.getElementById('prompt').value = {words}")
            page.evaluate("document.getElementById('prompt-say').click()")
    page.key("KeyW", down=False)
    state = page.evaluate("globalThis.dreamport.state()")
    if state["told"]["prompt"] != PROMPT:
        raise ProcessError("the page did not take the prompt; does this world offer any?")
    return {
        "chunks": int(state["chunks"]) - 1,
        "late": int(state["late"]),
        "dropped": int(state["dropped"]),
        "intervals": [intervals[at] for at in sorted(intervals)],
        "control_to_frame_ms": {"p50": state["p50"], "p95": state["p95"]},
    }


class OpenedOnce:
    """A ``WorldSource`` of the pack at ``path``, loaded once, on the executor that made a log."""

    def __init__(self, executor: ExecutorInfo, path: Path) -> None:
        self._source = CatalogueSource(
            (path,), executor.name, executor.threads or None, executor.precision, executor.options
        )
        self._opened: dict[str, OpenWorld] = {}

    def worlds(self) -> Sequence[world_pb2.World]:
        """Those of the catalogue, and this one."""
        return self._source.worlds()

    def open(self, name: str) -> OpenWorld:
        """Loaded the first time."""
        if name not in self._opened:
            self._opened[name] = self._source.open(name)
        return self._opened[name]


def _prompt_effect(log: Path, options: LingBotBench) -> dict[str, Any]:
    """What the prompt changed: the session generated again, with it and without it."""
    lines = log.read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    heard = [entry for entry in entries if entry.get("prompt") == PROMPT]
    if not heard:
        raise ProcessError("the server's log has no prompt; the chunk that heard it was not made in time")
    silent = log.with_name("without-prompt.jsonl")
    for entry in entries:
        entry.pop("prompt", None)
    silent.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    source = OpenedOnce(SessionLogReader(log).header.executor, options.world)
    again = replay(log, source, verify=True)
    without = replay(silent, source, verify=True)
    first = heard[0]["index"]
    return {
        "world": again.world,
        "executor": again.executor.name,
        "device": again.executor.device,
        "precision": again.executor.precision,
        "replayed_frames": again.frames,
        "replay_identical": again.identical,
        "prompt_at_frame": first,
        "prompt_changed": again.identical
        and without.first_difference is not None
        and first <= without.first_difference < first + len(heard[0]["sha256"]),
    }
