"""``dreamport data``: look at a data set, judge it, split it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamport.cli.data_bake import bake
from dreamport.cli.extras import require_extra
from dreamport.cli.output import EXIT_CODE, console, print_json, print_table
from dreamport.cli.progress import progress_bars
from dreamport.errors import DatasetError

if TYPE_CHECKING:
    from dreamport_tools.data.balance import Balance

data = typer.Typer(name="data", help="Judge, split, count and look at recorded play.", no_args_is_help=True)

data.command()(bake)

DATA_MODULES = ("cv2", "pyarrow", "av")
DataArgument = Annotated[Path, typer.Argument(help="Folder of the data set.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@data.command()
def profile(
    folder: DataArgument,
    workers: Annotated[int, typer.Option(min=1, help="Episodes at a time.")] = 1,
    again: Annotated[bool, typer.Option("--again", help="Measure anew what was measured before.")] = False,
    accept: Annotated[
        list[int] | None, typer.Option(help="Use this episode whatever the gates say; may be repeated.")
    ] = None,
    reject: Annotated[
        list[str] | None, typer.Option(help="Leave out this episode: NUMBER or NUMBER:WHY; may be repeated.")
    ] = None,
    frozen: Annotated[
        float, typer.Option(min=0, max=1, help="Largest share of pictures that stay while the camera moves.")
    ] = 0.25,
    idle: Annotated[
        float, typer.Option(min=0, max=1, help="Largest share in which nothing is done or happens.")
    ] = 0.95,
    clock: Annotated[
        float, typer.Option(min=0, help="Largest share by which the recorder's clock may differ.")
    ] = 0.1,
    any_lag: Annotated[
        bool, typer.Option("--any-lag", help="Only warn of controls that do not fit the pictures.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Look at every frame, judge every episode, and keep the verdicts in the data set for bake and train."""
    require_extra("capture", *DATA_MODULES)
    from dreamport.episodes.dataset import Dataset
    from dreamport_tools.data.gates import Gates
    from dreamport_tools.data.profile import profile as profile_data

    decisions = {number: (True, "") for number in accept or []}
    decisions.update(_rejected(text) for text in reject or [])
    gates = Gates(frozen=frozen, idle=idle, clock=clock, lag=not any_lag)
    with progress_bars(quiet=as_json) as told:
        found = profile_data(
            Dataset(folder),
            gates=gates,
            workers=workers,
            again=again,
            decisions=decisions,
            progress=lambda done, total: told("episodes", done, total),
        )
    if as_json:
        episodes = [
            {
                **asdict(each.verdict),
                "split": each.split,
                "measures": None if each.measures is None else each.measures.to_json(),
            }
            for each in found.episodes
        ]
        remarks = found.balance.remarks()
        print_json({"path": str(folder), "usable": found.usable, "episodes": episodes, "remarks": remarks})
    else:
        columns = (
            "episode",
            "split",
            "frames",
            "usable",
            "light",
            "idle",
            "stopped",
            "jumps",
            "lag",
            "path m",
        )
        print_table(
            columns,
            (
                (each.verdict.episode, each.split or None, None, "no", *[None] * 6)
                if (seen := each.measures) is None
                else (each.verdict.episode, each.split, seen.frames, "yes" if each.verdict.usable else "no",
                      f"{seen.brightness:.0f}", f"{seen.idle:.0%}", f"{seen.collisions:.0%}", len(seen.jumps),
                      None if seen.control_lag is None else f"{seen.control_lag.frames:+d}",
                      None if seen.path_m is None else f"{seen.path_m:.1f}")
                for each in found.episodes
            ),
        )  # fmt: skip
        for each in found.episodes:
            for text in each.verdict.reasons:
                console().print(f"left out: {text}", style="red", markup=False)
            for text in each.verdict.warnings:
                console().print(f"note: {text}", markup=False)
        _print_balance(found.balance)
        console().print(f"{found.usable} of {len(found.episodes)} episodes can be used")
    if found.episodes and not found.usable:
        raise typer.Exit(EXIT_CODE)


