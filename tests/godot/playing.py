"""Builds the Godot project of this folder, starts a backend and plays the project on a virtual screen."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import requires
from shaders import translate

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIMIT_S = 150.0
"""Time for the whole run, which takes 15 s on two idle cores."""


@dataclass(frozen=True)
class Played:
    """What a run of the project left: its report, and the folder with its pictures."""

    folder: Path
    report: dict[str, Any]
    output: str
    code: int

    def about(self, name: str) -> dict[str, Any]:
        """What the project says of one of its pictures."""
        facts: dict[str, Any] = self.report["pictures"][name]
        return facts

    def picture(self, name: str) -> NDArray[np.float64]:
        """The screen, `[H, W, 3]`, 0..255."""
        return _pixels(self.folder / f"{name}.png")

    def frame(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.uint16]]:
        """The neural frame that a picture was made with: colour `[h, w, 3]`, inverse depth `[h, w]`."""
        facts = self.about(name)["frame"]
        path = self.folder / f"frame-{int(facts['id'])}"
        depth = np.frombuffer(path.with_suffix(".depth").read_bytes(), "<u2")
        return _pixels(path.with_suffix(".png")), depth.reshape(int(facts["height"]), int(facts["width"]))


def _pixels(path: Path) -> NDArray[np.float64]:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float64)


def play(native_library: Path, folder: Path) -> Played:
    """Build and run everything in a folder of its own."""
    environment = _environment(folder)
    project, out = folder / "project", folder / "out"
    out.mkdir()
    _build_project(native_library, project, folder)
    with _backend(environment) as address:
        code, output = _run(project, environment | {"DREAMPORT_ADDRESS": address, "DREAMPORT_OUT": str(out)})
    report = out / "report.json"
    assert report.is_file(), f"Godot ended with {code} and no report:\n{output}"
    return Played(out, json.loads(report.read_text(encoding="utf-8")), output, code)


def _environment(folder: Path) -> dict[str, str]:
    """Neither program touches the user's own files."""
    own = {
        name: str(folder / "home") for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    }
    own["XDG_RUNTIME_DIR"] = str(folder / "run")
    for path in own.values():
        Path(path).mkdir(mode=0o700, exist_ok=True)
    return os.environ | own | {"LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8", "LIBGL_ALWAYS_SOFTWARE": "1"}


def _build_project(native_library: Path, project: Path, scratch: Path) -> None:
    """The project with the wrapper library and the translated composite in it."""
    shutil.copytree(HERE / "project", project)
    shader = project / "neural.shader"
    functions = translate.glsl_functions((HERE / "functions.hlsl").read_text(encoding="utf-8"), scratch)
    marker = "// DREAMPORT FUNCTIONS"
    code = shader.read_text(encoding="utf-8")
    assert marker in code
    shader.write_text(code.replace(marker, functions), encoding="utf-8")
    compiler = requires.program("cc", "gcc", "clang", package="gcc")
    command: list[str | Path] = [
        *(compiler, "-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror"),
        *("-fvisibility=hidden", "-shared", "-fPIC", f"-I{ROOT / 'native' / 'include'}"),
        *("-o", project / "libdreamport_godot.so", HERE / "dreamport_godot.c", native_library),
        f"-Wl,-rpath,{native_library.parent}",
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr


@contextmanager
def _backend(environment: dict[str, str]) -> Iterator[str]:
    """``dreamport serve`` with the default world in its own process; its address."""
    command = [sys.executable, "-m", "dreamport", "serve", "--port", "0", "--json"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    try:
        assert server.stdout is not None
        yield str(json.loads(server.stdout.readline())["address"])
    finally:
        server.terminate()
        try:
            server.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()


def _run(project: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of Godot, on a screen of its own."""
    xvfb = requires.program("xvfb-run", package="xvfb")
    godot = requires.program("godot3", "godot3-runner", package="godot3")
    command = [
        xvfb,
        "-a",
        "-s",
        "-screen 0 1280x800x24",
        godot,
        "--path",
        str(project),
        "--audio-driver",
        "Dummy",
    ]
    run = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        output, _ = run.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        output, _ = run.communicate()
        raise AssertionError(f"Godot did not end within {LIMIT_S:.0f} s:\n{output}") from None
    return run.returncode, output
