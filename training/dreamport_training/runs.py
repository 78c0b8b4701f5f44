"""A training run's folder: metrics, checkpoints, exact resume."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn


@dataclass
class Stage:
    """One stage's modules, optimiser and place. ``folder`` keeps ``NAME.pt`` and ``NAME.jsonl``."""

    name: str
    folder: Path
    modules: dict[str, nn.Module]
    averages: dict[str, nn.Module]
    optimisers: list[torch.optim.Optimizer]
    steps: int
    peak_rate: float
    warmup: int = 50
    decay: float = 0.999
    step: int = 0
    seconds: float = 0.0

    @property
    def checkpoint(self) -> Path:
        return self.folder / f"{self.name}.pt"

    def resume(self) -> bool:
        """Take up the last checkpoint, if there is one."""
        if not self.checkpoint.exists():
            return False
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        for key, module in self.modules.items():
            module.load_state_dict(state["modules"][key])
        for key, module in self.averages.items():
            module.load_state_dict(state["averages"][key])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.seconds = state["step"], state["seconds"]
        return True

    def save(self) -> None:
        """Write the checkpoint atomically."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(
            {
                "modules": {k: m.state_dict() for k, m in self.modules.items()},
                "averages": {k: m.state_dict() for k, m in self.averages.items()},
                "optimisers": [o.state_dict() for o in self.optimisers],
                "step": self.step,
                "seconds": self.seconds,
            },
            partial,
        )
        os.replace(partial, self.checkpoint)

    def rate(self) -> float:
        """Learning rate at this step: linear warm-up, then cosine to a tenth."""
        if self.step < self.warmup:
            return self.peak_rate * (self.step + 1) / self.warmup
        share = (self.step - self.warmup) / max(1, self.steps - self.warmup)
        return self.peak_rate * (0.1 + 0.9 * 0.5 * (1.0 + float(torch.cos(torch.tensor(share * torch.pi)))))

    def update_averages(self) -> None:
        """Exponential moving average of every averaged module's parameters."""
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for key, average in self.averages.items():
                for a, p in zip(average.parameters(), self.modules[key].parameters(), strict=True):
                    a.lerp_(p, 1.0 - decay)

    def train(
        self,
        loss_of: Callable[[int], tuple[torch.Tensor, dict[str, float]]],
        *,
        save_every_s: float = 120.0,
        clip: float = 1.0,
    ) -> Iterator[dict[str, Any]]:
        """Run to ``steps``; ``loss_of(step)`` must depend on nothing but the step and the modules, so a
        resumed run
        goes on exactly. Yields the metrics of every tenth step."""
        log = self.folder / f"{self.name}.jsonl"
        log.parent.mkdir(parents=True, exist_ok=True)
        parameters = [p for o in self.optimisers for group in o.param_groups for p in group["params"]]
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        last_save = begun = time.monotonic()
        before = self.seconds
        with Progress(*columns) as progress, log.open("a") as file:
            bar = progress.add_task(self.name, total=self.steps, completed=self.step)
            while self.step < self.steps:
                for group in (g for o in self.optimisers for g in o.param_groups):
                    group["lr"] = self.rate() * group.get("rate_scale", 1.0)
                loss, metrics = loss_of(self.step)
                for optimiser in self.optimisers:
                    optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                norm = float(torch.nn.utils.clip_grad_norm_(parameters, clip))
                for optimiser in self.optimisers:
                    optimiser.step()
                self.update_averages()
                self.step += 1
                now = time.monotonic()
                self.seconds = before + now - begun
                if self.step % 10 == 0 or self.step == self.steps:
                    row = {
                        "step": self.step,
                        "loss": float(loss.detach()),
                        "norm": norm,
                        "seconds": self.seconds,
                    }
                    row |= metrics
                    file.write(json.dumps(row) + "\n")
                    file.flush()
                    progress.update(
                        bar, completed=self.step, description=f"{self.name} loss {row['loss']:.4f}"
                    )
                    yield row
                if now - last_save > save_every_s:
                    self.save()
                    last_save = now
        self.save()
