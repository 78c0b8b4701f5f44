"""Motion stage: the motion head from recorded physics, by rolling it out against the engine."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dreamport.errors import DatasetError
from dreamport.models.motion import MotionConfig, MotionHead
from dreamport_training.objectives.motion import motion_loss
from dreamport_training.runs import Stage


@dataclass(frozen=True)
class Physics:
    """``state [N, 9]``, ``control [N, A]`` (row t's control led to state t), ``episode [N]``: number of row
    t's episode."""

    state: NDArray[np.float32]
    control: NDArray[np.float32]
    episode: NDArray[np.int64]

    def starts(self, frames: int) -> NDArray[np.int64]:
        """Rows after which ``frames`` rows of the same episode follow."""
        i = np.arange(len(self.state) - frames)
        whole: NDArray[np.int64] = i[self.episode[i] == self.episode[i + frames]]
        return whole


def read_physics(folder: Path, buttons: int) -> Physics:
    """All ``motion-*.npz`` shards of a folder, as the recorder writes them."""
    shards = sorted(folder.glob("motion-*.npz"))
    if not shards:
        raise DatasetError(
            f"{folder} holds no motion-*.npz; record some with dreamport capture vizdoom --physics"
        )
    states, controls, firsts = [], [], []
    for shard in shards:
        with np.load(shard, allow_pickle=False) as arrays:
            held = (arrays["buttons"][:, None].astype(np.int64) >> np.arange(buttons)) & 1
            states.append(arrays["state"].astype(np.float32))
            controls.append(np.concatenate([held, arrays["look_deg"]], axis=1).astype(np.float32))
            firsts.append(arrays["is_first"])
    return Physics(
        np.concatenate(states), np.concatenate(controls), np.cumsum(np.concatenate(firsts)).astype(np.int64)
    )


def floor_plan(physics: Physics, buttons: int, margin_m: float = 1.0) -> MotionConfig:
    """A configuration whose grid covers every place that was walked."""
    low = physics.state[:, [0, 2]].min(0) - margin_m
    high = physics.state[:, [0, 2]].max(0) + margin_m
    return MotionConfig(
        buttons=buttons,
        origin=(float(low[0]), float(low[1])),
        extent=(float(high[0] - low[0]), float(high[1] - low[1])),
    )


def fit_free_motion(model: MotionHead, physics: Physics, steps: int, seed: int) -> None:
    """Fit the linear part alone, by least absolute error, so that contacts do not bend it. Two frames at a
    time."""
    state, control = torch.from_numpy(physics.state), torch.from_numpy(physics.control)
    starts = physics.starts(2)
    optimiser = torch.optim.Adam(model.free.parameters(), lr=0.02)
    with torch.no_grad():
        model.free.bias.zero_()
        model.free.weight.zero_()
        model.free.weight[0, 0] = model.free.weight[1, 1] = 0.5
        model.free.weight[2, 0] = model.free.weight[3, 1] = 0.9
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 0.02 * (0.01 ** (step / steps))
        rows = torch.from_numpy(np.random.default_rng((seed, 1, step)).choice(starts, 512))
        now, loss = state[rows], torch.zeros(())
        for i in (1, 2):
            now = model(now, control[rows + i])["state"]
            loss = loss + motion_loss(now, state[rows + i])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def train_motion(
    physics: Physics, folder: Path, config: MotionConfig, *, steps: int, batch: int, rate: float, seed: int
) -> MotionHead:
    """Roll the head out over longer and longer stretches (2 to 8 frames) and compare every state. On the
    CPU: it
    is small."""
    torch.manual_seed(seed)
    model = MotionHead(config)
    fit_free_motion(model, physics, min(600, steps), seed)
    average = copy.deepcopy(model).requires_grad_(False)
    slow = list(model.free.parameters())
    rest = [*model.net.parameters(), *model.out.parameters()]
    groups: list[dict[str, Any]] = [
        {"params": rest},
        {"params": [model.plan], "rate_scale": 5.0},
        {"params": slow, "rate_scale": 0.1},
    ]
    optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
    stage = Stage("motion", folder, {"motion": model}, {"motion": average}, [optimiser], steps, rate)
    stage.resume()
    state, control = torch.from_numpy(physics.state), torch.from_numpy(physics.control)
    horizons = (2, 2, 4, 4, 8)
    choices = {n: physics.starts(n) for n in set(horizons)}

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        frames = horizons[min(len(horizons) - 1, len(horizons) * step // steps)]
        rows = torch.from_numpy(np.random.default_rng((seed, step)).choice(choices[frames], batch))
        now = state[rows]
        loss = torch.zeros(())
        for i in range(1, frames + 1):
            now = model(now, control[rows + i])["state"]
            loss = loss + motion_loss(now, state[rows + i]) / frames
        error = (now[:, [0, 2]] - state[rows + frames][:, [0, 2]]).norm(dim=1).detach()
        return loss, {
            "frames": frames,
            "error_m": float(error.mean()),
            "median_m": float(error.median()),
            "error_p90_m": float(error.quantile(0.9)),
        }

    for _ in stage.train(loss_of):
        pass
    return average.eval()
