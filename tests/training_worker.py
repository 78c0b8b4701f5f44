"""A small run of the training loop, as a process of its own: alone, or one of several under torchrun.

    python training_worker.py FOLDER NAME=VALUE ...

``kind=flow`` learns a small transformer by flow matching with Muon and AdamW; ``kind=rollout`` has two
learners, a critic and a generator that learns through the critic from its own frames, as in distillation.
``kill_at=N``: the process kills itself (SIGKILL) in the middle of step N. ``kill_in_save=N``: in the middle
of writing its Nth checkpoint. ``kind=muon`` compares shared matrices with whole ones. ``nan_at=N``: the loss
of step N is not a number. Any other name is a key of the configuration.
"""

from __future__ import annotations

import copy
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributed.checkpoint import state_dict_saver
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from dreamport.errors import DreamportError
from dreamport.models.dit import CausalDiT, DiTConfig
from dreamport_training.config import Stage, load_config, parse_override
from dreamport_training.loop import Learner, Loop, Metrics, Step
from dreamport_training.muon import Muon
from dreamport_training.parallel import Parallel
from dreamport_training.run import Run
from dreamport_training.stages.optimisers import optimisers_of

BATCH, FRAMES = 4, 4
SIZES = DiTConfig(
    latent_channels=4, latent_height=4, latent_width=6, control_size=6, width=48, layers=2, heads=2
)


class Clips:
    """Random clips of a step, this process's rows of them."""

    def __init__(self, run: Run, step: Step) -> None:
        rows = run.parallel.rows(BATCH)
        h, w, c = SIZES.latent_height, SIZES.latent_width, SIZES.latent_channels

        def draw(*shape: int) -> Tensor:
            return torch.randn(BATCH, FRAMES, *shape, generator=step.generator)[rows].to(run.device)

        self.clean, self.noise, self.rays = draw(c, h, w), draw(c, h, w), draw(6, h, w)
        self.control, self.hint = draw(SIZES.control_size), draw(c + 1, h, w)
        self.sigma = draw().sigmoid()
        counts = step.rng.random((BATCH, FRAMES)) < 0.7
        counts[BATCH // 2 :] &= step.number % 5 != 3  # at times the last half of the batch does not count
        self.counts = torch.from_numpy(counts)[rows].to(run.device).float()


def model_of(seed: int) -> CausalDiT:
    """A transformer in which every parameter matters (a fresh one begins with many zeros)."""
    torch.manual_seed(seed)
    model = CausalDiT(SIZES)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.02)
    return model


