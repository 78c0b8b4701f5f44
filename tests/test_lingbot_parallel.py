"""A LingBot-World session that several processes compute together (Gloo on the CPU, as NCCL on GPUs)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

torch = pytest.importorskip("torch", reason="LingBot-World needs torch")

from dreamport.errors import ExecutorError  # noqa: E402
from dreamport.executors.lingbot.following import FAILED, Channel, Command, Together  # noqa: E402
from dreamport.executors.lingbot.parallel import Place, own_device, place_of, require_shares  # noqa: E402
from dreamport.models.lingbot.config import LINGBOT_1_3B, LINGBOT_14B  # noqa: E402
from dreamport_tools.bench.tiny_world import write_tiny_world  # noqa: E402

WORKER = Path(__file__).parent / "lingbot_worker.py"
LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of what two processes found."""
    out = tmp_path_factory.mktemp("parallel")
    pack = write_tiny_world(out)
    done = subprocess.run(
        [*LAUNCH, str(WORKER), str(out), str(pack.path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def told(found: Path, what: str) -> list[dict[str, Any]]:
    """What each of the two tells."""
    return [json.loads((found / f"{what}-{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]


def test_two_processes_compute_what_one_does_and_each_keeps_the_cache_of_its_heads(found: Path) -> None:
    for one in told(found, "chunks"):
        assert one["processes"] == 2
        assert one["largest"] > 1, "the chunks are something"
        assert one["velocity"] < 1e-4
        assert one["cache"] < 1e-4
        assert 2 * one["cache_bytes"] == one["all_cache_bytes"]


def test_the_first_process_leads_a_session_that_the_others_follow(found: Path) -> None:
    led, followed = told(found, "session")
    assert led["name"] == "torch x 2"
    assert max(led["frames"]) <= 1, "the same frames as those of one process, to a rounding"
    assert led["moved"] > 1, "words and poses reached all processes"
    assert led["again"] <= 1, "a session goes on from a state"
    assert max(led["states"]) < 1e-4, "a state holds all heads and goes back to each process as its own"
    assert "add the world again" in led["refusal"], "an error that all have ends nothing"
    assert followed == {"followed": True}


def test_a_number_of_processes_that_cannot_share_evenly_is_refused_with_those_that_can() -> None:
    require_shares(LINGBOT_14B, 1508, 8)
    require_shares(LINGBOT_1_3B, 1508, 4)
    with pytest.raises(ExecutorError, match=r"8 processes cannot share 12 heads .* --nproc-per-node 1, 2, 4"):
        require_shares(LINGBOT_1_3B, 1508, 8)


def test_a_first_process_that_fails_in_the_middle_of_work_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nobody(Channel):
        def __init__(self) -> None:
            self.rank, self.size = 0, 2

        def tell(self, command: Command) -> None:
            pass

        def answer(self, error: Exception | None) -> list[str]:
            raise AssertionError("the others are in the middle of work and hear nothing")

    def end(code: int) -> NoReturn:
        raise SystemExit(code)

    def fail() -> None:
        raise torch.OutOfMemoryError("no memory left")

    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(SystemExit) as ended:
        Together(Nobody()).do(Command("chunk", 1), fail)
    assert ended.value.code == FAILED


def test_without_torchrun_a_process_is_alone() -> None:
    assert place_of({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "3"}) == Place(0, 1, 0)
    started = {"TORCHELASTIC_RUN_ID": "x", "RANK": "9", "WORLD_SIZE": "16", "LOCAL_RANK": "1"}
    assert place_of(started) == Place(9, 16, 1)
    assert place_of(started).follows


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert own_device(torch.device("cuda"), Place(1, 2, 1)) == torch.device("cuda", 1)
    assert own_device(torch.device("cpu"), Place(2, 3, 2)) == torch.device("cpu")
    with pytest.raises(ExecutorError, match="--nproc-per-node 2"):
        own_device(torch.device("cuda"), Place(2, 3, 2))
