"""The loop of every stage: what it computes, what it leaves behind, and going on after every kind of end."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from dreamport.errors import TrainingError, TrainingStopped
from dreamport_training.config import Stage, load_config
from dreamport_training.loop import Learner, Loop, Metrics, Step, step_of
from dreamport_training.parallel import Parallel
from dreamport_training.progress import Progress, read_progress
from dreamport_training.run import Run

pytestmark = pytest.mark.timeout(900)
WORKER = Path(__file__).parent / "training_worker.py"


def start_worker(*arguments: str) -> subprocess.Popen[str]:
    """A run of the small transformer in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(WORKER), *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(folder: Path, stage: str = "causal") -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / f"{stage}.jsonl").read_text().splitlines()]


class Line:
    """A run that fits one number: quick, and every step can be said in closed form."""

    def __init__(self, folder: Path, *, seed: int = 0, **overrides: Any) -> None:
        config = load_config("tiny", overrides={"logging.tensorboard": False, **overrides})
        self.run = Run(folder, folder, config, seed, Parallel())
        self.module = torch.nn.Linear(1, 1, bias=False)
        with torch.no_grad():
            self.module.weight.fill_(1.0)
        self.average = copy.deepcopy(self.module).requires_grad_(False)
        self.seen: list[Step] = []
        self.before: Callable[[Step], None] = lambda step: None

    def loss_of(self, step: Step) -> tuple[torch.Tensor, Metrics]:
        self.before(step)
        self.seen.append(step)
        x = torch.rand(8, 1, generator=step.generator)
        return (self.module(x) - 3.0 * x).square().mean(), {"weight": float(self.module.weight.detach())}

    def loop(
        self,
        steps: int = 12,
        learners: Sequence[Learner] | None = None,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> Loop:
        optimiser = torch.optim.SGD(self.module.parameters(), lr=1.0)
        return Loop(
            self.run,
            "line",
            Stage(steps=steps, batch=8, **{"rate": 0.1, "warmup": 4, **options}),
            modules={"line": self.module},
            averages={"line": self.average},
            learners=learners or [Learner("line", [optimiser], self.loss_of)],
            clock=clock,
        )


@dataclass(frozen=True)
class End:
    """How an interrupted run ended: its exit code, what it said, its rows and what lay in its checkpoints."""

    code: int
    said: str
    rows: list[dict[str, float]]
    checkpoints: list[str]
    progress: Progress | None


TWO_LEARNERS = ("kind=rollout", "steps=10")
INTERRUPTED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "killed": ((), ("kill_at=13",)),
    "killed_saving": ((), ("kill_in_save=2",)),
    "stopped": ((), ("stop_at=6",)),
    # Killed after a checkpoint that was written before the generator's optimiser had a memory.
    "killed_two": (TWO_LEARNERS, ("kill_at=4", "logging.save_every_s=1")),
}
"""What each run is, and how it is interrupted."""
UNINTERRUPTED = {"whole": (), "whole_two": TWO_LEARNERS}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, End]]:
    """Interrupted runs, each in its own process, and how they ended; then all of them taken up again, and the
    same runs without interruption, in one process."""
    folder = tmp_path_factory.mktemp("runs")
    started = {n: start_worker(str(folder / n), *what, *how) for n, (what, how) in INTERRUPTED.items()}
    ends = {}
    for name, process in started.items():
        _, said = process.communicate(timeout=800)
        at = folder / name
        checkpoints = sorted(p.name for p in (at / "checkpoints" / "causal").iterdir())
        ends[name] = End(process.returncode, said, rows(at), checkpoints, read_progress(at))
    again = [[str(folder / name), *what] for name, (what, _) in INTERRUPTED.items()]
    again += [[str(folder / name), *what] for name, what in UNINTERRUPTED.items()]
    process = start_worker(*[part for run in again for part in [*run, "--"]][:-1])
    _, said = process.communicate(timeout=800)
    assert process.returncode == 0, said
    return folder, ends


def test_a_run_killed_in_mid_step_goes_on_with_the_very_same_losses(
    runs: tuple[Path, dict[str, End]],
) -> None:
    folder, ends = runs
    end, again, whole = ends["killed"], folder / "killed", folder / "whole"
    assert end.code == -signal.SIGKILL and end.checkpoints == ["00000010"]
    assert len(end.rows) == 13, "rows were written behind the checkpoint"
    assert [row["step"] for row in rows(again)] == list(range(1, 21)), "no row is double or missing"
    assert rows_without_time(again) == rows_without_time(whole)
    a, b = ((p / "modules" / "denoise.safetensors").read_bytes() for p in (again, whole))
    assert a == b, "the averaged weights are the same to the bit"
    assert curve(again) == curve(whole), "TensorBoard shows one curve"


