"""What ``build.py`` must know of other systems: their compilers, and where engines want the library.

windows-x64 needs mingw-w64 (Debian: ``mingw-w64``). All others are compiled by Zig, which the Python package
``ziglang`` brings; it is installed into the cache when the running Python has none of the right version.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NATIVE = Path(__file__).resolve().parent
ZIG_VERSION = "0.17.1"
ZIG_TARGETS = ("linux-x64-release", "linux-arm64", "windows-arm64", "macos-x64", "macos-arm64")
ZIG_TOOLS = ("cc", "c++", "ar", "ranlib", "rc")

UNITY_FOLDER = NATIVE.parent / "unity_package" / "Runtime" / "Plugins"
UNREAL_FOLDER = NATIVE.parent / "unreal_plugin" / "Dreamport" / "Source" / "ThirdParty" / "DreamportCore"
PLUGIN_FOLDERS = (UNITY_FOLDER, UNREAL_FOLDER)
"""Each holds a folder for every platform; their contents are build output and not committed."""


def cmake_arguments(target: str, cache: Path) -> list[str]:
    """What CMake must be told beyond the toolchain file.

    Fetches the compiler where a Python package brings it.
    Raises ``LookupError`` when there is no compiler; the message says what to install.
    """
    if target == "windows-x64":
        if not any(shutil.which(f"x86_64-w64-mingw32-g++{kind}") for kind in ("-posix", "")):
            raise LookupError(
                "windows-x64 needs mingw-w64: install the package mingw-w64 (g++-mingw-w64-x86-64)"
            )
        return []
    if target in ZIG_TARGETS:
        return [f"-DDREAMPORT_ZIG={zig_tools(cache).as_posix()}"]
    raise LookupError(f"there is no recipe for {target} on this machine")


def platform_of(target: str) -> str:
    """The folder of a target in the plugins: ``linux-x64-release`` is a better ``linux-x64``."""
    return target.removesuffix("-release")


def install(target: str, library: Path) -> list[Path]:
    """Copy the library into the Unity package and the Unreal plugin; gives the copies.

    Unreal's linker wants an import library beside a Windows library, so it gets one. A plugin that the
    checkout lacks is left out. A library that an engine has loaded is replaced, not overwritten, where the
    system allows it.
    """
    copies = []
    for folder in PLUGIN_FOLDERS:
        if not folder.parent.is_dir():
            continue
        place = folder / platform_of(target)
        place.mkdir(parents=True, exist_ok=True)
        new = place / f".{library.name}.new"
        shutil.copyfile(library, new)
        shutil.copymode(library, new)
        copies.append(place / library.name)
        os.replace(new, copies[-1])
        if target.startswith("windows") and folder is UNREAL_FOLDER:
            copies.append(import_library(target, library.name, place))
    return copies


def import_library(target: str, dll_name: str, folder: Path) -> Path:
    """Write ``dreamport_core.lib``, what Microsoft's linker needs to link against the DLL, also delayed.

    LLVM's tool writes Microsoft's own short form and is preferred; mingw's is the last resort.
    Raises ``LookupError`` when there is neither.
    """
    definitions = folder / "dreamport_core.def"
    out = folder / "dreamport_core.lib"
    names = "\n".join(f"    {name}" for name in exported_functions())
    definitions.write_text(f'LIBRARY "{dll_name}"\nEXPORTS\n{names}\n', encoding="ascii")
    machine = "arm64" if target.endswith("arm64") else "i386:x86-64"
    for tool in _import_library_tools():
        command = [*tool, "-m", machine, "-d", str(definitions), "-l", str(out)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0 and out.is_file():
            definitions.unlink()
            return out
    raise LookupError(
        "writing dreamport_core.lib needs llvm-dlltool: install the package llvm, or pip install ziglang"
    )


def exported_functions() -> list[str]:
    """The functions of the C ABI, by its header."""
    header = (NATIVE / "include" / "dreamport" / "core.h").read_text(encoding="utf-8")
    return re.findall(r"^DP_API[^;(]*?(dp_\w+)\(", header, flags=re.MULTILINE)


def _import_library_tools() -> Iterator[list[str]]:
    for name in ("llvm-dlltool", *(f"llvm-dlltool-{version}" for version in range(21, 13, -1))):
        if shutil.which(name):
            yield [name]
    found = importlib.util.find_spec("ziglang")
    if found is not None:
        yield [sys.executable, "-m", "ziglang", "dlltool"]
    if shutil.which("x86_64-w64-mingw32-dlltool"):
        yield ["x86_64-w64-mingw32-dlltool"]


def zig_tools(cache: Path) -> Path:
    """Folder with ``zig-cc``, ``zig-c++``, ``zig-ar`` ...: CMake wants a program for each."""
    zig = _zig(cache)
    folder = cache / f"zig-{ZIG_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    for tool in ZIG_TOOLS:
        if os.name == "nt":
            script, text = folder / f"zig-{tool}.cmd", f'@"{zig}" {tool} %*\r\n'
        else:
            script, text = folder / f"zig-{tool}", f"#!/bin/sh\nexec '{zig}' {tool} \"$@\"\n"
        if not script.is_file() or script.read_text() != text:
            script.write_text(text)
            script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return folder


def _zig(cache: Path) -> Path:
    """The Zig program of the wanted version."""
    name = "zig.exe" if os.name == "nt" else "zig"
    found = importlib.util.find_spec("ziglang")
    if found is not None and found.origin is not None:
        zig = Path(found.origin).parent / name
        version = subprocess.run([zig, "version"], capture_output=True, text=True, check=False).stdout.strip()
        if version == ZIG_VERSION:
            return zig
    folder = cache / f"ziglang-{ZIG_VERSION}"
    zig = folder / "ziglang" / name
    if not zig.is_file():
        print(f"native: installing ziglang {ZIG_VERSION} into the cache", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        result = subprocess.run([*command, f"ziglang=={ZIG_VERSION}"], check=False)
        if result.returncode != 0:
            raise LookupError(f"this target needs the compiler Zig: pip install ziglang=={ZIG_VERSION}")
    return zig
