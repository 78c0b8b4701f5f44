"""One engine, loaded on the GPU and bound to memory there."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dreamport.errors import ExecutorError
from dreamport.executors.base import RESIDENT_OUTPUTS, Array, check_feeds
from dreamport.executors.tensorrt.library import Library
from dreamport.executors.tensorrt.memory import DeviceMemory, HeldArray
from dreamport.executors.tensorrt.store import write_whole
from dreamport.worlds.contract import Signature, TensorSpec

DIAGNOSES = {
    "VERSION_MISMATCH": "it was made by another version of {title}; run dreamport compile WORLD --for this",
    "UNSUPPORTED_CC": "it was made for another kind of GPU; run dreamport compile WORLD --for this",
    "OLD_CUDA_DRIVER": "the NVIDIA driver is too old for {title}; install a newer driver",
    "OLD_CUDA_RUNTIME": "the CUDA runtime is too old for {title}; install tensorrt-rtx again",
    "INSUFFICIENT_GPU_MEMORY": "the GPU has too little free memory; close other programs that use it",
    "MALFORMED_ENGINE": "the file is damaged; run dreamport compile WORLD --for this",
    "CUDA_ERROR": "CUDA cannot be used; run dreamport doctor",
}
"""What TensorRT for RTX says of an engine that does not run here, and what to do about it."""


def check_engine(library: Library, runtime: Any, data: bytes, where: str) -> None:
    """Raise ``ExecutorError`` when the engine's own header says that it cannot run here.

    TensorRT for RTX only; TensorRT says so when an engine is loaded.
    """
    if not library.portable:
        return
    trt = library.module
    validity, diagnostics = runtime.get_engine_validity(data)
    if validity != trt.EngineValidity.INVALID:
        return
    told = int(diagnostics)
    reasons = [
        DIAGNOSES.get(name, name).format(title=library.title)
        for name, member in trt.EngineInvalidityDiagnostics.__members__.items()
        if told & int(member)
    ]
    raise ExecutorError(f"{where} cannot run here: {'; '.join(reasons) or DIAGNOSES['CUDA_ERROR']}")


class LoadedEngine:
    """An engine on the GPU with memory for its inputs and outputs. ``kernels_path``: where the kernels that
    TensorRT for RTX makes on first use are kept, so that they are made once. Raises ``ExecutorError``.
    """

    def __init__(
        self,
        library: Library,
        runtime: Any,
        memory: DeviceMemory,
        graph: str,
        signature: Signature,
        data: bytes,
        where: str,
        kernels_path: Path | None = None,
    ) -> None:
        self._memory = memory
        self._graph = graph
        self._signature = signature
        self._engine = load_engine(library, runtime, data, where)
        self._output_names = _output_names(library, self._engine, signature, where)
        self._kernels_path = kernels_path
        self._context, self._kernels = execution_context(library, self._engine, kernels_path)
        if self._context is None:
            raise ExecutorError(
                f"{where} needs more GPU memory than is free; close other programs that use it"
            )
        self._inputs = {spec.name: HeldArray(memory, spec.shape, spec.dtype) for spec in signature.inputs}
        resident = RESIDENT_OUTPUTS.get(graph, ())
        self._outputs = {
            spec.name: HeldArray(memory, spec.shape, spec.dtype)
            for spec in signature.outputs
            if spec.name not in resident
        }

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Any]:
        """Outputs by name: numpy's, except the resident ones, which stay on the GPU. What lies there already
        is read where it is.
        """
        check_feeds(self._graph, self._signature, feeds)
        for spec in self._signature.inputs:
            given: object = feeds[spec.name]
            if isinstance(given, HeldArray):
                self._bind(spec.name, given)
                continue
            held = self._inputs[spec.name]
            self._memory.upload(held.address, np.asarray(given))
            self._bind(spec.name, held)
        outputs: dict[str, Any] = {}
        for spec in self._signature.outputs:
            held = self._outputs.get(spec.name) or HeldArray(self._memory, spec.shape, spec.dtype)
            self._bind(self._output_names[spec.name], held)
            outputs[spec.name] = held
        if not self._context.execute_async_v3(self._memory.stream):
            raise ExecutorError(f"graph {self._graph} failed on the GPU; start the session again")
        for name in self._outputs:
            array = np.empty(outputs[name].shape, outputs[name].dtype)
            self._memory.download(array, outputs[name].address)
            outputs[name] = array
        self._memory.wait()
        return outputs

    def keep_kernels(self) -> None:
        """Write the kernels made so far to their file; called after the first run."""
        if self._kernels is None or self._kernels_path is None:
            return
        made = bytes(self._kernels.serialize())
        if made and (not self._kernels_path.is_file() or self._kernels_path.stat().st_size != len(made)):
            self._kernels_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(self._kernels_path, made)

    def _bind(self, name: str, held: HeldArray) -> None:
        if not self._context.set_tensor_address(name, held.address):
            raise ExecutorError(f"graph {self._graph} has no tensor {name}; run dreamport compile again")


def load_engine(library: Library, runtime: Any, data: bytes, where: str) -> Any:
    """The engine on the GPU. Raises ``ExecutorError`` when it cannot run here, with what to do."""
    check_engine(library, runtime, data, where)
    engine = runtime.deserialize_cuda_engine(data)
    if engine is None:
        raise ExecutorError(
            f"{where} cannot be loaded by {library.title}: it was made for another GPU, driver or "
            "version; run dreamport compile WORLD --for this"
        )
    return engine


def execution_context(library: Library, engine: Any, kernels_path: Path | None = None) -> tuple[Any, Any]:
    """What runs an engine, and the kernels that TensorRT for RTX makes on first use, those of
    ``kernels_path`` among them (``None`` with TensorRT, whose engines hold theirs).
    """
    if not library.portable:
        return engine.create_execution_context(), None
    config = engine.create_runtime_config()
    kernels = config.create_runtime_cache()
    if kernels_path is not None:
        with contextlib.suppress(OSError):  # none yet; kernels of another driver are refused by TensorRT
            kernels.deserialize(kernels_path.read_bytes())
    config.set_runtime_cache(kernels)
    return engine.create_execution_context(config), kernels


def _output_names(library: Library, engine: Any, signature: Signature, where: str) -> dict[str, str]:
    """Contract name -> the engine's name of every output: by name, or by position where the names differ.

    Raises ``ExecutorError`` for an engine whose tensors are not the contract's.
    """
    mode = library.module.TensorIOMode
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == mode.INPUT]
    outputs = [name for name in names if engine.get_tensor_mode(name) == mode.OUTPUT]
    wanted = [spec.name for spec in signature.inputs]
    if sorted(inputs) != sorted(wanted) or len(outputs) != len(signature.outputs):
        raise ExecutorError(
            f"{where} has other inputs and outputs than its graph; run dreamport compile again"
        )
    named = {
        spec.name: spec.name if spec.name in outputs else outputs[i]
        for i, spec in enumerate(signature.outputs)
    }
    for spec, name in (
        *((spec, spec.name) for spec in signature.inputs),
        *((spec, named[spec.name]) for spec in signature.outputs),
    ):
        _check_tensor(library, engine, spec, name, where)
    return named


def _check_tensor(library: Library, engine: Any, spec: TensorSpec, name: str, where: str) -> None:
    shape = tuple(int(size) for size in engine.get_tensor_shape(name))
    dtype = np.dtype(library.module.nptype(engine.get_tensor_dtype(name)))
    if shape != spec.shape or dtype != np.dtype(spec.dtype):
        raise ExecutorError(
            f"{where}: {name} is {dtype}{list(shape)} and must be {spec.dtype}{list(spec.shape)}; run "
            "dreamport compile again"
        )
