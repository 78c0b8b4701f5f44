"""``dreamport import``: make data sets of what others recorded."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamport.cli.capture import Split
from dreamport.cli.extras import require_extra
from dreamport.cli.output import EXIT_CODE, console, print_json, print_table
from dreamport.cli.progress import progress_bars
from dreamport.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamport.episodes.layout import DatasetInfo
    from dreamport_tools.importing.desk import Item, ItemReport

import_ = typer.Typer(
    name="import",
    help="Make a data set of videos, LeRobot data sets or LingBot-World clips.",
    no_args_is_help=True,
)

IMPORT_MODULES = ("pyarrow", "av", "cv2", "scenedetect")
OutOption = Annotated[
    Path, typer.Option("--out", help="Folder of the data set; an import that was stopped goes on there.")
]
SplitOption = Annotated[Split, typer.Option(help="What the episodes may be used for.")]
LicenceOption = Annotated[str, typer.Option(help="Licence of what is imported; it is written down.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


class VideoPoses(StrEnum):
    """Where poses of a video come from."""

    pseudo = "pseudo"
    none = "none"


class ActionOf(StrEnum):
    """Which frame the action of a row belongs to."""

    next = "next"
    same = "same"


@import_.command()
def video(
    sources: Annotated[list[Path], typer.Argument(help="Videos, or folders of videos.")],
    out: OutOption,
    fps: Annotated[float, typer.Option(min=1, max=240, help="Frames a second of the data set.")] = 20.0,
    size: Annotated[
        str, typer.Option(help="Frame size: WIDTHxHEIGHT; pictures are scaled, then cropped.")
    ] = "320x192",
    fov: Annotated[
        float,
        typer.Option(min=10, max=170, help="Degrees a picture shows from left to right; 90 is a guess."),
    ] = 90.0,
    poses: Annotated[
        VideoPoses,
        typer.Option(help="pseudo: estimate poses and controls from the pictures; none: leave them out."),
    ] = VideoPoses.pseudo,
    speed: Annotated[
        float,
        typer.Option(
            min=0.01, help="Metres a second of a camera that moves as usual: a video does not tell."
        ),
    ] = 3.0,
    source_fps: Annotated[
        float | None,
        typer.Option(min=1, max=1000, help="Pictures a second of videos whose time stamps are wrong."),
    ] = None,
    min_size: Annotated[str, typer.Option(help="Smaller videos are refused.")] = "320x180",
    min_seconds: Annotated[float, typer.Option(min=0.1, help="Shorter shots are refused.")] = 2.0,
    max_seconds: Annotated[float, typer.Option(min=1, help="Longer shots become several episodes.")] = 60.0,
    min_motion: Annotated[
        float, typer.Option(min=0, help="Least motion of a shot, in shares of the width a second.")
    ] = 0.01,
    brightness: Annotated[
        str, typer.Option(help="Least and most mean brightness of a shot, 0 to 255.")
    ] = "12-243",
    min_contrast: Annotated[
        float, typer.Option(min=0, help="Least deviation of the brightness, 0 to 255.")
    ] = 6.0,
    max_text: Annotated[
        float, typer.Option(min=0, max=1, help="Most of a picture that may be writing.")
    ] = 0.08,
    max_repeats: Annotated[
        float, typer.Option(min=0, max=1, help="Most of a shot's pictures that may repeat the one before.")
    ] = 0.35,
    min_posed: Annotated[
        float, typer.Option(min=0, max=1, help="Least share of a shot's estimated poses that can be trusted.")
    ] = 0.5,
    name: Annotated[str | None, typer.Option(help="Name of the data set; left out, the folder's.")] = None,
    licence: LicenceOption = "unknown",
    split: SplitOption = Split.train,
    as_json: JsonFlag = False,
) -> None:
    """Import videos: shots are found, unfit ones refused with the reason, the rest become episodes."""
    require_extra("capture", *IMPORT_MODULES)
    from dreamport_tools.importing.filters import Limits
    from dreamport_tools.importing.video import VideoSettings, videos

    width, height = _size("--size", size)
    least_width, least_height = _size("--min-size", min_size)
    darkest, brightest = _range("--brightness", brightness)
    settings = VideoSettings(
        name=name or out.resolve().name,
        licence=licence,
        rate=fps,
        size=(width, height),
        fov_deg=fov,
        poses=poses.value,
        speed=speed,
        longest=max_seconds,
        source_rate=source_fps,
        limits=Limits(
            least_width=least_width,
            least_height=least_height,
            least_seconds=min_seconds,
            least_motion=min_motion,
            darkest=darkest,
            brightest=brightest,
            least_contrast=min_contrast,
            most_text=max_text,
            most_repeated=max_repeats,
            least_posed=min_posed,
        ),
    )
    _import(out, settings.info(), videos(sources, settings), split, as_json)


@import_.command()
def lerobot(
    source: Annotated[Path, typer.Argument(help="Folder of a LeRobot data set (layouts v2.0, v2.1, v3.0).")],
    out: OutOption,
    camera: Annotated[
        str | None, typer.Option(help="Feature whose pictures are taken; left out, the first.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Frame size: WIDTHxHEIGHT; left out, the camera's.")
    ] = None,
    fov: Annotated[
        float, typer.Option(min=10, max=170, help="Degrees a picture shows from left to right.")
    ] = 60.0,
    pose: Annotated[
        str | None,
        typer.Option(help="Feature with camera-to-world poses: 16, 12 or 7 numbers, OpenCV's axes, metres."),
    ] = None,
    button: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FEATURE[COLUMN]>LIMIT, once a button; left out, actions that are 0 or 1."),
    ] = None,
    yaw: Annotated[
        str | None, typer.Option(help="FEATURE[COLUMN]*SCALE in degrees a frame, right positive.")
    ] = None,
    pitch: Annotated[
        str | None, typer.Option(help="FEATURE[COLUMN]*SCALE in degrees a frame, down positive.")
    ] = None,
    action_of: Annotated[
        ActionOf,
        typer.Option(help="Whether an action leads to the next frame, as in LeRobot, or led to the same."),
    ] = ActionOf.next,
    name: Annotated[str | None, typer.Option(help="Name of the data set; left out, the folder's.")] = None,
    licence: LicenceOption = "unknown",
    split: SplitOption = Split.train,
    as_json: JsonFlag = False,
) -> None:
    """Import a LeRobot data set: actions move to the frame they led to."""
    require_extra("capture", *IMPORT_MODULES)
    from dreamport_tools.importing.lerobot import LeRobotImport

    whole = LeRobotImport(
        source,
        name=name or out.resolve().name,
        licence=licence,
        camera=camera,
        size=None if size is None else _size("--size", size),
        fov_deg=fov,
        action_of=action_of.value,
        pose=pose,
        buttons=button,
        yaw=yaw,
        pitch=pitch,
    )
    if not as_json and whole.controls.unused:
        left = ", ".join(whole.controls.unused)
        console().print(f"no control here, left out: {left} (--button, --yaw, --pitch)", markup=False)
    _import(out, whole.info(), whole.items(), split, as_json)


@import_.command()
def lingbot(
    sources: Annotated[
        list[Path], typer.Argument(help="Folders of clips: poses.npy, intrinsics.npy, a video ...")
    ],
    out: OutOption,
    fps: Annotated[float, typer.Option(min=1, max=240, help="Frames a second of the clips.")] = 16.0,
    size: Annotated[
        str, typer.Option(help="Frame size: WIDTHxHEIGHT; pictures are scaled, then cropped.")
    ] = "832x480",
    keys: Annotated[
        ActionOf,
        typer.Option(help="Whether keys lead to the next pose, as in LingBot-World, or led to the same."),
    ] = ActionOf.next,
    name: Annotated[str | None, typer.Option(help="Name of the data set; left out, the folder's.")] = None,
    licence: LicenceOption = "unknown",
    split: SplitOption = Split.train,
    as_json: JsonFlag = False,
) -> None:
    """Import LingBot-World clips: poses stay with their frame, keys move to the frame they led to."""
    require_extra("capture", *IMPORT_MODULES)
    from dreamport_tools.importing.lingbot import LingbotSettings, clips

    settings = LingbotSettings(
        name=name or out.resolve().name,
        licence=licence,
        rate=fps,
        size=_size("--size", size),
        keys=keys.value,
    )
    _import(out, settings.info(), clips(sources, settings), split, as_json)


def _import(out: Path, info: DatasetInfo, items: Sequence[Item], split: Split, as_json: bool) -> None:
    """Import and report. Leaves with an error code when something that should have been imported was not."""
    from dreamport_tools.importing.desk import import_items

    with progress_bars(quiet=as_json) as told:
        reports = import_items(out, info, items, split=split.value, progress=told)
    if as_json:
        print_json(_as_json(out, reports))
    else:
        _print(out, reports)
    if any(report.failed for report in reports):
        raise typer.Exit(EXIT_CODE)


def _as_json(out: Path, reports: Sequence[ItemReport]) -> dict[str, object]:
    return {
        "path": str(out),
        "items": [
            {
                "item": report.item,
                "error": report.error,
                "notes": list(report.notes),
                "imported_before": report.before,
                "parts": [
                    {
                        "part": each.part,
                        "episode": each.episode,
                        "reasons": list(each.reasons),
                        "failed": each.failed,
                    }
                    for each in report.outcomes
                ],
            }
            for report in reports
        ],
    }


def _print(out: Path, reports: Sequence[ItemReport]) -> None:
    rows = [
        (
            report.item,
            each.part,
            "refused" if each.episode is None else each.episode,
            "; ".join(each.reasons) or None,
        )
        for report in reports
        for each in report.outcomes
    ]
    if rows:
        print_table(("item", "part", "episode", "why not"), rows)
    for report in reports:
        for note in report.notes:
            console().print(note, markup=False)
        if report.error is not None:
            console(stderr=True).print(f"left out: {report.error}", style="red", markup=False)
    taken = sum(each.episode is not None for report in reports for each in report.outcomes)
    refused = sum(each.episode is None and not each.failed for report in reports for each in report.outcomes)
    failed = sum(report.failed for report in reports)
    console().print(f"{out}: {taken} parts are episodes, {refused} were refused, {failed} items failed")


def _size(option: str, text: str) -> tuple[int, int]:
    """``WIDTHxHEIGHT``. Raises ``DatasetError`` for anything else."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and 0 < int(part) <= 8192 for part in parts):
        raise DatasetError(f"{option} {text} is no size; write it as 320x192, 8192x8192 at most")
    return int(parts[0]), int(parts[1])


def _range(option: str, text: str) -> tuple[float, float]:
    """``LEAST-MOST``. Raises ``DatasetError`` for anything else."""
    least, _, most = text.partition("-")
    try:
        found = float(least), float(most)
    except ValueError:
        found = (1.0, 0.0)
    if not found[0] < found[1]:
        raise DatasetError(f"{option} {text} is no range; write it as 12-243")
    return found
