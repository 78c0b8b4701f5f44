"""How the commands print: people get tables, scripts get one JSON document on standard output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dreamport.errors import DreamportError

if TYPE_CHECKING:
    from rich.console import Console

EXIT_CODE = 2
PIPE_WIDTH = 240


def console(stderr: bool = False) -> Console:
    """A Rich console that does not wrap long lines; a pipe or file is taken to be wide."""
    from rich.console import Console

    screen = (sys.stderr if stderr else sys.stdout).isatty() or "COLUMNS" in os.environ
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=None if screen else PIPE_WIDTH)


def print_json(value: object) -> None:
    """One indented JSON document on standard output, nothing else."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A plain table with one header line; ``None`` shows as a dash. Cells are text, never markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("-" if cell is None else str(cell)) for cell in row))
    console().print(table)


def size_in_words(size: int) -> str:
    """Bytes for a person, in units of powers of ten: ``37.1 GB``."""
    return f"{size / 1e9:.1f} GB" if size >= 10**9 else f"{size / 1e6:.1f} MB"


def print_error(error: DreamportError) -> None:
    """The error as one line on standard error."""
    text = " ".join(str(error).split())
    console(stderr=True).print(f"dreamport: {text}", style="red", markup=False)
