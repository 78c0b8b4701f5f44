"""What this machine can run, and what is wrong with it: the facts behind ``doctor`` and ``bench``."""

from __future__ import annotations

import os
import platform
import socket
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

VERSIONED_PACKAGES = (
    "dreamport",
    "numpy",
    "openvino",
    "grpcio",
    "protobuf",
    "pydantic",
    "simplejpeg",
    "starlette",
    "uvicorn",
    "websockets",
    "torch",
    "transformers",
    "safetensors",
    "tensorrt_rtx",
    "tensorrt",
    "vizdoom",
)
"""Packages whose version a report names; an optional one that is absent shows as ``None``."""

SPEED_FLAGS = (
    "avx2",
    "avx512f",
    "avx512_bf16",
    "avx512_vnni",
    "avx512_fp16",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
    "sve",
)
"""Instruction sets that decide how fast a CPU executor is, as Linux names them."""

MIN_FREE_MEMORY_MB = 700.0


@dataclass(frozen=True)
class Cpu:
    """``usable`` counts the logical cores this process may run on; ``isa`` lists the faster instructions."""

    model: str
    cores: int
    usable: int
    isa: tuple[str, ...]


@dataclass(frozen=True)
class Memory:
    """Megabytes of 10^6 bytes."""

    total_mb: float
    available_mb: float


@dataclass(frozen=True)
class ExecutorReport:
    """One executor: whether it can start here, on which device, and if not, why."""

    name: str
    available: bool
    detail: str


@dataclass(frozen=True)
class WorldReport:
    """One world of the catalogue and what is wrong with it (``None``: it validates)."""

    name: str
    path: str
    problem: str | None


@dataclass(frozen=True)
class FitReport:
    """Whether a world can be played here and how fast, told before it is loaded. ``way``: how, or what to do
    when it cannot; ``needs_gb`` and ``has_gb`` are of ``device``; ``source``: where the speed comes from.
    """

    world: str
    size: str
    device: str
    fits: bool
    way: str
    needs_gb: float
    has_gb: float
    speed: str
    source: str


@dataclass(frozen=True)
class PortReport:
    """A default address and whether a server can bind it now."""

    purpose: str
    address: str
    free: bool


@dataclass(frozen=True)
class FolderReport:
    """A folder Dreamport writes to."""

    purpose: str
    path: str
    writable: bool


@dataclass(frozen=True)
class Machine:
    """What a measured number has to be read with."""

    python: str
    platform: str
    cpu: Cpu
    memory: Memory
    versions: dict[str, str | None]


@dataclass(frozen=True)
class Diagnosis:
    """Everything ``dreamport doctor`` shows. ``problems`` are sentences that say what to do."""

    machine: Machine
    executors: tuple[ExecutorReport, ...]
    auto_executor: str | None
    auto_reason: str
    worlds: tuple[WorldReport, ...]
    fits: tuple[FitReport, ...]
    ports: tuple[PortReport, ...]
    folders: tuple[FolderReport, ...]
    problems: tuple[str, ...]


def describe_machine() -> Machine:
    """This machine and the versions installed on it."""
    memory = psutil.virtual_memory()
    return Machine(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=platform.platform(),
        cpu=Cpu(
            model=cpu_model(),
            cores=os.cpu_count() or 1,
            usable=usable_cores(),
            isa=cpu_isa(),
        ),
        memory=Memory(memory.total / 1e6, memory.available / 1e6),
        versions={name: installed_version(name) for name in VERSIONED_PACKAGES},
    )


def installed_version(package: str) -> str | None:
    """The installed version of a distribution, or ``None``."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def usable_cores() -> int:
    """Logical cores this process may run on, which a container can make fewer than the machine has."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name as the system gives it."""
    name = _cpuinfo_field(cpuinfo, "model name")
    return name or platform.processor() or platform.machine()


