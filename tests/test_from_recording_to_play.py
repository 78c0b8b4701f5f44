"""From a fresh recording to play, at a tiny size, with the commands that a user gives; and from what an
engine recorded, through the service that an engine's editor calls.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from dreamport.executors import open_executor
from dreamport.generator import Generator
from dreamport.generator.types import FrameControl
from dreamport.geometry import Intrinsics, Pose
from dreamport.service import CaptureClient, ServerOptions, TrainingClient, running_server
from dreamport.service.training_runs import process_of
from dreamport.v1 import training_pb2
from dreamport.worlds import open_pack
from requires import package
from stubs import StubSource

LADDER = (
    "bake",
    "codec",
    "motion",
    "latents",
    "teacher",
    "control",
    "causal",
    "consistency",
    "dmd",
    "refine",
)
TRAINED = ("codec", "motion", "teacher", "control", "causal", "consistency", "dmd", "refine")


def command(folder: Path, *arguments: str, expect: int = 0) -> str:
    """Run ``dreamport`` as a user does; everything that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "dreamport", *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=840,
    )  # fmt: skip
    assert done.returncode == expect, (
        f"dreamport {' '.join(arguments)} gave {done.returncode}:\n{done.stdout}"
    )
    return done.stdout


def fallen(run: Path, stage: str) -> bool:
    """The loss of the stage (of one of its learners) on the same draws is lower after it than before."""
    told = json.loads((run / "checks" / f"{stage}.json").read_text())
    return any(told["after"][learner] < before for learner, before in told["before"].items())


@pytest.mark.timeout(900)
def test_four_commands_lead_from_a_recording_to_play(tmp_path: Path) -> None:
    for module in ("torch", "vizdoom", "cv2"):
        package(module, extra="train,capture")
    command(tmp_path, "capture", "vizdoom", "--frames", "2000", "--seed", "7", "--out", "DATA")
    said = command(tmp_path, "train", "DATA", "--world", "tiny", "--preset", "tiny", "--out", "PACK")
    assert "It will take about" in said.partition("bake: ")[0], "the plan comes before the work"
    run = tmp_path / "runs" / "tiny"
    marks = json.loads((run / "stages.json").read_text())
    assert [name for name in marks if marks[name]["state"] == "done"] == [*LADDER, "export"]
    for stage in TRAINED:
        assert fallen(run, stage), f"the loss of {stage} did not fall"
        assert len((run / f"{stage}.jsonl").read_text().splitlines()) > 1, f"{stage} left no metrics"
        assert list((run / "samples").glob(f"{stage}-*.png")) or stage == "motion", f"no picture of {stage}"
    assert "is valid" in command(tmp_path, "worlds", "validate", "PACK")
    assert "frame rate" in command(tmp_path, "play", "PACK", "--no-browser", "--seconds", "5")
    manifest = open_pack(tmp_path / "PACK").manifest
    assert manifest.provenance.metrics["psnr_teacher_forced"], "the manifest lacks the measured quality"
    card = (tmp_path / "PACK" / "card.md").read_text()
    assert "## Measured" in card and "held-out" in card and "| dmd |" in card
    assert [button.keys[0] for button in manifest.controls.buttons] == ["KeyW", "KeyS", "KeyA", "KeyD"]

    again = command(tmp_path, "train", "DATA", "--world", "tiny", "--out", "PACK")
    assert "codec: done before" in again and "taken up again" in again
    other = command(tmp_path, "train", "DATA", "--world", "tiny", "--set", "codec.fine_width=16", expect=2)
    assert "done with other choices" in other and "codec.fine_width" in other


