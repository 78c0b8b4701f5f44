"""``dreamport replay``: generate a recorded session again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamport.cli.output import EXIT_CODE, console, print_json
from dreamport.cli.progress import progress_bars

if TYPE_CHECKING:
    from dreamport.service import ReplayResult


def replay(
    log: Annotated[Path, typer.Argument(help="A session log, written with --log-folder.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the hash of every frame; exit 2 if one differs.")
    ] = (False),
    worlds: Annotated[
        list[Path] | None, typer.Option(help="A pack, or a folder of packs; may be repeated.")
    ] = None,
    executor: Annotated[str | None, typer.Option(help="Another executor than the log's.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of the executor.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Generate every frame of a session again from its log, and say whether they are the same."""
    from dreamport import service

    with progress_bars(quiet=as_json) as told:
        done = 0

        def count(_frame: object) -> None:
            nonlocal done
            done += 1
            told("frames", done, max(done, 1))

        result = service.replay(log, None, verify, tuple(worlds or ()), executor, threads, count)
    if as_json:
        print_json({**asdict(result), "identical": result.identical})
    else:
        _print(result)
    if verify and not result.identical:
        raise typer.Exit(EXIT_CODE)


def _print(result: ReplayResult) -> None:
    out = console()
    out.print(
        f"{result.frames} frames of {result.world} generated again by {result.executor.name}", markup=False
    )
    if result.verified and result.identical:
        out.print("identical: every frame has the hash it had")
    elif result.verified:
        out.print(
            f"DIFFERENT: {result.different} frames, the first is number {result.first_difference}",
            style="red",
        )
    for name, (then, now) in result.version_changes.items():
        out.print(f"{name} was {then} and is {now}", markup=False)
    if not result.complete:
        out.print("the log ends in mid-session: its server was stopped or is still writing")
