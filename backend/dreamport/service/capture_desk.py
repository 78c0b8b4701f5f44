"""All recorders of a server: how many there may be, which data sets they write to, and what a killed server
left.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import structlog

from dreamport.episodes.layout import recordings_left
from dreamport.episodes.plan import EpisodePlan
from dreamport.errors import DatasetError, DiskFullError
from dreamport.service.capture_checks import SPLITS, check_begin
from dreamport.service.capture_paths import dataset_folder
from dreamport.service.options import ServerOptions
from dreamport.service.refusal import Refusal
from dreamport.v1 import capture_pb2

if TYPE_CHECKING:
    from dreamport.episodes.placing import PlacedEpisode
    from dreamport.episodes.recording import Recording
    from dreamport.service.capture_stream import CaptureStream

NEEDED = ("av", "pyarrow")
RETRY_MS = 2_000
PLACING_S = 60.0
SHUTTING_DOWN = "The server is shutting down: the episode is kept up to here. Begin another when it is back."

_log = structlog.get_logger(__name__)


class CaptureDesk:
    """Admits recorders, begins their episodes and puts them in place."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._streams: dict[CaptureStream, asyncio.Event] = {}
        self._splits: dict[str, dict[int, str]] = {}
        self._open: dict[str, EpisodePlan] = {}
        self._beginning = asyncio.Lock()
        self._recovering: asyncio.Task[None] | None = None
        self._stop_recovering = threading.Event()
        self._closing = False

    @property
    def recorders(self) -> int:
        """Recorders that are connected."""
        return len(self._streams)

    def start(self) -> None:
        """Begin to make episodes of what a killed server left, in the background."""
        if self._options.captures is not None and not _lacking():
            self._recovering = asyncio.create_task(
                asyncio.to_thread(_recover, self._options.captures, self._stop_recovering)
            )
            # Recovered episodes have seeds too: what was read of a data set before is out of date.
            self._recovering.add_done_callback(lambda _: self._splits.clear())

    def enter(self, stream: CaptureStream) -> None:
        """Admit a recorder. Raises ``Refusal``."""
        if self._closing:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, SHUTTING_DOWN)
        if self._options.captures is None:
            raise Refusal(
                grpc.StatusCode.UNIMPLEMENTED,
                "This server does not record: start it with `dreamport serve --captures FOLDER`.",
            )
        lacking = _lacking()
        if lacking:
            raise Refusal(
                grpc.StatusCode.UNIMPLEMENTED,
                f"This server cannot record, it lacks {' and '.join(lacking)}: install dreamport[capture] "
                "there and start it again.",
            )
        if len(self._streams) >= self._options.max_recorders:
            raise Refusal(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"Too many recorders: this server takes {self._options.max_recorders} at a time. Close one, "
                "or come back.",
                RETRY_MS,
            )
        self._streams[stream] = asyncio.Event()

    def leave(self, stream: CaptureStream) -> None:
        """The recorder is gone and its episode in place."""
        left = self._streams.pop(stream, None)
        if left is not None:
            left.set()

    async def begin(self, begin: capture_pb2.BeginEpisode) -> Recording:
        """Open an episode. Raises ``Refusal``."""
        captures = self._options.captures
        assert captures is not None
        root = dataset_folder(captures, begin.dataset)
        own_seed = secrets.randbits(62) + 1
        plan = check_begin(begin, secrets.token_hex(8), own_seed, self._options.max_capture_message_bytes)
        async with self._beginning:
            try:
                await self._check_split(root, plan)
                recording = await asyncio.to_thread(_begin, root, plan)
            except DiskFullError as error:
                raise Refusal(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, f"No episode was begun: {error}."
                ) from error
            except DatasetError as error:
                raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, f"begin.dataset: {error}.") from error
            self._open[plan.episode_id] = plan
        _log.info("episode begun", dataset=begin.dataset, episode=plan.episode_id)
        return recording

    async def place(self, recording: Recording, ended: str) -> PlacedEpisode | None:
        """Put an episode in its data set once its files are closed; ``None`` when it has no frames. Raises
        ``DatasetError``: the recording then waits for the next start, or for ``dreamport capture recover``.
        """
        plan = recording.plan
        try:
            placed = await asyncio.to_thread(_place, recording, ended)
        except DatasetError as error:
            _log.error("episode is not in place yet", episode=plan.episode_id, error=str(error))
            raise
        finally:
            self._open.pop(plan.episode_id, None)
        if placed is not None:
            if plan.info.name in self._splits:
                self._splits[plan.info.name][plan.seed] = plan.split
            _log.info("episode in place", episode=plan.episode_id, frames=placed.frames, ended=ended)
        return placed

    async def discard(self, recording: Recording) -> None:
        """Throw an episode away."""
        await asyncio.to_thread(recording.discard)
        self._open.pop(recording.plan.episode_id, None)

    async def close(self) -> None:
        """Refuse new recorders, tell those there are, and wait until their episodes are in place."""
        self._closing = True
        self._stop_recovering.set()
        waiting = [asyncio.create_task(left.wait()) for left in self._streams.values()]
        for stream in list(self._streams):
            stream.shut_down(self._options.drain_s, Refusal(grpc.StatusCode.UNAVAILABLE, SHUTTING_DOWN))
        if waiting:
            await asyncio.wait(waiting, timeout=self._options.drain_s + PLACING_S)
        if self._recovering is not None:
            await self._recovering

    async def _check_split(self, root: Path, plan: EpisodePlan) -> None:
        name = plan.info.name
        if name not in self._splits:
            self._splits[name] = await asyncio.to_thread(_seeds, root)
        splits = {self._splits[name].get(plan.seed, plan.split)}
        splits |= {
            other.split for other in self._open.values() if (other.info.name, other.seed) == (name, plan.seed)
        }
        if splits != {plan.split}:
            raise Refusal(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"begin.split: seed {plan.seed} belongs to another split of this data set; splits must not "
                "share seeds.",
            )


def _lacking() -> list[str]:
    return [name for name in NEEDED if find_spec(name) is None]


def _seeds(root: Path) -> dict[int, str]:
    from dreamport.episodes.dataset import Dataset  # noqa: PLC0415 - needs the extra

    if not (root / "meta" / "info.json").exists():
        return {}
    there = Dataset(root)
    return {seed: split for split in SPLITS for seed in there.seeds(split)}


def _begin(root: Path, plan: EpisodePlan) -> Recording:
    from dreamport.episodes.recording import Recording  # noqa: PLC0415 - needs the extra

    return Recording(root, plan)


def _place(recording: Recording, ended: str) -> PlacedEpisode | None:
    from dreamport.episodes.placing import place  # noqa: PLC0415 - needs the extra

    try:
        return place(recording.folder, ended, verify=False)
    finally:
        recording.release()


def _recover(captures: Path, stop: threading.Event) -> None:
    left = recordings_left(captures)
    if not left:  # what the extra brings is large: it is imported when it is needed
        return
    from dreamport.episodes.placing import recover  # noqa: PLC0415 - needs the extra

    for root in left:
        try:
            for found in recover(root):
                if stop.is_set():
                    return
                if isinstance(found, DatasetError):
                    _log.error("recording is not recovered", error=str(found))
                else:
                    _log.info(
                        "recording recovered",
                        dataset=root.name,
                        episode=found.episode_id,
                        frames=found.frames,
                    )
        except Exception as error:  # the other data sets are recovered, and the server goes on
            _log.error("recordings are not recovered", dataset=root.name, exc_info=error)