def test_a_run_killed_while_it_saves_goes_on_from_the_checkpoint_before(
    runs: tuple[Path, dict[str, End]],
) -> None:
    folder, ends = runs
    end = ends["killed_saving"]
    assert end.code == -signal.SIGKILL and end.checkpoints == ["00000005", "00000010.partial"]
    assert rows_without_time(folder / "killed_saving") == rows_without_time(folder / "whole")
    left = [p.name for p in (folder / "killed_saving" / "checkpoints" / "causal").iterdir()]
    assert left == ["00000020"], "one whole checkpoint is kept"


def test_two_learners_go_on_exactly_too(runs: tuple[Path, dict[str, End]]) -> None:
    folder, ends = runs
    assert ends["killed_two"].code == -signal.SIGKILL and ends["killed_two"].checkpoints == ["00000004"]
    whole = rows(folder / "whole_two")
    assert rows_without_time(folder / "killed_two") == rows_without_time(folder / "whole_two")
    assert whole[0]["loss"] == whole[0]["critic_loss"] and "generator_loss" not in whole[0]
    assert whole[-1]["loss"] == whole[-1]["generator_loss"] and whole[-1]["generator_error"] > 0


def test_sigterm_saves_the_place_and_says_how_to_go_on(runs: tuple[Path, dict[str, End]]) -> None:
    folder, ends = runs
    end = ends["stopped"]
    assert end.code == 3 and "causal: stopped at step 7 of 20, everything is saved" in end.said
    assert end.progress is not None
    assert (end.progress.state, end.progress.step, end.progress.steps) == ("stopped", 7, 20)
    assert rows_without_time(folder / "stopped") == rows_without_time(folder / "whole")


def rows_without_time(folder: Path) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows(folder)]


