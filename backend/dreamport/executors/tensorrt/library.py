"""Which TensorRT is installed: TensorRT for RTX, whose engines need no GPU to be built, or TensorRT."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Literal

from dreamport.errors import ExecutorError
from dreamport.executors.tensorrt.targets import Target

LibraryName = Literal["tensorrt_rtx", "tensorrt"]
TITLES: dict[LibraryName, str] = {"tensorrt_rtx": "TensorRT for RTX", "tensorrt": "TensorRT"}
MISSING = (
    "neither TensorRT for RTX nor TensorRT is installed; run pip install 'dreamport[tensorrt]' "
    "(in a clone: pip install '.[tensorrt]')"
)


@dataclass(frozen=True)
class Library:
    """A TensorRT. ``module``: its Python module, whose two forms have one interface."""

    name: LibraryName
    version: str
    module: Any

    @property
    def title(self) -> str:
        """Its name for people, with the version."""
        return f"{TITLES[self.name]} {self.version}"

    @property
    def portable(self) -> bool:
        """Engines are made without a GPU and run on every GPU of a kind; kernels are made on first use."""
        return self.name == "tensorrt_rtx"

    def capability(self, target: Target) -> Any:
        """The member of ``ComputeCapability`` for a target.

        Raises ``ExecutorError`` when this library has no code for that kind of GPU.
        """
        member = getattr(self.module.ComputeCapability, target.sm.upper(), None)
        if member is None:
            raise ExecutorError(
                f"{self.title} has no code for {target.series} (compute capability "
                f"{target.capability[0]}.{target.capability[1]}); install tensorrt there, or use "
                "--executor torch"
            )
        return member

    def knows(self, target: Target) -> bool:
        """Whether it can make engines for such a GPU."""
        return not self.portable or hasattr(self.module.ComputeCapability, target.sm.upper())


def missing_library() -> str | None:
    """``None``, or why no TensorRT can be used; imports nothing."""
    return None if any(find_spec(name) for name in TITLES) else MISSING


def library_for(target: Target | None = None) -> Library:
    """The installed library to use: TensorRT for RTX, or TensorRT where only that is there or only that knows
    the target.

    Raises ``ExecutorError`` when there is none, or it cannot be loaded.
    """
    found = [_load(name) for name in TITLES if find_spec(name) is not None]
    if not found:
        raise ExecutorError(MISSING)
    for library in found:
        if target is None or library.knows(target):
            return library
    return found[0]


def _load(name: LibraryName) -> Library:
    try:
        module = importlib.import_module(name)
    except (ImportError, OSError, RuntimeError) as error:
        raise ExecutorError(f"{TITLES[name]} cannot be loaded ({error}); install it again") from error
    return Library(name, str(module.__version__), module)


def installed_version() -> str | None:
    """Name and version of what is installed, without loading it."""
    for name, title in TITLES.items():
        try:
            return f"{title} {version(name)}"
        except PackageNotFoundError:
            continue
    return None
