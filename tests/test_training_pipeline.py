"""From a recording of a real game to a playable pack, every stage for real, at a tiny size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("vizdoom")

from dreamport.executors import open_executor
from dreamport.generator import Generator
from dreamport.generator.types import FrameControl
from dreamport.worlds import open_pack
from dreamport_tools.vizdoom_motion import record_motion
from dreamport_tools.vizdoom_recorder import record
from dreamport_training import export, pipeline, presets
from dreamport_training.presets import Budget

SMALL = replace(
    presets.PRESETS["tiny"],
    views=12,
    codec_budget=Budget(30, 2, 2e-3),
    motion_budget=Budget(40, 64, 2e-3),
    causal_budget=Budget(20, 2, 2e-3),
    consistency_budget=Budget(2, 2, 4e-4),
    refine_budget=Budget(4, 2, 1e-3),
)


def losses(run: Path, stage: str) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / f"{stage}.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    data = folder / "data"
    record(data, episodes=2, frames=24, seed=77, split="train")
    record_motion(data / "physics" / "train", 800, 78)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.PRESETS, "tiny", SMALL)
        pipeline.main([str(data), "--out", str(folder / "run"), "--preset", "tiny"])
        arguments = [str(folder / "run"), "--out", str(folder / "pack"), "--name", "small", "--starts", "2"]
        export.main(arguments)
    return folder


@pytest.mark.timeout(900)
def test_every_stage_leaves_its_module_and_learns_something(run: Path) -> None:
    made = {path.stem for path in (run / "run" / "modules").iterdir()}
    assert {"encode", "decode", "denoise", "motion"} <= made
    for stage in ("codec", "causal"):  # motion rolls out longer and longer, so its losses do not compare
        first, *_, last = losses(run / "run", stage)
        assert last < first, f"the loss of {stage} went from {first} to {last}"


@pytest.mark.timeout(900)
def test_the_pack_of_a_run_plays(run: Path) -> None:
    pack = open_pack(run / "pack")
    assert pack.manifest.start_names() == ("start-1", "start-2")
    generator = Generator(pack, open_executor(pack, cache=False), seed=1)
    frame = generator.step(FrameControl(buttons=1))
    assert frame.colour.shape == (192, 320, 3)
    assert np.isfinite(frame.depth).all() and frame.depth.min() >= pack.manifest.depth.min_m
    assert frame.colour.std() > 1.0


@pytest.mark.timeout(900)
def test_a_finished_run_is_not_trained_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.stat().st_mtime_ns for p in (run / "run" / "modules").iterdir()}
    pipeline.main([str(run / "data"), "--out", str(run / "run"), "--preset", "tiny"])
    assert {p: p.stat().st_mtime_ns for p in (run / "run" / "modules").iterdir()} == before
    assert "codec: done before" in capsys.readouterr().err
