"""What a step draws: clips, noise levels and noise for the whole batch, then this process's rows of them."""

from __future__ import annotations

import torch
from torch import Tensor

from dreamport_training.data.latents import Clips, LatentClips
from dreamport_training.loop import Step
from dreamport_training.run import Run


class Draws:
    """Draws of a stage whose global batch is ``batch``; any number of processes sees what one would."""

    def __init__(self, run: Run, batch: int) -> None:
        self.batch = batch
        self.rows = run.parallel.rows(batch)
        self.device = run.device

    def clips(self, source: LatentClips, step: Step) -> Clips:
        """This process's clips of a step."""
        return source.batch(self.batch, step.rng, self.device, self.rows)

    def own(self, values: Tensor) -> Tensor:
        """This process's rows of ``values [batch, ...]``, on its device."""
        return values[self.rows].to(self.device)

    def noise(self, shape: tuple[int, ...], step: Step) -> Tensor:
        """Standard normal numbers ``[own rows, *shape]``."""
        return self.own(torch.randn((self.batch, *shape), generator=step.generator))


def mean_where(values: Tensor, mask: Tensor) -> float:
    """Mean of the values that the mask chooses, for a metric; NaN when it chooses none."""
    return float(values.detach()[mask].mean()) if bool(mask.any()) else float("nan")
