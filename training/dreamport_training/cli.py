"""``dreamport train`` and ``dreamport export``: what they are told and what they say."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from dreamport.errors import DatasetError, TrainingStopped
from dreamport.worlds.catalogue import user_worlds_path
from dreamport_training.config import PRESETS, WorldConfig, changed_config, load_config, parse_override
from dreamport_training.data.sizing import sizing_of
from dreamport_training.export import check_place
from dreamport_training.ladder import STAGES, climb, left_out, read_marks
from dreamport_training.pack_of_run import STARTS, pack_of_run
from dreamport_training.parallel import Parallel
from dreamport_training.plan import Plan, check_disk, choose, disk_needed, preset_for, told
from dreamport_training.probe import minutes_of
from dreamport_training.progress import Progress
from dreamport_training.quality import EFFORTS, card_of, measure_world
from dreamport_training.record_of_run import RunRecord, check_same_run, claim, read_record, versions
from dreamport_training.run import Run
from dreamport_training.survey import survey_data, survey_machine

INTERRUPTED = 130
"""Exit code after Ctrl+C, as of a program that a signal ended."""
NAME = r"[a-z0-9][a-z0-9\-]{0,62}"

trainer = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
exporter = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

TitleOption = Annotated[str, typer.Option(help="The world's title.")]
DescriptionOption = Annotated[str, typer.Option(help="One paragraph about the world.")]
LicenceOption = Annotated[str, typer.Option(help="Of the world; left out, that of the data.")]
QualityOption = Annotated[
    str, typer.Option(help=f"How much is measured on held-out episodes: {', '.join(EFFORTS)}.")
]
SettingOption = Annotated[
    list[str] | None, typer.Option("--set", help="A choice of its own: codec.steps=500; may be repeated.")
]


@trainer.command()
def train(
    data: Annotated[Path, typer.Argument(help="A data set: dreamport capture, or recorded by an engine.")],
    world: Annotated[
        str, typer.Option(help="Name of the world: small letters, digits and '-'; left out, the data set's.")
    ] = "",
    preset: Annotated[
        str, typer.Option(help=f"One of {', '.join(PRESETS)}; left out, chosen by data and hardware.")
    ] = "",
    config: Annotated[
        Path | None, typer.Option(help="A TOML file with choices; see training/README.md.")
    ] = None,
    setting: SettingOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the pack goes; left out, among the worlds of this user.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="The run's folder; left out, runs/WORLD here. An unfinished run is taken up again."
        ),
    ] = None,
    stage: Annotated[str, typer.Option(help=f"One stage, or all: {', '.join(STAGES)}.")] = "all",
    device: Annotated[str, typer.Option(help="cpu or cuda; left out, cuda where there is one.")] = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of weights, data order and noise.")] = None,
    title: TitleOption = "",
    description: DescriptionOption = "",
    licence: LicenceOption = "",
    quality: QualityOption = "",
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Say what it would take, and do nothing.")
    ] = False,
) -> None:
    """Train a world from recorded play, stage by stage, and make a pack of it. Ctrl+C saves; the same command
    goes on from there."""
    world = world or re.sub(r"[^a-z0-9]+", "-", data.resolve().name.lower()).strip("-")[:63]
    _check_names(world, stage, quality)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    folder = run or Path("runs") / world
    before = read_record(folder)
    record, plan, fresh = _decided(
        data,
        world,
        folder,
        before,
        preset,
        config,
        setting or [],
        device,
        seed,
        out or user_worlds_path() / world,
    )
    if title or description or licence:
        record = replace(
            record,
            title=title or record.title,
            description=description or record.description,
            licence=licence or record.licence,
        )
    parallel = Parallel.start(record.config.parallel, record.device)
    here = Run(data, folder, record.config, record.seed, parallel)
    text = told(plan, world, skipped=left_out(here))
    if parallel.is_main:
        console.print(text, markup=False)
        if before is not None and not fresh:
            console.print(f"The run at {folder} is taken up again.", markup=False)
    if plan_only:
        return
    check_place(record.out)
    if not here.baked.exists():
        check_disk(plan)
    if parallel.is_main:
        claim(folder)
        if before is not None:
            check_same_run(before, record, _done(folder), folder)
        record = replace(
            record, commands=(*record.commands, shlex.join(["dreamport", "train", *sys.argv[2:]]))
        )
        record.write(folder)
        (folder / "plan.txt").write_text(text + "\n", encoding="utf-8")
        Progress("plan").write(folder)
    parallel.wait()

    def export_stage(climbing: Run) -> None:
        effort = quality or ("brief" if record.preset == "tiny" else "quick")
        climbing.parallel.on_main(lambda: _export(climbing, record, record.out, effort, console))

    try:
        climb(
            here,
            lambda line: console.print(line, markup=False) if parallel.is_main else None,
            export_stage,
            only=None if stage == "all" else stage,
        )
    except TrainingStopped as stopped:
        console.print(str(stopped), style="yellow", markup=False)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        parallel.close()
    if parallel.is_main and stage in {"all", "export"}:
        console.print(f"Play it: dreamport play {shlex.quote(str(record.out))}", markup=False)


@exporter.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished dreamport train.")],
    out: Annotated[Path, typer.Option(help="Where the pack goes.")],
    name: Annotated[str, typer.Option(help="The world's short name; left out, the run's.")] = "",
    title: TitleOption = "",
    description: DescriptionOption = "",
    licence: LicenceOption = "",
    frame_rate: Annotated[
        float | None, typer.Option(min=1, max=240, help="Frames a second at play; left out, as recorded.")
    ] = None,
    starts: Annotated[int, typer.Option(min=1, max=256, help="How many starts at most.")] = STARTS,
    commit: Annotated[str, typer.Option(help="Commit of the training code.")] = "unknown",
    quality: QualityOption = "quick",
) -> None:
    """Make a world pack of a training run, with a card that says how good it was measured to be."""
    _check_names(name or "x", "all", quality)
    record = read_record(run)
    if record is None:
        raise DatasetError(f"{run} holds no training run; give the folder of dreamport train --run")
    record = replace(
        record,
        world=name or record.world,
        title=title or record.title,
        description=description or record.description,
        licence=licence or record.licence,
    )
    here = Run(record.data, run, record.config, record.seed, Parallel())
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    _export(here, record, out, quality, console, starts=starts, frame_rate=frame_rate, commit=commit)


def _export(run: Run, record: RunRecord, out: Path, effort: str, console: Console, **options: Any) -> None:
    """Make the pack, measure it, and make it again with the card and the numbers in it."""

    def tell(text: str) -> None:
        console.print(text, markup=False)

    draft = pack_of_run(run, record, run.folder / "draft", **options)
    quality = measure_world(draft, run.data, effort, run.folder / "evaluation", record.seed, tell)
    metrics = quality.results or {}
    extra = {"card.md": card_of(draft.manifest, quality, read_marks(run.folder)).encode(), **quality.files}
    pack = pack_of_run(run, record, out, metrics=metrics, extra_files=extra, **options)
    measured = "with measured quality" if quality.results else f"quality not measured: {quality.reason}"
    tell(f"{pack.path}: {pack.total_bytes / 1e6:.1f} MB, {len(pack.manifest.starts)} starts, {measured}")


def _decided(
    data: Path,
    world: str,
    folder: Path,
    before: RunRecord | None,
    preset: str,
    file: Path | None,
    settings: Sequence[str],
    device: str,
    seed: int | None,
    out: Path,
) -> tuple[RunRecord, Plan, bool]:
    """What the run will be, what it will take, and whether it was decided anew: a run that is taken up again
    with no preset keeps what it was begun with, but for what ``settings`` say."""
    if preset and file is not None:
        raise DatasetError('give --preset or --config, not both; a file may begin with preset = "NAME"')
    survey, machine = survey_data(data), survey_machine(folder, device or None)
    overrides = dict(parse_override(text) for text in settings)
    if before is not None and not (preset or file):
        chosen: WorldConfig = changed_config(before.config, overrides)
        reasons: list[str] = ["as the run was begun", *settings]
        name, fresh = before.preset, bool(settings)
    else:
        name = "" if file is not None else preset or preset_for(machine)
        loaded = load_config(name or None, file, overrides)
        scale = not preset and file is None
        chosen, said = choose(loaded, survey, machine, scale=scale)
        reasons = [f"preset {name} for this machine", *said] if scale else said
        fresh = True
    sizing = sizing_of(survey.recorded, chosen.data.width, chosen.data.height)
    plan = Plan(
        config=chosen,
        sizing=sizing,
        survey=survey,
        machine=machine,
        reasons=tuple(reasons),
        disk=disk_needed(survey, sizing, chosen),
        minutes=minutes_of(chosen, survey, sizing, machine),
    )
    record = RunRecord(
        world=world,
        data=data,
        out=out,
        config=chosen,
        seed=seed if seed is not None else (before.seed if before else 0),
        device=machine.device,
        preset=name,
        title=before.title if before else "",
        description=before.description if before else "",
        licence=before.licence if before else "",
        commands=before.commands if before else (),
        versions=versions(),
    )
    return record, plan, fresh


def _done(folder: Path) -> dict[str, Any]:
    return {name: mark for name, mark in read_marks(folder).items() if mark.state == "done"}


def _check_names(world: str, stage: str, quality: str) -> None:
    if not re.fullmatch(NAME, world):
        raise DatasetError(
            f"--world {world!r} is no name for a world; use small letters, digits and '-', for instance "
            "garden-2"
        )
    if stage != "all" and stage not in STAGES:
        raise DatasetError(f"no stage {stage!r}; choose one of all, {', '.join(STAGES)}")
    if quality and quality not in EFFORTS:
        raise DatasetError(f"no such --quality {quality!r}; choose one of {', '.join(EFFORTS)}")


def run_command(app: typer.Typer, name: str, args: Sequence[str]) -> None:
    """Run with command-line arguments; errors meant for people are raised as ``DreamportError``."""
    try:
        code = app(list(args), prog_name=name, standalone_mode=False)
    except typer.Exit as stop:
        raise SystemExit(stop.exit_code) from None
    except typer.Abort:
        raise SystemExit(INTERRUPTED) from None
    if isinstance(code, int) and code:
        raise SystemExit(code)
