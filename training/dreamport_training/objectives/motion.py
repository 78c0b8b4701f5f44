"""Loss of the motion head."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def motion_loss(state: Tensor, true_state: Tensor) -> Tensor:
    """Absolute error of position and velocity of ``[B, 9]`` states, in decimetres; a scalar (smooth L1, arXiv
    1504.08083, eq. 3).

    Absolute, not squared: open floor is exact, walls are not, and neither may spoil the other. Below a
    millimetre it is rounded off.
    """
    place = F.smooth_l1_loss(state[:, :3] * 10.0, true_state[:, :3] * 10.0, beta=0.01)
    speed = F.smooth_l1_loss(state[:, 6:] * 10.0, true_state[:, 6:] * 10.0, beta=0.01)
    return place + 0.5 * speed
