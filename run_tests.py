"""Install Dreamport with everything its tests need into ``.venv`` here, then run every check and test.

    python3 run_tests.py                     all of it
    python3 run_tests.py tests/test_cli.py   the same install and checks, then pytest with these arguments

Needs Python 3.11 or newer. The native core and the engine tests also need compilers and engines, the browser
tests Chromium: they are installed with apt-get where this runs as root on Debian or Ubuntu. The page and the
contract's check need node and npm. What is missing is named and its tests are skipped with that reason; with
CI=true in the environment it is an error instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
TORCH = "torch==2.13.0"
"""Pinned and installed first: a range lets pip take the newest build with several GB of CUDA beside it."""
EXTRAS = "train,lingbot,capture,caption,cluster,tensorrt,dev,engines-dev"
BUNDLE = ROOT / "backend" / "dreamport" / "web" / "bundle"
NODE_PROJECTS = (ROOT / "tests" / "browser", ROOT / "tests" / "csharp", BUNDLE)
SYSTEM_PROGRAMS = {
    "chromium|chromium-browser|google-chrome": "chromium",
    "cmake": "cmake",
    "ninja": "ninja-build",
    "g++": "g++",
    "nasm": "nasm",
    "clang++-14": "clang-14 libclang-rt-14-dev llvm-14",
    "clang-format-14": "clang-format-14",
    "x86_64-w64-mingw32-g++-posix": "g++-mingw-w64-x86-64-posix",
    "wine64|/usr/lib/wine/wine64": "wine64",
    "xvfb-run": "xvfb xauth",
    "godot3": "godot3",
    "glslangValidator": "glslang-tools libegl1 libgl1 libgl1-mesa-dri libegl-mesa0",
    "spirv-cross": "spirv-cross",
    "ip": "iproute2",
    "tc": "iproute2",
    "openssl": "openssl",
    "readelf": "binutils",
    "dbus-daemon": "dbus-daemon",
    "/usr/libexec/at-spi-bus-launcher": "at-spi2-core python3-gi gir1.2-gtk-3.0",
}
"""Programs that tests use (any of the names), and the Debian packages that bring them."""
CALCULATIONS = tuple(
    f"tests/test_{name}*.py"
    for name in (
        *("bake", "caption", "data", "episodes", "evaluate", "fit", "from_recording", "import", "models"),
        *("bench_executors", "bench_gpu", "lingbot", "objectives", "poseless", "prompts_training", "stages"),
        *("tensorrt", "training_config", "training_loop", "training_parallel", "training_plan", "views"),
        *("vizdoom", "world_pack", "worlds_add"),
    )
)
"""Tests in which nothing has to be on time: they run beside the others, and give way to them."""
TIMED = tuple(f"tests/test_{name}.py" for name in ("bench_lingbot", "desktop_capture", "serve_ray"))
"""Tests whose figures are asked for: they run last and alone."""
REQUIRE_EVERYTHING = os.environ.get("CI") == "true"


def run(title: str, command: Sequence[str | Path], folder: Path = ROOT) -> None:
    """Run one step; end the whole run with its exit code when it fails. What it said is printed at its end:
    steps may run side by side."""
    began = time.monotonic()
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    state = "ok" if done.returncode == 0 else f"FAILED ({done.returncode})"
    print(
        f"\n== {title}: {' '.join(str(part) for part in command)}\n{done.stdout}"
        f"== {title}: {state} in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    if done.returncode != 0:
        raise SystemExit(done.returncode)


def side_by_side(*jobs: Callable[[], None]) -> None:
    """Do all of them at once; the first that failed ends the whole run when all are over."""
    with ThreadPoolExecutor(len(jobs)) as workers:
        for job in [workers.submit(job) for job in jobs]:
            job.result()


def lacking(what: str, remedy: str) -> None:
    """Say that a tool is missing and what is left out; an error in CI."""
    print(f"\n== missing: {what}. {remedy}", flush=True)
    if REQUIRE_EVERYTHING:
        raise SystemExit(f"CI must run everything, and {what} is missing.")


def install_python_packages() -> None:
    """Make the virtual environment and install this checkout, editable, with its extras."""
    if not PYTHON.exists():
        run("venv", [sys.executable, "-m", "venv", VENV])
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "-qq"]
    run("install torch", [*pip, TORCH])
    run("install dreamport", [*pip, TORCH, "--editable", f".[{EXTRAS}]"])


def install_system_packages() -> None:
    """Compilers, engines and the browser, with apt-get where that may be used."""
    missing = {
        program: package
        for program, package in SYSTEM_PROGRAMS.items()
        if not any(shutil.which(name) for name in program.split("|"))
    }
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        missing["Python.h"] = "python3-dev"  # an input library of the tests is compiled
    if not missing:
        return
    if not (shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0):
        for program, package in missing.items():
            lacking(program, f"Install the package {package.split()[0]}; the tests that need it are skipped.")
        return
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run("package list", ["apt-get", "update", "-qq"])
    packages = sorted({name for package in missing.values() for name in package.split()})
    run("install system packages", ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages])


def install_node_packages() -> None:
    """What the page, the contract's check and the C# compiler need from npm."""
    if shutil.which("npm") is None:
        lacking("npm", "Install node 20 or newer; the tests and checks of page and contract are skipped.")
        return
    for folder in NODE_PROJECTS:
        # Not `npm ci`: it wants every platform's binaries in the lock, and some registries lack some.
        run(f"install {folder.name}", [npm(), "install", "--no-save", "--no-fund", "--no-audit"], folder)


