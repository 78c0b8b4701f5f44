"""Training over gRPC: what a client may ask for, runs that outlive the server, and a world that comes out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from dreamport.errors import PackError
from dreamport.service import ServerOptions, TrainingCallError, TrainingClient
from dreamport.service.refusal import Refusal
from dreamport.service.training_desk import TrainingDesk
from dreamport.service.training_runs import describe_run, process_of
from dreamport.service.training_watch import HISTORY_ROWS, Lookout, Tail
from dreamport.v1 import training_pb2
from requires import package
from stubs import serving

STUB = Path(__file__).with_name("stub_trainer.py")
State = training_pb2.RunState


def stub_command(arguments: Sequence[str]) -> Sequence[str]:
    return [sys.executable, str(STUB), *arguments]


def wanted(world: str = "garden", **changes: Any) -> training_pb2.StartRequest:
    return training_pb2.StartRequest(
        **{"protocol_version": 1, "world": world, "dataset": "garden", "preset": "tiny", **changes}
    )


class Workshop:
    """A training desk on folders of its own, whose trainer is the stub."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made, self.fails = folder, 0, 0
        (folder / "captures" / "garden" / "meta").mkdir(parents=True, exist_ok=True)
        (folder / "captures" / "garden" / "meta" / "info.json").write_text("{}")
        self.options = ServerOptions(captures=folder / "captures", trainings=folder / "trainings")

    @contextlib.asynccontextmanager
    async def open(self, offered: Sequence[str] = ()) -> AsyncIterator[TrainingDesk]:
        """A server's desk for the time of the block; what runs then goes on. The server offers the worlds
        ``offered``; it fails to look for new ones the first ``fails`` times."""

        async def made() -> None:
            self.made += 1
            if self.made <= self.fails:
                raise PackError("a pack among the worlds is damaged")

        desk = TrainingDesk(self.options, made, stub_command, lambda: offered)
        desk.start()
        try:
            yield desk
        finally:
            await desk.close()

    def run(self, world: str = "garden") -> Path:
        return self.folder / "trainings" / world


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    package("torch", extra="train")
    here = Workshop(tmp_path)
    yield here
    for note in tmp_path.glob("trainings/*/process.json"):
        process = process_of(note.parent)
        if process is not None and process.alive:
            psutil.Process(process.pid).kill()


async def until_state(
    desk: TrainingDesk, state: training_pb2.RunState, world: str = "garden"
) -> training_pb2.TrainingRun:
    """Watch a run until it is in a state; fails when it ends in another."""
    run = training_pb2.TrainingRun()
    async for news in desk.watch(world, history=False, samples=False):
        if news.HasField("run"):
            run = news.run
            if run.state == state and (run.stage or state != State.RUN_STATE_RUNNING):
                return run
    raise AssertionError(f"the run ended as {State.Name(run.state)}: {run.message}")


