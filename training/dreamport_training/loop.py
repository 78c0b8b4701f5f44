"""The loop of every stage: steps, averages, checkpoints, metrics, and going on exactly where it was killed.

Everything random in a step comes from (seed, stage, learner, step, repeat), so that a step is the same after
a restart and on every process.
"""

from __future__ import annotations

import json
import math
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from torch import Tensor, nn
from torch.optim import Optimizer

from dreamport.errors import TrainingError, TrainingStopped
from dreamport_training import checkpoint
from dreamport_training.config import Stage
from dreamport_training.parallel import shard_of
from dreamport_training.progress import Progress
from dreamport_training.record import Record
from dreamport_training.run import Run

Metrics = dict[str, float]
CLIP = 1.0
"""Largest norm of a gradient."""
SAME_DRAWS = 4
"""Draws on which a stage's loss is compared before and after."""


@dataclass(frozen=True)
class Step:
    """One update: ``number`` of the stage's step from 0, ``repeat`` within it. Both sources of randomness are
    the same on every process and after a restart: draw for the whole batch, then take
    ``run.parallel.rows``."""

    number: int
    repeat: int
    rng: np.random.Generator
    generator: torch.Generator


@dataclass
class Learner:
    """What is learned by one loss. ``loss_of`` gives this process's loss (see ``Parallel.mean``) and numbers
    to show, means over its rows; NaN where there was nothing to measure. ``repeats`` updates a step, from
    step ``first`` on."""

    name: str
    optimisers: list[Optimizer]
    loss_of: Callable[[Step], tuple[Tensor, Metrics]]
    repeats: int = 1
    first: int = 0

    def parameters(self) -> list[nn.Parameter]:
        """Everything that its optimisers change."""
        return [p for o in self.optimisers for group in o.param_groups for p in group["params"]]


def step_of(seed: int, stage: str, learner: str, number: int, repeat: int) -> Step:
    """The randomness of one update."""
    place = zlib.crc32(f"{stage}/{learner}".encode())
    numbers, draws = np.random.SeedSequence((seed, place, number, repeat)).spawn(2)
    generator = torch.Generator().manual_seed(int(draws.generate_state(1, np.uint64)[0] >> 1))
    return Step(number, repeat, np.random.default_rng(numbers), generator)


