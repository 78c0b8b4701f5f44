"""``dreamport evaluate``: quality on held-out real play."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from dreamport.cli.extras import require_extra
from dreamport.cli.output import console, print_json, print_table
from dreamport.cli.progress import progress_bars


def evaluate(
    world: Annotated[str, typer.Argument(help="Name in the catalogue, or a path.")] = "default",
    data: Annotated[
        Path | None,
        typer.Option(help="Data set with held-out episodes; left out, the small one of the clone."),
    ] = None,
    record: Annotated[
        int,
        typer.Option(
            min=0, help="Record this many held-out episodes first, into --data or the user's cache."
        ),
    ] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few minutes; leaves out the minute-long parts.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.json, report.html, card.md and contact_sheet.jpg.")
    ] = None,
    executor: Annotated[str, typer.Option(help="auto, openvino, torch or tensorrt.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of the executor.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world's noise.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure a world on held-out episodes of real play with the true controls, and write a report."""
    require_extra("capture", "pyarrow", "av", "cv2")
    from dreamport.executors import open_executor
    from dreamport.worlds import open_pack
    from dreamport_tools.evaluate import card_markdown, record_heldout
    from dreamport_tools.evaluate import evaluate as measure

    pack = open_pack(world)
    with ExitStack() as stack:
        told = stack.enter_context(progress_bars(quiet=as_json))
        folder = record_heldout(record, data, told) if record else data
        running = open_executor(pack, executor, threads)
        stack.callback(running.close)
        results = measure(pack, running, folder, seed=seed, quick=quick, progress=told, out=out)
    if out is not None:
        (out / "card.md").write_text(card_markdown(results, pack.manifest), encoding="utf-8")
    if as_json:
        print_json(results)
        return
    _print(results)
    if out is not None:
        console().print(f"report: {out / 'report.html'}", markup=False)


def _print(results: dict[str, Any]) -> None:
    from dreamport_tools.evaluate.targets import targets

    verdicts = {True: "reached", False: "MISSED", None: None}
    print_table(
        ["measured", "wanted", "got", ""],
        [(line.name, line.wanted, line.reached, verdicts[line.met]) for line in targets(results)],
    )
