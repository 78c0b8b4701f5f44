"""One process serves and the others do what it does: a session on several GPUs behind one executor.

``torchrun --standalone --nproc-per-node 4 -m dreamport serve WORLD``: the first process serves as always, the
others wait. Whatever the first one does (open a world, begin a session, prompt, chunk, state, restore, close)
it says first, with all arrays that go in, and every process does it with its share of the tokens. Nothing is
sent back but whether it went well, and the cache's heads when a snapshot is asked for.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from dreamport.errors import DreamportError, ExecutorError
from dreamport.executors.chunks import ChunkExecutor, ChunkSession
from dreamport.executors.lingbot.executor import open_lingbot
from dreamport.executors.lingbot.options import LingBotOptions
from dreamport.executors.lingbot.parallel import meet, place_of
from dreamport.worlds.arrays import AnyArray, ArraysError, read_arrays, write_arrays
from dreamport.worlds.pack import WorldPack, open_pack_at

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
T = TypeVar("T")
Open = Callable[[WorldPack, Mapping[str, Any]], ChunkExecutor]
"""Opens a world in this process alone, with the options that the first process was given."""

IDLE = timedelta(days=365)
"""How long the others wait for something to do; they end with the first process, whatever happens to it."""
HEADS_AXIS = 3
"""Of the cache's keys and values ``[layers, B, tokens, heads, head_dim]``."""
SHARED_BY_HEADS = ("k", "v")
"""Arrays of a session's state of which every process has its own heads."""
ANSWER_BYTES = 512
END = "end"
FAILED = 70
"""Exit code of a first process that failed in the middle of work."""
TOLD = (DreamportError, ArraysError)
"""Errors after which all go on; any other ends its process, and torchrun then ends all of them."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Command:
    """What the first process does now. ``target``: number of a world or a session."""

    call: str
    target: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, AnyArray] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """A line of JSON and the arrays as ``.npz``."""
        head = {"call": self.call, "target": self.target, "values": dict(self.values)}
        return json.dumps(head).encode() + b"\n" + write_arrays(self.arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Command:
        """The inverse of :meth:`to_bytes`."""
        head, _, arrays = data.partition(b"\n")
        told = json.loads(head)
        return cls(told["call"], told["target"], told["values"], read_arrays(arrays))


class Channel:
    """From the first process to the others, and their short answers. All processes make it together."""

    def __init__(self) -> None:
        self._group = dist.new_group(backend="gloo", timeout=IDLE)
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def tell(self, command: Command) -> None:
        """In the first process."""
        data = torch.frombuffer(bytearray(command.to_bytes()), dtype=torch.uint8)
        dist.broadcast(torch.tensor([data.numel()]), 0, group=self._group)
        dist.broadcast(data, 0, group=self._group)

    def hear(self) -> Command:
        """In the others: waits for what the first one does next. When it is gone, that is the end."""
        length = torch.zeros(1, dtype=torch.int64)
        try:
            dist.broadcast(length, 0, group=self._group)
        except RuntimeError as error:
            _log.warning("process %d ends: the first one is gone (%s)", self.rank, first_line(error))
            return Command(END)
        data = torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(data, 0, group=self._group)
        return Command.from_bytes(data.numpy().tobytes())

    def answer(self, error: Exception | None) -> list[str]:
        """In all, after a command: what went wrong in each process, empty where it went well."""
        text = "" if error is None else f"{type(error).__name__}: {error}"
        own = text.encode()[:ANSWER_BYTES].ljust(ANSWER_BYTES, b"\0")
        answers = [torch.empty(ANSWER_BYTES, dtype=torch.uint8) for _ in range(self.size)]
        dist.all_gather(answers, torch.frombuffer(bytearray(own), dtype=torch.uint8), group=self._group)
        return [one.numpy().tobytes().rstrip(b"\0").decode("utf-8", "replace") for one in answers]

    def gathered(self, part: AnyArray) -> AnyArray:
        """In all: the first process gets the heads of every process, in order; the others their own part."""
        own = torch.from_numpy(np.ascontiguousarray(part).view(np.uint8))
        parts = [torch.empty_like(own) for _ in range(self.size)] if self.rank == 0 else None
        dist.gather(own, parts, 0, group=self._group)
        if parts is None:
            return part
        whole: AnyArray = np.concatenate([one.numpy().view(part.dtype) for one in parts], axis=HEADS_AXIS)
        return whole


class LeadingExecutor:
    """A ``ChunkExecutor`` whose sessions are computed by all processes together."""

    def __init__(self, executor: ChunkExecutor, together: Together, world: int) -> None:
        self._executor, self._together, self._world = executor, together, world
        self._opened = 0
        self.name = f"{executor.name} x {together.channel.size}"
        self.device, self.precision = executor.device, executor.precision
        self.threads, self.fallback_reason = executor.threads, executor.fallback_reason

    def session(self) -> ChunkSession:
        """A new session in every process."""
        number = self._together.new_number()
        command = Command("session", number, {"world": self._world})
        return LeadingSession(self._together.do(command, self._executor.session), self._together, number)

    def close(self) -> None:
        """Close it in every process."""
        self._together.do(Command("close_world", self._world), self._executor.close)


class LeadingSession:
    """A ``ChunkSession`` that every process has its share of."""

    def __init__(self, session: ChunkSession, together: Together, number: int) -> None:
        self._session, self._together, self._number = session, together, number

    def _do(self, call: str, values: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> Any:
        command = Command(call, self._number, values, arrays)
        return self._together.do(command, lambda: perform(self._session, command, self._together.channel))

    def begin(self, image: UInt8, prompt: str) -> None:
        """As ``ChunkSession.begin``."""
        self._do("begin", {"prompt": prompt}, {"image": image})

    def prompt(self, text: str) -> None:
        """As ``ChunkSession.prompt``."""
        self._do("prompt", {"prompt": text}, {})

    def chunk(
        self, poses: Float32, intrinsics: Float32, noise: Float32, keys: Float32 | None = None
    ) -> UInt8:
        """As ``ChunkSession.chunk``."""
        arrays: dict[str, AnyArray] = {"poses": poses, "intrinsics": intrinsics, "noise": noise}
        if keys is not None:
            arrays["keys"] = keys
        frames: UInt8 = self._do("chunk", {}, arrays)
        return frames

    def state(self) -> dict[str, AnyArray]:
        """As ``ChunkSession.state``: of all heads, so that any number of processes can go on from it."""
        state: dict[str, AnyArray] = self._do("state", {}, {})
        return state

    def restore(self, arrays: Mapping[str, AnyArray]) -> None:
        """As ``ChunkSession.restore``."""
        self._do("restore", {}, arrays)

    @property
    def timings(self) -> dict[str, float]:
        """Of this process."""
        return self._session.timings

    def close(self) -> None:
        """As ``ChunkSession.close``."""
        self._do("close", {}, {})


class Together:
    """The first process's hand on all of them. One command at a time; callers take turns."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._number = 0

    def new_number(self) -> int:
        """A number that no world and no session has."""
        self._number += 1
        return self._number

    def open(self, pack: WorldPack, options: Mapping[str, Any], open_alone: Open) -> LeadingExecutor:
        """Open ``pack`` in every process. ``options``: what JSON can hold. Raises ``DreamportError``."""
        number = self.new_number()
        values = {"path": str(pack.path.absolute()), "digest": pack.digest, "options": dict(options)}
        executor = self.do(Command("open", number, values), lambda: open_alone(pack, options))
        return LeadingExecutor(executor, self, number)

    def do(self, command: Command, own: Callable[[], T]) -> T:
        """Say it, do it here, and hear how it went. Raises what it raised here, or ``ExecutorError`` when it
        failed elsewhere."""
        try:
            self.channel.tell(command)
        except RuntimeError as error:
            raise _gone(error) from error
        try:
            result = own()
        except TOLD as error:
            self.channel.answer(error)
            raise
        except Exception:
            # The others may be in the middle of the same work and would wait for ever.
            _log.critical("%s failed; all processes end, start torchrun again", command.call, exc_info=True)
            os._exit(FAILED)
        try:
            answers = self.channel.answer(None)
        except RuntimeError as error:
            raise _gone(error) from error
        failed = [f"process {rank} ({text})" for rank, text in enumerate(answers) if text]
        if failed:
            raise ExecutorError(
                f"{command.call} failed in {', '.join(failed)}; start torchrun again, all processes must play"
            )
        return result

    def end(self) -> None:
        """Let the others go home. What is open cannot be used afterwards."""
        if dist.is_initialized():
            self.channel.tell(Command(END))
            dist.destroy_process_group()


