"""A training run stops and goes on as if it had not stopped."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from dreamport_training.runs import Stage


def stage_in(folder: Path, steps: int) -> Stage:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    average = copy.deepcopy(model).requires_grad_(False)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
    return Stage("line", folder, {"m": model}, {"m": average}, [optimiser], steps, 0.1, warmup=3)


def run(stage: Stage, until: int | None = None) -> list[float]:
    losses = []
    model = stage.modules["m"]

    class Stopped(Exception):
        pass

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        if step == until:
            stage.save()
            raise Stopped
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        losses.append(float(loss.detach()))
        return loss, {}

    try:
        for _ in stage.train(loss_of):
            pass
    except Stopped:
        pass
    return losses


def test_a_resumed_run_has_the_losses_of_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = run(stage_in(tmp_path / "whole", 30))
    first = run(stage_in(tmp_path / "parts", 30), until=17)
    again = stage_in(tmp_path / "parts", 30)
    assert again.resume() and again.step == 17
    rest = run(again)
    assert first + rest == pytest.approx(whole, rel=1e-6)
    assert whole[-1] < whole[0]


def test_metrics_are_written_as_they_come(tmp_path: Path) -> None:
    run(stage_in(tmp_path, 20))
    rows = [json.loads(line) for line in (tmp_path / "line.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [10, 20]
