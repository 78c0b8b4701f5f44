"""``dreamport capture desktop``: the command line of the desktop recorder."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreamport.cli.extras import require_extra
from dreamport.cli.output import console, print_json
from dreamport.errors import DesktopCaptureError

if TYPE_CHECKING:
    from dreamport_tools.desktop.quality import Quality
    from dreamport_tools.desktop.recorder import Summary

# On Linux input comes from the X server itself; pynput is for who asks for it.
MODULES = ("mss", "pyarrow", "av", "cv2", "Xlib" if sys.platform.startswith("linux") else "pynput")
ASSUMED_LOOK_SCALE = 0.05
"""Degrees a count of the mouse, where nobody measured it: what many games do at their middle sensitivity."""
REFRESH_S = 0.25
LINE_S = 5.0
"""How often the state is printed where there is no terminal to show it on."""


class Source(StrEnum):
    """What gives the input."""

    auto = "auto"
    xinput2 = "xinput2"
    pynput = "pynput"


class Split(StrEnum):
    """What an episode may be used for."""

    train = "train"
    heldout = "heldout"


def desktop(
    out: Annotated[Path, typer.Argument(help="Folder of the data set; one that is there is continued.")],
    window: Annotated[
        str, typer.Option(help="Part of the game window's title; left out, the window that has the keyboard.")
    ] = "",
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 30.0,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the pictures; left out, the window's.")] = "",
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="End so long after the first frame; left out, Ctrl+C ends.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the start hot key.")] = False,
    buttons: Annotated[
        str, typer.Option(help="NAME=KEY,KEY ...: an episode's buttons; keys as in KeyboardEvent.code.")
    ] = "",
    hot_keys: Annotated[
        str,
        typer.Option("--hotkeys", help="start=, stop=, mark= and delete= with keys such as ctrl+shift+F9."),
    ] = "",
    delete_minutes: Annotated[float, typer.Option(help="What the delete hot key deletes.")] = 1.0,
    episode_minutes: Annotated[
        float, typer.Option(help="A longer recording goes on in another episode.")
    ] = 10.0,
    quality: Annotated[int, typer.Option(help="Of the pictures' JPEG, 1 to 100.")] = 90,
    look_scale: Annotated[
        float | None,
        typer.Option(help="Degrees that one count of the mouse turns the view, as measured in the game."),
    ] = None,
    view_deg: Annotated[float, typer.Option(help="The camera's horizontal field of view.")] = 90.0,
    source: Annotated[Source, typer.Option("--input", help="What gives the input.")] = Source.auto,
    licence: Annotated[
        str, typer.Option(help="Of the pictures; it goes into what is trained on them.")
    ] = "unknown",
    split: Annotated[Split, typer.Option(help="What the episodes may be used for.")] = Split.train,
    map_name: Annotated[str, typer.Option("--map", help="The level that is played.")] = "",
    player: Annotated[str, typer.Option(help="Who plays; left out, nobody is named.")] = "",
    consent: Annotated[
        bool, typer.Option("--consent", help="You agree to what is recorded; asked once.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end.")] = False,
) -> None:
    """Record any game's window with the keys and mouse you play it with.

    Recorded while that window has the keyboard, and only then: what it shows, every key and mouse button, and
    how the mouse moves. Text fields that the system reports are blacked out. Nothing leaves the folder.

    Hot keys, unless you choose others: ctrl+shift+F9 start, F10 stop, F11 mark, F12 delete the last minute.
    """
    require_extra("capture", *MODULES)
    from dreamport_tools.desktop import bindings
    from dreamport_tools.desktop.grid import MonotonicClock
    from dreamport_tools.desktop.run import check, record_desktop
    from dreamport_tools.desktop.settings import DesktopSettings

    settings = DesktopSettings(
        out=out.resolve(),
        window=window,
        fps=fps,
        size=_size(size),
        buttons=buttons or bindings.DEFAULT,
        hot_keys=hot_keys,
        input=source.value,
        licence=licence,
        split=split.value,
        map_name=map_name,
        player=player,
        deg_per_count=ASSUMED_LOOK_SCALE if look_scale is None else look_scale,
        assumed=look_scale is None,
        view_deg=view_deg,
        quality=quality,
        episode_minutes=episode_minutes,
        delete_minutes=delete_minutes,
        wait=wait,
        seconds=seconds,
    )
    check(settings)
    _agree(consent)
    with _stopping() as stop, _showing(quiet=as_json) as (tell, say):
        summary = record_desktop(
            settings, clock=MonotonicClock(), wall=lambda: datetime.now(UTC), stop=stop, tell=tell, say=say
        )
    _report(summary, as_json)


def _size(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise DesktopCaptureError(f"--size {text!r} is not WIDTHxHEIGHT, for example 1280x720")
    return int(width), int(height)


def _agree(given: bool) -> None:
    import platformdirs

    from dreamport_tools.desktop.consent import ask_once

    def ask(text: str) -> bool:
        console(stderr=True).print(text, markup=False)
        return typer.confirm("Do you agree?", err=True)

    remembered = Path(platformdirs.user_config_dir("dreamport")) / "capture-consent.json"
    ask_once(remembered, given=given, ask=ask if sys.stdin.isatty() else None, now=lambda: datetime.now(UTC))


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that Ctrl+C, and whoever ends this process gently, sets."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _showing(quiet: bool) -> Iterator[tuple[Callable[[Quality], None], Callable[[str], None]]]:
    """Shows the state of the recording: one live line on a terminal, else a line now and then."""
    from rich.live import Live
    from rich.text import Text

    screen = console(stderr=True)
    if quiet:
        yield (lambda _quality: None), (lambda _text: None)
        return

    def say(text: str) -> None:
        screen.print(text, markup=False)

    if screen.is_terminal:
        with Live(console=screen, auto_refresh=False) as live:
            seen = 0.0

            def show(quality: Quality) -> None:
                nonlocal seen
                if time.monotonic() - seen >= REFRESH_S:
                    seen = time.monotonic()
                    live.update(Text(quality.line()), refresh=True)

            yield show, say
        return
    state, printed = "", 0.0

    def tell(quality: Quality) -> None:
        nonlocal state, printed
        if quality.state != state or time.monotonic() - printed >= LINE_S:
            state, printed = quality.state, time.monotonic()
            say(quality.line())

    yield tell, say


def _report(summary: Summary, as_json: bool) -> None:
    quality = summary.quality
    if as_json:
        print_json(
            {
                "path": str(summary.out),
                "episodes": summary.episodes,
                "frames": quality.frames,
                "seconds": round(quality.recorded_ns / 1e9, 2),
                "dropped": quality.dropped,
                "inputs": quality.inputs,
                "marks": quality.marks,
                "deletions": quality.deleted,
                "redacted": quality.redacted,
                "repairs": quality.repairs,
                "idle_seconds": round(quality.idle_ns / 1e9, 2),
                "backends": summary.backends,
            }
        )
        return
    console().print(
        f"{summary.out}: episodes {', '.join(map(str, summary.episodes)) or 'none'}; "
        f"{quality.frames} frames, {quality.dropped} dropped, {quality.inputs} inputs"
    )
