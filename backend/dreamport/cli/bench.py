"""``dreamport bench``: speed, measured by a client in another process."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dreamport.cli.bench_lingbot import lingbot
from dreamport.cli.output import console, print_json, print_table
from dreamport.cli.progress import progress_bars

bench = typer.Typer(
    name="bench", help="Measure speed as a client in another process sees it.", no_args_is_help=True
)


bench.command()(lingbot)


class TransportName(StrEnum):
    """How pixels travel."""

    shared_memory = "shared-memory"
    inline = "inline"
    jpeg = "jpeg"


class TransportKind(StrEnum):
    """The transports of ``bench transport``."""

    shm = "shm"
    jpeg = "jpeg"
    raw = "raw"


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
    executor: Annotated[str, typer.Option(help="auto, openvino, torch or tensorrt.")] = "auto",
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


@bench.command()
def transport(
    library: Annotated[
        Path | None, typer.Option(help="The native core; left out, the one built in this checkout.")
    ] = None,
    width: Annotated[int, typer.Option(min=16, help="Frame width, pixels.")] = 1280,
    height: Annotated[int, typer.Option(min=16, help="Frame height, pixels.")] = 720,
    frame_rate: Annotated[
        float | None, typer.Option(min=1, help="Frames a second to ask for, instead of each transport's own.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long each measurement takes.")] = 5.0,
    only: Annotated[
        list[TransportKind] | None, typer.Option(help="Measure this transport; may be repeated.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write the JSON here, e.g. benchmarks/results/x.json.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Frames from a server to the library that engines load, over each transport: rate and latency."""
    from dreamport_tools.bench.play import store
    from dreamport_tools.bench.transport import RATES, TransportBench, bench_transport, built_library

    options = TransportBench(
        library=library or built_library(),
        width=width,
        height=height,
        frame_rate=frame_rate,
        seconds=seconds,
        transports=tuple(kind.value for kind in only) if only else tuple(RATES),
    )
    with progress_bars(quiet=as_json) as told:
        result = bench_transport(options, lambda done, total: told("measurements", done, total))
    if out is not None:
        store(result, out)
    if as_json:
        print_json(result)
    else:
        print_transports(result, options.transports)


class ColourSent(StrEnum):
    """How a recorder sends colour."""

    jpeg = "jpeg"
    raw = "raw"


@bench.command()
def capture(
    library: Annotated[
        Path | None, typer.Option(help="The native core; left out, the one built in this checkout.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long to record.")] = 60.0,
    fps: Annotated[float, typer.Option(min=1, max=240, help="Frames a second.")] = 30.0,
    size: Annotated[str, typer.Option(help="Frame size, WIDTHxHEIGHT.")] = "1280x720",
    colour: Annotated[ColourSent, typer.Option(help="How colour is sent.")] = ColourSent.jpeg,
    ramp: Annotated[bool, typer.Option(help="Then find the highest rate that holds.")] = True,
    folder: Annotated[
        Path | None, typer.Option(help="Disk to record on; left out, that of temporary files.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write the JSON here, e.g. benchmarks/results/x.json.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Record colour, depth and pose from the library that engines load: is a frame lost, how fast may it
    be?
    """
    from dreamport.cli.capture import DATASET_MODULES
    from dreamport.cli.extras import require_extra

    require_extra("capture", *DATASET_MODULES)
    from dreamport_tools.bench.capture import CaptureBench, bench_capture
    from dreamport_tools.bench.play import store
    from dreamport_tools.bench.transport import built_library

    width, _, height = size.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise typer.BadParameter(f"{size} is not WIDTHxHEIGHT", param_hint="--size")
    options = CaptureBench(
        library or built_library(), int(width), int(height), fps, seconds, colour.value, folder=folder
    )
    with progress_bars(quiet=as_json) as told:
        result = bench_capture(
            options, ramp=ramp, progress=lambda done, total: told("recordings", done, total)
        )
    if out is not None:
        store(result, out)
    if as_json:
        print_json(result)
        return
    cores = result["cpu_cores"]
    print_table(
        ["", ""],
        [
            ("frames", f"{result['submitted']} submitted, {result['acknowledged']} acknowledged"),
            ("not recorded", f"{result['refused']} refused, {result['lost']} lost"),
            (
                "acknowledged after",
                f"p50 {result['acknowledge_ms_p50']} ms, p95 {result['acknowledge_ms_p95']} ms",
            ),
            ("CPU cores", f"server {cores['server']}, recorder {cores['recorder']}"),
            ("on disk", f"{result['disk_bytes'] / 1e6:.1f} MB"),
            ("episode", ", ".join(f"{name} {value}" for name, value in result["episode"].items())),
            ("highest rate", f"{result.get('highest_fps')} fps"),
        ],
    )


def print_transports(result: dict[str, Any], transports: tuple[str, ...]) -> None:
    """The numbers of every transport for a person. Latency: from generated to acquired."""
    rows: list[tuple[object, ...]] = []
    for name in transports:
        nested = {case: found for case, found in result[name].items() if isinstance(found, dict)}
        cases = {"": result[name], **{case: found for case, found in nested.items() if "fps" in found}}
        for case, found in cases.items():
            rows.append(
                (
                    f"{name} {case.replace('_', ' ')}".strip(),
                    f"{found['asked_fps']:.0f}",
                    f"{found['fps']:.0f}",
                    f"{found['p50_ms']:.2f}",
                    f"{found['p99_ms']:.2f}",
                )
            )
    print_table(["transport", "asked fps", "fps", "p50 ms", "p99 ms"], rows)


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
