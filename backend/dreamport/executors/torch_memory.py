"""A session's attention cache as torch tensors on the GPU: what ``denoise`` gives never leaves it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dreamport.executors.base import Array
from dreamport.worlds.manifest import CacheShape

Float32 = NDArray[np.float32]


class TorchArray:
    """A float32 tensor in the executor's memory, as a ``DeviceArray``."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""
        return tuple(self.tensor.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its elements."""
        return np.dtype(np.float32)

    @property
    def on_device(self) -> str:
        """Where it is."""
        return str(self.tensor.device)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """A copy for numpy."""
        array: Array = self.tensor.cpu().numpy().copy()
        return array if dtype is None else array.astype(dtype)


class TorchCache:
    """As ``dreamport.generator.cache.AttentionCache``, whose every promise it keeps, on a torch device."""

    def __init__(self, shape: CacheShape, device: torch.device) -> None:
        self._shape = shape
        self.k = TorchArray(torch.zeros(shape.shape, device=device))
        self.v = TorchArray(torch.zeros(shape.shape, device=device))
        self.length = np.zeros(1, np.int64)

    @property
    def frames(self) -> int:
        """Frames held, sink and window together."""
        return int(self.length[0]) // self._shape.tokens_per_frame

    def push(self, k: TorchArray, v: TorchArray) -> None:
        """Append one frame's keys and values; the oldest of the window leaves when it is full."""
        tokens = self._shape.tokens_per_frame
        end = int(self.length[0])
        if self.frames == self._shape.frames:
            sink = self._shape.sink_frames * tokens
            for array in (self.k.tensor, self.v.tensor):
                array[:, :, sink : end - tokens] = array[:, :, sink + tokens : end].clone()
            end -= tokens
        self.k.tensor[:, :, end : end + tokens] = k.tensor
        self.v.tensor[:, :, end : end + tokens] = v.tensor
        self.length[0] = end + tokens

    def clear(self) -> None:
        """Forget all frames."""
        self.k.tensor.zero_()
        self.v.tensor.zero_()
        self.length[0] = 0

    def valid(self) -> tuple[Float32, Float32]:
        """Copies of the valid part of ``k`` and ``v``, for a snapshot."""
        end = int(self.length[0])
        k, v = (array.tensor[:, :, :end].cpu().numpy().copy() for array in (self.k, self.v))
        return k, v

    def fill(self, k: Float32, v: Float32) -> None:
        """The inverse of ``valid``."""
        self.clear()
        end = k.shape[2]
        self.k.tensor[:, :, :end] = torch.from_numpy(k)
        self.v.tensor[:, :, :end] = torch.from_numpy(v)
        self.length[0] = end