def picture(index: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A coloured room that turns with the camera."""
    columns = (np.arange(64) + 3 * index) % 64
    rows = np.linspace(40, 160, 48)[:, None]
    stripes = np.where(columns // 8 % 2, 60.0, 0.0)[None] + rows
    return np.stack([stripes, stripes * 0.7, 200 - stripes * 0.5], axis=-1).astype(np.uint8)


async def record_with_an_engine(address: str) -> None:
    camera = Intrinsics(30.0, 31.0, 33.0, 25.0)
    async with CaptureClient(address) as client:
        for episode, split in enumerate(("train", "train", "heldout")):
            async with client.record() as recorder:
                await recorder.begin(
                    "garden", licence="CC0-1.0", frame_rate=24, size=(64, 48), intrinsics=camera,
                    depth_near_m=1.0, buttons=("Move Forward", "Jump", "Zorp"), seed=episode + 1, split=split,
                )  # fmt: skip
                for i in range(40):
                    depth = np.full((48, 64), 30.0 + i, np.float32)
                    pose = Pose.from_yaw_pitch((0.1 * i, 0.0, 0.2 * i), 3.0 * i)
                    await recorder.frame(
                        picture(i), pose, depth, buttons=i % 8, look_yaw_deg=3.0, look_pitch_deg=-float(i % 2)
                    )
                await recorder.finish()


async def watched(client: TrainingClient, stages: set[str], stop_at: str = "") -> training_pb2.TrainingRun:
    """The run when it is over; ``stages``: takes those that sent metrics. ``stop_at``: ask it to stop
    there."""
    run = training_pb2.TrainingRun()
    async for news in client.watch("garden"):
        stages |= {news.metrics.stage} - {""}
        run = news.run if news.HasField("run") else run
        if stop_at and run.stage == stop_at:
            await client.stop("garden")
            stop_at = ""
    return run


@pytest.fixture
def trainings(tmp_path: Path) -> Iterator[Path]:
    """A folder for runs, none of which outlives the test."""
    yield tmp_path / "trainings"
    for note in tmp_path.glob("trainings/*/process.json"):
        process = process_of(note.parent)
        if process is not None and process.alive:
            psutil.Process(process.pid).kill()


@pytest.mark.timeout(600)
async def test_an_editor_trains_a_world_from_what_its_engine_recorded(
    tmp_path: Path, trainings: Path
) -> None:
    package("torch", extra="train")
    options = ServerOptions(port=0, captures=tmp_path / "captures", trainings=trainings)
    steps = {"codec": 8, "motion": 8, "teacher": 4, "causal": 4, "consistency": 2, "refine": 2}
    async with running_server(options, StubSource()) as server:
        await record_with_an_engine(server.address)
        async with TrainingClient(server.address) as client:
            wanted: dict[str, Any] = {"dataset": "garden", "preset": "tiny", "device": "cpu", "steps": steps}
            await client.start("garden", **wanted, skip=["control", "dmd"])
            run = await watched(client, set(), stop_at="codec")
            assert run.state == training_pb2.RUN_STATE_STOPPED, f"{run.message}\n{_log(tmp_path)}"
            assert not run.playable
            assert (await client.start("garden", **wanted, skip=["control", "dmd"])).resumed
            stages: set[str] = set()
            run = await watched(client, stages)
    assert run.state == training_pb2.RUN_STATE_DONE, f"{run.message}\n{_log(tmp_path)}"
    assert run.playable and stages == {"codec", "motion", "teacher", "causal", "consistency", "refine"}
    skipped = {
        stage.name: stage.message for stage in run.stages if stage.state == training_pb2.STAGE_STATE_SKIPPED
    }
    assert set(skipped) == {"control", "dmd"} and "configuration" in skipped["dmd"]
    assert "dmd: skipped: dmd.enabled is false in the configuration" in _log(tmp_path)

    pack = open_pack(tmp_path / "trainings" / "worlds" / "garden")
    m = pack.manifest
    assert (m.frame.width, m.frame.height, m.frame_rate, m.licence) == (64, 48, 24.0, "CC0-1.0")
    assert (m.camera.fx, m.camera.fy, m.camera.cx, m.camera.cy) == (30.0, 31.0, 33.0, 25.0)
    assert [(b.name, b.keys[0]) for b in m.controls.buttons] == [
        ("forward", "KeyW"), ("jump", "Space"), ("zorp", "Digit1"),
    ]  # fmt: skip
    assert m.controls.look.pitch and m.depth is not None
    assert 1.0 < m.depth.min_m < 30.0 and 69.0 < m.depth.max_m < 200.0, "the depth range is not the data's"
    frame = Generator(pack, open_executor(pack, cache=False), seed=1).step(FrameControl(buttons=1))
    assert frame.depth is not None and np.isfinite(frame.depth).all()
    assert frame.colour.shape == (48, 64, 3)


def _log(folder: Path) -> str:
    return (folder / "trainings" / "garden" / "log.txt").read_text()
