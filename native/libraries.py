"""The third-party libraries of the native core, built as static archives once per target into the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sources import NATIVE, cache_folder, locked, source

THIRD_PARTY = NATIVE / "third_party"
LINKED = ("boringssl", "nghttp2", "libjpeg-turbo", "nanopb")
"""Libraries that are linked into the core; doctest is only for its tests."""
TOOLCHAIN_FILE = "-DCMAKE_TOOLCHAIN_FILE="
INSTRUMENTED = ("nghttp2", "nanopb")
"""Those that a sanitizer build instruments too: small, and they parse what arrives."""


@dataclass(frozen=True)
class Toolchain:
    """How a target is compiled.

    ``target`` is ``linux-x64`` and the like; ``cmake_arguments`` are handed to every CMake project.
    ``sanitize`` is the value of ``-fsanitize=`` or empty; ``sanitizer_arguments`` choose the compiler for
    what is instrumented.
    """

    target: str
    cmake_arguments: tuple[str, ...] = ()
    sanitize: str = ""
    sanitizer_arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Library:
    """A built library: ``prefix`` holds ``include`` and ``lib``."""

    name: str
    version: str
    prefix: Path


def library(name: str, toolchain: Toolchain) -> Library:
    """The library ``name`` for a toolchain, built if the cache lacks it.

    Raises ``SourceError`` when its source cannot be had and ``subprocess.CalledProcessError`` when it does
    not build; the compiler's words are on standard error then.
    """
    with locked(cache_folder() / f"{name}.lock"):
        found = source(name)
    if name == "doctest":
        return Library(name, found.version, found.folder)
    with locked(cache_folder() / f"{name}-{toolchain.target}.lock"):
        sanitize = toolchain.sanitize if name in INSTRUMENTED else ""
        if sanitize and toolchain.sanitizer_arguments:  # clang: count what the fuzzer reaches, too
            sanitize += ",fuzzer-no-link"
        options = _options(name, found.folder, toolchain, sanitize)
        key = hashlib.sha256()
        kept = [part for part in options if not part.startswith(TOOLCHAIN_FILE)]  # its path is the checkout's
        for part in (found.sha256, toolchain.target, *kept):
            key.update(part.encode() + b"\0")
        for recipe in (THIRD_PARTY / "CMakeLists.txt", THIRD_PARTY / f"{name}.cmake"):
            if name != "libjpeg-turbo":
                key.update(recipe.read_bytes())
        for toolchain_file in _toolchain_files(toolchain):
            key.update(toolchain_file.read_bytes())
        prefix = cache_folder() / "built" / toolchain.target / f"{name}-{key.hexdigest()[:12]}"
        if not prefix.is_dir():
            print(f"native: building {name} {found.version} for {toolchain.target}", file=sys.stderr)
            _build(prefix, found.folder if name == "libjpeg-turbo" else THIRD_PARTY, options)
        return Library(name, found.version, prefix)


def run_quietly(command: Sequence[str | Path]) -> None:
    """Run a build step; show what it said only when it fails."""
    result = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        print(result.stdout, file=sys.stderr, flush=True)
        raise subprocess.CalledProcessError(result.returncode, [str(part) for part in command])


def generator() -> list[str]:
    """CMake's arguments for the generator: Ninja where it is installed."""
    return ["-G", "Ninja"] if shutil.which("ninja") else []


def jobs() -> str:
    """How many compilers run at once: ``DREAMPORT_NATIVE_JOBS`` or one for each processor."""
    return os.environ.get("DREAMPORT_NATIVE_JOBS") or str(os.cpu_count() or 2)


def _toolchain_files(toolchain: Toolchain) -> list[Path]:
    mark = TOOLCHAIN_FILE
    return [Path(part[len(mark) :]) for part in toolchain.cmake_arguments if part.startswith(mark)]


def _options(name: str, folder: Path, toolchain: Toolchain, sanitize: str) -> list[str]:
    compilers = toolchain.sanitizer_arguments if sanitize else ()
    options = [
        *generator(),
        *compilers,
        *toolchain.cmake_arguments,
        "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_C_FLAGS_RELEASE=-O2 -DNDEBUG",
        "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG",
        "-DCMAKE_INSTALL_LIBDIR=lib",
    ]
    if name == "libjpeg-turbo":
        return [
            *options,
            "-DENABLE_SHARED=0",
            "-DENABLE_STATIC=1",
            "-DWITH_TURBOJPEG=1",
            "-DWITH_TOOLS=0",
            "-DWITH_TESTS=0",
            "-DWITH_JAVA=0",
            "-DCMAKE_POSITION_INDEPENDENT_CODE=1",
            "-DCMAKE_C_FLAGS=-fvisibility=hidden -ffunction-sections -fdata-sections",
        ]
    return [
        *options,
        f"-DDREAMPORT_LIBRARY={name}",
        f"-DDREAMPORT_SOURCE={folder.as_posix()}",
        f"-DDREAMPORT_SANITIZE={sanitize}",
    ]


def _build(prefix: Path, project: Path, options: Sequence[str]) -> None:
    work = prefix.with_name(prefix.name + ".work")
    shutil.rmtree(work, ignore_errors=True)
    install = work / "install"
    destination = f"-DCMAKE_INSTALL_PREFIX={install.as_posix()}"
    run_quietly(["cmake", "-S", project, "-B", work, *options, destination])
    run_quietly(["cmake", "--build", work, "--parallel", jobs()])
    run_quietly(["cmake", "--install", work])
    os.replace(install, prefix)
    shutil.rmtree(work, ignore_errors=True)
