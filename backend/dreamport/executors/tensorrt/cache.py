"""A session's attention cache in the GPU's memory: what ``denoise`` gives goes in without leaving the GPU."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreamport.executors.tensorrt.memory import DeviceMemory, HeldArray
from dreamport.worlds.manifest import CacheShape

Float32 = NDArray[np.float32]


class GpuCache:
    """As ``dreamport.generator.cache.AttentionCache``, whose every promise it keeps; ``k`` and ``v`` are the
    same memory as long as it lives, so an engine is bound to them once.
    """

    def __init__(self, memory: DeviceMemory, shape: CacheShape) -> None:
        self._memory = memory
        self._shape = shape
        self._rows = shape.layers * shape.heads
        self._token_bytes = shape.head_dim * 4
        self._pitch = shape.shape[2] * self._token_bytes
        self.k = HeldArray(memory, shape.shape)
        self.v = HeldArray(memory, shape.shape)
        self.length = np.zeros(1, np.int64)
        self.clear()

    @property
    def frames(self) -> int:
        """Frames held, sink and window together."""
        return int(self.length[0]) // self._shape.tokens_per_frame

    def push(self, k: HeldArray, v: HeldArray) -> None:
        """Append one frame's keys and values ``[L, Hd, tokens, D]``; the oldest of the window leaves when it
        is full. The window moves frame by frame, because a copy may not overlap itself.
        """
        tokens = self._shape.tokens_per_frame
        width = tokens * self._token_bytes
        end = int(self.length[0])
        if self.frames == self._shape.frames:
            end -= tokens
            for array in (self.k, self.v):
                for token in range(self._shape.sink_frames * tokens, end, tokens):
                    to = array.address + token * self._token_bytes
                    self._memory.copy_rows(to, self._pitch, to + width, self._pitch, width, self._rows)
        for array, frame in ((self.k, k), (self.v, v)):
            to = array.address + end * self._token_bytes
            self._memory.copy_rows(to, self._pitch, frame.address, width, width, self._rows)
        self.length[0] = end + tokens

    def clear(self) -> None:
        """Forget all frames."""
        for array in (self.k, self.v):
            self._memory.zero(array.address, array.nbytes)
        self.length[0] = 0

    def valid(self) -> tuple[Float32, Float32]:
        """Copies of the valid part of ``k`` and ``v``, for a snapshot."""
        end = int(self.length[0])
        k, v = (np.asarray(array)[:, :, :end].copy() for array in (self.k, self.v))
        return k, v

    def fill(self, k: Float32, v: Float32) -> None:
        """The inverse of ``valid``."""
        end = k.shape[2]
        for array, part in ((self.k, k), (self.v, v)):
            whole = np.zeros(array.shape, np.float32)
            whole[:, :, :end] = part
            self._memory.upload(array.address, whole)
        self._memory.wait()
        self.length[0] = end
