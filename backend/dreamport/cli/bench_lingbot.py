"""``dreamport bench lingbot``: a chunked world in a browser, measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dreamport.cli.output import print_json, print_table
from dreamport.cli.progress import progress_bars


def lingbot(
    world: Annotated[
        str, typer.Argument(help="A world made by `dreamport worlds add lingbot`; or give --tiny.")
    ] = "",
    tiny: Annotated[
        bool, typer.Option("--tiny", help="Play a scaled-down world of random weights, made for this run.")
    ] = False,
    chunks: Annotated[int, typer.Option(min=3, help="How many whole chunks to play.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world's noise.")] = 0,
    executor: Annotated[str, typer.Option(help="auto or torch.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of the executor.")] = None,
    lingbot: Annotated[
        list[str] | None, typer.Option("--lingbot", help="An option of LingBot worlds; see docs/lingbot.md.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write the JSON here, e.g. benchmarks/results/x.json.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Play a LingBot world through the real server and the page in Chromium: frame pacing, a prompt on the
    way, and whether the session can be generated again.
    """
    import tempfile

    from dreamport.cli.extras import require_extra
    from dreamport.cli.world_argument import resolve_world
    from dreamport_tools.bench.lingbot import LingBotBench, bench_lingbot
    from dreamport_tools.bench.play import store
    from dreamport_tools.bench.tiny_world import write_tiny_world

    require_extra("lingbot", "torch", "safetensors", "transformers")
    if tiny == bool(world):
        raise typer.BadParameter("give either a WORLD or --tiny")
    with (
        tempfile.TemporaryDirectory(prefix="dreamport-tiny-") as folder,
        progress_bars(quiet=as_json) as told,
    ):
        path = write_tiny_world(Path(folder)).path if tiny else resolve_world(world).packs[0]
        # A tiny world needs no more than one core; the browser and the server need another.
        options = LingBotBench(
            path, chunks, seed, executor, threads or (1 if tiny else None), tuple(lingbot or ())
        )
        result = bench_lingbot(options, lambda done, total: told("chunks played", done, total))
    if out is not None:
        store(result, out)
    if as_json:
        print_json(result)
    else:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    interval, latency = result["frame_interval_ms"], result["control_to_frame_ms"]
    print_table(
        ["", ""],
        [
            ("world", result["world"]),
            ("executor", f"{result['executor']} on {result['device']}, {result['precision']}"),
            ("played", f"{result['chunks']} chunks, {result['frames']} frames at {result['fps']} fps"),
            ("late chunks", result["late"]),
            (
                "frame interval",
                f"p50 {interval['p50']:.1f}  p95 {interval['p95']:.1f}  p99 {interval['p99']:.1f} ms",
            ),
            ("control to frame", f"p50 {latency['p50'] or 0:.0f}  p95 {latency['p95'] or 0:.0f} ms"),
            ("generated again", "the same" if result["replay_identical"] else "NOT the same"),
            ("the prompt", "changed the world" if result["prompt_changed"] else "changed NOTHING"),
        ],
    )
