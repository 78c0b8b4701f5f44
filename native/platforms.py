"""What ``build.py`` must know about other systems: where their compilers come from, where engines want the library.

windows-x64 needs mingw-w64 (Debian: ``mingw-w64``). All others are compiled by Zig, which the Python package
``ziglang`` brings; it is installed into the cache when the running Python has none of the right version.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

NATIVE = Path(__file__).resolve().parent
ZIG_VERSION = "0.17.1"
ZIG_TARGETS = ("linux-x64-release", "linux-arm64", "windows-arm64", "macos-x64", "macos-arm64")
ZIG_TOOLS = ("cc", "c++", "ar", "ranlib", "rc")

PLUGIN_FOLDERS = (
    NATIVE.parent / "unity_package" / "Runtime" / "Plugins",
    NATIVE.parent / "unreal_plugin" / "Dreamport" / "Source" / "ThirdParty" / "DreamportCore",
)
"""Each holds a folder for every platform; their contents are build output and not committed."""


def cmake_arguments(target: str, cache: Path) -> list[str]:
    """What CMake must be told beyond the toolchain file. Fetches the compiler where a Python package brings it.

    Raises ``LookupError`` when there is no compiler; the message says what to install.
    """
    if target == "windows-x64":
        if not any(shutil.which(f"x86_64-w64-mingw32-g++{kind}") for kind in ("-posix", "")):
            raise LookupError("windows-x64 needs mingw-w64: install the package mingw-w64 (g++-mingw-w64-x86-64)")
        return []
    if target in ZIG_TARGETS:
        return [f"-DDREAMPORT_ZIG={zig_tools(cache).as_posix()}"]
    raise LookupError(f"there is no recipe for {target} on this machine")


def platform_of(target: str) -> str:
    """The folder of a target in the plugins: ``linux-x64-release`` is a better ``linux-x64``."""
    return target.removesuffix("-release")


def install(target: str, library: Path) -> list[Path]:
    """Copy the library into the Unity package and the Unreal plugin; gives the copies.

    A plugin that the checkout lacks is left out. A library that an engine has loaded is replaced, not
    overwritten, where the system allows it.
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
    return copies


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
