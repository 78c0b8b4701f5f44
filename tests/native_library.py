"""Fixtures that build the native core once and give its path. ``conftest.py`` registers them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import requires

ROOT = Path(__file__).resolve().parent.parent


def build(*arguments: str) -> Path:
    """Run ``native/build.py`` and give the library's path.

    It holds a file lock, so that test processes that build at once wait for each other; what is built
    already is only checked. Skips (in CI: fails) where CMake or a compiler is missing.
    """
    requires.program("cmake", package="cmake")
    requires.program("c++", "g++", "clang++", package="g++")
    result = subprocess.run(
        [sys.executable, ROOT / "native" / "build.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"native/build.py {' '.join(arguments)} failed:\n{result.stderr}"
    return Path(result.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="session")
def native_library() -> Path:
    """The native core for this machine, with its C++ tests and test programs beside it."""
    return build("--tests")


@pytest.fixture(scope="session")
def native_build_folder(native_library: Path) -> Path:
    """Folder of the native core's library, tests (``*_test``) and test programs (``*_program``)."""
    return native_library.parent


@pytest.fixture(scope="session")
def native_sanitized_folder() -> Path:
    """The same under AddressSanitizer and UBSan, with the fuzz target where there is clang."""
    return build("--sanitize").parent
