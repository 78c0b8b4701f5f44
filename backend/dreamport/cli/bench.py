"""``dreamport bench``: speed, measured by a client in another process."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dreamport.cli.output import console, print_json, print_table
from dreamport.cli.progress import progress_bars

bench = typer.Typer(
    name="bench", help="Measure speed as a client in another process sees it.", no_args_is_help=True
)


class TransportName(StrEnum):
    """How pixels travel."""

    shared_memory = "shared-memory"
    inline = "inline"
    jpeg = "jpeg"


@bench.callback()
def _group() -> None:
    """Measure speed as a client in another process sees it."""


@bench.command()
def play(
    world: Annotated[str, typer.Argument(help="Name in the catalogue, or a path.")] = "",
    seconds: Annotated[float, typer.Option(min=1, help="How long to measure.")] = 30.0,
    minutes: Annotated[
        float, typer.Option(min=0, help="A long run with numbers a minute; replaces --seconds.")
    ] = 0.0,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds played first and not measured.")] = 3.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world's noise.")] = 0,
    executor: Annotated[str, typer.Option(help="auto, openvino or torch.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of the executor.")] = None,
    transport: Annotated[
        TransportName, typer.Option(help="How pixels travel.")
    ] = TransportName.shared_memory,
    depth: Annotated[bool, typer.Option(help="Receive depth as well.")] = True,
    out: Annotated[
        Path | None, typer.Option(help="Also write the JSON here, e.g. benchmarks/results/x.json.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Frame rate, intervals and control-to-frame latency of a scripted player on a server of its own."""
    from dreamport.cli.world_argument import resolve_world
    from dreamport_tools.bench.play import MINUTE_S, bench_play, store
    from dreamport_tools.bench.player import PlayerOptions

    chosen = resolve_world(world)
    arguments = ["--executor", executor, *(["--threads", str(threads)] if threads else [])]
    for path in chosen.packs:
        arguments += ["--worlds", str(path)]
    options = PlayerOptions(
        address="",
        world=chosen.name,
        seconds=minutes * MINUTE_S or seconds,
        warm_up_s=warm_up,
        seed=seed,
        transport=transport.value,
        depth=depth,
    )
    with progress_bars(quiet=as_json) as told:
        result = bench_play(
            options, arguments, lambda played, total: told("seconds played", round(played), round(total))
        )
    if out is not None:
        store(result, out)
    if as_json:
        print_json(result)
    else:
        print_summary(result)


def print_summary(result: dict[str, Any]) -> None:
    """The numbers of one run for a person."""
    interval, latency = result["frame_interval_ms"], result["control_to_frame_ms"]
    width, height = result["frame_size"]
    rows: list[tuple[str, object]] = [
        ("world", f"{result['world']}, {width}x{height}"),
        ("executor", f"{result['executor']} on {result['device']}, {result['precision']}"),
        ("fallback", result["fallback_reason"]),
        ("frames", f"{result['frames']} in {result['seconds']:.1f} s, {result['dropped']} dropped"),
        ("frame rate", f"{result['fps']:.2f} fps"),
        (
            "frame interval",
            f"p50 {interval['p50']:.1f}  p95 {interval['p95']:.1f}  p99 {interval['p99']:.1f} ms",
        ),
        ("control to frame", f"p50 {latency['p50']:.1f}  p95 {latency['p95']:.1f} ms"),
        ("server memory", f"{result['rss_mb']:.0f} MB"),
    ]
    if "soak" in result:
        change = result["soak"]
        memory = "-" if change["rss_change"] is None else f"{change['rss_change']:+.1%}"
        rows.append(
            (
                "last minute",
                f"{change['fps_change']:+.1%} fps, {memory} memory against the first of {change['minutes']}",
            )
        )
    print_table(["", ""], rows)
    for minute in result["minutes"]:
        console().print(
            f"minute {minute['minute']:3d}   {minute['fps']:6.2f} fps   {minute['rss_mb']:7.1f} MB"
        )