def cpu_isa(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """The faster instruction sets of this processor: as Linux tells, elsewhere as numpy found them."""
    flags = _cpuinfo_field(cpuinfo, "flags") or _cpuinfo_field(cpuinfo, "Features")
    if flags:
        present = set(flags.split())
        return tuple(flag for flag in SPEED_FLAGS if flag in present)
    return _isa_by_numpy()


def _isa_by_numpy() -> tuple[str, ...]:
    import numpy  # noqa: PLC0415  (a fall-back for systems other than Linux)

    config: Any = numpy.show_config(mode="dicts")
    found = config["SIMD Extensions"]
    return tuple(str(name).lower() for key in ("baseline", "found") for name in found.get(key, ()))


def _cpuinfo_field(cpuinfo: Path, field: str) -> str | None:
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() == field:
                    return value.strip()
    except OSError:
        return None
    return None


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen on this TCP port now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def folder_report(purpose: str, path: Path) -> FolderReport:
    """Whether ``path``, or the nearest folder above it that exists, can be written to."""
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    return FolderReport(purpose, str(path), nearest.is_dir() and os.access(nearest, os.W_OK))


def user_folders() -> tuple[FolderReport, ...]:
    """The folders that Dreamport uses in the person's account."""
    import platformdirs  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runtime = platformdirs.user_runtime_path("dreamport")
    return (
        folder_report("worlds", platformdirs.user_data_path("dreamport") / "worlds"),
        folder_report("cache", platformdirs.user_cache_path("dreamport")),
        folder_report("runtime", runtime),
    )


def diagnose(
    *,
    executors: Sequence[ExecutorReport],
    auto: Callable[[], tuple[str, str]],
    worlds: Sequence[WorldReport],
    ports: Sequence[PortReport],
    fits: Sequence[FitReport] = (),
) -> Diagnosis:
    """Put the reports together and say what is wrong. ``auto`` gives the executor to be used, and why.

    The parts that need other modules are passed in, so that this one can be used before they are loaded.
    """
    from dreamport.errors import DreamportError  # noqa: PLC0415

    machine, folders = describe_machine(), user_folders()
    problems = []
    auto_executor: str | None = None
    try:
        auto_executor, reason = auto()
    except DreamportError as error:
        reason = str(error)
        if worlds:
            problems.append(f"No executor can play here: {error}")
    if not worlds:
        problems.append(
            "No world was found: reinstall dreamport, or put a world pack into the worlds folder below."
        )
    problems += [f"World '{world.name}' is unusable: {world.problem}" for world in worlds if world.problem]
    problems += [
        f"{port.address} ({port.purpose}) is in use: see `dreamport ps`, or choose another port"
        for port in ports
        if not port.free
    ]
    problems += [
        f"{folder.path} ({folder.purpose}) cannot be written to: change its owner or free the disk"
        for folder in folders
        if not folder.writable
    ]
    if machine.memory.available_mb < MIN_FREE_MEMORY_MB:
        problems.append(
            f"Only {machine.memory.available_mb:.0f} MB of memory are free; playing needs about "
            f"{MIN_FREE_MEMORY_MB:.0f} MB: close other programs."
        )
    return Diagnosis(
        machine=machine,
        executors=tuple(executors),
        auto_executor=auto_executor,
        auto_reason=reason,
        worlds=tuple(worlds),
        fits=tuple(fits),
        ports=tuple(ports),
        folders=folders,
        problems=tuple(problems),
    )


def as_text(diagnosis: Diagnosis) -> str:
    """The report as plain text to copy into an issue; home folders are shortened to ``~``."""
    machine = diagnosis.machine
    lines = [
        f"python      {machine.python}",
        f"platform    {machine.platform}",
        f"processor   {machine.cpu.model}, {machine.cpu.usable} of {machine.cpu.cores} cores usable",
        f"speed       {', '.join(machine.cpu.isa) or 'no AVX-512, AMX or bf16 instructions'}",
        f"memory      {machine.memory.available_mb:.0f} MB free of {machine.memory.total_mb:.0f} MB",
        "versions    " + ", ".join(f"{name} {found or '-'}" for name, found in machine.versions.items()),
        "",
    ]
    for executor in diagnosis.executors:
        state = "yes" if executor.available else "no "
        lines.append(f"executor    {executor.name:<9} {state}  {executor.detail}")
    lines += [f"auto picks  {diagnosis.auto_executor or 'nothing'}: {diagnosis.auto_reason}", ""]
    for world in diagnosis.worlds:
        lines.append(f"world       {world.name:<16} {world.problem or 'valid'}  {_short(world.path)}")
    for fit in diagnosis.fits:
        verdict = "fits" if fit.fits else "too large"
        lines.append(
            f"{verdict:<11} {fit.world:<18} {fit.size:<8} {fit.needs_gb:.1f} of {fit.has_gb:.1f} GB "
            f"({fit.device}), {fit.way}: {fit.speed} ({fit.source})"
        )
    for port in diagnosis.ports:
        lines.append(f"port        {port.address:<16} {'free' if port.free else 'in use'}  {port.purpose}")
    for folder in diagnosis.folders:
        state = "writable" if folder.writable else "NOT writable"
        lines.append(f"folder      {folder.purpose:<8} {state}  {_short(folder.path)}")
    lines.append("")
    lines += [f"problem     {problem}" for problem in diagnosis.problems] or ["no problems found"]
    return "\n".join(lines)


def _short(path: str) -> str:
    home = str(Path.home())
    return "~" + path[len(home) :] if path.startswith(home + os.sep) else path
