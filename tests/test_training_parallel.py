"""Several processes compute what one does: FSDP2, DDP and sequence parallelism under torchrun, on Gloo."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from dreamport.errors import TrainingError
from dreamport_training.config import ParallelSection
from dreamport_training.muon import Muon, orthogonalised
from dreamport_training.parallel import Parallel
from training_worker import model_of

pytestmark = pytest.mark.timeout(900)
WORKER = Path(__file__).parent / "training_worker.py"
TOLERANCE = 1e-4
STEPS = 20
ROLLOUT = ("kind=rollout", "steps=8")
FSDP2 = "parallel.strategy=fsdp2"


def launch(processes: int, runs: list[tuple[str, ...]]) -> subprocess.CompletedProcess[str]:
    """``runs`` one after the other, in ``processes`` processes."""
    arguments = [part for run in runs for part in (*run, "--")][:-1]
    alone = [sys.executable, str(WORKER)]
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    together += ["--nproc-per-node", str(processes), str(WORKER)]
    return subprocess.run(
        [*(alone if processes == 1 else together), *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


@dataclass(frozen=True)
class Runs:
    """Folders of runs that have ended, and what the killed one left."""

    folder: Path
    killed_rows: int
    killed_checkpoints: list[str]

    def losses(self, name: str) -> list[float]:
        lines = (self.folder / name / "causal.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
        return [row["loss"] for row in rows]

    def furthest(self, name: str, other: str) -> float:
        """The largest difference of the two runs' losses over all steps."""
        pairs = zip(self.losses(name), self.losses(other), strict=True)
        return max(abs(a - b) for a, b in pairs)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("runs")

    def at(name: str, *options: str) -> tuple[str, ...]:
        return (str(folder / name), *options)

    killed = launch(2, [at("killed", FSDP2, "kill_at=13")])
    assert killed.returncode != 0
    left = (folder / "killed" / "causal.jsonl").read_text().splitlines()
    checkpoints = [p.name for p in (folder / "killed" / "checkpoints" / "causal").iterdir()]
    shutil.copytree(folder / "killed", folder / "killed_to_one")
    one = launch(1, [at("one"), at("one_rollout", *ROLLOUT), at("killed_to_one"), at("half", "steps=10")])
    assert one.returncode == 0, one.stderr
    shutil.copytree(folder / "half", folder / "one_to_two")
    long = "parallel.sequence=2"
    together = [
        at("fsdp2", FSDP2),
        at("killed", FSDP2),
        at("one_to_two", FSDP2),
        at("ddp"),
        at("sequence", long),
        at("all", FSDP2, long, "parallel.checkpointing=true"),
        at("rollout", FSDP2, "parallel.checkpointing=true", *ROLLOUT),
        at("rollout_ddp", *ROLLOUT),
        at("muon", FSDP2, "kind=muon"),
    ]
    two = launch(2, together)
    assert two.returncode == 0, two.stderr
    return Runs(folder, len(left), checkpoints)


@pytest.mark.parametrize("name", ["fsdp2", "ddp", "sequence", "all"])
def test_two_processes_compute_the_losses_of_one(runs: Runs, name: str) -> None:
    assert len(runs.losses("one")) == STEPS
    assert runs.furthest(name, "one") < TOLERANCE


@pytest.mark.parametrize("name", ["rollout", "rollout_ddp"])
def test_so_they_do_when_a_generator_learns_through_a_critic_from_its_own_frames(
    runs: Runs, name: str
) -> None:
    assert runs.furthest(name, "one_rollout") < TOLERANCE


def test_the_weights_are_the_same_too(runs: Runs) -> None:
    from safetensors.torch import load_file

    one, two = (load_file(runs.folder / name / "modules/denoise.safetensors") for name in ("one", "fsdp2"))
    assert one.keys() == two.keys()
    begun = model_of(0).state_dict()

    def length(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
        return math.sqrt(sum(float((a[name] - b[name]).square().sum()) for name in one))

    # Muon computes in bfloat16: the last digit of a gradient may be a bfloat16's last digit there.
    assert length(one, two) < 0.02 * length(one, begun)


def test_two_killed_processes_go_on_with_the_very_same_losses(runs: Runs) -> None:
    assert (runs.killed_rows, runs.killed_checkpoints) == (13, ["00000010"])
    assert runs.losses("killed") == runs.losses("fsdp2")


def test_a_run_goes_on_with_another_number_of_processes(runs: Runs) -> None:
    assert runs.furthest("killed_to_one", "one") < TOLERANCE, "begun by two, ended by one"
    assert len(runs.losses("one_to_two")) == STEPS


def test_shared_matrices_take_the_steps_of_whole_ones(runs: Runs) -> None:
    assert (runs.folder / "muon" / "the same").read_text() == "7 matrices"


def test_muon_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(3)
    mine = [torch.nn.Parameter(torch.randn(s, generator=generator)) for s in ((6, 4), (4, 9), (5, 5))]
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in mine]
    optimisers = [
        Muon(mine, lr=0.02, weight_decay=0.01),
        torch.optim.Muon(theirs, lr=0.02, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
    ]
    for _ in range(5):
        for p, q in zip(mine, theirs, strict=True):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone()
        for optimiser in optimisers:
            optimiser.step()
    for p, q in zip(mine, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)


def test_newton_schulz_brings_all_singular_values_near_one() -> None:
    made = orthogonalised(torch.randn(12, 5, generator=torch.Generator().manual_seed(1)))
    values = torch.linalg.svdvals(made.float())
    assert made.shape == (12, 5) and float(values.min()) > 0.6 and float(values.max()) < 1.3


def test_muon_refuses_what_is_not_a_matrix() -> None:
    with pytest.raises(ValueError, match=r"one parameter has shape \[3\]"):
        Muon([torch.nn.Parameter(torch.zeros(3))], lr=0.1)


def test_alone_there_is_nothing_to_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    parallel = Parallel.start(ParallelSection(strategy="fsdp2", sequence=2))
    assert (parallel.size, parallel.strategy, parallel.is_main) == (1, "none", True)
    assert parallel.rows(6) == slice(0, 6)
    values, weights = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 0.0, 3.0])
    assert float(parallel.mean(values)) == pytest.approx(7 / 3)
    assert float(parallel.mean(values, weights)) == pytest.approx(13 / 4)
    assert float(parallel.mean(values, torch.zeros(3))) == 0.0, "nothing to learn from is no error"


def test_every_row_of_a_batch_belongs_to_one_share() -> None:
    places = [Parallel(rank=r, size=4, strategy="ddp", sequence=2) for r in range(4)]
    assert [p.rows(6) for p in places] == [slice(0, 3), slice(0, 3), slice(3, 6), slice(3, 6)]
    with pytest.raises(TrainingError, match="a batch of 5 cannot be shared by 2 processes"):
        places[0].rows(5)


def test_processes_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(TrainingError, match=r"parallel\.sequence is 2, but torchrun started 3 processes"):
        Parallel.start(ParallelSection(sequence=2))
    if not torch.cuda.is_available():
        with pytest.raises(TrainingError, match="no CUDA device was found; give --device cpu"):
            Parallel.start(ParallelSection(), "cuda")
