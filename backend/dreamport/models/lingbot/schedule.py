"""Steps of the denoiser on tensors: flow matching (arXiv 2210.02747) with fresh noise between steps.

A world's noise levels are in its manifest; between two of them the clean latent is predicted and noised
again.
"""

from __future__ import annotations

from torch import Tensor

TIMESTEPS = 1000.0
"""What a noise level is multiplied by before the network sees it."""


def denoised(noisy: Tensor, velocity: Tensor, sigma: float) -> Tensor:
    """The clean latent that ``velocity`` points at from ``noisy`` at noise level ``sigma``, in float32."""
    return noisy.float() - sigma * velocity.float()


def add_noise(clean: Tensor, fresh: Tensor, sigma: float) -> Tensor:
    """``clean`` at noise level ``sigma``, with standard normal ``fresh`` noise, in float32."""
    return (1.0 - sigma) * clean.float() + sigma * fresh.float()