def train(folder: Path, options: Mapping[str, Any]) -> None:
    """One run to its end, or to where the options end it."""
    chosen = dict(options)
    kind, steps, kill_at = chosen.pop("kind", "flow"), chosen.pop("steps", 20), chosen.pop("kill_at", -1)
    kill_in_save, nan_at = chosen.pop("kill_in_save", -1), chosen.pop("nan_at", -1)
    stop_at, seed = chosen.pop("stop_at", -1), chosen.pop("seed", 0)
    config = load_config(
        "tiny",
        overrides={"parallel.precision": "float32", "logging.sample_every": 0, "logging.save_every_s": 4}
        | chosen,
    )
    run = Run(folder, folder, config, seed, Parallel.start(config.parallel))
    parallel = run.parallel
    if kind == "muon":
        compare_muon(parallel, folder)
        return
    if kill_in_save >= 0:
        _kill_in_save(kill_in_save)

    def prepared(seed: int) -> tuple[CausalDiT, CausalDiT]:
        model = model_of(seed)
        average = parallel.prepare(copy.deepcopy(model).requires_grad_(False))
        return parallel.prepare(model), average

    dit, average = prepared(0)
    modules: dict[str, nn.Module] = {"dit": dit}

    def checked(step: Step) -> None:
        if step.number == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if step.number == stop_at and parallel.is_main:
            os.kill(os.getpid(), signal.SIGTERM)

    def flow(step: Step) -> tuple[Tensor, Metrics]:
        checked(step)
        c = Clips(run, step)
        s = c.sigma[..., None, None, None]
        with run.autocast():
            velocity = dit.clip((1 - s) * c.clean + s * c.noise, c.sigma, c.rays, c.control, c.hint)
        error = (velocity.float() - (c.noise - c.clean)).square().mean(dim=(2, 3, 4))
        loss = parallel.mean(error, c.counts)
        return loss * float("nan") if step.number == nan_at else loss, {"error": float(error.detach().mean())}

    learners = [Learner("dit", optimisers_of(dit, 2e-3), flow)]
    if kind == "rollout":
        critic, _ = prepared(1)
        modules["critic"] = critic

        def played(c: Clips) -> Tensor:
            """Two frames by the model itself; the second one's gradient goes through the first one's keys."""
            past: list[tuple[Tensor, Tensor]] = []
            made = []
            for t in range(2):
                velocity, past = dit.step(
                    c.noise[:, t], c.sigma[:, t], c.rays[:, t], c.control[:, t], c.hint[:, t], past
                )
                made.append(c.noise[:, t] - velocity)
            return torch.stack(made, dim=1)

        def scored(c: Clips, x: Tensor) -> Tensor:
            return critic.clip(
                x, c.sigma[:, :2], c.rays[:, :2], c.control[:, :2], c.hint[:, :2], attention="bidirectional"
            )

        def critic_loss(step: Step) -> tuple[Tensor, Metrics]:
            c = Clips(run, step)
            with torch.no_grad():
                x = played(c)
            error = (scored(c, x) - x).square().mean(dim=(2, 3, 4))
            # A second pass of which only a block's output counts, as an adversarial head's features.
            features: list[Tensor] = []
            hook = critic.blocks[-1].register_forward_hook(lambda module, inputs, out: features.append(out))
            scored(c, c.clean[:, :2])
            hook.remove()
            each = features[0].square().mean(dim=(1, 2)).reshape(len(x), -1)
            if critic.exchange is not None:
                each = critic.exchange.whole(each)
            return parallel.mean(error + 0.1 * each), {}

        def generator_loss(step: Step) -> tuple[Tensor, Metrics]:
            checked(step)
            c = Clips(run, step)
            x = played(c)
            error = (scored(c, x) - c.clean[:, :2]).square().mean(dim=(2, 3, 4))
            return parallel.mean(error), {"error": float(error.detach().mean())}

        learners = [
            Learner("critic", optimisers_of(critic, 2e-3), critic_loss, repeats=2),
            Learner("generator", optimisers_of(dit, 2e-3), generator_loss, first=3),
        ]
    loop = Loop(
        run,
        "causal",
        Stage(steps=steps, batch=1, rate=2e-3, warmup=5),
        modules=modules,
        averages={"dit": average},
        learners=learners,
        clock=lambda: float(loop.step),  # a second a step: checkpoints come at known steps
    )
    loop.resume()
    strip: NDArray[np.uint8] = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
    loop.run(lambda: strip)
    run.save("denoise", average, SIZES, "denoise")


def compare_muon(parallel: Parallel, folder: Path) -> None:
    """Matrices whose rows do not divide, or are fewer than the processes: updated as if they were whole."""
    shapes = [(5, 3), (1, 4), (7, 7), (6, 8), (6, 8), (6, 8), (2, 9)]
    generator = torch.Generator().manual_seed(7)
    whole = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    shared = [nn.Parameter(distribute_tensor(p.detach().clone(), parallel.mesh, [Shard(0)])) for p in whole]
    optimisers = [Muon(group, lr=0.1) for group in (whole, shared)]
    for _ in range(3):
        for p, q in zip(whole, shared, strict=True):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = distribute_tensor(p.grad.clone(), parallel.mesh, [Shard(0)])
        for optimiser in optimisers:
            optimiser.step()
    for p, q in zip(whole, shared, strict=True):
        assert isinstance(q, DTensor)
        torch.testing.assert_close(q.full_tensor(), p.detach(), rtol=0, atol=0)
    if parallel.is_main:
        folder.mkdir(parents=True)
        (folder / "the same").write_text(f"{len(shapes)} matrices")


def _kill_in_save(number: int) -> None:
    """Let the process die when the tensors of its checkpoint of this number are half there."""
    real, calls = state_dict_saver.save, [0]

    def dying(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        written = real(*arguments, **options)
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return written

    state_dict_saver.save = dying


def main(arguments: list[str]) -> int:
    """``FOLDER NAME=VALUE ... [-- FOLDER NAME=VALUE ...]``: one run after the other in the same processes."""
    try:
        while arguments:
            end = arguments.index("--") if "--" in arguments else len(arguments)
            folder, *pairs = arguments[:end]
            train(Path(folder), dict(parse_override(pair) for pair in pairs))
            arguments = arguments[end + 1 :]
    except DreamportError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 3
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    raise SystemExit(main(sys.argv[1:]))
