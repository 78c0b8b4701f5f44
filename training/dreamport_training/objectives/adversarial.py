"""Losses of an adversarial head; logits above 0 say real."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """``softplus(-D(real)) + softplus(D(fake))``, the logistic loss (arXiv 1406.2661, eq. 1); like the
    logits."""
    return F.softplus(-real) + F.softplus(fake)


def generator_loss(fake: Tensor) -> Tensor:
    """``softplus(-D(fake))``, the non-saturating loss (arXiv 1406.2661, section 3); like the logits."""
    return F.softplus(-fake)


def smoothness_loss(real: Tensor, real_nearby: Tensor) -> Tensor:
    """``(D(x) - D(x + e))^2`` for a little noise ``e``: R1 without second derivatives (arXiv 2501.08316, eq.
    4); like the logits."""
    return (real - real_nearby).square()