def open_together(
    pack: WorldPack, threads: int | None, precision: str, options: LingBotOptions | None
) -> ChunkExecutor:
    """As ``open_lingbot``, in all processes that ``torchrun`` started; in this one alone without it."""
    if place_of(os.environ).size == 1:
        return open_lingbot(pack, threads, precision, options)
    told = {"threads": threads, "precision": precision, "options": asdict(options or LingBotOptions())}
    return together().open(pack, told, open_share)


def open_share(pack: WorldPack, told: Mapping[str, Any]) -> ChunkExecutor:
    """This process's share of a world."""
    return open_lingbot(pack, told["threads"], told["precision"], LingBotOptions(**told["options"]))


@cache
def together() -> Together:
    """This process's hand on the others that ``torchrun`` started, which wait in :func:`follow_first`. There
    is one, as the processes meet once."""
    meet(device_of_all())
    hand = Together(Channel())
    atexit.register(hand.end)
    return hand


def follow_first() -> None:
    """In every process that ``torchrun`` started but the first: until that one ends, do what it does."""
    meet(device_of_all())
    follow(Channel(), open_share)
    dist.destroy_process_group()


def device_of_all() -> torch.device:
    """What every process computes on: its own GPU where there are any."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def follow(channel: Channel, open_alone: Open) -> None:
    """What every process but the first does: until the first one ends, do what it does."""
    worlds: dict[int, ChunkExecutor] = {}
    sessions: dict[int, ChunkSession] = {}
    while (command := channel.hear()).call != END:
        error: Exception | None = None
        try:
            _follow_one(command, worlds, sessions, channel, open_alone)
        except TOLD as raised:
            _log.warning("process %d: %s failed: %s", channel.rank, command.call, raised)
            error = raised
        channel.answer(error)


def _follow_one(
    command: Command,
    worlds: dict[int, ChunkExecutor],
    sessions: dict[int, ChunkSession],
    channel: Channel,
    open_alone: Open,
) -> None:
    values = command.values
    if command.call == "open":
        pack = open_pack_at(Path(values["path"]))
        if pack.digest != values["digest"]:
            raise ExecutorError(
                f"{values['path']} is another world on this machine; copy the same pack to all"
            )
        worlds[command.target] = open_alone(pack, values["options"])
    elif command.call == "close_world":
        worlds.pop(command.target).close()
    elif command.call == "session":
        sessions[command.target] = worlds[values["world"]].session()
    elif command.call == "close":
        perform(sessions.pop(command.target), command, channel)
    else:
        perform(sessions[command.target], command, channel)


def perform(session: ChunkSession, command: Command, channel: Channel) -> Any:
    """Do ``command`` to this process's share of a session."""
    values, arrays = command.values, command.arrays
    match command.call:
        case "begin":
            return session.begin(_uint8(arrays["image"]), values["prompt"])
        case "prompt":
            return session.prompt(values["prompt"])
        case "chunk":
            poses, intrinsics, noise = (_float32(arrays[name]) for name in ("poses", "intrinsics", "noise"))
            keys = _float32(arrays["keys"]) if "keys" in arrays else None
            return session.chunk(poses, intrinsics, noise, keys)
        case "state":
            return {
                name: channel.gathered(array) if name in SHARED_BY_HEADS else array
                for name, array in session.state().items()
            }
        case "restore":
            return session.restore({name: _own_heads(name, a, channel) for name, a in arrays.items()})
        case "close":
            return session.close()
        case other:
            raise ExecutorError(f"no command {other!r}; start all processes with the same version")


def _gone(error: Exception) -> ExecutorError:
    return ExecutorError(f"another process of torchrun is gone ({first_line(error)}); start torchrun again")


def first_line(error: Exception) -> str:
    """What an error of torch says, without its trace."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _own_heads(name: str, array: AnyArray, channel: Channel) -> AnyArray:
    if name not in SHARED_BY_HEADS:
        return array
    if array.ndim <= HEADS_AXIS or array.shape[HEADS_AXIS] % channel.size:
        raise ArraysError(f"{name} is {list(array.shape)}, which {channel.size} processes cannot share")
    each = array.shape[HEADS_AXIS] // channel.size
    return array[:, :, :, channel.rank * each : (channel.rank + 1) * each]


def _float32(array: AnyArray) -> Float32:
    return array.astype(np.float32, copy=False)


def _uint8(array: AnyArray) -> UInt8:
    return array.astype(np.uint8, copy=False)
