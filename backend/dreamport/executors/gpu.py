"""The NVIDIA GPU of this machine, as its driver tells; no CUDA context is made for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from dreamport.errors import ExecutorError

NO_DRIVER = "no NVIDIA driver answers on this machine ({reason}); install one, or play on the CPU"
QUERY = ("--query-gpu=name,compute_cap,driver_version,memory.total", "--format=csv,noheader,nounits")
QUERY_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Gpu:
    """One GPU. ``capability``: CUDA's (major, minor), 8.9 for an RTX 4090. ``driver``: its version as NVIDIA
    writes it, 580.65.06. ``memory_bytes``: all of it, used or not.
    """

    name: str
    capability: tuple[int, int]
    driver: str
    memory_bytes: int

    @property
    def sm(self) -> str:
        """The capability as compilers write it: sm89."""
        return f"sm{self.capability[0]}{self.capability[1]}"

    @property
    def slug(self) -> str:
        """The name as part of a file name: nvidia-geforce-rtx-4090."""
        letters = "".join(letter if letter.isalnum() else " " for letter in self.name.lower())
        return "-".join(letters.split())[:48] or "gpu"


def find_gpu(environment: Mapping[str, str] | None = None) -> Gpu | str:
    """The first GPU that CUDA programs see here, or the reason why there is none to use.

    ``environment``: this process's own by default; its ``CUDA_VISIBLE_DEVICES`` counts.
    """
    environment = os.environ if environment is None else environment
    if find_spec("pynvml") is None:
        return _by_command(environment)
    import pynvml  # noqa: PLC0415

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return NO_DRIVER.format(reason=_text(error))
    try:
        handle = _first_visible(pynvml, environment)
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
        return Gpu(
            name=_text(pynvml.nvmlDeviceGetName(handle)),
            capability=(int(major), int(minor)),
            driver=_text(pynvml.nvmlSystemGetDriverVersion()),
            memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
        )
    except pynvml.NVMLError as error:
        return f"the NVIDIA driver gives no GPU ({_text(error)}); see nvidia-smi and CUDA_VISIBLE_DEVICES"
    finally:
        pynvml.nvmlShutdown()


def this_gpu() -> Gpu:
    """As :func:`find_gpu`. Raises ``ExecutorError`` with the reason where there is none."""
    found = find_gpu()
    if isinstance(found, str):
        raise ExecutorError(found)
    return found


def _by_command(environment: Mapping[str, str]) -> Gpu | str:
    """The same from the driver's own command, where its library for Python is not installed."""
    first = environment.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    try:
        done = subprocess.run(
            ["nvidia-smi", "-i", first, *QUERY],
            capture_output=True,
            text=True,
            check=True,
            timeout=QUERY_TIMEOUT_S,
        )
        name, capability, driver, megabytes = (part.strip() for part in done.stdout.rsplit(",", 3))
        major, minor = (int(part) for part in capability.split("."))
        return Gpu(name, (major, minor), driver, int(float(megabytes) * (1 << 20)))
    except (OSError, subprocess.SubprocessError) as error:
        return NO_DRIVER.format(reason=type(error).__name__ if isinstance(error, OSError) else error)
    except ValueError:
        return f"nvidia-smi says {done.stdout.strip()[:100]!r} of GPU {first}; see CUDA_VISIBLE_DEVICES"


def _first_visible(pynvml: Any, environment: Mapping[str, str]) -> Any:
    """The driver's library numbers all GPUs, whatever CUDA may see of them."""
    first = environment.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    if first.isdigit():
        return pynvml.nvmlDeviceGetHandleByIndex(int(first))
    return pynvml.nvmlDeviceGetHandleByUUID(first)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
