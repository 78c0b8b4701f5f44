"""The Unity package without Unity: compiled as C# 9 against stubs of the engine, and its logic and components
run on .NET 8 against a real backend through the real native library.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import dreamport
import requires

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "unity_package"
CSHARP = ROOT / "tests" / "csharp"
META_FILES = PACKAGE / "Tools~" / "meta_files.py"
FRAMES, EPISODE_FRAMES = 10_000, 60


# ---------------------------------------------------------------- the package as files


def test_every_asset_has_its_own_stable_guid() -> None:
    result = subprocess.run(
        [sys.executable, META_FILES, "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
    guids = [
        re.findall(r"^guid: ([0-9a-f]{32})$", path.read_text(encoding="utf-8"), re.MULTILINE)
        for path in PACKAGE.rglob("*.meta")
    ]
    assert all(len(found) == 1 for found in guids)
    assert len({found[0] for found in guids}) == len(guids) > 60


def test_the_versions_agree() -> None:
    manifest = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))
    source = (PACKAGE / "Runtime" / "Internal" / "Diagnostics.cs").read_text(encoding="utf-8")
    assert manifest["version"] == dreamport.__version__
    assert f'PackageVersion = "{manifest["version"]}"' in source
    assert f"## [{manifest['version']}]" in (PACKAGE / "CHANGELOG.md").read_text(encoding="utf-8")


def test_what_the_manifest_and_the_assemblies_name_is_there() -> None:
    manifest = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))
    assert len(manifest["samples"]) == 3
    for sample in manifest["samples"]:
        assert list((PACKAGE / sample["path"]).glob("*Sample.cs")), sample
    names = {json.loads(path.read_text(encoding="utf-8"))["name"]: path for path in PACKAGE.rglob("*.asmdef")}
    for path in names.values():
        for reference in json.loads(path.read_text(encoding="utf-8"))["references"]:
            assert not reference.startswith("Dreamport.") or reference in names, (path.name, reference)


def test_pictures_and_pages_of_the_documentation_are_there() -> None:
    for page in (*PACKAGE.glob("*.md"), *(PACKAGE / "Documentation~").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name} names {target}"


# ---------------------------------------------------------------- compiled and run


@pytest.fixture(scope="session")
def assemblies() -> dict[str, list[str]]:
    """Compile everything once; what the compiler objects to, by assembly."""
    requires.package("pythonnet", extra="engines-dev")
    requires.file(
        CSHARP / "node_modules" / "@autorest" / "csharp" / "nunit.framework.dll",
        package="what tests/csharp/package.json names, by npm install in tests/csharp",
    )
    result = subprocess.run(
        [sys.executable, CSHARP / "compile.py"], capture_output=True, text=True, check=False
    )
    assert result.stdout.startswith("{"), result.stderr
    objections: dict[str, list[str]] = json.loads(result.stdout)
    return objections


def test_everything_is_csharp_9(assemblies: dict[str, list[str]]) -> None:
    assert "Dreamport.EngineFree" in assemblies and "Dreamport.Samples.Portal" in assemblies
    assert {name: found for name, found in assemblies.items() if found} == {}


@pytest.fixture(scope="session")
def runner(
    assemblies: dict[str, list[str]], native_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runner]:
    """Runs NUnit tests on .NET 8."""
    assert not any(assemblies.values()), "see test_everything_is_csharp_9"
    captures = tmp_path_factory.mktemp("unity captures")
    yield Runner(native_library, captures)
    shutil.rmtree(captures, ignore_errors=True)


class Runner:
    """Runs the tests of an assembly whose full names contain one of the given parts."""

    def __init__(self, native_library: Path, captures: Path) -> None:
        root = Path(subprocess.check_output([sys.executable, "-c", FIND_DOTNET], text=True).strip())
        self.captures = captures
        self._dotnet = root / ("dotnet.exe" if os.name == "nt" else "dotnet")
        self._dotnet.chmod(self._dotnet.stat().st_mode | stat.S_IXUSR)
        self._environment = {
            **os.environ,
            "DOTNET_ROOT": str(root),
            "DREAMPORT_CORE": str(native_library),
            "DREAMPORT_PYTHON": sys.executable,
            "DREAMPORT_CAPTURES": str(captures),
        }

    def __call__(self, assembly: str, *names: str, timeout_s: float = 240) -> str:
        """What the run printed; fails the test when a test failed or none ran."""
        result = subprocess.run(
            [self._dotnet, CSHARP / "bin" / "Runner.dll", assembly, *names],
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
            timeout=timeout_s,
        )
        print(result.stdout)
        assert result.returncode == 0, f"{result.stdout[-6000:]}\n{result.stderr[-2000:]}"
        return result.stdout


FIND_DOTNET = f"import sys; sys.path.insert(0, {str(CSHARP)!r}); import compile; print(compile.dotnet_root())"


def test_the_package_s_own_tests_pass(runner: Runner) -> None:
    assert "EveryStructAndFieldIsWhereTheLibraryHasIt" in runner("Dreamport.Tests", ".Tests.")


def test_a_session_plays_breaks_and_goes_on(runner: Runner) -> None:
    runner("Dreamport.Live", "SessionTests")


def test_components_play_on_stubs(runner: Runner) -> None:
    runner(
        "Dreamport.Live", *(f"ComponentTests.{part}" for part in ("A", "TheT", "TheC", "TheI", "TwoHundred"))
    )


def test_ten_thousand_frames_make_no_garbage(runner: Runner) -> None:
    lines = re.findall(r"^GARBAGE (.*)$", runner("Dreamport.Live", "TenThousand"), re.MULTILINE)
    measured = [dict(part.split("=") for part in line.split()[1:]) for line in lines]
    assert len(measured) == 2, "by the plugin and by Texture2D"
    assert max(int(one["frames"]) for one in measured) == FRAMES
    assert all(one["bytes"] == "0" and one["native_buffers"] == "0" for one in measured)


def test_the_backend_is_started_attached_to_and_recorded_into(runner: Runner) -> None:
    runner("Dreamport.Live", "Live.BackendTests")
    pytest.importorskip("pyarrow", reason="reading the episode needs the extra 'capture'")
    from dreamport.episodes.dataset import Dataset

    (episode,) = Dataset(runner.captures / "unity-test").episodes()
    assert len(episode) == EPISODE_FRAMES
    for number in (5, 30, 59):
        colour = episode.colour(number).astype(int).mean(axis=(0, 1))
        assert np.abs(colour - (4 * number, 100, 0)).max() < 6, "the picture of this frame, not of another"
    assert episode.depth(30) == pytest.approx(1.0, rel=0.02), "metres"
