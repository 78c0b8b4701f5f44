"""A TensorRT engine between torch tensors on the GPU: it reads them where they are, and nothing is copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dreamport.errors import ExecutorError
from dreamport.executors.tensorrt.engine_run import execution_context, load_engine
from dreamport.executors.tensorrt.library import Library

DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "int64": torch.int64,
    "int32": torch.int32,
    "uint8": torch.uint8,
    "bool": torch.bool,
}


class TorchEngine:
    """One engine, loaded. Work goes on torch's current stream, which had better not be the default one
    (TensorRT waits around its work there). ``where`` names it in errors. Raises ``ExecutorError``.
    """

    def __init__(self, library: Library, data: bytes, where: str, device: str = "cuda") -> None:
        trt = library.module
        runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
        self._engine = load_engine(library, runtime, data, where)
        self._where = where
        self._device = torch.device(device)
        self._context, self.kernels = execution_context(library, self._engine)
        if self._context is None:
            raise ExecutorError(f"{where}: the GPU has no memory left for it; close other programs")
        self._inputs: dict[str, tuple[tuple[int, ...], torch.dtype]] = {}
        self._outputs: dict[str, tuple[tuple[int, ...], torch.dtype]] = {}
        for i in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(i)
            inward = self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
            shape = tuple(int(size) for size in self._engine.get_tensor_shape(name))
            (self._inputs if inward else self._outputs)[name] = (shape, self._dtype(trt, name))

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Outputs by name, in new tensors. The inputs must stay as they are until the stream has come so far.

        Raises ``ExecutorError`` for tensors that are not the engine's.
        """
        for name, (shape, dtype) in self._inputs.items():
            tensor = inputs.get(name)
            if tensor is None:
                raise ExecutorError(f"{self._where} was not given {name}; this is a fault in its caller")
            fits = tensor.device.type == self._device.type and tensor.is_contiguous()
            if tuple(tensor.shape) != shape or tensor.dtype != dtype or not fits:
                raise ExecutorError(
                    f"{self._where} was given {name} as {tensor.dtype}{list(tensor.shape)} on "
                    f"{tensor.device} and takes contiguous {dtype}{list(shape)} on {self._device}; this "
                    "is a fault in its caller"
                )
            self._context.set_tensor_address(name, tensor.data_ptr())
        outputs = {
            name: torch.empty(shape, dtype=dtype, device=self._device)
            for name, (shape, dtype) in self._outputs.items()
        }
        for name, tensor in outputs.items():
            self._context.set_tensor_address(name, tensor.data_ptr())
        if not self._context.execute_async_v3(self._stream()):
            raise ExecutorError(f"{self._where} failed on the GPU; start the session again")
        return outputs

    def _stream(self) -> int:
        return int(torch.cuda.current_stream().cuda_stream) if self._device.type == "cuda" else 0

    def _dtype(self, trt: Any, name: str) -> torch.dtype:
        kind = self._engine.get_tensor_dtype(name)
        label = "bfloat16" if str(kind).endswith("BF16") else str(torch_name(trt.nptype(kind)))
        if label not in DTYPES:
            raise ExecutorError(f"{self._where}: {name} is {kind}, which torch has no name for here")
        return DTYPES[label]


def torch_name(numpy_type: Any) -> str:
    """float32 of ``numpy.float32``."""
    return numpy_type if isinstance(numpy_type, str) else str(numpy_type.__name__)
