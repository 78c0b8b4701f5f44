"""One player's run in a world: the generator, the controls it has heard, its kept states and its log.

Plain and synchronous; ``stream`` runs it on a worker thread while a client is connected.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from dreamport.generator.types import FrameControl, GeneratedFrame, WorldGenerator
from dreamport.service.controls import ControlInbox, LatchedControl
from dreamport.service.kept import KeptSession, SessionKeeper
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


class Session:
    """What outlives a dropped connection. Everything but ``inbox`` and ``statistics`` is used from one thread
    at a time.
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
        self._unsettled = False
        self.frame = generator.start_frame
        self.applied = NO_CONTROL
        if log is not None:
            log.opened(world, executor, seed, start, self.frame)

    def next_frame_id(self) -> int:
        """A number for the next frame that is sent, never given twice."""
        self._frame_id += 1
        return self._frame_id

    def step(self, control: LatchedControl) -> GeneratedFrame:
        """Generate the next frame. Raises what the generator raises."""
        self.settle()
        frame = self._generator.step(control.frame)
        self.frame, self.applied = frame, control
        self._unsettled = True
        return frame

    def settle(self) -> None:
        """Do what the last frame did not wait for: the generator's own rest, and the log."""
        if not self._unsettled:
            return
        self._unsettled = False
        self._generator.finish()
        if self.log is not None:
            self.log.frame(self.frame, self.applied)
        if self.keeper is not None:
            self.keeper.keep_when_due(self.state)

    def state(self) -> KeptSession:
        """Everything that goes on in another process; kept states and the log stay behind."""
        return KeptSession(
            token=self.token,
            session_id=self.id,
            world=self.world.summary.name,
            digest=self.world.digest,
            seed=self.seed,
            start=self.start,
            epoch=self.epoch,
            frame_id=self._frame_id,
            heard=self.applied.sequence,
            client_time_ns=self.applied.client_time_ns,
            frame=self.frame,
            snapshot=self._generator.snapshot(),
        )

    def go_on(self, kept: KeptSession) -> None:
        """Be the session that another process lost, one epoch on. Raises ``SnapshotError``."""
        self._generator.restore(kept.snapshot)
        self.frame = kept.frame
        self.applied = LatchedControl(FrameControl(), kept.heard, kept.client_time_ns, ())
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
        self.frame = self._generator.reset(self.seed, self.start)
        self.applied = LatchedControl(FrameControl(), self.applied.sequence, self.applied.client_time_ns, ())
        self.epoch += 1
        if self.log is not None:
            self.log.reset(self.seed, self.start, self.frame)
        if self.keeper is not None:
            self.keeper.keep(self.state)
        return self.frame

    def save(self) -> tuple[str, int] | None:
        """Keep the present state; gives its handle and size in bytes, or ``None`` when it is too large to
        keep.

        At most eight states and ``max_saved_bytes`` are kept; the oldest go first.
        """
        self.settle()
        snapshot = self._generator.snapshot()
        if len(snapshot) > self._max_saved_bytes:
            return None
        self._saves += 1
        handle = secrets.token_urlsafe(16)
        self._saved[handle] = SavedState(snapshot, self.frame, self.applied, self._saves)
        while len(self._saved) > MAX_SAVED_STATES or self._saved_bytes() > self._max_saved_bytes:
            self._saved.popitem(last=False)
        if self.log is not None:
            self.log.saved(self._saves)
        return handle, len(snapshot)

    def load(self, handle: str) -> GeneratedFrame | None:
        """Go back to a kept state; gives its frame, or ``None`` when there is no such state."""
        saved = self._saved.get(handle)
        if saved is None:
            return None
        self.settle()
        self._generator.restore(saved.snapshot)
        self.frame, self.applied = saved.frame, saved.applied
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

    def _saved_bytes(self) -> int:
        return sum(len(state.snapshot) for state in self._saved.values())
