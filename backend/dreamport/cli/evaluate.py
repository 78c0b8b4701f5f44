"""``dreamport evaluate``: quality on held-out real play."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreamport.cli.extras import require_extra


def evaluate(
    world: Annotated[str, typer.Argument(help="Name in the catalogue, or a path.")] = "default",
) -> None:
    """Measure a world on held-out episodes with the true controls, and write a report."""
    raise NotImplementedError
