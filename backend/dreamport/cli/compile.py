"""``dreamport compile``: make a world ready for a GPU, here or elsewhere, and find out which executor is
fastest.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamport.cli.output import console, print_json, print_table
from dreamport.cli.progress import progress_bars
from dreamport.errors import ExecutorError

if TYPE_CHECKING:
    from dreamport.executors import Measured
    from dreamport.executors.tensorrt.engines import Engine
    from dreamport.worlds.pack import WorldPack

THIS = "this"


@dataclass(frozen=True)
class EngineFile:
    """One engine as it is told. ``seconds``: 0 when it was there already; ``why``: why it had to be made
    again.
    """

    target: str
    graph: str
    path: str
    bytes: int
    seconds: float
    why: str | None


def compile_(
    world: Annotated[str, typer.Argument(help="Name in the catalogue, or a path.")] = "default",
    targets: Annotated[
        list[str] | None,
        typer.Option(
            "--for", help="this (the machine you are on), rtx20, rtx30, rtx40 or rtx50; again for more."
        ),
    ] = None,
    executor: Annotated[
        str, typer.Option(help="all, or only tensorrt, torch or openvino; another GPU takes tensorrt.")
    ] = "all",
    precision: Annotated[str, typer.Option(help="Of engines: f16 or f32.")] = "f16",
    out: Annotated[
        Path | None, typer.Option(help="Folder for engines that go to another machine, instead of the cache.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Folder that --out filled on another machine: take engines from there."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Build engines that are there, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Build a world's engines ahead of time, for this GPU or, without any GPU, for others.

    For this machine every executor is tried as well, and the fastest is what auto takes from then on.
    """
    from dreamport.executors import EXECUTORS
    from dreamport.worlds import open_pack

    if executor not in ("all", *EXECUTORS):
        raise ExecutorError(f"executor {executor!r} is not known; use all, {', '.join(EXECUTORS)}")
    pack = open_pack(world)
    if pack.manifest.graphs is None:
        raise ExecutorError(
            f"world {pack.manifest.name} has no graphs to compile: it refers to a checkpoint, which torch "
            "compiles when it is first played"
        )
    wanted = targets or [THIS]
    files: list[EngineFile] = []
    measured: tuple[Measured, ...] = ()
    for name in wanted:
        if name != THIS and executor not in ("all", "tensorrt"):
            raise ExecutorError(f"{executor} compiles only for this machine; leave --executor out for {name}")
        reason = _no_engines(executor) if name == THIS else None
        if reason is None:
            files += _build(pack, name, precision, out, source, again, quiet=as_json)
        else:
            console(stderr=True).print(f"no engines for this machine: {reason}", markup=False)
    if THIS in wanted:
        measured = _measure(pack, executor)
    if as_json:
        print_json(_document(pack, files, measured))
    else:
        _print(pack, files, measured)


def _no_engines(executor: str) -> str | None:
    """Why no engines are made for this machine, or ``None``. Raises ``ExecutorError`` when they were asked
    for.
    """
    from dreamport.executors import available_executors

    if executor not in ("all", "tensorrt"):
        return f"only {executor} was asked for"
    missing = available_executors()["tensorrt"]
    if missing is not None and executor == "tensorrt":
        raise ExecutorError(missing)
    return missing


def _build(
    pack: WorldPack,
    name: str,
    precision: str,
    out: Path | None,
    source: Path | None,
    again: bool,
    quiet: bool,
) -> list[EngineFile]:
    from dreamport.executors.gpu import this_gpu
    from dreamport.executors.tensorrt.engines import engines
    from dreamport.executors.tensorrt.library import library_for
    from dreamport.executors.tensorrt.store import EngineStore
    from dreamport.executors.tensorrt.targets import named_target, target_of

    gpu = this_gpu() if name == THIS else None
    target = named_target(name) if gpu is None else target_of(gpu)
    library = library_for(target)
    given = None if source is None else EngineStore(source)
    with progress_bars(quiet) as bars:

        def told(graph: str, done: int, total: int) -> None:
            bars(f"{target.name} {graph}", done, total)

        made = engines(pack, library, target, gpu, EngineStore(out), precision, told, again, given)
        return [_file(target.name, engine) for engine in made]


def _file(target: str, engine: Engine) -> EngineFile:
    size = len(engine.data)
    return EngineFile(target, engine.graph, str(engine.path), size, round(engine.seconds, 2), engine.why)


def _measure(pack: WorldPack, executor: str) -> tuple[Measured, ...]:
    from dreamport.executors import candidates, measure_executors

    return measure_executors(pack, candidates() if executor == "all" else (executor,))


def _document(pack: WorldPack, files: list[EngineFile], measured: tuple[Measured, ...]) -> dict[str, object]:
    from dreamport.executors.measuring import fastest

    order = fastest(measured)
    return {
        "world": pack.manifest.name,
        "digest": pack.digest,
        "engines": [asdict(file) for file in files],
        "measured": [asdict(one) for one in measured],
        "fastest": order[0].executor if order else None,
    }


def _print(pack: WorldPack, files: list[EngineFile], measured: tuple[Measured, ...]) -> None:
    from dreamport.executors.measuring import fastest

    out = console()
    if files:
        print_table(["for", "graph", "MB", "seconds", "engine"], [_engine_row(file) for file in files])
        for file in files:
            if file.why:
                out.print(f"{file.graph} was made again: {file.why}", markup=False)
    if measured:
        columns = ["executor", "on", "precision", "ms a frame", "seconds to open"]
        print_table(columns, [_measured_row(one) for one in measured])
        order = fastest(measured)
        if order:
            out.print(f"the fastest for world {pack.manifest.name} here: {order[0].executor}", markup=False)


def _engine_row(file: EngineFile) -> tuple[str, ...]:
    seconds = f"{file.seconds:.1f}" if file.seconds else "was there"
    return (file.target, file.graph, f"{file.bytes / 1e6:.1f}", seconds, file.path)


def _measured_row(one: Measured) -> tuple[str | None, ...]:
    frame = None if one.frame_ms is None else f"{one.frame_ms:.1f}"
    opening = None if one.open_s is None else f"{one.open_s:.1f}"
    return (one.executor, one.problem or one.device, one.precision, frame, opening)
