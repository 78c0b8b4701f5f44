"""``dreamport import video``: shots of videos become episodes, with estimated poses and controls or
without.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from dreamport.episodes.layout import DatasetInfo
from dreamport.episodes.writer import EpisodeWriter, RecordedFrame
from dreamport.errors import DatasetError
from dreamport_tools.importing.desk import Part, Progress, digest_of
from dreamport_tools.importing.film import Film, rate_note
from dreamport_tools.importing.filters import Limits, Shot, shots
from dreamport_tools.importing.fitting import Fit, camera_of_view
from dreamport_tools.importing.pseudo_poses import PosedRun, estimate
from dreamport_tools.importing.steering import BUTTONS
from dreamport_tools.importing.survey import survey
from dreamport_tools.importing.tracks import grey_of

SUFFIXES = (".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".flv", ".wmv")
POSE_WIDTH = 480
"""Pictures are this wide, at most, when poses are estimated."""
SLOW = 0.9


@dataclass(frozen=True)
class VideoSettings:
    """What all videos of an import share. ``rate`` frames a second and ``size`` (width, height) of the data
    set; ``fov_deg`` of the videos, from left to right, whole; ``poses``: ``pseudo`` estimates them,
    ``none`` does not; ``speed`` metres a second of a camera that moves as usual; ``longest`` seconds of an
    episode; ``source_rate`` pictures a second of videos whose time stamps are wrong.
    """

    name: str
    licence: str
    rate: float = 20.0
    size: tuple[int, int] = (320, 192)
    fov_deg: float = 90.0
    poses: Literal["pseudo", "none"] = "pseudo"
    speed: float = 3.0
    longest: float = 60.0
    source_rate: float | None = None
    look_max_deg: float = 30.0
    limits: Limits = field(default_factory=Limits)

    def info(self) -> DatasetInfo:
        """Of the data set."""
        posed = self.poses == "pseudo"
        return DatasetInfo(
            name=self.name,
            licence=self.licence,
            frame_rate=self.rate,
            width=self.size[0],
            height=self.size[1],
            intrinsics=camera_of_view(*self.size, self.fov_deg),
            buttons=BUTTONS if posed else (),
            look_max_deg=self.look_max_deg,
            source={
                "engine": "video",
                "controls": "inferred from the estimated poses" if posed else "unknown",
                "fov_deg": self.fov_deg,
                "fov": "assumed, not measured",
                "scale": f"unknown; the usual speed is taken to be {self.speed:g} m/s" if posed else "none",
            },
            depth="none",
            pose=self.poses,
        )


class Video:
    """A video file as an item."""

    def __init__(self, path: Path, settings: VideoSettings) -> None:
        self.path, self.name, self._settings = path, str(path), settings
        self.limits = repr(settings.limits)
        self._notes: list[str] = []

    def digest(self) -> str:
        """Of the file."""
        return digest_of(self.path)

    def notes(self) -> list[str]:
        """What is wrong with it, and what was made of that."""
        return list(self._notes)

    def parts(self, told: Progress) -> Iterator[Part]:
        """A part for every shot, or for every stretch of it over which poses hang together."""
        settings, limits = self._settings, self._settings.limits
        if self.path.stat().st_size == 0:
            raise DatasetError(f"{self.path.name} is empty; copy or record it again")
        film = Film(self.path, settings.source_rate)
        facts = film.facts
        total = max(1, round(facts.said_seconds * settings.rate))
        seen = survey(film, settings.rate, lambda done: told(self.path.name, min(done, total), total))
        note = None if settings.source_rate else rate_note(self.path.name, facts.said_rate, seen.rate)
        self._notes += [text for text in (note, film.problem) if text]
        if len(seen.moment) < 2:
            raise DatasetError(f"{self.path.name} has fewer than two pictures; leave it out")
        if seen.rate < SLOW * settings.rate:
            raise DatasetError(
                f"{self.path.name} has {seen.rate:.3g} pictures a second, {settings.rate:g} are "
                "wanted; import it with "
                f"--fps {max(1, int(seen.rate + 0.05))} into a data set of its own"
            )
        sizes = {(int(w), int(h)) for w, h in zip(seen.width, seen.height, strict=True)}
        if len(sizes) > 1:
            told_sizes = ", ".join(f"{w}x{h}" for w, h in sorted(sizes))
            self._notes.append(
                f"{self.path.name} changes its size ({told_sizes}): cut there, every piece is scaled to "
                f"{settings.size[0]}x{settings.size[1]}"
            )
        for shot in shots(seen, settings.rate, round(settings.longest * settings.rate)):
            reasons = shot.reasons(limits, settings.rate)
            if reasons:
                yield Part(self._span(shot.start, shot.end), _nothing, reasons)
            elif settings.poses == "none":
                yield self._part(film, shot, None)
            else:
                yield from self._posed(film, shot)

    def _posed(self, film: Film, shot: Shot) -> Iterator[Part]:
        settings = self._settings
        width = min(POSE_WIDTH, shot.width)
        height = max(2, round(width * shot.height / shot.width))
        pictures = [
            grey_of(shown.rgb(width, height))
            for _, shown in film.on_grid(settings.rate, shot.start, shot.end)
        ]
        runs = estimate(
            pictures, camera_of_view(width, height, settings.fov_deg), settings.speed / settings.rate
        )
        least = settings.limits.least_seconds * settings.rate
        for run in runs:
            part = self._part(film, shot, run)
            if run.end - run.start < least:
                seconds = (run.end - run.start) / settings.rate
                reason = (
                    f"poses could be followed for {seconds:.1f} s only, "
                    f"{settings.limits.least_seconds:g} s are the least"
                )
                yield Part(part.name, _nothing, (f"{reason} (--min-seconds, or --poses none)",))
            elif run.trusted < settings.limits.least_posed:
                reason = (
                    f"{run.trusted:.0%} of its poses can be trusted, "
                    f"{settings.limits.least_posed:.0%} is the least"
                )
                yield Part(part.name, _nothing, (f"{reason} (--min-posed, or --poses none)",))
            else:
                yield part
        if not runs:
            yield Part(
                self._span(shot.start, shot.end), _nothing, ("no poses could be estimated (--poses none)",)
            )

    def _part(self, film: Film, shot: Shot, run: PosedRun | None) -> Part:
        start, end = (shot.start, shot.end) if run is None else (shot.start + run.start, shot.start + run.end)
        tags = {
            "source_size": f"{shot.width}x{shot.height}",
            "brightness": f"{shot.brightness:.0f}",
            "motion_per_second": f"{shot.motion:.3f}",
            "text_share": f"{shot.text:.3f}",
        }
        if run is not None:
            tags["poses_trusted"] = f"{run.trusted:.2f}"
            tags["level"] = "from the motion" if run.level_known else "assumed: the first picture is level"
        return Part(self._span(start, end), partial(self._write, film, shot, run, start, end), tags=tags)

    def _write(
        self, film: Film, shot: Shot, run: PosedRun | None, start: int, end: int, writer: EpisodeWriter
    ) -> None:
        settings = self._settings
        fit = Fit((shot.width, shot.height), settings.size)
        camera = fit.camera(camera_of_view(shot.width, shot.height, settings.fov_deg))
        row = 0
        for row, (_, shown) in enumerate(film.on_grid(settings.rate, start, end)):
            first = row == 0
            look = (0.0, 0.0) if run is None else (float(run.look_deg[row, 0]), float(run.look_deg[row, 1]))
            writer.add(
                RecordedFrame(
                    fit.picture(shown),
                    pose=None if run is None else run.pose[row],
                    confidence=0.0 if run is None else float(run.confidence[row]),
                    buttons=None if first else 0 if run is None else int(run.buttons[row]),
                    look_deg=None if first else look,
                    intrinsics=camera,
                )
            )
        if row + 1 != end - start:
            raise DatasetError(f"{self.path.name} gave {row + 1} pictures where it gave {end - start} before")

    def _span(self, start: int, end: int) -> str:
        return f"{start / self._settings.rate:.2f}-{end / self._settings.rate:.2f} s"


def videos(sources: list[Path], settings: VideoSettings) -> list[Video]:
    """The videos named, and those in the folders named. Raises ``DatasetError`` for what is neither."""
    found: list[Path] = []
    for source in sources:
        if source.is_dir():
            inside = sorted(
                path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
            )
            if not inside:
                raise DatasetError(
                    f"{source} holds no video ({', '.join(SUFFIXES)}); give a video or another folder"
                )
            found += inside
        elif source.exists():
            found.append(source)
        else:
            raise DatasetError(f"{source} does not exist; give a video, or a folder of videos")
    return [Video(path, settings) for path in dict.fromkeys(found)]


def _nothing(writer: EpisodeWriter) -> None:
    """A part that is refused writes nothing."""
