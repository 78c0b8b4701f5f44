"""Processes that share the work of a bake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytest.importorskip("torch", reason="baking needs the extra 'train' (torch)")

WORKER = Path(__file__).parent / "spread_worker.py"


def test_no_process_outlives_a_bake_that_was_killed() -> None:
    bake = subprocess.Popen(
        [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert bake.stdin is not None and bake.stdout is not None
    workers = [psutil.Process(int(pid)) for pid in bake.stdout.readline().split()]
    bake.kill()
    bake.wait()
    _, left = psutil.wait_procs(workers, timeout=30.0)
    for worker in left:
        worker.kill()
    assert workers and not left
