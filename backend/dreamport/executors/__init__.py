"""Executors run the graphs of a world pack. They share one interface and agree within a stated tolerance."""

from __future__ import annotations

from importlib.util import find_spec

from dreamport.errors import ExecutorError
from dreamport.executors.base import Executor, GraphRunner
from dreamport.worlds.pack import WorldPack

__all__ = ["EXECUTORS", "Executor", "GraphRunner", "available_executors", "open_executor"]

EXECUTORS = ("openvino", "torch")


def available_executors() -> dict[str, str | None]:
    """Every executor with ``None``, or with the reason why it cannot run on this machine."""
    reasons = {
        "openvino": "openvino is not installed; run pip install dreamport",
        "torch": "torch is not installed; run pip install 'dreamport[train]'",
    }
    needs = {"openvino": ("openvino",), "torch": ("torch", "safetensors")}
    return {
        name: None if all(find_spec(module) for module in needs[name]) else reasons[name]
        for name in EXECUTORS
    }


def open_executor(
    pack: WorldPack,
    name: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
    cache: bool = True,
) -> Executor:
    """An executor with all graphs of ``pack`` loaded.

    ``name``: ``auto`` takes openvino and, where that cannot run, torch, with the reason in
    ``fallback_reason``; a name takes that one or fails. ``threads``: how many, ``None`` for the executor's
    own choice. ``precision``: ``auto``, ``f32`` or ``bf16``. ``cache``: keep compiled graphs in the user's
    cache folder. Raises ``ExecutorError`` or ``PackError``.
    """
    if name not in ("auto", *EXECUTORS):
        raise ExecutorError(f"executor {name!r} is not known; use auto, {', '.join(EXECUTORS)}")
    missing = available_executors()
    if name == "torch":
        return _torch(pack, threads, precision, missing["torch"], None)
    try:
        return _openvino(pack, threads, precision, cache, missing["openvino"])
    except ExecutorError as error:
        if name == "openvino" or missing["torch"] is not None:
            raise
        return _torch(pack, threads, "f32", None, f"openvino cannot run here ({error}); torch is slower")


def _openvino(
    pack: WorldPack, threads: int | None, precision: str, cache: bool, missing: str | None
) -> Executor:
    if missing is not None:
        raise ExecutorError(missing)
    try:
        from dreamport.executors.openvino import OpenVINOExecutor, compiled_cache_path  # noqa: PLC0415
    except ImportError as error:
        raise ExecutorError(f"openvino cannot be loaded ({error}); install it again") from error
    return OpenVINOExecutor(pack, threads, precision, compiled_cache_path(pack) if cache else None)


def _torch(
    pack: WorldPack, threads: int | None, precision: str, missing: str | None, fallback_reason: str | None
) -> Executor:
    if missing is not None:
        raise ExecutorError(missing)
    try:
        from dreamport.executors.torch import TorchExecutor  # noqa: PLC0415
    except ImportError as error:
        raise ExecutorError(f"torch cannot be loaded ({error}); install it again") from error
    return TorchExecutor(pack, threads, precision, fallback_reason)