async def refused(call: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value


async def test_a_run_is_a_process_that_goes_on_without_the_server(workshop: Workshop) -> None:
    async with workshop.open() as desk:
        run, resumed = await desk.begin(wanted(steps={"causal": 40}, skip=["dmd"], seed=5, title="A garden"))
        assert (run.world, run.dataset, resumed) == ("garden", "garden", False)
        await until_state(desk, State.RUN_STATE_RUNNING)
        arguments = json.loads((workshop.run() / "arguments.json").read_text())
        assert {"--seed=5", "--set=causal.steps=40", "--set=dmd.enabled=false", "--title=A garden"} <= set(
            arguments
        )
    process = process_of(workshop.run())
    assert process is not None and process.alive, "the run ended with the server"
    async with workshop.open() as desk:
        (again,) = await desk.runs()
        assert again.state == State.RUN_STATE_RUNNING and again.steps == 60 and again.loss == 0.5
        assert [(s.name, s.message) for s in again.stages] == [("bake", ""), ("motion", "no poses")]
        assert "3 minutes" in again.plan and not again.playable
        (workshop.run() / "finish").touch()
        done = await until_state(desk, State.RUN_STATE_DONE)
        assert done.playable
        while not workshop.made:  # the desk looks for ended runs by itself
            await asyncio.sleep(0.01)
    assert not process.alive


async def test_a_stopped_run_is_taken_up_again_with_the_same_settings_only(workshop: Workshop) -> None:
    async with workshop.open() as desk:
        await desk.begin(wanted())
        await until_state(desk, State.RUN_STATE_RUNNING)
        again = await refused(desk.begin(wanted()))
        assert again.code == grpc.StatusCode.FAILED_PRECONDITION and "at work" in str(again)
        await desk.stop("garden", force=False)
        await until_state(desk, State.RUN_STATE_STOPPED)
        other = await refused(desk.begin(wanted(seed=2)))
        assert other.code == grpc.StatusCode.FAILED_PRECONDITION and "other settings" in str(other)
        _, resumed = await desk.begin(wanted())
        assert resumed
        run = await until_state(desk, State.RUN_STATE_RUNNING)
        assert run.step == 2, "it began anew instead of going on"


async def test_a_run_that_is_killed_is_interrupted_and_one_that_gives_up_says_why(workshop: Workshop) -> None:
    async with workshop.open() as desk:
        await desk.begin(wanted())
        await until_state(desk, State.RUN_STATE_RUNNING)
        await desk.stop("garden", force=True)
        await until_state(desk, State.RUN_STATE_INTERRUPTED)
        await desk.begin(wanted())
        await until_state(desk, State.RUN_STATE_RUNNING)
        (workshop.run() / "fail").touch()
        run = await until_state(desk, State.RUN_STATE_FAILED)
        assert "full disk" in run.message
        assert str(workshop.folder) not in run.message, "a client learns where things lie on the server"


async def test_one_run_at_a_time_and_others_are_told_when_to_come_back(workshop: Workshop) -> None:
    async with workshop.open() as desk:
        await desk.begin(wanted())
        await until_state(desk, State.RUN_STATE_RUNNING)
        full = await refused(desk.begin(wanted("meadow")))
        assert full.code == grpc.StatusCode.RESOURCE_EXHAUSTED and full.retry_after_ms
        assert not workshop.run("meadow").exists()
        await desk.stop("garden", force=True)
        await until_state(desk, State.RUN_STATE_INTERRUPTED)
        await desk.begin(wanted("meadow"))
        await until_state(desk, State.RUN_STATE_RUNNING, "meadow")
        names = [run.world for run in await desk.runs()]
        assert names == ["meadow", "garden"], "the newest comes first"


async def test_a_watcher_gets_history_pictures_and_the_end(workshop: Workshop) -> None:
    async with workshop.open() as desk:
        await desk.begin(wanted())
        await until_state(desk, State.RUN_STATE_RUNNING)
        steps, pictures, states = [], [], []
        async for news in desk.watch("garden", history=True, samples=True):
            kind = news.WhichOneof("message")
            if kind == "metrics":
                steps += [(news.metrics.stage, row.step, row.values["loss"]) for row in news.metrics.rows]
                (workshop.run() / "finish").touch()
            elif kind == "sample":
                pictures.append((news.sample.stage, news.sample.step, news.sample.png[:4]))
            else:
                states.append(news.run.state)
        assert steps == [("codec", 1, 1.0)]
        assert pictures == [("codec", 10, b"\x89PNG")]
        assert states[-1] == State.RUN_STATE_DONE


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"protocol_version": 9}, grpc.StatusCode.FAILED_PRECONDITION, "protocol_version"),
        ({"world": "../up"}, grpc.StatusCode.INVALID_ARGUMENT, "world"),
        ({"world": "CON"}, grpc.StatusCode.INVALID_ARGUMENT, "world"),
        ({"world": "nul"}, grpc.StatusCode.INVALID_ARGUMENT, "world"),
        ({"world": "-rf"}, grpc.StatusCode.INVALID_ARGUMENT, "world"),
        ({"dataset": "../secret"}, grpc.StatusCode.INVALID_ARGUMENT, "dataset"),
        ({"dataset": "nothing-here"}, grpc.StatusCode.NOT_FOUND, "dataset"),
        ({"preset": "huge"}, grpc.StatusCode.INVALID_ARGUMENT, "preset"),
        ({"device": "cuda:0; rm"}, grpc.StatusCode.INVALID_ARGUMENT, "device"),
        ({"seed": 1 << 63}, grpc.StatusCode.INVALID_ARGUMENT, "seed"),
        ({"steps": {"codec": 0}}, grpc.StatusCode.INVALID_ARGUMENT, "steps"),
        ({"steps": {"codec": 4_000_000_000}}, grpc.StatusCode.INVALID_ARGUMENT, "steps"),
        ({"steps": {"data.workers": 9}}, grpc.StatusCode.INVALID_ARGUMENT, "steps"),
        ({"skip": ["codec"]}, grpc.StatusCode.INVALID_ARGUMENT, "skip"),
        ({"title": "two\nlines"}, grpc.StatusCode.INVALID_ARGUMENT, "title"),
    ],
)
async def test_nothing_of_a_client_is_trusted(
    workshop: Workshop, changes: dict[str, Any], code: grpc.StatusCode, field: str
) -> None:
    async with workshop.open() as desk:
        refusal = await refused(desk.begin(wanted(**changes)))
        assert refusal.code == code and str(refusal).startswith(f"{field}:")
        assert not (workshop.folder / "trainings").exists(), "something was made for a refused request"


async def test_a_world_that_no_run_made_is_never_written_over(workshop: Workshop) -> None:
    pack = workshop.folder / "trainings" / "worlds" / "garden"
    pack.mkdir(parents=True)
    (pack / "world.json").write_text("mine")
    async with workshop.open() as desk:
        refusal = await refused(desk.begin(wanted()))
        assert refusal.code == grpc.StatusCode.FAILED_PRECONDITION
    assert (pack / "world.json").read_text() == "mine"


