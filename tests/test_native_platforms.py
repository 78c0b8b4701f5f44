"""The native core on other systems: what it exports and needs, the same exchange by a C program on Linux and
by the Windows library under Wine, and where a fresh build is installed.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import core_header
import native_library as native
import requires
from dreamport.episodes.dataset import Dataset
from stubs import StubSource, serving, stub_world

NATIVE = core_header.HEADER.parents[2]
MINGW = "x86_64-w64-mingw32-"
STRICT = ("-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{NATIVE / 'include'}")
RUN_TIMEOUT_S = 120.0

pytestmark = pytest.mark.timeout(1200)  # the first test of a machine builds BoringSSL for Windows

SYSTEM_LIBRARIES = {
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
}
SYSTEM_DLLS = {
    "advapi32.dll",
    "bcrypt.dll",
    "crypt32.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "ntdll.dll",
    "user32.dll",
    "ws2_32.dll",
}


class Exchange:
    """``native/tests/exchange.c`` for one system, and how to run it."""

    def __init__(self, command: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self._command = list(command)
        self._environment = {**os.environ, **(environment or {})}

    def run(self, *arguments: str) -> str:
        """What it prints. Fails the test when it says that something went wrong."""
        result = subprocess.run(
            [*self._command, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_TIMEOUT_S,
        )
        assert result.returncode == 0, f"exchange {' '.join(arguments)}:\n{result.stdout}\n{result.stderr}"
        return result.stdout

    async def run_async(self, *arguments: str) -> str:
        """The same, beside the server of this process."""
        return await asyncio.to_thread(self.run, *arguments)


def facts(output: str) -> list[str]:
    """The lines that must be the same on every system."""
    return [line for line in output.splitlines() if line and not line.startswith("#")]


def fact(output: str, key: str) -> str:
    """The value of the line ``key=value`` or ``# key=value``."""
    found = re.search(rf"^(?:# )?{key}=(.*)$", output, re.MULTILINE)
    assert found, f"no {key} in:\n{output}"
    return found[1].strip()


