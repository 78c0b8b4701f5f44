"""From an ONNX graph to an engine: the bytes that TensorRT runs on one kind of GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dreamport.errors import ExecutorError
from dreamport.executors.tensorrt.library import Library
from dreamport.executors.tensorrt.targets import Target

PRECISIONS = ("f16", "f32")
Told = Callable[[int, int], None]
"""Is told how many steps of how many are done; the whole grows while a build finds out what there is to do.
"""


def build_engine(
    library: Library,
    graph: bytes,
    target: Target,
    where: str,
    precision: str = "f16",
    told: Told | None = None,
) -> bytes:
    """The engine of one ONNX graph (all data inside it) for one kind of GPU.

    ``where`` names the graph in errors. ``precision``: ``f16`` for matrix work in half (see ``half``),
    ``f32`` for the graph as it stands. With TensorRT for RTX no GPU need be there; TensorRT itself builds for
    the GPU it runs on. Raises ``ExecutorError`` with TensorRT's own reason.
    """
    if precision not in PRECISIONS:
        raise ExecutorError(f"precision {precision!r} is not known; engines are {', '.join(PRECISIONS)}")
    trt = library.module
    log = _log(trt)
    model = _in_half(graph, where) if precision == "f16" else graph
    builder = trt.Builder(log)
    if builder is None:
        raise _failure(library, target, where, log)
    strongly_typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if strongly_typed is None else 1 << int(strongly_typed))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(model):
        reasons = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        raise _failure(library, target, where, log, reasons)
    config = builder.create_builder_config()
    if library.portable:
        config.num_compute_capabilities = 1
        config.set_compute_capability(library.capability(target), 0)
    monitor = _monitor(trt, told) if told is not None else None
    if monitor is not None:
        config.progress_monitor = monitor
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise _failure(library, target, where, log)
    return bytes(engine)


def _in_half(graph: bytes, where: str) -> bytes:
    try:
        from dreamport.executors.tensorrt.half import with_half_matrices  # noqa: PLC0415
    except ImportError as error:
        raise ExecutorError(
            f"building engines needs {error.name}; run pip install 'dreamport[tensorrt]'"
        ) from error
    try:
        return with_half_matrices(graph)
    except ValueError as error:
        raise ExecutorError(f"{where} cannot run in float16: {error}; build it with precision f32") from error


def _failure(
    library: Library, target: Target, where: str, log: Any, reasons: list[str] | None = None
) -> ExecutorError:
    given = (reasons or []) + list(log.errors)
    reason = " ".join((given[0] if given else "no reason was given").split())[:400]
    return ExecutorError(
        f"{library.title} cannot build {where} for {target.name} ({target.sm}): {reason}; "
        "use --executor torch or openvino"
    )


def _log(trt: Any) -> Any:
    """A logger that keeps errors for a message and shows nothing."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(message)

    return Log()


def _monitor(trt: Any, told: Told) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Counts the steps of all phases; phases are announced while others run."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.sizes: dict[str, int] = {}
            self.done: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.sizes[phase_name] = max(num_steps, 1)
            self.done[phase_name] = 0

        def step_complete(self, phase_name: str, step: int) -> bool:
            self.done[phase_name] = step + 1
            told(sum(self.done.values()), sum(self.sizes.values()))
            return True

        def phase_finish(self, phase_name: str) -> None:
            self.done[phase_name] = self.sizes[phase_name]
            told(sum(self.done.values()), sum(self.sizes.values()))

    return Monitor()
