"""``dreamport capture``: record real play into a data set."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dreamport.cli.extras import require_extra
from dreamport.cli.output import console, print_json
from dreamport.cli.progress import progress_bars

capture = typer.Typer(name="capture", help="Record real play into a data set.", no_args_is_help=True)

CAPTURE_MODULES = ("vizdoom", "numba", "cv2", "pyarrow", "av")
OutArgument = Annotated[Path, typer.Argument(help="Folder of the data set; one that is there is continued.")]
SeedOption = Annotated[
    int, typer.Option(min=0, help="Seed of the first episode; each decides its whole episode.")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


class Split(StrEnum):
    """What an episode may be used for."""

    train = "train"
    heldout = "heldout"


@capture.command()
def vizdoom(
    out: OutArgument,
    episodes: Annotated[int, typer.Option(min=1, help="How many episodes.")] = 8,
    frames: Annotated[int, typer.Option(min=2, help="Frames in each; 20 are a second.")] = 1200,
    seed: SeedOption = 0,
    split: Annotated[
        Split, typer.Option(help="Held-out episodes must have seeds of their own.")
    ] = Split.train,
    workers: Annotated[int, typer.Option(min=1, help="Games at a time.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Play Freedoom by a seeded policy: colour, depth, pose, input. Can be stopped and taken up again."""
    require_extra("capture", *CAPTURE_MODULES)
    from dreamport_tools.vizdoom_recorder import record

    with progress_bars(quiet=as_json) as told:
        data = record(
            out,
            episodes=episodes,
            frames=frames,
            seed=seed,
            split=split.value,
            workers=workers,
            progress=lambda done, total: told("episodes", done, total),
        )
    if as_json:
        print_json({"path": str(out), "episodes": len(data.seeds()), "seeds": sorted(data.seeds())})
    else:
        console().print(f"{out} holds {len(data.seeds())} episodes")


@capture.command()
def motion(
    out: OutArgument,
    frames: Annotated[int, typer.Option(min=2, help="Frames in all.")] = 600_000,
    seed: SeedOption = 0,
) -> None:
    """Play without pictures, much faster: what the motion head learns the level's collisions from."""
    require_extra("capture", *CAPTURE_MODULES)
    from dreamport_tools.vizdoom_motion import record_motion

    with progress_bars() as told:
        record_motion(out, frames, seed, progress=lambda done, total: told("shards", done, total))
    console().print(f"{out} holds {frames} frames of motion")
