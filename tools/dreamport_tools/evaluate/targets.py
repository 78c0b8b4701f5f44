"""What a world should reach, beside what it reached: the table of the report and of the world card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

TEACHER_FORCED_DB = 26.0
GAIN_DB = {"1": 5.0, "16": 3.0}
COUNTERFACTUAL = 0.95
DRIFT = 0.30
FREEZE = 0.05


@dataclass(frozen=True)
class Target:
    """One line: what is wanted, what was reached, and whether that is enough (``None``: not measured)."""

    name: str
    wanted: str
    reached: str
    met: bool | None


def targets(results: dict[str, Any]) -> list[Target]:
    """Every target with what ``results`` says of it."""
    lines: list[Target] = []
    teacher = [v for v in results["psnr_teacher_forced"].values() if v is not None]
    mean = float(np.mean(teacher)) if teacher else None
    lines.append(_at_least("Teacher-forced PSNR, mean of the horizons", mean, TEACHER_FORCED_DB, "dB"))
    for horizon, gain in GAIN_DB.items():
        free, copy = results["psnr_free_running"].get(horizon), results["psnr_copy_last"].get(horizon)
        reached = None if free is None or copy is None else free - copy
        lines.append(_at_least(f"Free-running PSNR above copy-last at frame {horizon}", reached, gain, "dB"))
    correct = results["counterfactual_correct"]
    wanted = f"{COUNTERFACTUAL:.0%} or more"
    lines.append(
        Target(
            "Counterfactual signs right",
            wanted,
            _percent(correct),
            None if correct is None else correct >= COUNTERFACTUAL,
        )
    )
    drift = results["drift"]
    for moment, title in (("frame_16", "frame 16"), ("frame_64", "frame 64"), ("second_60", "second 60")):
        for statistic in ("sharpness", "contrast", "saturation"):
            ratio = drift[moment][f"{statistic}_ratio"]
            lines.append(
                Target(
                    f"{statistic.capitalize()} at {title}, of real play",
                    f"{1 - DRIFT:.2f} to {1 + DRIFT:.2f}",
                    "not measured" if ratio is None else f"{ratio:.2f}",
                    None if ratio is None else abs(ratio - 1) <= DRIFT,
                )
            )
    freeze = drift["freeze_rate"]
    lines.append(
        Target(
            "Freeze rate",
            f"under {FREEZE:.0%}",
            _percent(freeze),
            None if freeze is None else freeze < FREEZE,
        )
    )
    return lines


def _at_least(name: str, reached: float | None, wanted: float, unit: str) -> Target:
    if reached is None:
        return Target(name, f"{wanted:g} {unit} or more", "not measured", None)
    return Target(name, f"{wanted:g} {unit} or more", f"{reached:.1f} {unit}", reached >= wanted)


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{share:.1%}"
