"""What runs a world whose causal step makes several frames: all its tensors stay on its device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dreamport.worlds.arrays import AnyArray

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]


class ChunkSession(Protocol):
    """One player's state on the device. Not thread-safe. Every method may raise ``ExecutorError``."""

    def begin(self, image: UInt8, prompt: str) -> None:
        """Empty the caches; encode the picture ``[H, W, 3]`` that the session begins from, and the prompt."""
        ...

    def prompt(self, text: str) -> None:
        """Other words, from the next chunk on: new text keys and values; nothing else changes."""
        ...

    def chunk(
        self, poses: Float32, intrinsics: Float32, noise: Float32, keys: Float32 | None = None
    ) -> UInt8:
        """The frames ``[frames, H, W, 3]`` of the next causal step: 4 for each latent frame, but 1 for the
        first of a session, which is the picture it began from.

        ``poses [F, 4, 4]``: camera-to-world (OpenCV axes) of the F latent frames in the session's own
        coordinates; the session makes them relative, scales them and folds the rays. ``intrinsics [F, 4]``:
        fx, fy, cx, cy in pixels of the frame. ``noise [steps, C, F, h, w]``: standard normal.
        ``keys [F, K]``: what is held, for checkpoints with key channels.
        """
        ...

    def state(self) -> dict[str, AnyArray]:
        """All that ``restore`` needs; bf16 as uint16."""
        ...

    def restore(self, arrays: Mapping[str, AnyArray]) -> None:
        """Go on from ``state``. Raises ``ArraysError`` when it is not of this world; then nothing changed."""
        ...

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds of the last chunk: text, denoise, cache, decode."""
        ...

    def close(self) -> None:
        """Give back its memory. It generates nothing afterwards."""
        ...


class ChunkExecutor(Protocol):
    """Weights that are loaded once and shared by sessions. Not thread-safe: sessions take turns.

    Fields as those of ``executors.Executor``.
    """

    name: str
    device: str
    precision: str
    threads: int
    fallback_reason: str | None

    def session(self) -> ChunkSession:
        """A new session, which must ``begin`` or ``restore`` first. Raises ``ExecutorError``, also when there
        is no memory for one more.
        """
        ...

    def close(self) -> None:
        """Give back its memory. It cannot run afterwards."""
        ...
