"""All runs of a server: which may begin, their processes, and what a server finds when it starts again.

A run is a process of its own in a session of its own: it goes on when the server stops, because an hour of
training should not end with the editor. Whoever wants it to end asks for that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import grpc
import psutil
import structlog

from dreamport.service.capture_paths import dataset_folder, world_folder
from dreamport.service.options import ServerOptions
from dreamport.service.refusal import Refusal
from dreamport.service.training_checks import Wanted, check_start
from dreamport.service.training_runs import (
    AT_WORK,
    DONE,
    Process,
    at_work,
    describe_run,
    process_of,
    read_json,
    write_json,
)
from dreamport.service.training_watch import Lookout
from dreamport.v1 import training_pb2

NEEDED = ("torch", "safetensors", "onnx", "pyarrow", "av", "cv2")
POLL_S = 0.5
STATUS_EVERY_S = 1.0
RETRY_MS = 30_000
MAX_KEPT = 200
NICENESS = 10
SHUTTING_DOWN = "The server is shutting down; runs go on without it. Ask again when it is back."
Command = Callable[[Sequence[str]], Sequence[str]]

_log = structlog.get_logger(__name__)


def train_command(arguments: Sequence[str]) -> Sequence[str]:
    """``dreamport train`` with this interpreter."""
    return [sys.executable, "-m", "dreamport", "train", *arguments]


class TrainingDesk:
    """Begins, finds and stops runs. ``made``: called when a run has made a world. ``known``: names of the
    worlds that the server offers; a new run takes none of them."""

    def __init__(
        self,
        options: ServerOptions,
        made: Callable[[], Awaitable[None]],
        command: Command = train_command,
        known: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._options = options
        self._made = made
        self._command = command
        self._known_worlds = known
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._starting = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    @property
    def folder(self) -> Path:
        """Where runs lie. Raises ``Refusal`` when this server trains nothing."""
        if self._closing.is_set():
            raise Refusal(grpc.StatusCode.UNAVAILABLE, SHUTTING_DOWN)
        if self._options.trainings is None:
            raise Refusal(
                grpc.StatusCode.UNIMPLEMENTED,
                "This server does not train: start it with `dreamport serve --trainings FOLDER`.",
            )
        return self._options.trainings

    @property
    def worlds(self) -> Path:
        """Where the packs of runs go."""
        worlds = self._options.trained_worlds
        return self.folder / "worlds" if worlds is None else worlds

    def start(self) -> None:
        """Begin to watch over runs, also those that a server before this one began."""
        if self._options.trainings is not None:
            self._watching = asyncio.create_task(self._watch_over())

    async def begin(self, request: training_pb2.StartRequest) -> tuple[training_pb2.TrainingRun, bool]:
        """Begin or take up a run; whether it was taken up. Raises ``Refusal``."""
        runs = self.folder
        wanted = check_start(request)
        folder = world_folder(runs, wanted.world)
        captures = self._options.captures
        if captures is None:
            raise Refusal(
                grpc.StatusCode.UNIMPLEMENTED, "This server does not record, so there is nothing to train on."
            )
        data = dataset_folder(captures, wanted.dataset, "dataset")
        lacking = [name for name in NEEDED if find_spec(name) is None]
        if lacking:
            raise Refusal(
                grpc.StatusCode.UNIMPLEMENTED,
                f"This server cannot train, it lacks {', '.join(lacking)}: install dreamport[train] there "
                "and "
                "start it again.",
            )
        if not (data / "meta" / "info.json").is_file():
            raise Refusal(
                grpc.StatusCode.NOT_FOUND, f"dataset: nothing was recorded under {wanted.dataset!r}."
            )
        async with self._starting:
            return await asyncio.to_thread(self._begin, folder, data, wanted)

    async def stop(self, world: str, force: bool) -> training_pb2.TrainingRun:
        """Ask a run to save and stop, or end it at once. Raises ``Refusal``."""
        folder = self._known(world)
        await asyncio.to_thread(_stop, folder, force)
        _log.info("training is asked to stop", world=world, force=force)
        return await asyncio.to_thread(self._described, folder)

    async def runs(self) -> list[training_pb2.TrainingRun]:
        """All runs, the newest first."""
        return await asyncio.to_thread(self._runs, self.folder)

    async def watch(
        self, world: str, history: bool, samples: bool
    ) -> AsyncIterator[training_pb2.WatchResponse]:
        """What a run does until it is over, or the server stops. Raises ``Refusal``."""
        folder = self._known(world)
        lookout = Lookout(folder, history, samples)
        last: training_pb2.TrainingRun | None = None
        told_at = -STATUS_EVERY_S
        clock = asyncio.get_running_loop().time
        while True:
            run = await asyncio.to_thread(self._described, folder)
            over = run.state not in AT_WORK
            changed = last is None or (run.state, run.stage) != (last.state, last.stage)
            if changed or over or (run != last and clock() - told_at >= STATUS_EVERY_S):
                if last is None or not over:
                    yield training_pb2.WatchResponse(run=run)
                last, told_at = run, clock()
            for response in await asyncio.to_thread(lookout.look):
                yield response
            if over:
                yield training_pb2.WatchResponse(run=run)
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), POLL_S)
                raise Refusal(grpc.StatusCode.UNAVAILABLE, SHUTTING_DOWN)

    async def close(self) -> None:
        """Stop watching; runs go on."""
        self._closing.set()
        if self._watching is not None:
            await self._watching

    def _known(self, world: str) -> Path:
        folder = world_folder(self.folder, world)
        if not (folder / "request.json").is_file():
            raise Refusal(grpc.StatusCode.NOT_FOUND, f"world: there is no run {world!r}.")
        return folder

    def _begin(self, folder: Path, data: Path, wanted: Wanted) -> tuple[training_pb2.TrainingRun, bool]:
        before = read_json(folder / "request.json")
        pack = world_folder(self.worlds, wanted.world)
        self._check_place(folder, pack, before, wanted)
        others = [path for path in _folders(folder.parent) if path != folder]
        if sum(at_work(path) for path in others) >= self._options.max_trainings:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"This server trains {self._options.max_trainings} at a time: stop that run, or come back "
                "when it "
                "is over.",
                RETRY_MS,
            )
        if not before and len(others) >= MAX_KEPT:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"This server keeps {MAX_KEPT} runs: remove folders of old ones on the server.",
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            pack.parent.mkdir(parents=True, exist_ok=True)
            write_json(folder / "request.json", {**wanted.as_json(), "started_at": time.time()})
            for stale in ("stop", "progress.json"):
                (folder / stale).unlink(missing_ok=True)
            process = self._spawn(folder, wanted.arguments(data, folder, pack))
        except OSError as error:
            _log.error("training cannot begin", world=wanted.world, exc_info=error)
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "The run cannot begin: its folder or its process cannot be made. The server's log says why.",
            ) from error
        self._children[wanted.world] = process
        _log.info(
            "training", world=wanted.world, dataset=wanted.dataset, pid=process.pid, resumed=bool(before)
        )
        return self._described(folder), bool(before)

    def _check_place(self, folder: Path, pack: Path, before: dict[str, Any], wanted: Wanted) -> None:
        if at_work(folder):
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                "world: this run is at work; watch it, or stop it first.",
            )
        if not before and (folder.exists() or pack.exists() or wanted.world in self._known_worlds()):
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                "world: there is a world of that name that no run of this server made; choose another.",
            )
        if before and {k: before.get(k) for k in wanted.as_json()} != wanted.as_json():
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                "world: there is a run of that name with another data set or other settings; ask for the "
                "same to "
                "take it up again, or choose another name.",
            )
        if before and describe_run(folder, pack).state == DONE:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                "world: this run is done; choose another name to train again.",
            )

    def _spawn(self, folder: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        """The run's process, in a session of its own and behind everything that is played."""
        windows = os.name == "nt"
        flags = 0
        if windows:  # no console of ours, so that closing that does not end the run
            flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(
                subprocess, "CREATE_NO_WINDOW", 0
            )
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                list(self._command(arguments)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=not windows,
                creationflags=flags,
            )
        known = Process.of(process.pid)
        if known is not None:
            write_json(folder / "process.json", {"pid": known.pid, "started": known.started})
        with contextlib.suppress(psutil.Error):
            low = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", NICENESS) if windows else NICENESS
            psutil.Process(process.pid).nice(low)
        return process

    def _described(self, folder: Path) -> training_pb2.TrainingRun:
        child = self._children.get(folder.name)
        if child is not None and child.poll() is not None:
            self._children.pop(folder.name, None)
        return describe_run(folder, self.worlds / folder.name)

    def _runs(self, runs: Path) -> list[training_pb2.TrainingRun]:
        found = [self._described(folder) for folder in _folders(runs)]
        return sorted(found, key=lambda run: -run.started_at)

    @staticmethod
    def _at_work(runs: Path) -> set[str]:
        return {folder.name for folder in _folders(runs) if at_work(folder)}

    async def _watch_over(self) -> None:
        """Notice when runs end, so that their worlds can be played and their processes are forgotten."""
        working: set[str] = set()
        while not self._closing.is_set():
            try:
                now = await asyncio.to_thread(self._at_work, self.folder)
                ended, working = working - now, now
                for world in sorted(ended):
                    run = await asyncio.to_thread(self._described, self.folder / world)
                    _log.info("training is over", world=world, state=training_pb2.RunState.Name(run.state))
                    if run.state == DONE:
                        await self._made()
            except Refusal:
                return
            except Exception as error:  # a look that fails is taken again
                _log.error("runs cannot be looked at", exc_info=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), POLL_S)


def _folders(runs: Path) -> list[Path]:
    """Folders of runs that a server began."""
    if not runs.is_dir():
        return []
    found = (path for path in sorted(runs.iterdir()) if (path / "request.json").is_file())
    return [path for path in found if not path.is_symlink()]


def _stop(folder: Path, force: bool) -> None:
    process = process_of(folder)
    if process is None or not process.alive:
        return
    if not force:
        (folder / "stop").touch()
        return
    with contextlib.suppress(psutil.Error):
        main = psutil.Process(process.pid)
        family = [main, *main.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.Error):
                member.kill()
        psutil.wait_procs(family, timeout=5.0)
    (folder / "stop").unlink(missing_ok=True)
