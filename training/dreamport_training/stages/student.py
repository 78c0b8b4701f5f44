"""The transformer that is played: the last rung's."""

from __future__ import annotations

from dreamport.errors import DatasetError
from dreamport.models.dit import CausalDiT
from dreamport_training.run import Run

RUNGS = ("dmd", "consistency", "causal")
"""Stages that make a played transformer, the last first; each saves it as ``denoise_STAGE``."""


def load_student(run: Run, before: str | None = None) -> CausalDiT:
    """The student of the last stage that is enabled and finished, or of the last one before stage ``before``.
    Raises ``DatasetError`` when there is none."""
    rungs = RUNGS if before not in RUNGS else RUNGS[RUNGS.index(before) + 1 :]
    for stage in rungs:
        if getattr(run.config, stage).enabled and run.module(f"denoise_{stage}").exists():
            module = run.load("denoise", f"denoise_{stage}")
            assert isinstance(module, CausalDiT)
            return module
    raise DatasetError(
        f"no stage has made a transformer to play yet; run one of {', '.join(reversed(rungs))}"
    )
