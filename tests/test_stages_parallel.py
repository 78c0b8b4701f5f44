"""Two processes climb the ladder as one does, whichever way they share the work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

from stages_worker import STAGES, STEPS, climb
from stub_clips import write_level

WORKER = Path(__file__).with_name("stages_worker.py")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process."""
    folder = tmp_path_factory.mktemp("alone")
    write_level(folder / "baked")
    climb(folder, "ddp", 1)
    return folder


def losses(folder: Path, stage: str) -> list[float]:
    """Every loss of a stage, of all its learners and experts."""
    found = []
    for name in sorted(folder.glob(f"{stage}*.jsonl")):
        for line in name.read_text().splitlines():
            found += [value for key, value in sorted(json.loads(line).items()) if key.endswith("loss")]
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("strategy", "sequence"),
    [("fsdp2", 1), ("ddp", 2)],
    ids=["weights are shared", "a clip's frames are shared"],
)
def test_two_processes_have_the_losses_of_one(
    alone: Path, tmp_path: Path, strategy: str, sequence: int
) -> None:
    (tmp_path / "baked").symlink_to(alone / "baked")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, str(WORKER), str(tmp_path), strategy, str(sequence)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=550,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for stage in STAGES:
        expected = losses(alone, stage)
        assert len(expected) >= STEPS
        assert losses(tmp_path, stage) == pytest.approx(expected, rel=1e-4), stage
