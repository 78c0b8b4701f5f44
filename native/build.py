"""Build the native core, ``dreamport_core``, and print the library's path.

    python native/build.py                        for this machine
    python native/build.py --target windows-x64   for another one (see native/README.md)
    python native/build.py --tests                with its C++ tests: ctest --test-dir native/build/TARGET
    python native/build.py --sanitize             tests and fuzz target with AddressSanitizer and UBSan
    python native/build.py --install              and copy it into the Unity package and the Unreal plugin

Needs only Python 3.11, CMake 3.22 and a C++17 compiler. The libraries that are linked in come as hashed
sources (third_party/sources.json) and are built once per target into a cache outside the checkout
(``DREAMPORT_NATIVE_CACHE`` moves it).
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from libraries import LINKED, Toolchain, generator, jobs, library, run_quietly
from sources import NATIVE, SourceError, cache_folder, locked

TARGETS = (
    "linux-x64",
    "linux-x64-release",
    "linux-arm64",
    "windows-x64",
    "windows-arm64",
    "macos-x64",
    "macos-arm64",
)
SANITIZERS = "address,undefined"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build as the command line says; 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=TARGETS, default=this_machine())
    parser.add_argument("--tests", action="store_true", help="build the C++ tests too")
    parser.add_argument("--sanitize", action="store_true", help="tests and fuzz target with ASan and UBSan")
    parser.add_argument("--install", action="store_true", help="copy the library into both engine plugins")
    chosen = parser.parse_args(arguments)
    try:
        path = build(chosen.target, tests=chosen.tests or chosen.sanitize, sanitize=chosen.sanitize)
        if chosen.install:
            for copy in _platforms("install").install(chosen.target, path):
                print(f"native: installed {copy}", file=sys.stderr)
    except SourceError as error:
        print(f"native: a source is missing, and none of its addresses served it:\n{error}", file=sys.stderr)
        return 1
    except (subprocess.CalledProcessError, FileNotFoundError, LookupError) as error:
        print(f"native: {error}", file=sys.stderr)
        return 1
    print(path)
    return 0


def build(target: str, *, tests: bool = False, sanitize: bool = False) -> Path:
    """Build the core for ``target`` into its folder (see ``build_folder``) and give the library's path."""
    folder = build_folder(target, sanitize=sanitize)
    with locked(folder.parent / f"{folder.name}.lock"):
        toolchain = toolchain_for(target, sanitize=sanitize)
        libraries = [library(name, toolchain) for name in LINKED]
        options = [
            f"-DDREAMPORT_{each.name.upper().replace('-', '_')}={each.prefix.as_posix()}"
            for each in libraries
        ]
        components = ", ".join(
            f"{'BoringSSL' if each.name == 'boringssl' else each.name} {each.version}" for each in libraries
        )
        options += [
            f"-DDREAMPORT_COMPONENTS={components}",
            f"-DDREAMPORT_SANITIZE={toolchain.sanitize}",
        ]
        if tests:
            options.append(f"-DDREAMPORT_DOCTEST={library('doctest', toolchain).prefix.as_posix()}")
        if tests or not (folder / "CMakeCache.txt").is_file():  # once with tests, a build folder keeps them
            options.append(f"-DDREAMPORT_TESTS={'ON' if tests else 'OFF'}")
        options += [*generator(), *toolchain.cmake_arguments, *toolchain.sanitizer_arguments]
        run_quietly(["cmake", "-S", NATIVE, "-B", folder, *options])
        wanted = ["all"] if tests else ["dreamport_core"]
        run_quietly(["cmake", "--build", folder, "--parallel", jobs(), "--target", *wanted])
    return folder / library_name(target)


def build_folder(target: str, *, sanitize: bool = False) -> Path:
    """Where the core for ``target`` is built: ``native/build/TARGET`` or ``native/build/TARGET-sanitize``."""
    return NATIVE / "build" / (f"{target}-sanitize" if sanitize else target)


def library_name(target: str) -> str:
    """File name of the library on ``target``."""
    if target.startswith("windows"):
        return "dreamport_core.dll"
    return "libdreamport_core.dylib" if target.startswith("macos") else "libdreamport_core.so"


def this_machine() -> str:
    """The target that this machine is."""
    system = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}.get(platform.system(), "linux")
    processor = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x64"
    return f"{system}-{processor}"


def toolchain_for(target: str, *, sanitize: bool = False) -> Toolchain:
    """The compilers for a target.

    This machine's own need nothing. Any other has ``toolchains/TARGET.cmake``; ``platforms.py`` may add
    arguments, and fetches the compiler where a Python package brings it. Raises ``LookupError`` for a target
    that has neither.
    """
    arguments: list[str] = []
    sanitizer_arguments: list[str] = []
    if sanitize:
        if target != this_machine():
            raise LookupError("only a build for this machine can be run under the sanitizers")
        clang, clangxx = (shutil.which(f"{name}-14") or shutil.which(name) for name in ("clang", "clang++"))
        if clang and clangxx:
            sanitizer_arguments = [f"-DCMAKE_C_COMPILER={clang}", f"-DCMAKE_CXX_COMPILER={clangxx}"]
    elif target != this_machine():
        toolchain_file = NATIVE / "toolchains" / f"{target}.cmake"
        if not toolchain_file.is_file():
            raise LookupError(f"there is no {toolchain_file.relative_to(NATIVE.parent)}")
        arguments.append(f"-DCMAKE_TOOLCHAIN_FILE={toolchain_file.as_posix()}")
        if (NATIVE / "platforms.py").is_file():
            extra = _platforms("cmake_arguments").cmake_arguments(target, cache_folder())
            arguments += [str(part) for part in extra]
    return Toolchain(target, tuple(arguments), SANITIZERS if sanitize else "", tuple(sanitizer_arguments))


def _platforms(function: str) -> ModuleType:
    """``platforms.py``: ``cmake_arguments(target, cache)`` and ``install(target, path)``.

    Raises ``LookupError`` when it is missing.
    """
    path = NATIVE / "platforms.py"
    specification = importlib.util.spec_from_file_location("platforms", path)
    if not path.is_file() or specification is None or specification.loader is None:
        raise LookupError(f"{path} is missing, which knows how to do this ({function})")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


if __name__ == "__main__":
    raise SystemExit(main())
