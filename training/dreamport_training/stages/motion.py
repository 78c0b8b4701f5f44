"""Motion head from recorded physics."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from dreamport.models.motion import MotionConfig, MotionHead
from numpy.typing import NDArray

from dreamport_training.objectives import motion_loss
from dreamport_training.runs import Stage


def read_physics(folder: Path, split: str) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """All shards of a split: states ``[N, 9]``, controls ``[N, A]`` (row t's control led to state t), episode ids ``[N]``."""
    raise NotImplementedError
