"""How good a finished world is, measured on held-out episodes of its own data, for its manifest and card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dreamport.episodes.dataset import Dataset
from dreamport.errors import DreamportError, TrainingStopped
from dreamport.executors import open_executor
from dreamport.worlds.manifest import WorldManifest
from dreamport.worlds.pack import WorldPack
from dreamport_training.ladder import Mark

EFFORTS = ("none", "brief", "quick", "full")
"""How much is measured: nothing; under a minute; minutes, as ``dreamport evaluate --quick``; all of it."""
PICTURES = ("contact_sheet.jpg",)


@dataclass(frozen=True)
class Quality:
    """``results``: of ``dreamport evaluate``, or why there are none. ``files``: for the pack, by name."""

    results: dict[str, Any] | None
    reason: str = ""
    files: dict[str, bytes] = field(default_factory=dict)


def measure_world(
    pack: WorldPack, data: Path, effort: str, folder: Path, seed: int, tell: Callable[[str], None]
) -> Quality:
    """Play the held-out episodes of ``data`` in the world. Results and pictures are left in ``folder``. What
    cannot be measured becomes a reason, never an error: the world is made."""
    if effort == "none":
        return Quality(None, "it was not asked for")
    if not any(row["split"] == "heldout" for row in Dataset(data).rows()):
        return Quality(None, "the data has no held-out episodes (dreamport data split makes some)")
    from dreamport_tools.evaluate import Plan, evaluate  # noqa: PLC0415 - tools need more than training

    plans = {
        "brief": Plan(
            long_windows=0, short_windows=1, long_rollouts=0, revisits=0, revisit_seconds=(10,),
            motion_windows=4, motion_seconds=(1,), counterfactual_trials=2,
        ),
        "quick": Plan.quick(),
        "full": Plan(),
    }  # fmt: skip
    tell(f"measuring on held-out episodes ({effort})")
    try:
        executor = open_executor(pack)
        try:
            results = evaluate(pack, executor, data, seed=seed, plan=plans[effort], out=folder)
        finally:
            executor.close()
    except TrainingStopped:
        raise
    except DreamportError as error:
        return Quality(None, str(error))
    files = {name: (folder / name).read_bytes() for name in PICTURES if (folder / name).is_file()}
    return Quality(results, "", files)


def card_of(manifest: WorldManifest, quality: Quality, marks: dict[str, Mark]) -> str:
    """``card.md``: what the world is, what it was made from and by which stages, and how good it is."""
    if quality.results is not None:
        from dreamport_tools.evaluate import card_markdown  # noqa: PLC0415

        card = card_markdown(quality.results, manifest)
        if not quality.files:
            card = "\n".join(line for line in card.splitlines() if "contact_sheet" not in line)
    else:
        p = manifest.provenance
        buttons = ", ".join(b.label for b in manifest.controls.buttons) or "none"
        size = f"{manifest.frame.width} x {manifest.frame.height}"
        card = "\n".join(
            (
                f"# {manifest.title}",
                "",
                manifest.description,
                "",
                "| | |",
                "|---|---|",
                f"| licence | {manifest.licence} |",
                f"| data | {p.data} ({p.licence}) |",
                f"| trained on | {p.trained_on} |",
                f"| frame | {size}, {manifest.frame_rate:g} a second |",
                f"| controls | {buttons} |",
                "",
                "## Measured",
                "",
                f"Nothing: {quality.reason}.",
                "",
                p.notes,
                "",
            )
        )
    rows = [
        f"| {name} | {f'{mark.seconds:.0f} s' if mark.state == 'done' else f'skipped: {mark.reason}'} |"
        for name, mark in marks.items()
    ]
    return card.rstrip() + "\n\n## Made by\n\n| stage | |\n|---|---|\n" + "\n".join(rows) + "\n"
