"""Compiles the plugin's sources against the stub engine, and the live exchange from them.

``python tests/unreal/build.py FOLDER [--engine 7] [--library PATH]`` builds into a folder and, with the
native library, prints the path of the test program.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLUGIN = ROOT / "unreal_plugin" / "Dreamport"
SOURCE = PLUGIN / "Source"
sys.path.insert(0, str(HERE.parent))

from unreal import header_tool  # noqa: E402
from unreal.engine_headers import HEADERS  # noqa: E402

FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-fPIC", "-pthread", "-DDREAMPORT_STUB_ENGINE=1"]
MODULES = ("DreamportRendering", "Dreamport", "DreamportEditor")


def write_includes(folder: Path) -> None:
    """The engine's include paths, each leading to its stub, and the generated headers."""
    engine = folder / "engine"
    for path, (_, stub) in HEADERS.items():
        write(engine / path, f'#pragma once\n#include "{HERE / "stubs" / stub}"\n')
    for header in header_tool.headers(SOURCE):
        write(folder / "generated" / f"{header.path.stem}.generated.h", header_tool.generated(header))


def write(path: Path, text: str) -> None:
    """Write a file if it is not so already: what is built from it then stays as it is."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def includes(folder: Path) -> list[str]:
    """Include folders as UnrealBuildTool gives them to a module, for all modules at once."""
    folders = [folder / "engine", folder / "generated", SOURCE / "ThirdParty/DreamportCore/include"]
    folders += [SOURCE / module / part for module in MODULES for part in ("Public", "Private")]
    return [f"-I{each}" for each in folders]


def sources() -> list[Path]:
    """Every source of the plugin."""
    return sorted(path for module in MODULES for path in (SOURCE / module).rglob("*.cpp"))


def compiler() -> str:
    """The C++ compiler."""
    return os.environ.get("CXX", "c++")


def compile_all(folder: Path, files: list[Path], engine: int, extra: list[str], jobs: int = 2) -> list[Path]:
    """Compile; only what changed. Raises ``RuntimeError`` with the compiler's words."""
    write_includes(folder)
    digest = hashlib.sha256()
    inputs = [*SOURCE.rglob("*.h"), *HERE.rglob("*.h"), *(folder / "generated").glob("*.h"), Path(__file__)]
    for path in sorted(inputs):
        digest.update(path.read_bytes())
    options = [*FLAGS, f"-DSTUB_ENGINE_MINOR={engine}", *extra]
    standard = precompile(folder, options)
    stamp = digest.hexdigest() + " ".join([compiler(), *options])

    def one(path: Path) -> Path:
        key = hashlib.sha256((stamp + path.read_text()).encode()).hexdigest()[:16]
        made = folder / "objects" / f"{path.stem}.{key}.o"
        if not made.exists():
            made.parent.mkdir(parents=True, exist_ok=True)
            output = made.with_suffix(".tmp")
            # The engine-free layer has nothing to lean on; the rest gets the standard headers ready-made.
            ready = [] if path.parent.name == "Core" else ["-include", str(standard)]
            command = [compiler(), *options, *ready, *includes(folder), "-c", str(path), "-o", str(output)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                raise RuntimeError(f"{path.relative_to(ROOT)}:\n{result.stderr}")
            output.rename(made)
        return made

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, files))


def precompile(folder: Path, options: list[str]) -> Path:
    """The standard headers that the stub engine includes, precompiled: half of the compile time."""
    key = hashlib.sha256(" ".join([compiler(), *options]).encode()).hexdigest()[:16]
    header = folder / "standard" / key / "standard.h"
    text = "".join(
        line + "\n"
        for stub in ("Core.h", "Render.h")
        for line in (HERE / "stubs" / stub).read_text().splitlines()
        if line.startswith("#include <")
    )
    write(header, text)
    made = header.with_suffix(".h.gch")
    if not made.exists() or made.stat().st_mtime < header.stat().st_mtime:
        subprocess.run([compiler(), *options, "-x", "c++-header", str(header), "-o", str(made)], check=True)
    return header


def link(folder: Path, objects: list[Path], library: Path, name: str, extra: list[str]) -> Path:
    """The test program."""
    program = folder / name
    command = [
        compiler(),
        *extra,
        "-pthread",
        *map(str, objects),
        str(library),
        f"-Wl,-rpath,{library.parent}",
        "-ldl",
    ]
    result = subprocess.run([*command, "-o", str(program)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(result.stderr)
    return program


def depends_on_version() -> list[Path]:
    """Sources that see the header with the differences between engine versions."""
    names = {"DreamportEngineVersion.h"}
    headers = {path.name: set(included(path)) for path in SOURCE.rglob("*.h")}
    while True:
        more = {name for name, inner in headers.items() if inner & names} - names
        if not more:
            break
        names |= more
    return [path for path in sources() if set(included(path)) & names]


def included(path: Path) -> list[str]:
    """File names of what a file includes."""
    return [Path(name).name for name in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE)]


def main() -> int:
    """Build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", type=int, default=5, help="minor version of the engine, 5 to 7")
    parser.add_argument("--library", type=Path, help="the native library; without it nothing is linked")
    options = parser.parse_args()
    files = [*sources(), *sorted(HERE.glob("*.cpp"))]
    objects = compile_all(options.folder, files, options.engine, ["-O0"])
    if options.library:
        print(link(options.folder, objects, options.library, "unreal_stub_game", []))
    return 0


if __name__ == "__main__":
    sys.exit(main())
