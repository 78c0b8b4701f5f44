"""How the commands print: people get tables, scripts get one JSON document on standard output."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dreamport.errors import DreamportError

if TYPE_CHECKING:
    from rich.console import Console

EXIT_CODE = 2


def console(stderr: bool = False) -> Console:
    """A Rich console; long lines are not wrapped when the output is not a terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


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


def print_error(error: DreamportError) -> None:
    """The error as one line on standard error."""
    text = " ".join(str(error).split())
    console(stderr=True).print(f"dreamport: {text}", style="red", markup=False)
