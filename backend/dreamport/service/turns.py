"""An executor shared by sessions that take turns."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from dreamport.executors import GraphRunner
from dreamport.executors.base import FrameCache, KeepsCache
from dreamport.executors.chunks import ChunkExecutor, ChunkSession
from dreamport.worlds.arrays import AnyArray
from dreamport.worlds.manifest import CacheShape

_log = structlog.get_logger(__name__)

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]


class TurnTaking:
    """An executor that several sessions' threads use in turn, graph by graph: none waits for another's whole
    frame.
    """

    def __init__(self, executor: GraphRunner) -> None:
        self._executor = executor
        self._turn = threading.Lock()

    def run(self, graph: str, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """As the executor's own, one call at a time."""
        with self._turn:
            return self._executor.run(graph, feeds)

    def attention_cache(self, shape: CacheShape) -> FrameCache | None:
        """The executor's own, where it keeps caches in its memory."""
        with self._turn:
            if isinstance(self._executor, KeepsCache):
                return self._executor.attention_cache(shape)
        return None


class ChunkTurnTaking:
    """A ``ChunkExecutor`` that several sessions' threads use in turn, chunk by chunk."""

    def __init__(self, executor: ChunkExecutor) -> None:
        self.name = executor.name
        self.device = executor.device
        self.precision = executor.precision
        self.threads = executor.threads
        self.fallback_reason = executor.fallback_reason
        self._executor = executor
        self._turn = threading.Lock()
        self._left: list[ChunkSession] = []

    def session(self) -> ChunkSession:
        """A session whose calls wait for their turn."""
        with self.turn():
            return _SessionInTurn(self._executor.session(), self)

    def close(self) -> None:
        """When nobody's turn is on."""
        with self.turn():
            self._executor.close()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Nobody else's turn is on. Sessions that were left are closed before, as their memory may be needed,
        and after.
        """
        try:
            with self._turn:
                self._close_left()
                yield
        finally:
            self._close_if_free()

    def leave(self, session: ChunkSession) -> None:
        """Close a session, now or when the turn that is on is over: the caller does not wait for it."""
        self._left.append(session)
        self._close_if_free()

    def _close_if_free(self) -> None:
        # Whoever has the turn looks again when it is over, so nothing that is left meanwhile stays.
        while self._left and self._turn.acquire(blocking=False):
            try:
                self._close_left()
            finally:
                self._turn.release()

    def _close_left(self) -> None:
        """One that cannot be closed is no fault of the session whose turn it is."""
        while self._left:
            try:
                self._left.pop().close()
            except Exception as error:
                _log.error("a session could not be closed", error=str(error), exc_info=error)


class _SessionInTurn:
    """A ``ChunkSession`` that waits for its turn."""

    def __init__(self, session: ChunkSession, turns: ChunkTurnTaking) -> None:
        self._session = session
        self._turns = turns

    def begin(self, image: UInt8, prompt: str) -> None:
        with self._turns.turn():
            self._session.begin(image, prompt)

    def prompt(self, text: str) -> None:
        with self._turns.turn():
            self._session.prompt(text)

    def chunk(
        self, poses: Float32, intrinsics: Float32, noise: Float32, keys: Float32 | None = None
    ) -> UInt8:
        with self._turns.turn():
            return self._session.chunk(poses, intrinsics, noise, keys)

    def state(self) -> dict[str, AnyArray]:
        with self._turns.turn():
            return self._session.state()

    def restore(self, arrays: Mapping[str, AnyArray]) -> None:
        with self._turns.turn():
            self._session.restore(arrays)

    @property
    def timings(self) -> dict[str, float]:
        return self._session.timings

    def close(self) -> None:
        self._turns.leave(self._session)
