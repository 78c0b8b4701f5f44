"""A stub GPU: memory by address in one numpy array, and a stub TensorRT whose engines OpenVINO runs.

What it stands for cannot be had on a machine without a GPU; that engines are bound, read, written and kept as
they should be can.
"""

from __future__ import annotations

import ctypes
from enum import Enum, IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamport.errors import ExecutorError
from dreamport.executors.base import Array
from dreamport.executors.gpu import Gpu
from dreamport.executors.openvino import OpenVINOExecutor
from dreamport.executors.tensorrt.executor import GpuMachine
from dreamport.executors.tensorrt.library import Library, LibraryName
from dreamport.executors.tensorrt.store import EngineStore, engine_key
from dreamport.executors.tensorrt.targets import target_of
from dreamport.worlds import WorldPack, signatures

STUB_GPU = Gpu("Stub GPU 4090", (8, 9), "580.65.06", 24 << 30)
VERSION = "1.0-stub"
POISON = 0xFF
"""Of freed bytes: as float32 it is not a number."""


class StubMemory:
    """``DeviceMemory`` in a numpy array; what is freed is poisoned and used again."""

    def __init__(self, size: int = 96 << 20) -> None:
        self._bytes = np.full(size, POISON, np.uint8)
        self._next = 256  # no address is zero
        self._sizes: dict[int, int] = {}
        self._free: dict[int, list[int]] = {}
        self.uploaded: list[int] = []
        self.stream = 7

    def allocate(self, size: int) -> int:
        again = self._free.get(size)
        if again:
            address = again.pop()
        else:
            address = self._next
            self._next += -(-size // 256) * 256
            if self._next > len(self._bytes):
                raise ExecutorError("the stub GPU is full")
        self._sizes[address] = size
        return address

    def free(self, address: int) -> None:
        size = self._sizes.pop(address)
        self._bytes[address : address + size] = POISON
        self._free.setdefault(size, []).append(address)

    def zero(self, address: int, size: int) -> None:
        self._bytes[address : address + size] = 0

    def upload(self, address: int, array: Array) -> None:
        self.uploaded.append(array.nbytes)
        self._bytes[address : address + array.nbytes] = np.ascontiguousarray(array).view(np.uint8).ravel()

    def download(self, array: Array, address: int) -> None:
        array.reshape(-1).view(np.uint8)[:] = self._bytes[address : address + array.nbytes]

    def copy_rows(
        self, to: int, to_pitch: int, source: int, source_pitch: int, width: int, rows: int
    ) -> None:
        for row in range(rows):
            a, b = to + row * to_pitch, source + row * source_pitch
            assert a + width <= b or b + width <= a, "CUDA copies may not overlap"
            self._bytes[a : a + width] = self._bytes[b : b + width]

    def wait(self) -> None:
        """All is done at once."""

    def close(self) -> None:
        """Nothing to give back to anyone."""

    @property
    def in_use(self) -> int:
        """Bytes that are allocated now."""
        return sum(self._sizes.values())

    def array(self, address: int, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        """The memory there as an array."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        view: NDArray[Any] = self._bytes[address : address + size].view(dtype).reshape(shape)
        return view


class PointerMemory:
    """The memory of this process by address, as torch tensors on the CPU have it."""

    stream = 0

    def array(self, address: int, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        """The memory there as an array."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        raw = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
        view: NDArray[Any] = raw.view(dtype).reshape(shape)
        return view


class TensorIOMode(Enum):
    INPUT = 0
    OUTPUT = 1


class EngineValidity(IntEnum):
    VALID = 0
    INVALID = 2


class EngineInvalidityDiagnostics(IntEnum):
    VERSION_MISMATCH = 1
    OLD_CUDA_DRIVER = 4


class ComputeCapability(IntEnum):
    SM89 = 89


class StubCache:
    """Kernels: the bytes that were given, or a few new ones."""

    def __init__(self) -> None:
        self.kernels = b""

    def deserialize(self, data: bytes) -> bool:
        self.kernels = data
        return True

    def serialize(self) -> bytes:
        return self.kernels or b"stub kernels"


class StubTensorRT:
    """The parts of TensorRT's Python module that running needs. An engine is the name of a graph."""

    TensorIOMode = TensorIOMode
    EngineValidity = EngineValidity
    EngineInvalidityDiagnostics = EngineInvalidityDiagnostics
    ComputeCapability = ComputeCapability

    def __init__(self, pack: WorldPack, memory: StubMemory | PointerMemory, invalid_because: int = 0) -> None:
        self.pack = pack
        self.memory = memory
        self.invalid_because = invalid_because
        self.loaded_kernels: list[bytes] = []

    class Logger:
        ERROR = 1

        def __init__(self, level: int) -> None:
            self.level = level

    def Runtime(self, logger: Any) -> StubRuntime:
        return StubRuntime(self)

    @staticmethod
    def nptype(dtype: str) -> str:
        return dtype


class StubRuntime:
    def __init__(self, module: StubTensorRT) -> None:
        self._module = module

    def get_engine_validity(self, data: bytes) -> tuple[EngineValidity, int]:
        because = self._module.invalid_because
        return (EngineValidity.INVALID if because else EngineValidity.VALID), because

    def deserialize_cuda_engine(self, data: bytes) -> StubEngine:
        return StubEngine(self._module, data.decode())


class StubEngine:
    """Outputs have names of their own, as those of an ONNX graph may have."""

    def __init__(self, module: StubTensorRT, graph: str) -> None:
        self.module = module
        self.graph = graph
        signature = signatures(module.pack.manifest)[graph]
        self.inputs = {spec.name: spec for spec in signature.inputs}
        self.outputs = {f"output_{i}": spec for i, spec in enumerate(signature.outputs)}
        self._specs = {**self.inputs, **self.outputs}
        self.num_io_tensors = len(self._specs)

    def get_tensor_name(self, index: int) -> str:
        return list(self._specs)[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in self.inputs else TensorIOMode.OUTPUT

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._specs[name].shape

    def get_tensor_dtype(self, name: str) -> str:
        return self._specs[name].dtype

    def create_runtime_config(self) -> StubConfig:
        return StubConfig(self.module)

    def create_execution_context(self, config: StubConfig | None = None) -> StubContext:
        if config is not None:
            self.module.loaded_kernels.append(config.cache.kernels)
        return StubContext(self)


class StubConfig:
    def __init__(self, module: StubTensorRT) -> None:
        self.cache = StubCache()

    def create_runtime_cache(self) -> StubCache:
        return StubCache()

    def set_runtime_cache(self, cache: StubCache) -> bool:
        self.cache = cache
        return True


class StubContext:
    def __init__(self, engine: StubEngine) -> None:
        self._engine = engine
        self._bound: dict[str, int] = {}
        self._runner = OpenVINOExecutor(engine.module.pack, 1, "f32", graphs=[engine.graph])

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._bound[name] = address
        return name in self._engine.inputs or name in self._engine.outputs

    def execute_async_v3(self, stream: int) -> bool:
        memory = self._engine.module.memory
        feeds = {
            name: memory.array(self._bound[name], spec.shape, spec.dtype).copy()
            for name, spec in self._engine.inputs.items()
        }
        outputs = self._runner.run(self._engine.graph, feeds)
        for name, spec in self._engine.outputs.items():
            memory.array(self._bound[name], spec.shape, spec.dtype)[...] = outputs[spec.name]
        return stream == memory.stream


def stub_machine(
    pack: WorldPack,
    memory: StubMemory,
    gpu: Gpu = STUB_GPU,
    invalid_because: int = 0,
    library: LibraryName = "tensorrt_rtx",
) -> GpuMachine:
    """A machine with the stub GPU and a stub of TensorRT for RTX, or of TensorRT."""
    module = StubTensorRT(pack, memory, invalid_because)
    return GpuMachine(gpu, Library(library, VERSION, module), lambda: memory)


def keep_stub_engines(
    pack: WorldPack, machine: GpuMachine, store: EngineStore, precision: str = "f16"
) -> None:
    """Put an engine of every network into the store."""
    for graph in ("encode", "denoise", "decode"):
        key = engine_key(
            machine.library,
            target_of(machine.gpu),
            machine.gpu,
            precision,
            pack.digest,
            graph,
            pack.graph(graph),
        )
        store.put(key, graph.encode())
