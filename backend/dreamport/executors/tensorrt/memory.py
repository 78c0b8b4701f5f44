"""The GPU's memory and one stream of work on it, through NVIDIA's own bindings of the CUDA runtime."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from dreamport.errors import ExecutorError
from dreamport.executors.base import Array


class DeviceMemory(Protocol):
    """Memory by address. Work is done in the order it was asked for; ``wait`` returns when it is done."""

    @property
    def stream(self) -> int:
        """The handle of the stream, for who else works on it."""
        ...

    def allocate(self, size: int) -> int:
        """The address of ``size`` new bytes. Raises ``ExecutorError`` when there is not so much."""
        ...

    def free(self, address: int) -> None:
        """Give them back, once the work that was asked for is done."""
        ...

    def zero(self, address: int, size: int) -> None:
        """Fill with zeros."""
        ...

    def upload(self, address: int, array: Array) -> None:
        """Copy a contiguous array there; it may be changed afterwards."""
        ...

    def download(self, array: Array, address: int) -> None:
        """Copy into a contiguous array; it is filled when ``wait`` has returned."""
        ...

    def copy_rows(
        self, to: int, to_pitch: int, source: int, source_pitch: int, width: int, rows: int
    ) -> None:
        """Copy ``rows`` times ``width`` bytes, rows ``pitch`` bytes apart; the two may not overlap."""
        ...

    def wait(self) -> None:
        """Return when all work is done. Raises ``ExecutorError`` when some of it failed."""
        ...

    def close(self) -> None:
        """Give back what is not in use."""
        ...


class CudaMemory:
    """The memory of the first GPU that CUDA sees, and a stream of its own there. What is freed is kept for
    the next allocation of that size: every frame takes what the one before gave back, and CUDA is not asked.

    Raises ``ExecutorError`` when CUDA cannot be used.
    """

    def __init__(self) -> None:
        try:
            from cuda.bindings import runtime  # noqa: PLC0415
        except ImportError as error:
            raise ExecutorError(
                f"cuda-bindings cannot be loaded ({error}); run pip install 'dreamport[tensorrt]'"
            ) from error
        self._cuda: Any = runtime
        self._check(runtime.cudaSetDevice(0), "be used")
        stream = self._check(
            runtime.cudaStreamCreateWithFlags(runtime.cudaStreamNonBlocking), "make a stream"
        )
        self._stream: Any = stream
        self._sizes: dict[int, int] = {}
        self._spare: dict[int, list[int]] = {}

    @property
    def stream(self) -> int:
        """The handle of the stream."""
        return int(self._stream)

    def allocate(self, size: int) -> int:
        """See ``DeviceMemory.allocate``."""
        spare = self._spare.get(size)
        if spare:
            return spare.pop()
        what = f"take {size / 1e6:.1f} MB of GPU memory"
        address = int(self._check(self._cuda.cudaMalloc(max(size, 1)), what))
        self._sizes[address] = size
        return address

    def free(self, address: int) -> None:
        """See ``DeviceMemory.free``: one stream does all work, so the next user waits for the last."""
        self._spare.setdefault(self._sizes[address], []).append(address)

    def close(self) -> None:
        """Give spare memory back to the GPU."""
        for size, addresses in self._spare.items():
            while addresses:
                address = addresses.pop()
                del self._sizes[address]
                self._check(self._cuda.cudaFree(address), f"give back {size / 1e6:.1f} MB")

    def zero(self, address: int, size: int) -> None:
        """See ``DeviceMemory.zero``."""
        self._check(self._cuda.cudaMemsetAsync(address, 0, size, self._stream), "clear GPU memory")

    def upload(self, address: int, array: Array) -> None:
        """See ``DeviceMemory.upload``. From ordinary memory CUDA returns when it has taken a copy."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._check(
            self._cuda.cudaMemcpyAsync(address, array.ctypes.data, array.nbytes, kind, self._stream),
            "copy to the GPU",
        )

    def download(self, array: Array, address: int) -> None:
        """See ``DeviceMemory.download``."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._check(
            self._cuda.cudaMemcpyAsync(array.ctypes.data, address, array.nbytes, kind, self._stream),
            "copy from the GPU",
        )

    def copy_rows(
        self, to: int, to_pitch: int, source: int, source_pitch: int, width: int, rows: int
    ) -> None:
        """See ``DeviceMemory.copy_rows``."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        self._check(
            self._cuda.cudaMemcpy2DAsync(to, to_pitch, source, source_pitch, width, rows, kind, self._stream),
            "copy on the GPU",
        )

    def wait(self) -> None:
        """See ``DeviceMemory.wait``."""
        self._check(self._cuda.cudaStreamSynchronize(self._stream), "finish work on the GPU")

    def _check(self, answer: tuple[Any, ...], what: str) -> Any:
        code, *values = answer
        if int(code) != 0:
            _, text = self._cuda.cudaGetErrorString(code)
            reason = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
            advice = "close other programs that use it" if "memory" in reason else "run dreamport doctor"
            raise ExecutorError(f"the GPU could not {what}: {reason}; {advice}")
        return values[0] if values else None


class HeldArray:
    """An array in GPU memory, freed with this object. ``address`` is where; it is contiguous."""

    def __init__(self, memory: DeviceMemory, shape: tuple[int, ...], dtype: Any = np.float32) -> None:
        self._memory = memory
        self._shape = shape
        self._dtype: np.dtype[Any] = np.dtype(dtype)
        self.address = memory.allocate(self.nbytes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its elements."""
        return self._dtype

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(np.prod(self._shape)) * self._dtype.itemsize

    @property
    def on_device(self) -> str:
        """Where it is."""
        return "GPU"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """A copy for numpy."""
        array = np.empty(self._shape, self._dtype)
        self._memory.download(array, self.address)
        self._memory.wait()
        return array if dtype is None else array.astype(dtype)

    def __del__(self) -> None:
        if hasattr(self, "address"):
            self._memory.free(self.address)