class Loop:
    """Trains ``modules`` with the steps, rate, warm-up and decay of ``stage``; ``averages`` follow those
    of the same name.

    Modules and averages are prepared by ``run.parallel`` before (a copy is made before that), optimisers
    after. Learners take their turns in order in every step. With several, rows name each one's numbers
    ``LEARNER_KEY``, and ``loss`` is that of the last one that has begun.
    """

    def __init__(
        self,
        run: Run,
        name: str,
        stage: Stage,
        *,
        modules: dict[str, nn.Module],
        averages: dict[str, nn.Module],
        learners: Sequence[Learner],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.run_, self.name = run, name
        self.modules, self.averages, self.learners = modules, averages, list(learners)
        self.steps, self.peak = stage.steps, stage.rate
        self.warmup, self.decay, self.clock = stage.warmup, stage.decay, clock
        self.step, self.seconds = 0, 0.0
        self.loss: float | None = None
        self.folder = run.folder / "checkpoints" / name
        self._names = {id(p): f"{k}.{n}" for k, m in modules.items() for n, p in m.named_parameters()}
        unknown = sum(id(p) not in self._names for learner in self.learners for p in learner.parameters())
        if unknown:
            raise ValueError(f"{name}: {unknown} parameters of the optimisers belong to none of the modules")
        self._asked_to_stop = False

    def resume(self) -> bool:
        """Take up the last checkpoint, if there is one; also one that another number of processes wrote."""
        last = checkpoint.latest_checkpoint(self.folder)
        if last is None:
            return False
        place = checkpoint.read_place(last)
        if place["seed"] != self.run_.seed:
            raise TrainingError(
                f"{last} was begun with seed {place['seed']}, not {self.run_.seed}; give that seed, or "
                "another folder"
            )
        stored = checkpoint.stored_tensors(last)
        state = self._module_state()
        for prefix, optimiser in self._optimisers():
            state |= checkpoint.blank_optimiser_state(prefix, optimiser, self._name_of, stored)
        checkpoint.load_checkpoint(last, state, self.run_.parallel)
        for kind, modules in (("modules", self.modules), ("averages", self.averages)):
            for key, module in modules.items():
                start = f"{kind}/{key}/"
                module.load_state_dict(
                    {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
                )
        self.step, self.seconds, self.loss = place["step"], place["seconds"], place["loss"]
        return True

    def save(self) -> None:
        """Write a checkpoint. Every process calls it."""
        state = self._module_state()
        for prefix, optimiser in self._optimisers():
            state |= checkpoint.optimiser_state(prefix, optimiser, self._name_of)
        place = {"step": self.step, "seconds": self.seconds, "loss": self.loss, "seed": self.run_.seed}
        checkpoint.save_checkpoint(self.folder, self.step, state, place, self.run_.parallel)

    def run(self, sample: Callable[[], NDArray[np.uint8]] | None = None) -> None:
        """Train to the end, from where :meth:`resume` left off.

        ``sample`` gives an RGB strip ``[H, W, 3]`` and is called by every process, without gradients, every
        ``logging.sample_every`` steps. Raises ``TrainingStopped`` after SIGTERM, Ctrl-C or a file
        ``RUN/stop``, when the place is saved, and ``TrainingError`` when a loss is not finite; the last
        checkpoint is kept.
        """
        if self.step >= self.steps:
            return
        try:
            with self._signals(), self._bars() as bars:
                self._train(bars, sample)
        except BaseException as error:
            stopped = isinstance(error, TrainingStopped)
            self._tell(state="stopped" if stopped else "failed", message=str(error) or type(error).__name__)
            raise
        self._tell(state="done")

    def _train(self, bars: Bars, sample: Callable[[], NDArray[np.uint8]] | None) -> None:
        run, logging = self.run_, self.run_.config.logging
        main = run.parallel.is_main
        bar = bars.add_task(self.name, total=self.steps, completed=self.step)
        record = Record(run.folder, self.name, self.step, tensorboard=logging.tensorboard) if main else None
        begun = saved = told = self.clock()
        before, first = self.seconds, self.step
        self._tell()
        if self.step == 0:
            self._compare("before")
        try:
            while self.step < self.steps:
                row = self._advance()
                now = self.clock()
                self.seconds = before + now - begun
                left = (now - begun) / (self.step - first) * (self.steps - self.step)
                last = self.step == self.steps
                if last or self.step % logging.every == 0:
                    row = self._averaged(row)
                    self.loss = row["loss"]
                    if record is not None:
                        record.row({"step": self.step, **row, "rate": self.rate(), "seconds": self.seconds})
                    bars.update(bar, description=f"{self.name} loss {self.loss:.4f}")
                bars.update(bar, completed=self.step)
                if (
                    sample is not None
                    and logging.sample_every
                    and (last or self.step % logging.sample_every == 0)
                ):
                    with torch.no_grad():
                        strip = sample()
                    if record is not None:
                        record.sample(strip, self.step)
                if main and (now - told > 1.0 or last):
                    self._tell(seconds_left=left)
                    told = now
                stop, save = self._decided(now - saved > logging.save_every_s)
                if last:
                    self._compare("after")
                if stop or save or last:
                    self.save()
                    saved = self.clock()
                if stop and not last:
                    raise TrainingStopped(
                        f"{self.name}: stopped at step {self.step} of {self.steps}, everything is saved; the "
                        "same command goes on from there"
                    )
        finally:
            if record is not None:
                record.__exit__(None, None, None)

    @torch.no_grad()
    def _compare(self, when: str) -> None:
        """Losses on the same few draws ``before`` and ``after`` the stage, into ``checks/NAME.json``: those
        of the rows are of other clips and levels in every step, these can be compared. One process only."""
        if self.run_.parallel.size > 1 or not self.run_.config.logging.compare:
            return
        losses: dict[str, float] = {}
        for learner in self.learners:
            values = []
            for number in range(SAME_DRAWS):
                step = step_of(self.run_.seed, self.name, learner.name, self.steps + number, 0)
                torch.manual_seed(step.generator.initial_seed())
                values.append(float(learner.loss_of(replace(step, number=0))[0]))
            losses[learner.name] = sum(values) / len(values)
        path = self.run_.folder / "checks" / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        told = json.loads(path.read_text(encoding="utf-8")) if when == "after" and path.exists() else {}
        path.write_text(json.dumps({**told, when: losses}), encoding="utf-8")

    def rate(self) -> float:
        """Learning rate at this step: linear warm-up, then cosine to a tenth."""
        if self.step < self.warmup:
            return self.peak * (self.step + 1) / self.warmup
        share = (self.step - self.warmup) / max(1, self.steps - self.warmup)
        return self.peak * (0.1 + 0.45 * (1.0 + math.cos(math.pi * min(1.0, share))))

    def _advance(self) -> Metrics:
        """One step of every learner; this process's numbers."""
        row: Metrics = {}
        for learner in self.learners:
            if self.step < learner.first:
                continue
            for group in (g for o in learner.optimisers for g in o.param_groups):
                group["lr"] = self.rate() * group.get("rate_scale", 1.0)
            for repeat in range(learner.repeats):
                metrics = self._update(learner, repeat)
            row |= {"loss": metrics["loss"], "norm": metrics["norm"]}
            if len(self.learners) > 1:
                metrics = {f"{learner.name}_{key}": value for key, value in metrics.items()}
            row |= metrics
        self._update_averages()
        self.step += 1
        return row

    def _update(self, learner: Learner, repeat: int) -> Metrics:
        parallel = self.run_.parallel
        step = step_of(self.run_.seed, self.name, learner.name, self.step, repeat)
        # For modules that draw by themselves; the draws of a step are those of ``step``.
        torch.manual_seed(step.generator.initial_seed())
        loss, metrics = learner.loss_of(step)
        parameters = learner.parameters()
        for optimiser in learner.optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        parallel.reshard(self.modules.values())
        parallel.average_gradients(parameters)
        norm = float(parallel.gradient_norm(parameters))
        value = float(loss.detach())
        if not math.isfinite(norm) or not all(math.isfinite(v) for v in parallel.sum([value])):
            last = checkpoint.latest_checkpoint(self.folder)
            kept = (
                f"the checkpoint of step {int(last.name)} is kept" if last else "there is no checkpoint yet"
            )
            raise TrainingError(
                f"{self.name}: the loss of {learner.name} at step {self.step} is {value:g} and its "
                f"gradient's norm {norm:g}; {kept}. Give a lower {self.name}.rate or parallel.precision = "
                "'float32', and the same command again"
            )
        scale = min(1.0, CLIP / (norm + 1e-6))
        if scale < 1.0:
            for p in parameters:
                if p.grad is not None:
                    shard_of(p.grad).mul_(scale)
        for optimiser in learner.optimisers:
            optimiser.step()
        return {**metrics, "loss": value, "norm": norm}

    @torch.no_grad()
    def _update_averages(self) -> None:
        """Exponential moving average of every averaged module's parameters, faster at the beginning."""
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        for key, average in self.averages.items():
            for a, p in zip(average.parameters(), self.modules[key].parameters(), strict=True):
                shard_of(a).lerp_(shard_of(p), 1.0 - decay)

    def _averaged(self, row: Metrics) -> Metrics:
        """Means over the processes that measured something."""
        keys = list(row)
        there = [math.isfinite(row[k]) for k in keys]
        values = [row[k] if t else 0.0 for k, t in zip(keys, there, strict=True)]
        sums = self.run_.parallel.sum([*values, *map(float, there)])
        totals, counts = sums[: len(keys)], sums[len(keys) :]
        return {k: v / n if n else math.nan for k, v, n in zip(keys, totals, counts, strict=True)}

    def _decided(self, time_to_save: bool) -> tuple[bool, bool]:
        """Whether to stop and whether to save: the same answer on every process. A wish to stop in the last
        step is left, as the file, to the stage that comes next."""
        parallel = self.run_.parallel
        stop_file = self.run_.folder / "stop"
        asked = self._asked_to_stop
        if self.step == self.steps:
            if asked:
                stop_file.touch()
        elif parallel.is_main and stop_file.exists():
            stop_file.unlink(missing_ok=True)
            asked = True
        save = parallel.is_main and time_to_save
        stops, saves = parallel.sum([float(asked), float(save)])
        return stops > 0, saves > 0

    def _tell(self, **changes: Any) -> None:
        if self.run_.parallel.is_main:
            now = Progress(self.name, self.step, self.steps, self.loss, self.seconds)
            Progress(**{**vars(now), **changes}).write(self.run_.folder)

    def _module_state(self) -> dict[str, Tensor]:
        return {
            **checkpoint.named_state("modules", self.modules),
            **checkpoint.named_state("averages", self.averages),
        }

    def _optimisers(self) -> Iterator[tuple[str, Optimizer]]:
        for learner in self.learners:
            for number, optimiser in enumerate(learner.optimisers):
                yield f"optimisers/{learner.name}/{number}", optimiser

    def _name_of(self, parameter: Tensor) -> str:
        return self._names[id(parameter)]

    def _bars(self) -> Bars:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        main = self.run_.parallel.is_main
        return Bars(*columns, console=Console(stderr=True, quiet=not main), disable=not main)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and the first Ctrl-C ask for a clean stop."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, frame: Any) -> None:
            if number == signal.SIGINT and self._asked_to_stop:
                raise KeyboardInterrupt
            self._asked_to_stop = True

        before = {s: signal.signal(s, ask) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for s, handler in before.items():
                signal.signal(s, handler)


def checkpoint_folder(run: Path, stage: str) -> Path:
    """Where a stage's checkpoints lie."""
    return run / "checkpoints" / stage
