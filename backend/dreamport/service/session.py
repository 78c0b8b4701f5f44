"""One player's run in a world: the generator, the controls it has heard, its kept states and its log.

Plain and synchronous; ``stream`` runs it on a worker thread while a client is connected.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, replace

from dreamport.generator.types import FrameControl, GeneratedFrame, WorldGenerator
from dreamport.service.controls import ControlInbox, LatchedControl
from dreamport.service.kept import MOST_SNAPSHOT_BYTES, KeptSession, SessionKeeper
from dreamport.service.session_log import SessionLogWriter
from dreamport.service.statistics import SessionStatistics
from dreamport.service.world_source import ExecutorInfo
from dreamport.v1 import world_pb2

MAX_SAVED_STATES = 8
LOST_FRAME_IDS = 1 << 20
"""Frames that a lost process may have numbered since its last snapshot: their numbers are not given again."""
NO_CONTROL = LatchedControl(FrameControl(), 0, 0, ())


@dataclass(frozen=True)
class SavedState:
    """A kept state and the frame it shows."""

    snapshot: bytes
    frame: GeneratedFrame
    applied: LatchedControl
    number: int


@dataclass(frozen=True)
class Saved:
    """What a client is told of a state that was kept. ``whole``: all of it was, not just a sketch."""

    handle: str
    bytes: int
    frame_index: int
    whole: bool


@dataclass(frozen=True)
class Generated:
    """A frame that waits to be shown, what it applied, and when and in what time it was made.

    ``applied``: of a chunk's frames the first alone counts the controls that arrived for it, and the look of
    the whole chunk is divided among them. ``latched_at_ns``: server time.
    """

    frame: GeneratedFrame
    applied: LatchedControl
    latched_at_ns: int
    generation_ms: float


class Session:
    """What outlives a dropped connection. Frames are generated on one thread at a time and shown on one,
    which may be another: ``waiting`` is between them. ``inbox`` and ``statistics`` are used from any.

    ``frame`` and ``applied`` are what was shown last. The generator may be ahead of them by what waits.
    """

    def __init__(
        self,
        world: world_pb2.World,
        executor: ExecutorInfo,
        generator: WorldGenerator,
        seed: int,
        start: str,
        log: SessionLogWriter | None = None,
        max_saved_bytes: int = 1 << 28,
        session_id: str | None = None,
        token: str | None = None,
        keeper: SessionKeeper | None = None,
    ) -> None:
        self.id = session_id or secrets.token_hex(4)
        self.token = token or secrets.token_urlsafe(32)
        self.keeper = keeper
        self.world = world
        self.executor = executor
        self.seed = seed
        self.start = start
        self.inbox = ControlInbox(world)
        self.statistics = SessionStatistics()
        self.epoch = 0
        self.log = log
        self._generator = generator
        self._max_saved_bytes = max_saved_bytes
        self._frame_id = 0
        self._saved: OrderedDict[str, SavedState] = OrderedDict()
        self._saves = 0
        self.waiting: deque[Generated] = deque()
        self.frame = generator.start_frame
        self.applied = NO_CONTROL
        self._newest = (self.frame, self.applied)
        self._unlogged: tuple[tuple[GeneratedFrame, ...], LatchedControl] | None = None
        if log is not None:
            log.opened(world, executor, seed, start, self.frame)

    def next_frame_id(self) -> int:
        """A number for the next frame that is sent, never given twice."""
        self._frame_id += 1
        return self._frame_id

    def chunk(self, control: LatchedControl, latched_at_ns: int) -> int:
        """Generate the frames of the next chunk; gives how many now wait more. Raises what the generator
        raises.
        """
        self.settle()
        begin_ns = time.monotonic_ns()
        frames = self._generator.chunk(control.frame)
        generation_ms = (time.monotonic_ns() - begin_ns) / 1e6
        self._unlogged = (frames, control)
        self._newest = (frames[-1], control)
        self.waiting.extend(
            Generated(frame, applied, latched_at_ns, generation_ms)
            for frame, applied in zip(frames, shared_out(control, len(frames)), strict=True)
        )
        return len(frames)

    def show(self) -> Generated:
        """Take the frame that waits first."""
        generated = self.waiting.popleft()
        self.frame, self.applied = generated.frame, generated.applied
        return generated

    def settle(self) -> None:
        """Do what the last chunk did not wait for: the generator's own rest, and the log."""
        if self._unlogged is None:
            return
        frames, control = self._unlogged
        self._unlogged = None
        self._generator.finish()
        if self.log is not None:
            self.log.chunk(frames, control)
        if self.keeper is not None:
            self.keeper.keep_when_due(self.state)

    def state(self) -> KeptSession:
        """Everything that goes on in another process, at the end of the newest chunk; kept states and the log
        stay behind.
        """
        frame, applied = self._newest
        too_large = self._generator.snapshot_bytes > min(self._max_saved_bytes, MOST_SNAPSHOT_BYTES)
        return KeptSession(
            token=self.token,
            session_id=self.id,
            world=self.world.summary.name,
            digest=self.world.digest,
            seed=self.seed,
            start=self.start,
            epoch=self.epoch,
            frame_id=self._frame_id,
            heard=applied.sequence,
            client_time_ns=applied.client_time_ns,
            frame=frame,
            snapshot=self._generator.sketch() if too_large else self._generator.snapshot(),
        )

    def go_on(self, kept: KeptSession) -> None:
        """Be the session that another process lost, one epoch on. Raises ``SnapshotError``."""
        self._generator.restore(kept.snapshot)
        self._went_to(kept.frame, LatchedControl(FrameControl(), kept.heard, kept.client_time_ns, ()))
        self.epoch = kept.epoch + 1
        self.inbox.sequence = kept.heard
        self._frame_id = kept.frame_id + LOST_FRAME_IDS
        if self.keeper is not None:
            self.keeper.keep(self.state)

    def reset(self, seed: int | None, start: str) -> GeneratedFrame:
        """Begin again; ``None`` and empty keep the present seed and start."""
        self.settle()
        self.seed = self.seed if seed is None else seed
        self.start = start or self.start
        applied = self._newest[1]
        self._went_to(
            self._generator.reset(self.seed, self.start),
            LatchedControl(FrameControl(), applied.sequence, applied.client_time_ns, ()),
        )
        self.epoch += 1
        if self.log is not None:
            self.log.reset(self.seed, self.start, self.frame)
        if self.keeper is not None:
            self.keeper.keep(self.state)
        return self.frame

    def save(self) -> Saved | None:
        """Keep the state at the end of the newest chunk, or a sketch of it where the whole is too large to
        keep; ``None`` when that is too.

        At most eight states and ``max_saved_bytes`` are kept; the oldest go first.
        """
        self.settle()
        whole = self._generator.snapshot_bytes <= self._max_saved_bytes
        snapshot = self._generator.snapshot() if whole else self._generator.sketch()
        if len(snapshot) > self._max_saved_bytes:
            return None
        self._saves += 1
        handle = secrets.token_urlsafe(16)
        frame, applied = self._newest
        own = replace(frame, colour=frame.colour.copy())  # and not a whole chunk, of which it may be a part
        self._saved[handle] = SavedState(snapshot, own, applied, self._saves)
        while len(self._saved) > MAX_SAVED_STATES or self._saved_bytes() > self._max_saved_bytes:
            self._saved.popitem(last=False)
        if self.log is not None:
            self.log.saved(self._saves, whole)
        return Saved(handle, len(snapshot), self._newest[0].index, whole)

    def load(self, handle: str) -> GeneratedFrame | None:
        """Go back to a kept state; gives its frame, or ``None`` when there is no such state."""
        saved = self._saved.get(handle)
        if saved is None:
            return None
        self.settle()
        self._generator.restore(saved.snapshot)
        self._went_to(saved.frame, saved.applied)
        self.epoch += 1
        if self.log is not None:
            self.log.loaded(saved.number)
        if self.keeper is not None:
            self.keeper.keep(self.state)
        return self.frame

    def close(self, reason: str) -> None:
        """The session is over. Its log is completed."""
        if self.log is not None:
            self.log.close(reason)
        self._saved.clear()
        self.waiting.clear()
        self._generator.close()

    def _went_to(self, frame: GeneratedFrame, applied: LatchedControl) -> None:
        """The generator is at this frame; what waited is void."""
        self.waiting.clear()
        self.frame, self.applied = frame, applied
        self._newest = (frame, applied)

    def _saved_bytes(self) -> int:
        return sum(len(state.snapshot) for state in self._saved.values())


def shared_out(control: LatchedControl, frames: int) -> tuple[LatchedControl, ...]:
    """What each of a chunk's frames tells its client that it applied."""
    if frames == 1:
        return (control,)
    yaw, pitch = control.frame.look_deg
    each = replace(
        control, frame=replace(control.frame, look_deg=(yaw / frames, pitch / frames)), arrivals_ns=()
    )
    return (replace(each, arrivals_ns=control.arrivals_ns), *(each,) * (frames - 1))
