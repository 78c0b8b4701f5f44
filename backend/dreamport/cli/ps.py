"""``dreamport ps``: the servers of this user that run now."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer

from dreamport.cli.output import console, print_json, print_table


def ps(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show which servers run, on which executor and why, and how fast."""
    from dreamport.running import running_servers, runtime_folder

    servers = running_servers(runtime_folder())
    if as_json:
        print_json([{**asdict(server.record), "rss_mb": round(server.rss_mb, 1)} for server in servers])
        return
    if not servers:
        console().print("No server runs. Start one with: dreamport play")
        return
    print_table(
        ["pid", "address", "page", "worlds", "sessions", "executor", "fallback", "fps", "rss MB", "up"],
        [
            (
                server.record.pid,
                server.record.address,
                server.record.web_url,
                ", ".join(server.record.worlds),
                server.record.sessions,
                server.record.executor,
                server.record.fallback_reason,
                f"{server.record.fps:.1f}",
                f"{server.rss_mb:.0f}",
                _duration(time.time() - server.record.process_started),
            )
            for server in servers
        ],
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
