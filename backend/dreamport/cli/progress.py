"""Progress bars for long work: phase, share done, time left. They go to standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from dreamport.cli.output import console


class Told(Protocol):
    """Is told how much of a part is done, out of how much."""

    def __call__(self, part: str, done: int, total: int) -> None: ...


@contextmanager
def progress_bars(quiet: bool = False) -> Iterator[Told]:
    """Gives what is to be told of progress; every part gets a bar of its own."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), disable=quiet) as bars:
        tasks = {}

        def told(part: str, done: int, total: int) -> None:
            if part not in tasks:
                tasks[part] = bars.add_task(part, total=total)
            bars.update(tasks[part], completed=done, total=total)

        yield told
