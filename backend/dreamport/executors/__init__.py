"""Executors run the graphs of a world pack. They share one interface and agree within a stated tolerance."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec

from dreamport.errors import DreamportError, ExecutorError
from dreamport.executors.base import Executor, GraphRunner
from dreamport.executors.chunks import ChunkExecutor
from dreamport.executors.gpu import find_gpu
from dreamport.executors.lingbot.options import LingBotOptions
from dreamport.executors.measuring import (
    Measured,
    fastest,
    keep_measurements,
    kept_measurements,
    measure,
)
from dreamport.executors.tensorrt.library import missing_library
from dreamport.worlds.pack import WorldPack

__all__ = [
    "EXECUTORS",
    "Executor",
    "GraphRunner",
    "Measured",
    "auto_reason",
    "available_executors",
    "candidates",
    "measure_executors",
    "open_chunk_executor",
    "open_executor",
]

EXECUTORS = ("openvino", "torch", "tensorrt")

_log = logging.getLogger(__name__)


def available_executors() -> dict[str, str | None]:
    """Every executor with ``None``, or with the reason why it cannot run on this machine."""
    reasons = {
        "openvino": "openvino is not installed; run pip install dreamport",
        "torch": "torch is not installed; run pip install 'dreamport[train]'",
    }
    needs = {"openvino": ("openvino",), "torch": ("torch", "safetensors")}
    found = {
        name: None if all(find_spec(module) for module in modules) else reasons[name]
        for name, modules in needs.items()
    }
    return {**found, "tensorrt": _no_tensorrt()}


def candidates() -> tuple[str, ...]:
    """The executors that ``auto`` chooses from, slowest last as far as one can tell before measuring: those
    for a GPU where there is one, and openvino.
    """
    missing = available_executors()
    found = [name for name in ("tensorrt", "torch") if missing[name] is None and _has_gpu()]
    if "torch" in found and not _torch_sees_gpu():
        found.remove("torch")
    return (*found, "openvino")


def open_executor(
    pack: WorldPack,
    name: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
    cache: bool = True,
) -> Executor:
    """An executor with all graphs of ``pack`` loaded.

    ``name``: ``auto`` takes openvino on a machine without a GPU and, where that cannot run, torch, with the
    reason in ``fallback_reason``; with a GPU it takes the one measured to be the fastest for this world, and
    measures once if nobody has, which it says. A name takes that one or fails. ``threads``: how many,
    ``None`` for the executor's own choice. ``precision``: ``auto``, ``f32``, ``bf16`` or ``f16``. ``cache``:
    keep compiled graphs in the user's cache folder. Raises ``ExecutorError`` or ``PackError``.
    """
    if name not in ("auto", *EXECUTORS):
        raise ExecutorError(f"executor {name!r} is not known; use auto, {', '.join(EXECUTORS)}")
    if name != "auto":
        return _open(pack, name, threads, precision, cache, None)
    choice = candidates()
    if choice != ("openvino",):
        return _open_fastest(pack, choice, threads, precision, cache)
    try:
        return _open(pack, "openvino", threads, precision, cache, None)
    except ExecutorError as error:
        if available_executors()["torch"] is not None:
            raise
        reason = f"openvino cannot run here ({error}); torch is slower"
        return _open(pack, "torch", threads, "f32", cache, reason)


def open_chunk_executor(
    pack: WorldPack,
    name: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
    options: LingBotOptions | None = None,
) -> ChunkExecutor:
    """The executor of a world whose causal step makes a chunk of frames, with its models loaded.

    Torch runs it: ``name`` is ``auto`` or ``torch``. ``precision``: ``auto`` (bf16 on a GPU, f32 on a
    processor), ``f32`` or ``bf16``. ``options``: what is switched on, nothing by default. Raises
    ``ExecutorError``, ``PackError`` or ``MissingExtraError``.
    """
    if name not in ("auto", "torch"):
        raise ExecutorError(
            f"world {pack.manifest.name} is made in chunks, by torch and not by {name!r}; use --executor auto"
        )
    missing = available_executors()["torch"]
    if missing is not None:
        raise ExecutorError(f"LingBot-World runs on torch; run pip install 'dreamport[lingbot]' ({missing})")
    from dreamport.executors.lingbot.following import open_together  # noqa: PLC0415

    return open_together(pack, threads, precision, options)


def auto_reason(pack: WorldPack) -> str:
    """Why ``auto`` takes what it takes for this world, in words; measures nothing."""
    measured = kept_measurements(pack) if candidates() != ("openvino",) else None
    if not measured:
        return "preferred, and it loads the world"
    return f"the fastest measured with this world: {_in_words(measured)}"


def measure_executors(
    pack: WorldPack, names: tuple[str, ...] | None = None, threads: int | None = None
) -> tuple[Measured, ...]:
    """Measure executors (:func:`candidates` by default) and keep the result for ``auto``."""
    measured = measure(
        pack,
        names or candidates(),
        lambda name: _open(pack, name, threads, "auto", True, None),
        lambda sentence: _log.warning("%s", sentence),
    )
    keep_measurements(pack, measured)
    return measured


def _open_fastest(
    pack: WorldPack, choice: tuple[str, ...], threads: int | None, precision: str, cache: bool
) -> Executor:
    measured = kept_measurements(pack) or ()
    if {one.executor for one in measured} < set(choice):
        measured = measure_executors(pack, choice, threads)
    order = fastest(measured)
    said = _in_words(measured)
    reason: str | None = None
    for one in order:
        try:
            executor = _open(pack, one.executor, threads, precision, cache, reason)
        except DreamportError as error:
            reason = f"{one.executor} was measured to be the fastest and cannot run now ({error})"
            _log.warning("%s", reason)
            continue
        _log.warning("auto takes %s: %s", one.executor, said)
        return executor
    raise ExecutorError(f"no executor can play world {pack.manifest.name} here: {reason or said}")


def _in_words(measured: Sequence[Measured]) -> str:
    """The fastest first, those that cannot run last."""
    order = fastest(measured)
    return ", ".join(one.in_words() for one in (*order, *(one for one in measured if one not in order)))


def _open(
    pack: WorldPack, name: str, threads: int | None, precision: str, cache: bool, reason: str | None
) -> Executor:
    missing = available_executors()[name]
    if missing is not None:
        raise ExecutorError(missing)
    try:
        if name == "openvino":
            from dreamport.executors.openvino import OpenVINOExecutor, compiled_cache_path  # noqa: PLC0415

            kept = compiled_cache_path(pack) if cache else None
            return OpenVINOExecutor(pack, threads, precision, kept, reason)
        if name == "torch":
            from dreamport.executors.torch import TorchExecutor  # noqa: PLC0415

            return TorchExecutor(pack, threads, precision, reason)
        from dreamport.executors.tensorrt.executor import TensorRTExecutor  # noqa: PLC0415

        return TensorRTExecutor(pack, threads, precision, fallback_reason=reason)
    except ImportError as error:
        raise ExecutorError(f"{name} cannot be loaded ({error}); install it again") from error


def _no_tensorrt() -> str | None:
    missing = missing_library()
    if missing is not None:
        return missing
    gpu = find_gpu()
    return gpu if isinstance(gpu, str) else None


def _has_gpu() -> bool:
    return not isinstance(find_gpu(), str)


def _torch_sees_gpu() -> bool:
    from dreamport.executors.torch import sees_gpu  # noqa: PLC0415

    return sees_gpu()