@pytest.fixture(scope="session")
def linux(native_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    """The exchange on Linux."""
    compiler = requires.program("cc", "gcc", "clang", package="gcc")
    program = tmp_path_factory.mktemp("linux") / "exchange"
    folder = native_library.parent
    source = str(NATIVE / "tests" / "exchange.c")
    subprocess.run(
        [compiler, *STRICT, source, "-o", program, native_library, f"-Wl,-rpath,{folder}", "-lm"], check=True
    )
    return Exchange([str(program)])


@pytest.fixture(scope="session")
def windows_library() -> Path:
    """The Windows library, built here."""
    requires.program(f"{MINGW}g++-posix", f"{MINGW}g++", package="g++-mingw-w64-x86-64")
    requires.program("nasm", package="nasm")
    return native.build("--target", "windows-x64")


@pytest.fixture(scope="session")
def windows(windows_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    """The exchange on Windows, or what Wine makes of it, with a Wine of its own."""
    compiler = requires.program(f"{MINGW}gcc", package="gcc-mingw-w64-x86-64")
    wine = requires.program("wine64", package="wine64")
    folder = tmp_path_factory.mktemp("windows")
    program = folder / "exchange.exe"
    shutil.copy(windows_library, folder)
    source = str(NATIVE / "tests" / "exchange.c")
    subprocess.run([compiler, *STRICT, source, "-o", program, windows_library], check=True)
    environment = {
        "WINEPREFIX": str(folder / "wine"),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree=;mshtml=;winemenubuilder.exe=",
        "DISPLAY": "",
    }
    exchange = Exchange([wine, str(program)], environment)
    exchange.run("layout")  # makes the prefix
    return exchange


class TestExports:
    def test_linux_exports_the_c_abi_and_nothing_else(self, native_library: Path) -> None:
        nm = requires.program("nm", package="binutils")
        lines = run(nm, "-D", "--defined-only", str(native_library)).splitlines()
        exported = {line.split()[-1].split("@")[0] for line in lines if line.strip()}
        assert exported == set(core_header.functions())

    def test_windows_exports_the_c_abi_and_nothing_else(self, windows_library: Path) -> None:
        assert dll_exports(windows_library) == set(core_header.functions())

    def test_linux_needs_only_the_c_library(self, native_library: Path) -> None:
        readelf = requires.program("readelf", package="binutils")
        needed = set(re.findall(r"NEEDED.*\[(.*)\]", run(readelf, "-d", str(native_library))))
        assert needed <= SYSTEM_LIBRARIES, needed - SYSTEM_LIBRARIES

    def test_windows_needs_only_system_libraries(self, windows_library: Path) -> None:
        objdump = requires.program(f"{MINGW}objdump", package="binutils-mingw-w64-x86-64")
        needed = {
            name.lower() for name in re.findall(r"DLL Name: (\S+)", run(objdump, "-p", str(windows_library)))
        }
        assert needed <= SYSTEM_DLLS, needed - SYSTEM_DLLS


def dll_exports(library: Path) -> set[str]:
    """Names in the export table of a DLL."""
    objdump = requires.program(f"{MINGW}objdump", package="binutils-mingw-w64-x86-64")
    table = run(objdump, "-p", str(library)).split("[Ordinal/Name Pointer] Table", 1)[1]
    table = table.split("\n\n", 1)[0]
    return set(re.findall(r"\[\s*\d+\](?:\s+\+base\[\s*\d+\]\s+[0-9a-f]+)?\s+(\S+)$", table, re.MULTILINE))


def run(*command: str) -> str:
    """What a program prints; it must succeed."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class TestLayout:
    def test_the_generated_json_is_the_headers_layout(
        self, linux: Exchange, native_build_folder: Path
    ) -> None:
        """Other languages may check their structs against this file instead of a loaded library."""
        text = linux.run("layout")
        described = json.loads(text)
        assert described["abi_version"] == 1
        assert {
            name: list(each["fields"]) for name, each in described["structs"].items()
        } == core_header.structs()
        (native_build_folder / "dreamport_core.layout.json").write_text(text, encoding="utf-8")

    def test_windows_has_the_layout_of_linux(self, linux: Exchange, windows: Exchange) -> None:
        assert json.loads(windows.run("layout")) == json.loads(linux.run("layout"))


class TestSameNumbers:
    def test_pure_computations_agree_with_the_digests_of_every_platform(self, linux: Exchange) -> None:
        """Paths and depth are the same to the last bit wherever they are computed."""
        wanted = json.loads((NATIVE / "tests" / "pure_digests.json").read_text(encoding="utf-8"))
        found = dict(line.split("=", 1) for line in facts(linux.run("pure")))
        assert found == wanted

    def test_windows_computes_the_same(self, linux: Exchange, windows: Exchange) -> None:
        assert facts(windows.run("pure")) == facts(linux.run("pure"))


@pytest.mark.parametrize("colour", ["raw", "jpeg"])
async def test_windows_plays_as_linux_does(linux: Exchange, windows: Exchange, colour: str) -> None:
    outputs = []
    for exchange in (linux, windows):
        async with serving(StubSource(stub_world(size=(320, 192)))) as running:
            address = running.server.address
            outputs.append(await exchange.run_async("play", address, "inline", colour))
            (player,) = running.source.players()
            assert player.yaw == 0 and player.start == "yard"  # after the reset
            presses = sum(control.look_deg[0] for control in player.controls)
            assert presses == pytest.approx(80)  # 40 controls of 2 degrees, none lost, none twice
    assert facts(outputs[0]) == facts(outputs[1])
    for output in outputs:
        assert fact(output, "honest") == "1"
        assert fact(output, "start").startswith("frame 0 colour ")
        assert fact(output, "last") == "control 40 at 40000 yaw 80.000"
        assert fact(output, "transport") == "inline"


async def test_pixels_do_not_depend_on_the_transport(linux: Exchange) -> None:
    outputs = []
    for transport in ("inline", "shared"):
        async with serving(StubSource(stub_world(size=(320, 192)))) as running:
            outputs.append(await linux.run_async("play", running.server.address, transport, "raw"))
    assert facts(outputs[0]) == facts(outputs[1])
    assert [fact(output, "transport") for output in outputs] == ["inline", "shared memory"]


async def test_shared_memory_does_not_reach_wine_and_it_says_so(linux: Exchange, windows: Exchange) -> None:
    outputs = []
    for exchange in (linux, windows):
        async with serving(StubSource(stub_world(size=(320, 192)))) as running:
            outputs.append(await exchange.run_async("play", running.server.address, "auto", "raw"))
    assert facts(outputs[0]) == facts(outputs[1])
    assert [fact(output, "transport") for output in outputs] == ["shared memory", "inline"]
    assert re.search(r"^# .*shared memory", outputs[1], re.MULTILINE | re.IGNORECASE), outputs[1]


async def test_windows_records_as_linux_does(linux: Exchange, windows: Exchange, tmp_path: Path) -> None:
    outputs, episodes = [], []
    for name, exchange in (("linux", linux), ("windows", windows)):
        captures = tmp_path / name
        async with serving(captures=captures) as running:
            outputs.append(await exchange.run_async("record", running.server.address))
        episodes.append(Dataset(captures / "exchange")[0])
    assert facts(outputs[0]) == facts(outputs[1])
    assert fact(outputs[1], "finished") == "24"
    for episode in episodes:
        assert len(episode) == 24
        np.testing.assert_allclose(episode.pose[:, 2, 3], 0.1 * np.arange(24), atol=1e-6)
        x = np.arange(64)
        for index in (0, 23):
            np.testing.assert_array_equal(episode.stored_depth(index)[5], 1000 + 100 * index + x)
            assert np.abs(episode.colour(index)[..., 2].mean() - 10 * index) < 6
    np.testing.assert_array_equal(episodes[0].colours(), episodes[1].colours())


class TestInstall:
    def test_a_fresh_library_lands_in_both_plugins(self, native_library: Path, tmp_path: Path) -> None:
        """A copy of the checkout's skeleton, so that the real plugins stay as they are."""
        shutil.copytree(NATIVE, tmp_path / "native", ignore=shutil.ignore_patterns("build", "src", "fuzz"))
        folders = [
            tmp_path / "unity_package" / "Runtime" / "Plugins",
            tmp_path / "unreal_plugin" / "Dreamport" / "Source" / "ThirdParty" / "DreamportCore",
        ]
        for folder in folders:
            folder.mkdir(parents=True)
        install = (
            "import sys; sys.path.insert(0, 'native'); import platforms; from pathlib import Path;"
            "[print(copy) for copy in platforms.install(sys.argv[1], Path(sys.argv[2]))]"
        )
        for target, name in (("linux-x64", "linux-x64"), ("linux-x64-release", "linux-x64")):
            result = subprocess.run(
                [sys.executable, "-c", install, target, str(native_library)],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=True,
            )
            copies = [Path(line) for line in result.stdout.splitlines()]
            assert copies == [folder / name / "libdreamport_core.so" for folder in folders]
            for copy in copies:
                assert copy.read_bytes() == native_library.read_bytes()
                assert sorted(path.name for path in copy.parent.iterdir()) == ["libdreamport_core.so"]

    def test_unreals_linker_gets_an_import_library(
        self, windows_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        compiler = requires.program(f"{MINGW}gcc", package="gcc-mingw-w64-x86-64")
        monkeypatch.syspath_prepend(str(NATIVE))
        platforms = importlib.import_module("platforms")
        assert platforms.exported_functions() == core_header.functions()
        library = platforms.import_library("windows-x64", windows_library.name, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["dreamport_core.lib"]
        source = str(NATIVE / "tests" / "exchange.c")
        subprocess.run([compiler, *STRICT, source, "-o", tmp_path / "exchange.exe", library], check=True)

    def test_installed_libraries_are_not_committed(self) -> None:
        git = requires.program("git", package="git")
        root = NATIVE.parent
        for place in (
            "unity_package/Runtime/Plugins/linux-x64/libdreamport_core.so",
            "unity_package/Runtime/Plugins/windows-x64/dreamport_core.dll",
            "unreal_plugin/Dreamport/Source/ThirdParty/DreamportCore/linux-x64/libdreamport_core.so",
            "unreal_plugin/Dreamport/Source/ThirdParty/DreamportCore/macos-arm64/libdreamport_core.dylib",
        ):
            assert (
                subprocess.run([git, "check-ignore", "-q", place], cwd=root, check=False).returncode == 0
            ), place
        kept = "unity_package/Runtime/Plugins/linux-x64/libdreamport_core.so.meta"
        assert subprocess.run([git, "check-ignore", "-q", kept], cwd=root, check=False).returncode == 1