def npm() -> str:
    """The full path of npm, which on Windows is a ``.cmd`` file that needs it."""
    return shutil.which("npm") or "npm"


def build_native_core() -> None:
    """The library that engines load, for this machine and for Windows; its tests find them built."""
    if not (shutil.which("cmake") and shutil.which("g++")):
        return
    run("native core", [sys.executable, "native/build.py"])
    if shutil.which("x86_64-w64-mingw32-g++-posix"):
        run("native core for Windows", [sys.executable, "native/build.py", "--target", "windows-x64"])


def check_types() -> None:
    """Every function's types: the longest of the checks."""
    run("types", [PYTHON, "-m", "mypy"])


def check_sources() -> None:
    """Style, contract, and whether the generated code is the contract's."""
    run("ruff", [PYTHON, "-m", "ruff", "check", "."])
    run("format", [PYTHON, "-m", "ruff", "format", "--check", "."])
    run("generated code", [PYTHON, "proto/generate.py", "--check"])
    run("generated code of the native core", [PYTHON, "native/proto/generate.py", "--check"])
    if shutil.which("npm"):
        run("contract", [npm(), "exec", "--", "buf", "lint", ROOT / "proto"], BUNDLE)


def test_everything() -> int:
    """Every test, in two processes: calculations behind those that play, serve and record; then, alone, those
    with a figure to reach. The exit code.
    """
    nice: list[str | Path] = ["nice", "-n", "10"] if shutil.which("nice") else []
    calculations = sorted(path for pattern in CALCULATIONS for path in ROOT.glob(pattern))
    others = [f"--ignore-glob={pattern}" for pattern in (*CALCULATIONS, *TIMED)]
    pytest: list[str | Path] = [PYTHON, "-m", "pytest", "-q"]
    own_cache = ["-o", "cache_dir=.pytest_cache_calculations"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        beside = subprocess.Popen(
            [*nice, *pytest, *own_cache, *calculations],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        code = subprocess.run([*pytest, *others], check=False).returncode
        calculated = beside.wait()
        said.seek(0)
        print(f"\n== calculations\n{said.read()}", flush=True)
    timed = subprocess.run([*pytest, *TIMED], check=False).returncode
    return code or calculated or timed


def main(arguments: Sequence[str]) -> None:
    """Install, check, test."""
    if sys.version_info < (3, 11):  # noqa: UP036  (whoever has only an older Python meets this line first)
        raise SystemExit(f"Dreamport needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    os.chdir(ROOT)
    install_system_packages()
    side_by_side(install_python_packages, install_node_packages, build_native_core)
    side_by_side(check_types, check_sources)
    # Nothing is printed after pytest's closing line.
    if arguments:
        raise SystemExit(subprocess.run([PYTHON, "-m", "pytest", *arguments], check=False).returncode)
    raise SystemExit(test_everything())


if __name__ == "__main__":
    main(sys.argv[1:])
