"""``dreamport capture``: record real play into a data set."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dreamport.cli.extras import require_extra
from dreamport.cli.output import EXIT_CODE, console, print_error, print_json, print_table
from dreamport.cli.progress import progress_bars
from dreamport.errors import DatasetError

capture = typer.Typer(
    name="capture", help="Record real play into a data set; look after recordings.", no_args_is_help=True
)

DATASET_MODULES = ("pyarrow", "av")
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


@capture.command("list")
def list_(
    folder: Annotated[
        Path | None, typer.Argument(help="A data set, or a captures folder; left out, the user's own.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the episodes of a data set, or of every data set in a captures folder."""
    require_extra("capture", *DATASET_MODULES)
    from dreamport.episodes.dataset import Dataset
    from dreamport.episodes.layout import recordings_left
    from dreamport.service.capture_paths import default_captures_folder

    place = folder or default_captures_folder()
    found = [Dataset(path) for path in _datasets(place)]
    if as_json:
        print_json(
            {
                "folder": str(place),
                "datasets": [
                    {"name": data.info.name, "path": str(data.path), "episodes": data.rows()}
                    for data in found
                ],
                "unfinished": [str(path) for path in recordings_left(place)],
            }
        )
        return
    columns = ("data set", "episode", "frames", "missing", "seconds", "split", "seed", "map", "ended")
    print_table(
        columns,
        (
            (data.info.name, row["episode_index"], row["length"], row.get("missing"),
             f"{row['length'] / data.info.frame_rate:.1f}", row["split"], row["seed"], row.get("map"),
             row.get("ended"))
            for data in found
            for row in data.rows()
        ),
    )  # fmt: skip
    for path in recordings_left(place):
        console().print(f"{path} has recordings that are not finished: dreamport capture recover {path}")


@capture.command()
def recover(
    folder: Annotated[
        Path | None, typer.Argument(help="A data set, or a captures folder; left out, the user's own.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make episodes of what a killed server or a power cut left. A server does so too when it starts."""
    require_extra("capture", *DATASET_MODULES)
    from dreamport.episodes.layout import recordings_left
    from dreamport.episodes.placing import recover as recover_dataset
    from dreamport.service.capture_paths import default_captures_folder

    place = folder or default_captures_folder()
    done = [found for root in recordings_left(place) for found in recover_dataset(root)]
    placed = [found for found in done if not isinstance(found, DatasetError)]
    failed = [found for found in done if isinstance(found, DatasetError)]
    if as_json:
        episodes = [
            {
                "dataset": str(each.dataset),
                "episode": each.index,
                "frames": each.frames,
                "missing": each.missing,
            }
            for each in placed
        ]
        print_json({"recovered": episodes, "failed": [str(error) for error in failed]})
    else:
        for each in placed:
            console().print(f"{each.dataset}: episode {each.index}, {each.frames} frames")
        for error in failed:
            print_error(error)
        console().print(f"{len(placed)} recovered, {len(failed)} failed")
    if failed:
        raise typer.Exit(EXIT_CODE)


def _datasets(place: Path) -> list[Path]:
    """The data set at ``place``, or those in it. Raises ``DatasetError`` when there are none."""
    if (place / "meta" / "info.json").exists():
        return [place]
    found = sorted(path.parent.parent for path in place.glob("*/meta/info.json"))
    if not found:
        raise DatasetError(f"{place} holds no data set; record one with an engine, or give another folder")
    return found
