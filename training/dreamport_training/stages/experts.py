"""The bidirectional teacher: one backbone, or two experts by noise level."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from dreamport.models.dit import CausalDiT
from dreamport_training.data.latents import Clips
from dreamport_training.objectives.consistency import noise_grid
from dreamport_training.objectives.flow import euler_step
from dreamport_training.rollout import Precision
from dreamport_training.run import Run


@dataclass(frozen=True)
class Experts:
    """``high`` knows noise levels from ``boundary`` up, ``low`` those below; one backbone is both.

    ``steered``: it has learned the controls (the control stage) and is given them.
    """

    high: CausalDiT
    low: CausalDiT
    boundary: float
    steered: bool = False

    @property
    def modules(self) -> dict[str, CausalDiT]:
        """The backbones by the ending of their names on disk."""
        return {"": self.high} if self.low is self.high else {"": self.high, "_low": self.low}

    def velocity(self, noisy: Tensor, sigma: Tensor, clips: Clips) -> Tensor:
        """``noisy [B, T, C, h, w]`` at ``sigma [B, T]``, whose largest is the clip's level -> velocity."""
        if self.low is self.high:
            return self._of(self.high, noisy, sigma, clips)
        # Both compute the whole batch, so that every process calls the same modules.
        upper = (sigma.amax(dim=1) >= self.boundary)[:, None, None, None, None]
        return torch.where(
            upper, self._of(self.high, noisy, sigma, clips), self._of(self.low, noisy, sigma, clips)
        )

    def _of(self, model: CausalDiT, noisy: Tensor, sigma: Tensor, clips: Clips) -> Tensor:
        return model.clip(
            noisy,
            sigma,
            clips.rays,
            clips.control,
            clips.reprojected,
            clips.prompt,
            attention="bidirectional",
            use_control=self.steered,
        )

    def sample(
        self,
        clips: Clips,
        noise: Tensor,
        steps: int,
        *,
        given: int = 1,
        shift: float = 1.0,
        precision: Precision = contextlib.nullcontext,
    ) -> Tensor:
        """Clips whose first ``given`` frames are as recorded and the others come from ``noise`` (like
        ``clips.latent``) by Euler steps of the flow; ``[B, T, C, h, w]``."""
        grid = noise_grid(steps, shift).to(noise.device)
        x = torch.cat([clips.latent[:, :given], noise[:, given:]], dim=1)
        unknown = (torch.arange(x.shape[1], device=x.device) >= given).to(x.dtype)[None]
        for high, low in itertools.pairwise(grid.tolist()):
            sigma, lower = (unknown.expand(len(x), -1) * level for level in (high, low))
            with precision():
                velocity = self.velocity(x, sigma, clips)
            x = euler_step(x, velocity.float(), sigma, lower)
        return x

    def save(self, run: Run, name: str) -> None:
        """Write the backbones as modules ``name`` and, of two experts, ``name_low``."""
        for ending, module in self.modules.items():
            run.save("denoise", module, module.config, f"{name}{ending}")


def load_experts(run: Run, name: str) -> Experts:
    """What :meth:`Experts.save` wrote under ``teacher`` or ``control``. Raises ``DatasetError``."""
    high = run.load("denoise", name)
    low = run.load("denoise", f"{name}_low") if run.config.teacher.experts == 2 else high
    assert isinstance(high, CausalDiT) and isinstance(low, CausalDiT)
    return Experts(high, low, run.config.teacher.boundary, steered=high.config.adapters)