def test_a_stop_file_stops_and_is_gone_after(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.before = lambda step: (tmp_path / "stop").touch() if step.number == 4 else None
    with pytest.raises(TrainingStopped, match="step 5 of 12"):
        line.loop().run()
    assert not (tmp_path / "stop").exists()
    again = Line(tmp_path)
    again.before = lambda step: (tmp_path / "stop").touch() if step.number == 11 else None
    loop = again.loop()
    assert loop.resume() and loop.step == 5
    loop.run()
    assert [row["step"] for row in rows(tmp_path, "line")] == list(range(1, 13))
    assert (tmp_path / "stop").exists(), "asked for in the last step, it is for the stage that comes next"


def test_a_loss_that_is_not_a_number_ends_the_run_and_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    clock = iter(range(10_000))

    def poison(step: Step) -> None:
        if step.number == 7:
            with torch.no_grad():
                line.module.weight.fill_(float("nan"))

    line = Line(tmp_path, **{"logging.save_every_s": 0})
    line.before = poison
    with pytest.raises(TrainingError, match=r"line: the loss of line at step 7 is nan .* step 7 is kept"):
        line.loop(clock=lambda: float(next(clock))).run()
    told = read_progress(tmp_path)
    assert told is not None and told.state == "failed" and "line.rate" in told.message
    after = Line(tmp_path)
    loop = after.loop()
    assert loop.resume() and loop.step == 7
    assert np.isfinite(float(after.module.weight.detach()))
    loop.run()
    assert read_progress(tmp_path) is not None and np.isfinite(losses_of(tmp_path)).all()


def losses_of(folder: Path) -> list[float]:
    return [row["loss"] for row in rows(folder, "line")]


def test_an_infinite_gradient_under_a_finite_loss_is_caught_too(tmp_path: Path) -> None:
    line = Line(tmp_path)

    def loss_of(step: Step) -> tuple[torch.Tensor, Metrics]:
        return (line.module.weight - line.module.weight.detach()).abs().sqrt().sum(), {}

    learner = Learner("line", [torch.optim.SGD(line.module.parameters())], loss_of)
    with pytest.raises(TrainingError, match="there is no checkpoint yet"):
        line.loop(learners=[learner]).run()
    assert float(line.module.weight) == 1.0, "the step was not taken"


def test_the_rate_warms_up_and_falls_to_a_tenth(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.loop(steps=24).run()
    rates = [row["rate"] for row in rows(tmp_path, "line")]
    assert rates[:3] == pytest.approx([0.05, 0.075, 0.1])
    assert rates[13] == pytest.approx(0.1 * (0.1 + 0.9 * 0.5), abs=1e-9), "half way down the cosine"
    assert rates[-1] == pytest.approx(0.01)


def test_averages_follow_by_the_decay_and_faster_at_the_beginning(tmp_path: Path) -> None:
    line = Line(tmp_path)
    weights: list[float] = []
    line.before = lambda step: weights.append(float(line.module.weight))
    line.loop(decay=0.4).run()
    weights = [*weights[1:], float(line.module.weight)]
    expected = 1.0
    for n, weight in enumerate(weights):
        decay = min(0.4, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * weight
    assert float(line.average.weight) == pytest.approx(expected, rel=1e-6)


def test_long_gradients_are_cut_to_length_one(tmp_path: Path) -> None:
    line = Line(tmp_path)

    def steep(step: Step) -> tuple[torch.Tensor, Metrics]:
        return 50.0 * line.module.weight.sum(), {}

    learner = Learner("line", [torch.optim.SGD(line.module.parameters())], steep)
    line.loop(steps=1, learners=[learner], warmup=0).run()
    assert float(line.module.weight) == pytest.approx(1.0 - 0.1, abs=1e-6)
    assert rows(tmp_path, "line")[0]["norm"] == pytest.approx(50.0)


def test_learners_take_turns_by_their_repeats_from_their_first_step(tmp_path: Path) -> None:
    line = Line(tmp_path)
    turns: list[tuple[str, int, int]] = []

    def learner(name: str, repeats: int, first: int) -> Learner:
        def loss_of(step: Step) -> tuple[torch.Tensor, Metrics]:
            turns.append((name, step.number, step.repeat))
            return line.module.weight.square().sum(), {}

        return Learner(name, [torch.optim.SGD(line.module.parameters())], loss_of, repeats, first)

    line.loop(steps=2, learners=[learner("fake", 2, 0), learner("student", 1, 1)]).run()
    assert turns == [("fake", 0, 0), ("fake", 0, 1), ("fake", 1, 0), ("fake", 1, 1), ("student", 1, 0)]


def test_a_groups_rate_scale_is_kept(tmp_path: Path) -> None:
    line = Line(tmp_path)
    optimiser = torch.optim.SGD([{"params": line.module.parameters(), "rate_scale": 0.5}], lr=1.0)
    line.loop(steps=1, learners=[Learner("line", [optimiser], line.loss_of)], warmup=0).run()
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.05)


def test_what_a_step_draws_depends_on_its_place_alone() -> None:
    def drawn(*place: Any) -> tuple[float, ...]:
        step = step_of(*place)
        return (*step.rng.random(2), *torch.rand(2, generator=step.generator).tolist())

    assert drawn(0, "causal", "dit", 5, 0) == drawn(0, "causal", "dit", 5, 0)
    others = [(1, "causal", "dit", 5, 0), (0, "teacher", "dit", 5, 0), (0, "causal", "critic", 5, 0)]
    others += [(0, "causal", "dit", 6, 0), (0, "causal", "dit", 5, 1)]
    assert len({drawn(*place) for place in [(0, "causal", "dit", 5, 0), *others]}) == 6


def test_modules_that_draw_by_themselves_draw_the_same_after_a_restart(tmp_path: Path) -> None:
    def noises(folder: Path, cut: bool) -> list[float]:
        drawn: dict[int, float] = {}
        for _ in range(2 if cut else 1):
            line = Line(folder)
            torch.manual_seed(id(line) % 1000)

            def loss_of(step: Step, line: Line = line) -> tuple[torch.Tensor, Metrics]:
                drawn[step.number] = float(torch.rand(()))
                if cut and step.number == 3 and not line.run.folder.joinpath("checkpoints").exists():
                    (folder / "stop").touch()
                return line.module.weight.square().sum(), {}

            loop = line.loop(
                steps=6, learners=[Learner("x", [torch.optim.SGD(line.module.parameters())], loss_of)]
            )
            loop.resume()
            try:
                loop.run()
            except TrainingStopped:
                continue
        return [drawn[n] for n in range(6)]

    assert noises(tmp_path / "cut", True) == noises(tmp_path / "whole", False)


def test_a_finished_stage_is_not_trained_again_and_can_be_lengthened(tmp_path: Path) -> None:
    Line(tmp_path).loop(steps=4).run()
    line = Line(tmp_path)
    loop = line.loop(steps=4)
    assert loop.resume()
    loop.run()
    assert line.seen == []
    longer = line.loop(steps=6)
    longer.resume()
    longer.run()
    assert [step.number for step in line.seen] == [4, 5]


def test_samples_progress_and_tensorboard_are_left_behind(tmp_path: Path) -> None:
    import cv2

    ticks = iter(range(10_000))
    line = Line(tmp_path, **{"logging.sample_every": 5, "logging.every": 4, "logging.tensorboard": True})
    strip = np.arange(6 * 9 * 3, dtype=np.uint8).reshape(6, 9, 3)
    told = []
    line.before = lambda step: told.append(read_progress(tmp_path))
    line.loop(clock=lambda: 10.0 * next(ticks)).run(lambda: strip)
    assert [row["step"] for row in rows(tmp_path, "line")] == [4, 8, 12]
    samples = sorted(p.name for p in (tmp_path / "samples").iterdir())
    assert samples == ["line-000005.png", "line-000010.png", "line-000012.png"]
    shown = cv2.imread(str(tmp_path / "samples" / samples[0]))
    assert shown is not None
    assert (shown[..., ::-1] == strip).all(), "PNG keeps colours in their order"
    middle, end = told[6], read_progress(tmp_path)
    assert middle is not None and middle.state == "running" and middle.step == 6 and middle.steps == 12
    assert middle.seconds_left is not None and middle.seconds_left > 0 and middle.loss is not None
    assert end is not None and end.state == "done" and end.step == 12
    assert [step for step, _ in curve(tmp_path, "line")] == [4, 8, 12]


def curve(folder: Path, stage: str = "causal") -> list[tuple[int, float]]:
    """The losses that TensorBoard shows."""
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    events = EventAccumulator(str(folder / "tensorboard" / stage))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars("loss")]


def test_numbers_that_were_not_measured_are_left_out(tmp_path: Path) -> None:
    line = Line(tmp_path)

    def loss_of(step: Step) -> tuple[torch.Tensor, Metrics]:
        return line.module.weight.square().sum(), {"seen": float("nan"), "other": 2.0}

    line.loop(steps=1, learners=[Learner("x", [torch.optim.SGD(line.module.parameters())], loss_of)]).run()
    (row,) = rows(tmp_path, "line")
    assert "seen" not in row and row["other"] == 2.0


def test_another_seed_or_configuration_is_refused_by_name(tmp_path: Path) -> None:
    Line(tmp_path).loop(steps=2).run()
    with pytest.raises(TrainingError, match="begun with seed 0, not 1"):
        Line(tmp_path, seed=1).loop().resume()
    wider = Line(tmp_path)
    wider.module, wider.average = torch.nn.Linear(2, 1, bias=False), torch.nn.Linear(2, 1, bias=False)
    with pytest.raises(TrainingError, match=r"modules/line/weight is of shape \[1, 1\], not \[1, 2\]"):
        wider.loop().resume()


def test_an_optimiser_of_what_is_not_saved_is_a_mistake(tmp_path: Path) -> None:
    line, other = Line(tmp_path), torch.nn.Linear(1, 1)
    with pytest.raises(ValueError, match="2 parameters of the optimisers belong to none"):
        line.loop(learners=[Learner("x", [torch.optim.SGD(other.parameters())], line.loss_of)])


def interrupted_run(folder: Path) -> None:
    """What the process of the next test does: a run that is interrupted in its third step."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.getsignal(signal.SIGINT)
    line = Line(folder)
    line.before = lambda step: os.kill(os.getpid(), signal.SIGINT) if step.number == 2 else None
    with pytest.raises(TrainingStopped, match="step 3 of 12"):
        line.loop().run()
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_stops_cleanly_and_handlers_are_put_back(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from test_training_loop import interrupted_run; "
    code += "interrupted_run(Path(sys.argv[1])); print('stopped as asked')"
    done = subprocess.run(  # a signal is for a whole process, and the tests' own is not ours to interrupt
        [sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parent,
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0 and "stopped as asked" in done.stdout, done.stderr


def test_a_module_is_saved_whole_and_loaded_back(tmp_path: Path) -> None:
    from dreamport.errors import DatasetError
    from dreamport.models.motion import MotionConfig, MotionHead

    run = Line(tmp_path).run
    config = MotionConfig(extent=(4.0, 4.0), features=4, hidden=16)
    head = MotionHead(config)
    run.save("motion", head, config, "motion")
    loaded = run.load("motion", "motion")
    for a, b in zip(head.parameters(), loaded.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(DatasetError, match=r"decode\.safetensors is not there yet; run the earlier"):
        run.load("decode", "decode")
