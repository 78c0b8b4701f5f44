"""What a test needs from outside the project: present, or the test is skipped with the reason.

With ``CI=true`` nothing may be skipped: what is missing fails the test.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest

EVERYTHING = os.environ.get("CI") == "true"
FOLDERS = (Path("/usr/lib/wine"), Path("/usr/lib/llvm-14/bin"))
"""Where Debian puts programs that are not on the search path."""


def program(*names: str, package: str) -> str:
    """Path of the first program of these names that is installed.

    Skips the test otherwise (fails it in CI), naming the Debian ``package`` that brings it.
    """
    for name in names:
        found = shutil.which(name)
        if found:
            return found
        for folder in FOLDERS:
            if os.access(folder / name, os.X_OK):
                return str(folder / name)
    lacking(f"needs {' or '.join(names)}: install the package {package}")


def package(module: str, *, extra: str) -> None:
    """The Python module can be imported; ``extra`` is the extra of Dreamport (or package) that brings it."""
    if find_spec(module) is None:
        lacking(f"needs the Python module {module}: install {extra}")


def file(path: Path, *, package: str) -> Path:
    """The file or folder is there; ``package`` is what brings it."""
    if not path.exists():
        lacking(f"needs {path}: install {package}")
    return path


def lacking(reason: str) -> NoReturn:
    """Skip the running test with the reason; fail it in CI."""
    if EVERYTHING:
        pytest.fail(f"CI runs every test, but this one {reason}")
    pytest.skip(reason)
