"""``dreamport capture``: record real play into a data set."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dreamport.cli.capture_desktop import desktop
from dreamport.cli.extras import require_extra
from dreamport.cli.output import EXIT_CODE, console, print_error, print_json, print_table
from dreamport.cli.progress import progress_bars
from dreamport.errors import DatasetError

capture = typer.Typer(
    name="capture", help="Record real play into a data set; look after recordings.", no_args_is_help=True
)

capture.command("desktop")(desktop)

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
    folder: Annotated[
        Path | None, typer.Argument(metavar="[OUT]", help="Folder of the data set; as --out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the data set; one that is there is continued.")
    ] = None,
    frames: Annotated[int, typer.Option(min=4, help="Frames in all; 20 are a second.")] = 24_000,
    episode_frames: Annotated[
        int, typer.Option(min=2, help="Frames of an episode; the last may be shorter.")
    ] = 300,
    seed: SeedOption = 0,
    split: Annotated[
        Split | None,
        typer.Option(help="Of all episodes; left out, one in seven is held out and the others train."),
    ] = None,
    motion_frames: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Frames of motion without pictures, from which walls are learnt; left out, ten times "
            "--frames where episodes train.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Games at a time.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Play Freedoom by a seeded policy: colour, depth, pose, input. Can be stopped and taken up again."""
    require_extra("capture", *CAPTURE_MODULES)
    from dreamport_tools.vizdoom_motion import record_motion
    from dreamport_tools.vizdoom_recorder import record_jobs, share_out

    place = _one_folder(folder, out)
    jobs = share_out(frames, episode_frames, seed, None if split is None else split.value)
    if motion_frames is None:
        motion_frames = 0 if split is Split.heldout else 10 * frames
    with progress_bars(quiet=as_json) as told:
        data = record_jobs(
            place, jobs, workers=workers, progress=lambda done, total: told("episodes", done, total)
        )
        if motion_frames:
            record_motion(
                place / "physics" / "train",
                motion_frames,
                seed,
                progress=lambda done, total: told("motion", done, total),
            )
    counts = {name: sum(r["length"] for r in data.rows() if r["split"] == name) for name in Split}
    if as_json:
        seeds = sorted(data.seeds())
        print_json({"path": str(place), "episodes": len(seeds), "seeds": seeds, "frames": counts})
    else:
        told_counts = ", ".join(f"{count:,} frames {name}" for name, count in counts.items() if count)
        console().print(f"{place} holds {len(data.seeds())} episodes: {told_counts}", markup=False)


def _one_folder(argument: Path | None, option: Path | None) -> Path:
    if (argument is None) == (option is None):
        raise DatasetError("say once where the data set goes: dreamport capture vizdoom --out FOLDER")
    place = argument or option
    assert place is not None
    return place


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
