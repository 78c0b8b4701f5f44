"""The attention cache: the first frames (the sink) and the newest ones (the window), in constant memory.

Keys are stored before rotary embedding; the denoise graph rotates them by their place, so frames may move
along without being computed again (StreamingLLM, arXiv 2309.17453). Frames are packed to the left, the sink
first, then the window from oldest to newest. When it is full the window moves by one frame: a copy of 2 MB at
the default world's size, 0.5 ms, which is simpler than a ring and than teaching the graph about one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dreamport.executors.base import FrameCache, GraphRunner, KeepsCache
from dreamport.worlds.manifest import CacheShape

Float32 = NDArray[np.float32]


def attention_cache(executor: GraphRunner, shape: CacheShape) -> FrameCache:
    """An empty cache: in the executor's own memory where it offers that, else here."""
    own = executor.attention_cache(shape) if isinstance(executor, KeepsCache) else None
    return AttentionCache(shape) if own is None else own


class AttentionCache:
    """``k`` and ``v`` ``[L, Hd, S, D]`` float32 and ``length [1]`` int64, the number of valid tokens."""

    def __init__(self, shape: CacheShape) -> None:
        self._shape = shape
        self.k: Float32 = np.zeros(shape.shape, np.float32)
        self.v: Float32 = np.zeros(shape.shape, np.float32)
        self.length = np.zeros(1, np.int64)

    @property
    def frames(self) -> int:
        """Frames held, sink and window together."""
        return int(self.length[0]) // self._shape.tokens_per_frame

    def push(self, k: Float32, v: Float32) -> None:
        """Append one frame's keys and values ``[L, Hd, tokens, D]``; the oldest of the window leaves when it
        is full.
        """
        tokens = self._shape.tokens_per_frame
        end = int(self.length[0])
        if self.frames == self._shape.frames:
            sink = self._shape.sink_frames * tokens
            for array in (self.k, self.v):
                array[:, :, sink : end - tokens] = array[:, :, sink + tokens : end]
            end -= tokens
        self.k[:, :, end : end + tokens] = k
        self.v[:, :, end : end + tokens] = v
        self.length[0] = end + tokens

    def clear(self) -> None:
        """Forget all frames."""
        self.k[:] = 0
        self.v[:] = 0
        self.length[0] = 0

    def valid(self) -> tuple[Float32, Float32]:
        """Copies of the valid part of ``k`` and ``v``, for a snapshot."""
        end = int(self.length[0])
        return self.k[:, :, :end].copy(), self.v[:, :, :end].copy()

    def fill(self, k: Float32, v: Float32) -> None:
        """The inverse of ``valid``."""
        self.clear()
        end = k.shape[2]
        self.k[:, :, :end] = k
        self.v[:, :, :end] = v
        self.length[0] = end
