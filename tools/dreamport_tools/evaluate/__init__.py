"""How good a world is, measured on held-out recordings of real play."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

from dreamport import __version__
from dreamport.errors import DatasetError
from dreamport.executors.base import Executor
from dreamport.worlds import WorldPack
from dreamport_tools.evaluate.card import card_markdown
from dreamport_tools.evaluate.evaluation import Progress, Results, Subject, measure, write
from dreamport_tools.evaluate.extras import require
from dreamport_tools.evaluate.heldout import record_heldout
from dreamport_tools.evaluate.plan import Plan
from dreamport_tools.evaluate.recording import RememberedRecording, resolve_data
from dreamport_tools.evaluate.strips import contact_sheet
from dreamport_tools.evaluate.walls import walls_of_data

__all__ = [
    "Plan",
    "Progress",
    "Results",
    "Subject",
    "card_markdown",
    "contact_sheet",
    "evaluate",
    "measure",
    "record_heldout",
    "write",
]


REMEMBERED_PICTURES = 1500
"""Decoded pictures kept over all episodes: 280 MB at 320x192."""


def evaluate(
    pack: WorldPack,
    executor: Executor,
    data: str | Path | None,
    *,
    seed: int,
    quick: bool = False,
    progress: Progress | None = None,
    out: Path | None = None,
    plan: Plan | None = None,
) -> Results:
    """Measure a world on the held-out episodes of a data set.

    ``data``: its folder; ``None`` takes the small set of the checkout. ``quick`` takes minutes and leaves out
    what needs a minute of play (null in the results); ``plan`` sets every count by itself. ``out``: a folder
    for ``results.json``, ``report.html`` and ``contact_sheet.jpg``. The results are plain JSON. A second is a
    second of the recordings, whatever the rate at which the world is played.

    Raises ``DatasetError`` when there are no episodes that fit this world, ``MissingExtraError`` when a
    library is missing.
    """
    for module in ("pyarrow", "av", "cv2"):
        require(module, "Evaluation", "capture")
    from dreamport.episodes.dataset import Dataset  # noqa: PLC0415 - needs the extra
    from dreamport_tools.evaluate.pack_world import PackWorld, check_fits, depth_of  # noqa: PLC0415

    depth_of(pack)
    dataset = Dataset(resolve_data(data))
    check_fits(pack, dataset.info)
    episodes = dataset.episodes("heldout")
    if not episodes:
        raise DatasetError(f"{dataset.path} has no held-out episodes; record some with the split heldout")
    remembered = [RememberedRecording(episode, REMEMBERED_PICTURES // len(episodes)) for episode in episodes]
    manifest = pack.manifest
    world = PackWorld(pack, executor)
    subject = Subject(
        world=world,
        motion=world.motion,
        frame_rate=dataset.info.frame_rate,
        button_names=tuple(button.name for button in manifest.controls.buttons),
        max_look_deg=manifest.controls.look.max_deg_per_frame,
        max_depth_m=depth_of(pack).max_m,
        facts={
            "world": manifest.name,
            "pack_digest": pack.digest,
            "data": dataset.info.name,
            "lossless": dataset.info.lossless,
            "recorded_fps": dataset.info.frame_rate,
            "played_fps": manifest.frame_rate,
            "executor": executor.name,
            "device": executor.device,
            "precision": executor.precision,
            "threads": executor.threads,
            "fallback_reason": executor.fallback_reason,
            "dreamport": __version__,
            "python": platform.python_version(),
        },
    )
    chosen = plan or (Plan.quick() if quick else Plan())
    chosen = replace(chosen, prime=manifest.cache.frames)
    walls = walls_of_data(dataset.path, str(dataset.info.source.get("map")))
    results, evidence = measure(subject, remembered, walls, chosen, seed=seed, progress=progress)
    if out is not None:
        write(results, evidence, out)
    return results
