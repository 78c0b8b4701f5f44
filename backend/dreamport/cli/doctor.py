"""``dreamport doctor``: what this machine can run, which executor is picked and why, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from dreamport.cli.output import EXIT_CODE, console, print_json

if TYPE_CHECKING:
    from dreamport.diagnostics import FitReport
    from dreamport.worlds import WorldEntry


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what this machine can run, what would be picked and why, and what is wrong.

    The text is made to be copied into a report. Exit code 2 when there is a problem.
    """
    from dreamport import diagnostics
    from dreamport.diagnostics import ExecutorReport, PortReport, WorldReport, port_is_free
    from dreamport.errors import DreamportError, PackError
    from dreamport.executors import auto_reason, available_executors, open_executor
    from dreamport.service.options import DEFAULT_PORT
    from dreamport.web import DEFAULT_WEB_PORT
    from dreamport.worlds import Catalogue, open_pack

    entries = Catalogue().list()
    worlds = []
    for entry in entries:
        try:
            open_pack(entry.path)
            problem = None
        except DreamportError as error:
            problem = str(error)
        worlds.append(WorldReport(entry.name, str(entry.path), problem))

    def auto() -> tuple[str, str]:
        usable = [
            entry.path
            for entry, world in zip(entries, worlds, strict=True)
            if world.problem is None and entry.manifest is not None and entry.manifest.graphs is not None
        ]
        if not usable:
            raise PackError("there is no usable world of graphs to try an executor with")
        pack = open_pack(usable[0])
        executor = open_executor(pack)
        try:
            why = executor.fallback_reason or auto_reason(pack)
            return (
                executor.name,
                f"{why}; {executor.device}, {executor.precision}, {executor.threads} threads",
            )
        finally:
            executor.close()

    diagnosis = diagnostics.diagnose(
        executors=[
            ExecutorReport(name, reason is None, reason or "can run here")
            for name, reason in available_executors().items()
        ],
        auto=auto,
        worlds=worlds,
        fits=_fits(entries),
        ports=[
            PortReport(purpose, f"127.0.0.1:{port}", port_is_free("127.0.0.1", port))
            for purpose, port in (("gRPC", DEFAULT_PORT), ("page", DEFAULT_WEB_PORT))
        ],
    )
    if as_json:
        print_json(asdict(diagnosis))
    else:
        console().print(diagnostics.as_text(diagnosis), markup=False)
    if diagnosis.problems:
        raise typer.Exit(EXIT_CODE)


def _fits(entries: Sequence[WorldEntry]) -> list[FitReport]:
    """Which worlds fit this machine: the catalogue's, and the public checkpoints that it has not."""
    import psutil

    from dreamport.diagnostics import FitReport, cpu_isa
    from dreamport.executors.fit import CheckpointWorld, lingbot_fits, small_fit
    from dreamport.executors.gpu import find_gpu

    memory, gpu = psutil.virtual_memory().total, find_gpu()
    checkpoints, fits = [], []
    for entry in entries:
        manifest = entry.manifest
        if manifest is None:
            continue
        frame = manifest.frame.width, manifest.frame.height
        if manifest.checkpoint is not None:
            checkpoint = manifest.checkpoint
            checkpoints.append(CheckpointWorld(entry.name, checkpoint.sizes, frame, checkpoint.decoder))
        else:
            fits.append(small_fit(entry.name, frame, manifest.frame_rate, cpu_isa(), memory))
    fits += lingbot_fits(checkpoints, None if isinstance(gpu, str) else gpu, memory)
    return [FitReport(**asdict(fit)) for fit in fits]