async def test_a_run_takes_no_name_of_a_world_that_the_server_offers(workshop: Workshop) -> None:
    async with workshop.open(offered=("freedoom-map01",)) as desk:
        refusal = await refused(desk.begin(wanted("freedoom-map01")))
        assert refusal.code == grpc.StatusCode.FAILED_PRECONDITION and "choose another" in str(refusal)
        assert not workshop.run("freedoom-map01").exists()
        await desk.begin(wanted())


async def test_worlds_are_looked_for_again_also_after_a_look_that_failed(workshop: Workshop) -> None:
    workshop.fails = 1
    async with workshop.open() as desk:
        for number, world in enumerate(("garden", "cellar")):
            await desk.begin(wanted(world))
            await until_state(desk, State.RUN_STATE_RUNNING, world)
            (workshop.run(world) / "finish").touch()
            await until_state(desk, State.RUN_STATE_DONE, world)
            while workshop.made <= number:
                await asyncio.sleep(0.01)


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
async def test_a_link_in_the_folder_of_runs_leads_nowhere(workshop: Workshop) -> None:
    outside = workshop.folder / "outside"
    outside.mkdir()
    (outside / "request.json").write_text("{}")
    (workshop.folder / "trainings").mkdir()
    workshop.run().symlink_to(outside)
    async with workshop.open() as desk:
        assert (await refused(desk.begin(wanted()))).code == grpc.StatusCode.INVALID_ARGUMENT
        assert (await refused(desk.stop("garden", force=True))).code == grpc.StatusCode.INVALID_ARGUMENT
        assert await desk.runs() == []


def test_a_run_folder_of_a_stranger_is_read_without_harm(tmp_path: Path) -> None:
    run = tmp_path / "garden"
    (run / "samples").mkdir(parents=True)
    (run / "request.json").write_text('{"dataset": 7, "started_at": "soon"}')
    huge = "9" * 400
    (run / "progress.json").write_text(
        f'{{"stage": [], "step": -4, "loss": "NaN", "seconds": 1e999, "seconds_left": {huge}}}'
    )
    (run / "stages.json").write_text('{"../x": {"state": "done"}, "codec": 3}')
    (run / "process.json").write_text('{"pid": "1", "started": null}')
    (run / "codec.jsonl").write_text(
        f'{{"step": 1, "loss": 2}}\nrubbish\n[1]\n{{"step": 1, "loss": {huge}}}\n'
        '{"step": 2, "loss": NaN, "psnr": 9}\n{"st'
    )
    (run / "samples" / "codec-000002.png").write_text("no picture")
    described = describe_run(run, tmp_path / "pack")
    assert described.state == State.RUN_STATE_INTERRUPTED and not described.stages and described.step == 0
    news = Lookout(run, history=True, samples=True).look()
    assert [(row.step, dict(row.values)) for n in news for row in n.metrics.rows] == [
        (1, {"loss": 2.0}),
        (2, {"psnr": 9.0}),
    ]


def test_rows_are_given_once_also_when_a_run_goes_back_to_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "codec.jsonl"

    def line(step: int) -> str:
        return json.dumps({"step": step, "loss": 1}) + "\n"

    path.write_text(line(1) + line(2) + line(3)[:5])
    tail = Tail(path)
    assert [row.step for row in tail.rows()] == [1, 2]
    with path.open("a") as file:
        file.write(line(3)[5:])
    assert [row.step for row in tail.rows()] == [3]
    taken_up = tmp_path / "new"
    taken_up.write_text(line(1) + line(2) + line(3) + line(4))
    taken_up.replace(path)
    assert [row.step for row in tail.rows()] == [4]


def test_history_is_bounded(tmp_path: Path) -> None:
    rows = [json.dumps({"step": step, "loss": 1}) for step in range(1, HISTORY_ROWS + 501)]
    (tmp_path / "codec.jsonl").write_text("\n".join(rows) + "\n")
    news = Lookout(tmp_path, history=True, samples=False).look()
    steps = [row.step for n in news for row in n.metrics.rows]
    assert len(steps) == HISTORY_ROWS and steps[-1] == HISTORY_ROWS + 500
    assert max(len(n.metrics.rows) for n in news) <= 200


async def test_a_server_without_a_folder_for_runs_says_so() -> None:
    async with serving() as here, TrainingClient(here.server.address) as client:
        with pytest.raises(TrainingCallError) as caught:
            await client.runs()
        assert caught.value.code == grpc.StatusCode.UNIMPLEMENTED and "--trainings" in caught.value.message


async def test_training_needs_the_token_like_every_other_service(tmp_path: Path) -> None:
    token = "a token that is long enough"
    async with serving(token=token, trainings=tmp_path / "runs") as here:
        async with TrainingClient(here.server.address) as stranger:
            with pytest.raises(TrainingCallError) as caught:
                await stranger.runs()
            assert caught.value.code == grpc.StatusCode.UNAUTHENTICATED
        async with TrainingClient(here.server.address, token) as client:
            assert await client.runs() == []