@data.command()
def split(
    folder: DataArgument,
    share: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the usable frames to hold out.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Decides which episodes are held out.")] = 0,
    anew: Annotated[
        bool, typer.Option("--anew", help="Forget the split there is; else what is held out stays so.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing; exit code 2 if a seed or session is in two splits."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Hold out a share of the episodes; what shares a seed or a session stays together."""
    require_extra("capture", *DATA_MODULES)
    from dreamport.episodes.dataset import Dataset
    from dreamport_tools.data.split import HELD_OUT, TRAIN, apply_split, leaks, plan_split

    there = Dataset(folder)
    if check:
        found = leaks(there)
        if as_json:
            print_json({"path": str(folder), "leaks": found})
        else:
            for text in found:
                console().print(text, style="red", markup=False)
            console().print(f"{len(found)} leaks between splits")
        if found:
            raise typer.Exit(EXIT_CODE)
        return
    planned = plan_split(there, share=share, seed=seed, anew=anew)
    apply_split(there, planned)
    frames = {name: planned.frames(name) for name in (TRAIN, HELD_OUT)}
    if as_json:
        print_json(
            {"path": str(folder), "frames": frames, "moved": planned.moved, "groups": len(planned.groups),
             "heldout": [index for index, name in planned.of.items() if name == HELD_OUT]}
        )  # fmt: skip
        return
    total = max(1, sum(frames.values()))
    for name, count in frames.items():
        episodes = sum(1 for each in planned.of.values() if each == name)
        console().print(f"{name}: {episodes} episodes, {count} usable frames ({count / total:.0%})")
    console().print(
        f"{len(planned.groups)} groups by seed and session, {len(planned.moved)} episodes changed their split"
    )


@data.command()
def stats(folder: DataArgument, as_json: JsonFlag = False) -> None:
    """Count what a data set holds; a profile adds what its pictures show."""
    require_extra("capture", *DATA_MODULES)
    from dreamport.episodes.dataset import Dataset
    from dreamport_tools.data.stats import facts
    from dreamport_tools.data.stats import stats as count

    there = Dataset(folder)
    found = count(there)
    if as_json:
        print_json({"path": str(folder), **facts(there), **asdict(found)})
        return
    for name, value in facts(there).items():
        console().print(f"{name}: {value}", markup=False)
    console().print(f"size: {found.bytes / 1e6:.1f} MB; lost frames {found.lost}, redacted {found.redacted}")
    print_table(
        ("split", "episodes", "usable", "frames", "usable frames", "minutes"),
        ((name, s.episodes, s.usable, s.frames, s.usable_frames, f"{s.seconds / 60:.1f}")
         for name, s in found.splits.items()),
    )  # fmt: skip
    if found.bounds_m is not None and found.speed_m is not None and found.turn_deg is not None:
        low, high = found.bounds_m
        console().print(
            f"camera: {found.path_m:.0f} m of way in {high[0] - low[0]:.1f} x {high[1] - low[1]:.1f} x "
            f"{high[2] - low[2]:.1f} m; median step {found.speed_m[1]:.3f} m, {found.turn_deg[1]:.1f} degrees"
        )
    _print_balance(found.balance)
    if found.profiled:
        marks = ", ".join(f"{count} {kind}" for kind, count in sorted(found.marks.items())) or "none"
        console().print(f"marks: {marks}; brightness {found.brightness:.0f} of 255", markup=False)
    else:
        console().print(f"no profile yet: dreamport data profile {folder}", markup=False)
    for verdict in found.out:
        for text in verdict.reasons:
            console().print(f"left out: {text}", style="red", markup=False)


@data.command()
def view(
    folder: DataArgument,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the page; left out, FOLDER-view beside the data set.")
    ] = None,
    episodes: Annotated[
        str | None, typer.Option(help="Which episodes have pictures: 0,3,7-9. Left out, the first --most.")
    ] = None,
    most: Annotated[
        int, typer.Option(min=1, help="How many at most; those that are left out of use come first.")
    ] = 40,
    width: Annotated[int, typer.Option(min=64, max=1920, help="Width of the pictures, pixels.")] = 320,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
) -> None:
    """Make a page of the episodes: frames, depth, controls and path side by side. Needs no server."""
    require_extra("capture", *DATA_MODULES)
    import webbrowser

    from dreamport.episodes.dataset import Dataset
    from dreamport_tools.data.stats import data_size
    from dreamport_tools.data.view import build

    place = out or folder.resolve().with_name(f"{folder.resolve().name}-view")
    with progress_bars() as told:
        page = build(
            Dataset(folder),
            place,
            episodes=None if episodes is None else _numbers(episodes),
            most=most,
            width=width,
            progress=lambda done, total: told("episodes", done, total),
        )
    console().print(f"{page} ({data_size(place) / 1e6:.1f} MB)", markup=False)
    if browser:
        webbrowser.open(page.resolve().as_uri())


def _numbers(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or not (last or first).isdigit() or int(last or first) - int(first) > 100_000:
            raise DatasetError(f"--episodes {text!r} is no list of episodes; write for example 0,3,7-9")
        found.update(range(int(first), int(last or first) + 1))
    return found


def _print_balance(balance: Balance) -> None:
    if not balance.rows:
        return
    print_table(
        ("button", "held", "presses"),
        ((name, f"{balance.share(n):.1%}", balance.presses[name]) for name, n in balance.held.items()),
    )
    looks = ", ".join(f"{name} {balance.share(count):.0%}" for name, count in balance.looks.items())
    console().print(f"look: {looks}")
    held = ", ".join(f"{name} {balance.share(count):.0%}" for name, count in balance.common())
    console().print(f"held together: {held}", markup=False)
    for text in balance.remarks():
        console().print(f"note: {text}", markup=False)


def _rejected(text: str) -> tuple[int, tuple[bool, str]]:
    number, _, why = text.partition(":")
    if not number.strip().isdigit():
        raise DatasetError(f"--reject {text!r} names no episode; write NUMBER or NUMBER:WHY")
    return int(number), (False, why.strip() or "no reason given")
