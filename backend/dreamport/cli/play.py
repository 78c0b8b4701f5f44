"""``dreamport play``: server, page and browser in one, or a scripted player without a screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamport.cli.output import console, print_json

if TYPE_CHECKING:
    import asyncio

    from dreamport.cli.serving import Listening
    from dreamport.service import ServerOptions
    from dreamport_tools.bench.player import PlayerOptions

INTERRUPTED = 130
"""Exit code after Ctrl+C, as shells have it."""


def play(
    world: Annotated[str, typer.Argument(help="Name in the catalogue, or the path of a pack.")] = "",
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    seconds: Annotated[
        float,
        typer.Option(min=0, help="Stop after this long; with --no-browser a script plays and is measured."),
    ] = 0.0,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the world's noise.")] = None,
    start: Annotated[str, typer.Option(help="Where to begin: a start of the world.")] = "",
    executor: Annotated[str, typer.Option(help="auto, openvino, torch or tensorrt.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of the executor.")] = None,
    lingbot: Annotated[
        list[str] | None,
        typer.Option(help="An option of LingBot worlds, e.g. weights=fp8; see docs/lingbot.md. Repeatable."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")
    ] = None,
    log_folder: Annotated[
        Path | None, typer.Option(help="Write session logs here, for dreamport replay.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Walk through a level that a network generates: starts everything and opens the page."""
    import asyncio
    import logging
    from urllib.parse import urlencode

    from dreamport.cli.serving import log_to_stderr
    from dreamport.cli.torchrun import follows_first
    from dreamport.cli.world_argument import resolve_world
    from dreamport.service.capture_paths import default_captures_folder
    from dreamport.service.options import ServerOptions
    from dreamport.web import DEFAULT_WEB_PORT
    from dreamport_tools.bench.player import PlayerOptions

    if follows_first():
        return
    chosen = resolve_world(world)
    options = ServerOptions(
        port=0,
        worlds=chosen.packs,
        default_world=chosen.name,
        executor=executor,
        threads=threads,
        lingbot=tuple(lingbot or ()),
        log_folder=log_folder,
        captures=default_captures_folder(),
    )
    log_to_stderr(logging.WARNING)
    script = None
    if seconds and not browser:
        script = PlayerOptions(address="", seconds=seconds, warm_up_s=0.0, seed=seed, start=start)
    wanted = {"seed": seed, "start": start or None}
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    page_port = DEFAULT_WEB_PORT if port is None else port
    asyncio.run(_play(options, page_port, browser, seconds, script, f"?{query}" if query else "", as_json))


async def _play(
    options: ServerOptions,
    web_port: int,
    browser: bool,
    seconds: float,
    script: PlayerOptions | None,
    query: str,
    as_json: bool,
) -> None:
    import asyncio
    import contextlib
    import json
    import webbrowser

    from dreamport.cli.serve import print_listening
    from dreamport.cli.serving import listening, stop_signal

    with stop_signal() as stop:
        waiting = (
            console(stderr=True).status("loading the world") if not as_json else contextlib.nullcontext()
        )
        async with contextlib.AsyncExitStack() as stack:
            with waiting:
                now = await stack.enter_async_context(listening(options, web_port))
            if script is not None:
                await _play_by_script(now, script, stop, as_json)
                return
            page = f"{now.web_url}{query}"
            if as_json:
                print(json.dumps({**now.as_json(), "open": page}), flush=True)
            else:
                print_listening(now, page)
            if browser and not await asyncio.to_thread(webbrowser.open, page):
                console(stderr=True).print(f"No browser could be opened: open {page} yourself.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds or None)


async def _play_by_script(now: Listening, script: PlayerOptions, stop: asyncio.Event, as_json: bool) -> None:
    """A real gRPC client in another process plays by a script; prints what it saw."""
    import asyncio
    from dataclasses import replace

    from dreamport.cli.bench import print_summary
    from dreamport.cli.progress import progress_bars
    from dreamport_tools.bench.play import machine_facts
    from dreamport_tools.bench.processes import run_player

    with progress_bars(quiet=as_json) as told:

        def told_unless_stopped(played: float, total: float) -> None:
            if stop.is_set():
                raise typer.Exit(INTERRUPTED)
            told("seconds played", round(played), round(total))

        result = await asyncio.to_thread(
            run_player, replace(script, address=now.address), told_unless_stopped
        )
    if as_json:
        print_json({**result, **machine_facts(), "web_url": now.web_url})
    else:
        print_summary(result)
