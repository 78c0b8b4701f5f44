"""Motion stage: the motion head from recorded movement, by rolling it out against the engine."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamport.episodes.dataset import Dataset, Episode
from dreamport.errors import DatasetError
from dreamport.models.motion import MotionConfig, MotionHead
from dreamport_training.loop import Learner, Loop, Metrics, Step
from dreamport_training.objectives.motion import motion_loss
from dreamport_training.run import Run
from dreamport_training.stages.draws import Draws


@dataclass(frozen=True)
class Physics:
    """``state [N, 9]``, ``control [N, A]`` (row t's control led to state t), ``run [N]``: number of row t's
    episode, or of its run where an episode has gaps."""

    state: NDArray[np.float32]
    control: NDArray[np.float32]
    run: NDArray[np.int64]

    def starts(self, frames: int) -> NDArray[np.int64]:
        """Rows after which ``frames`` rows of the same run follow. Raises ``DatasetError`` when there are
        none."""
        i = np.arange(max(0, len(self.state) - frames))
        whole: NDArray[np.int64] = i[self.run[i] == self.run[i + frames]]
        if len(whole) == 0:
            raise DatasetError(
                f"no recorded movement goes on for {frames + 1} frames; record longer episodes, or give "
                "lower motion.horizons"
            )
        return whole


def read_movement(data: Path) -> Physics:
    """What of a data set teaches motion: its shards under ``physics/train`` (dreamport capture motion) when
    there are some, else the rows of its training episodes. Raises ``DatasetError`` when neither has
    poses."""
    dataset = Dataset(data)
    buttons = len(dataset.info.buttons)
    if sorted((data / "physics" / "train").glob("motion-*.npz")):
        return read_physics(data / "physics" / "train", buttons)
    return movement_of(dataset.episodes("train"), buttons)


def read_physics(folder: Path, buttons: int) -> Physics:
    """All ``motion-*.npz`` shards of a folder, as the recorder writes them."""
    shards = sorted(folder.glob("motion-*.npz"))
    if not shards:
        raise DatasetError(f"{folder} holds no motion-*.npz; record some with dreamport capture motion")
    states, controls, firsts = [], [], []
    for shard in shards:
        with np.load(shard, allow_pickle=False) as arrays:
            states.append(arrays["state"].astype(np.float32))
            controls.append(_controls(arrays["buttons"], arrays["look_deg"], buttons))
            firsts.append(arrays["is_first"])
    return Physics(
        np.concatenate(states), np.concatenate(controls), np.cumsum(np.concatenate(firsts)).astype(np.int64)
    )


def movement_of(episodes: Iterable[Episode], buttons: int) -> Physics:
    """Movement from episodes' own rows, run by run; rows without a pose end a run. Raises ``DatasetError``
    when no row has one."""
    states, controls, runs = [], [], []
    number = 0
    for episode in episodes:
        state = episode.motion_state.astype(np.float32)
        control = _controls(episode.buttons, episode.look_deg, buttons)
        known: NDArray[np.bool_] = np.asarray(
            np.isfinite(state).all(axis=1) & (episode.pose_confidence > 0.0)
        )
        for begin, end in episode.runs():
            number += 1
            rows = np.arange(begin, end)
            # Every break in what is known begins a run of its own.
            part = number + np.cumsum(~known[rows])
            states.append(state[rows][known[rows]])
            controls.append(control[rows][known[rows]])
            runs.append(part[known[rows]])
            number = int(part[-1])
    if not states or not any(len(s) for s in states):
        raise DatasetError("no training episode has camera poses, so there is no movement to learn")
    return Physics(np.concatenate(states), np.concatenate(controls), np.concatenate(runs).astype(np.int64))


def _controls(held: NDArray[np.integer], look_deg: NDArray[np.floating], buttons: int) -> NDArray[np.float32]:
    """Bit masks and look deltas as ``[N, buttons + 2]``."""
    bits = (held[:, None].astype(np.int64) >> np.arange(buttons)) & 1
    return np.concatenate([bits, look_deg], axis=1).astype(np.float32)


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


def train_motion(run: Run, physics: Physics | None = None) -> MotionHead:
    """Roll the head out over longer and longer stretches and compare every state. ``physics``: left out, what
    :func:`read_movement` finds in the run's data. Gives the averaged head, saved as ``motion``."""
    section = run.config.motion
    physics = read_movement(run.data) if physics is None else physics
    config = floor_plan(physics, physics.control.shape[1] - 2)
    torch.manual_seed(run.seed)
    model = MotionHead(config)
    fit_free_motion(model, physics, min(600, section.steps), run.seed)
    average = run.parallel.prepare(copy.deepcopy(model).requires_grad_(False))
    model = run.parallel.prepare(model)
    groups: list[dict[str, Any]] = [
        {"params": [*model.net.parameters(), *model.out.parameters()]},
        {"params": [model.plan], "rate_scale": 5.0},
        {"params": list(model.free.parameters()), "rate_scale": 0.1},
    ]
    optimiser = torch.optim.AdamW(groups, lr=section.rate, betas=(0.9, 0.98), weight_decay=0.0)
    state = torch.from_numpy(physics.state).to(run.device)
    control = torch.from_numpy(physics.control).to(run.device)
    horizons = section.horizons
    choices = {n: physics.starts(n) for n in set(horizons)}
    draws = Draws(run, section.batch)

    def loss_of(step: Step) -> tuple[Tensor, Metrics]:
        frames = horizons[min(len(horizons) - 1, len(horizons) * step.number // section.steps)]
        rows = draws.own(torch.from_numpy(step.rng.choice(choices[frames], section.batch)))
        now = state[rows]
        loss = torch.zeros((), device=run.device)
        for i in range(1, frames + 1):
            now = model(now, control[rows + i])["state"]
            loss = loss + motion_loss(now, state[rows + i]) / frames
        error = (now[:, [0, 2]] - state[rows + frames][:, [0, 2]]).norm(dim=1).detach()
        return run.parallel.mean(loss[None]), {
            "frames": float(frames),
            "error_m": float(error.mean()),
            "median_m": float(error.median()),
            "error_p90_m": float(error.quantile(0.9)),
        }

    loop = Loop(
        run,
        "motion",
        section,
        modules={"motion": model},
        averages={"motion": average},
        learners=[Learner("motion", [optimiser], loss_of)],
    )
    loop.resume()
    loop.run()
    run.save("motion", average, config, "motion")
    finished = run.load("motion", "motion")
    assert isinstance(finished, MotionHead)
    return finished
