"""``dreamport bench play``: server and client as two processes, and numbers with what they depend on."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dreamport.diagnostics import describe_machine
from dreamport_tools.bench.player import PlayerOptions
from dreamport_tools.bench.processes import run_player, running_server

MINUTE_S = 60.0


def bench_play(
    options: PlayerOptions,
    server_arguments: list[str],
    progress: Callable[[float, float], None] | None = None,
) -> dict[str, Any]:
    """Start a server with these arguments, play on it as ``options`` say, and report.

    ``options.address`` is filled in. Raises ``ProcessError``.
    """
    with running_server(server_arguments) as server:
        played = run_player(replace(options, address=server.address), progress)
    return {
        **played,
        **soak(played["minutes"]),
        "server_start_s": round(server.started_s, 2),
        **machine_facts(),
    }


def soak(minutes: list[dict[str, float]]) -> dict[str, Any]:
    """How the last whole minute compares with the first; nothing for less than two minutes."""
    if len(minutes) < 2:
        return {}
    first, last = minutes[0], minutes[-1]
    return {
        "soak": {
            "minutes": len(minutes),
            "fps_change": round(last["fps"] / first["fps"] - 1, 4),
            "rss_change": round(last["rss_mb"] / first["rss_mb"] - 1, 4) if first["rss_mb"] else None,
        }
    }


def machine_facts() -> dict[str, Any]:
    """Processor, cores, versions, the command and the date."""
    machine = describe_machine()
    return {
        "cpu": machine.cpu.model,
        "cores": machine.cpu.usable,
        "isa": list(machine.cpu.isa),
        "platform": machine.platform,
        "python": machine.python,
        "versions": {name: found for name, found in machine.versions.items() if found},
        "command": shlex.join(["dreamport", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def store(result: dict[str, Any], path: Path) -> None:
    """Write a result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
