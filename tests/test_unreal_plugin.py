"""The Unreal plugin, compiled against a stub engine and driven against real backends through the real
native library.

No Unreal Engine runs here: ``tests/unreal`` holds hand-written stand-ins for the engine types that the
plugin uses, and ``docs/engines.md`` says which page of the public documentation each comes from.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import requires
from dreamport.episodes.dataset import Dataset
from dreamport.geometry import Pose
from native_backend import backend
from stubs import NEAR_M, StubSource, stub_world
from unreal import build as unreal_build
from unreal import header_tool
from unreal.engine_headers import HEADERS

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ROOT / "unreal_plugin" / "Dreamport"
SOURCE = PLUGIN / "Source"


@pytest.fixture(scope="session")
def build_folder(pytestconfig: pytest.Config) -> Path:
    """Objects that stay from run to run; only what changed is compiled."""
    requires.program("c++", "g++", package="g++")
    return pytestconfig.cache.mkdir("unreal_plugin")


@pytest.fixture(scope="session")
def game(build_folder: Path, native_library: Path) -> Path:
    """The test program: the plugin's sources of every module, the stub engine as 5.5, and a game loop."""
    files = [*unreal_build.sources(), *sorted((ROOT / "tests" / "unreal").glob("*.cpp"))]
    objects = unreal_build.compile_all(build_folder, files, 5, ["-O0"])
    return unreal_build.link(
        build_folder, objects, own_library(build_folder, native_library), "stub_game", []
    )


def own_library(build_folder: Path, native_library: Path) -> Path:
    """A copy of the native library that no build beside this one replaces while a game runs."""
    copy = build_folder / native_library.name
    if not copy.exists() or copy.read_bytes() != native_library.read_bytes():
        shutil.copy(native_library, copy)
    return copy


@pytest.fixture(scope="session")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory, build_folder: Path, native_library: Path) -> Path:
    """A plugin folder with the native library installed as ``native/build.py --install`` does."""
    folder = tmp_path_factory.mktemp("plugin")
    place = folder / "Source" / "ThirdParty" / "DreamportCore" / "linux-x64"
    place.mkdir(parents=True)
    (place / "libdreamport_core.so").symlink_to(own_library(build_folder, native_library))
    (folder / "Shaders").symlink_to(PLUGIN / "Shaders")
    return folder


def play(
    game: Path, plugin_folder: Path, *arguments: object, timeout_s: float = 120.0
) -> list[dict[str, Any]]:
    """Run a scenario; what it printed, a line of JSON each. Fails with what did not hold."""
    result = subprocess.run(
        [str(game), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=os.environ | {"STUB_PLUGIN_FOLDER": str(plugin_folder)},
    )
    said = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    failed = [line["failed"] for line in said if "failed" in line]
    assert not failed and result.returncode == 0, (failed[:5], result.returncode, result.stderr[-3000:])
    return said


# ---------------------------------------------------------------- sources


@pytest.mark.parametrize("engine", [6, 7])
def test_the_sources_compile_for_newer_engines(build_folder: Path, engine: int) -> None:
    """Only files that see the version header can differ; 5.5 is compiled whole for the exchange."""
    files = unreal_build.depends_on_version()
    assert {path.name for path in files} >= {"DreamportComposite.cpp", "DreamportWorldComponent.cpp"}
    unreal_build.compile_all(build_folder, files, engine, ["-O0"])


def test_only_one_header_asks_for_the_engine_version() -> None:
    """Version differences live in one place."""
    asking = [
        path.name
        for path in SOURCE.rglob("*")
        if path.suffix in (".h", ".cpp") and re.search(r"UE_VERSION_|ENGINE_M\w+_VERSION", path.read_text())
    ]
    assert asking == ["DreamportEngineVersion.h"]


def test_the_engine_free_layer_knows_no_engine() -> None:
    """``Private/Core`` compiles with the native header alone, without exceptions and RTTI."""
    compiler = requires.program("c++", "g++", package="g++")
    for path in sorted((SOURCE / "Dreamport" / "Private" / "Core").glob("*.cpp")):
        command = [
            compiler,
            "-std=c++20",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-fno-exceptions",
            "-fno-rtti",
            "-fsyntax-only",
        ]
        command += ["-I", str(SOURCE / "ThirdParty" / "DreamportCore" / "include"), str(path)]
        subprocess.run(command, check=True)


def test_headers_hold_the_rules_of_the_header_tool() -> None:
    """What UnrealHeaderTool would refuse, as far as we know its rules."""
    found = header_tool.headers(SOURCE)
    assert {header.path.stem: header.problems for header in found if header.problems} == {}
    assert sum(each.kind == "UCLASS" for header in found for each in header.types) == 11
    assert header_tool.bound_without_ufunction(SOURCE, found) == []


BROKEN = {
    "the last include": ('#include "A.generated.h"\n', ""),
    "lacks GENERATED_BODY": ("\tGENERATED_BODY()\n", ""),
    "cannot be reflected": ("\tint32 Number", "\tstd::string Number"),
    "is not for Blueprints": ("\tint32 Number", "\tuint32 Number"),
    "needs a Category": (', Category = "A"', ""),
    "hides a property": ("int32 Other", "int32 Number"),
    "must begin with": ("class X_API UA", "class X_API BB"),
    "is private": ("public:\n", "private:\n"),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_the_rules_find_what_is_wrong(problem: str, tmp_path: Path) -> None:
    """Each rule fails on a header that breaks it, and none on the good one."""
    good = """#include "A.generated.h"
UCLASS()
class X_API UA : public UObject
{
	GENERATED_BODY()

public:
	UPROPERTY(BlueprintReadOnly, Category = "A")
	int32 Number = 0;

	UFUNCTION(BlueprintCallable, Category = "A")
	void Call(int32 Other);
};
"""
    folder = tmp_path / "Public"
    folder.mkdir()
    path = folder / "A.h"
    path.write_text(good)
    assert header_tool.headers(folder)[0].problems == []
    old, new = BROKEN[problem]
    assert old in good
    path.write_text(good.replace(old, new))
    problems = [text for header in header_tool.headers(folder) for text in header.problems]
    assert any(problem in text for text in problems), problems


def test_every_include_is_known_and_its_module_listed() -> None:
    """A header of the engine may be included only by a module that depends on the header's module."""
    for module in unreal_build.MODULES:
        rules = (SOURCE / module / f"{module}.Build.cs").read_text()
        listed = set(re.findall(r'"(\w+)"', rules))
        own = {path.name for path in (SOURCE / module).rglob("*.h")}
        for path in [*(SOURCE / module).rglob("*.h"), *(SOURCE / module).rglob("*.cpp")]:
            for name in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
                if name.endswith(".generated.h") or Path(name).name in own:
                    continue
                if name == "dreamport/core.h":
                    assert "DreamportCore" in listed, path
                elif (SOURCE / "Dreamport" / "Public" / name).exists():
                    assert "Dreamport" in listed, path
                elif (SOURCE / "DreamportRendering" / "Public" / name).exists():
                    assert "DreamportRendering" in listed, path
                else:
                    assert name in HEADERS, f"{path.name} includes {name}, of which no stub is known"
                    assert HEADERS[name][0] in listed, f"{module} includes {name}"


def test_what_is_shared_is_the_same() -> None:
    """The header in the plugin is the repository's."""
    result = subprocess.run([sys.executable, PLUGIN.parent / "copy_header.py", "--check"], check=False)
    assert result.returncode == 0, "run python unreal_plugin/copy_header.py"


def test_the_descriptor_names_what_is_there() -> None:
    """Modules of the .uplugin have their Build.cs; the shaders' module loads before shaders are compiled."""
    descriptor = json.loads((PLUGIN / "Dreamport.uplugin").read_text())
    modules = {module["Name"]: module for module in descriptor["Modules"]}
    assert set(modules) == set(unreal_build.MODULES)
    assert all((SOURCE / name / f"{name}.Build.cs").exists() for name in modules)
    assert modules["DreamportRendering"]["LoadingPhase"] == "PostConfigInit"
    assert modules["DreamportEditor"]["Type"] == "Editor"
    assert (PLUGIN / "Resources" / "Icon128.png").read_bytes()[:4] == b"\x89PNG"


def test_the_shader_declares_every_parameter() -> None:
    """Parameter structs are bound by name: each must be in the .usf, and nothing there may be unbound."""
    structure = (SOURCE / "DreamportRendering/Private/DreamportCompositeShader.h").read_text()
    bound = set(re.findall(r"SHADER_PARAMETER(?:_RDG_TEXTURE|_TEXTURE|_SAMPLER)?\([\w]+, (\w+)\)", structure))
    shader = (PLUGIN / "Shaders/Private/DreamportComposite.usf").read_text()
    kinds = r"(?:Texture2D|SamplerState|float[234]?|uint)"
    declared = set(re.findall(rf"^{kinds} (\w+);", shader, re.MULTILINE))
    assert bound == declared
    for viewport in re.findall(r"FScreenPassTextureViewportParameters, (\w+)\)", structure):
        assert f"SCREEN_PASS_TEXTURE_VIEWPORT({viewport})" in shader


def test_the_shader_compiles_with_the_engines_part_stubbed(tmp_path: Path) -> None:
    """The .usf through glslang's HLSL front end; the engine's few functions are stubs."""
    glslang = requires.program("glslangValidator", package="glslang-tools")
    engine = """
#define SCREEN_PASS_TEXTURE_VIEWPORT(Name) float2 Name##_ViewportMin; float2 Name##_ViewportSizeInverse; \\
    float2 Name##_UVViewportMin; float2 Name##_UVViewportSize;
float4 Texture2DSampleLevel(Texture2D T, SamplerState S, float2 UV, float Mip)
{ return T.SampleLevel(S, UV, Mip); }
Texture2D SceneDepthTexture;
float LookupDeviceZ(float2 UV) { return SceneDepthTexture.Load(int3(int2(UV), 0)).r; }
float ConvertFromDeviceZ(float Device) { return 10.0 / Device; }
float2 ViewportUVToBufferUV(float2 UV) { return UV; }
"""
    shader = (PLUGIN / "Shaders/Private/DreamportComposite.usf").read_text()
    shared = (PLUGIN / "Shaders/Private/DreamportShared.ush").read_text()
    lines = [line for line in shader.splitlines() if not line.startswith("#include")]
    source = tmp_path / "composite.frag"
    source.write_text(engine + shared + "\n".join(lines))
    command = [
        glslang,
        "-D",
        "-V",
        "-S",
        "frag",
        "-e",
        "MainPS",
        "--auto-map-bindings",
        "--auto-map-locations",
    ]
    result = subprocess.run(
        [*command, "-o", tmp_path / "x.spv", source], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each Build.cs sets for each platform."""
    folder = tmp_path_factory.mktemp("rules")
    script = ROOT / "tests" / "unreal" / "rules" / "run.py"
    result = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=False)
    if "ToolchainMissing" in result.stderr:
        requires.lacking(result.stderr.strip().splitlines()[-1])
    assert result.returncode == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout.strip().splitlines()[-1])
    return found


def test_the_build_rules_run(rules: list[dict[str, Any]]) -> None:
    """Build.cs files compile as C# 9, run for every platform, and lead to the library's name and folder."""
    sys.path.insert(0, str(ROOT / "native"))
    platforms: Any = importlib.import_module("platforms")
    known = {"windows-x64", *map(platforms.platform_of, platforms.ZIG_TARGETS)}
    assert len(rules) == 4 * 6
    core = {rule["target"]: rule for rule in rules if rule["module"] == "DreamportCore"}
    assert all(rule["external"] for rule in core.values())
    for target, rule in core.items():
        (include,) = rule["includes"]
        assert (Path(include) / "dreamport" / "core.h").exists()
        ((staged, library),) = rule["runtime"]
        (delayed,) = rule["delayed"]
        assert Path(delayed).name == Path(library).name == Path(staged).name, target
        assert staged.startswith("$(TargetOutputDir)/")
        folder = Path(library).parent
        assert folder.parent == SOURCE / "ThirdParty" / "DreamportCore"
        assert folder.name in known, f"native/platforms.py knows no {folder.name}"
    names = {Path(rule["runtime"][0][1]).name for rule in core.values()}
    assert names == {"dreamport_core.dll", "libdreamport_core.dylib", "libdreamport_core.so"}
    game_module = next(rule for rule in rules if rule["module"] == "Dreamport")
    assert {"DreamportCore", "DreamportRendering", "EnhancedInput"} <= set(game_module["private"])


# ---------------------------------------------------------------- exchange


def test_what_needs_no_backend(game: Path, plugin_folder: Path) -> None:
    """Automation tests, input, start-or-attach, diagnostics, composite pass, Backend tab, material."""
    play(game, plugin_folder, "unit")


@pytest.mark.parametrize("transport", ["auto", "inline"])
def test_a_world_plays_in_the_textures(game: Path, plugin_folder: Path, transport: str) -> None:
    """300 frames: right pixels, input applied exactly once, nothing allocated in the frame path."""
    source = StubSource(stub_world(frame_rate=60.0))
    with backend(source) as server:
        said = play(game, plugin_folder, "play", server.address, 300, transport)
        (player,) = source.players()
    summary = said[-1]
    frames = [line for line in said if "phase" in line]
    assert summary["shown"] == len(frames) == 300
    assert summary["allocations"] == 0
    assert summary["median_tick_ms"] < 0.2, "the budget of the engine's main thread"
    # Every picture is the one that the world drew for its index, after the controls applied before it.
    z = yaw = 0.0
    phases = {0: 7 * 5 + 3 * len("hall")}
    for index, control in enumerate(player.controls, 1):
        z += 0.5 * (control.buttons & 1) - 0.5 * (control.buttons >> 1 & 1)
        yaw += control.look_deg[0]
        phases[index] = index + 7 * 5 + 3 * len("hall") + int(10 * z) + int(yaw)
    for frame in frames:
        # JPEG (inline) is not exact, and smears where the stripes jump.
        exact = transport == "auto"
        assert frame["far"] <= (0.0 if exact else 12.0), frame
        away = (frame["phase"] - phases[frame["index"]] + 128) % 256 - 128
        assert abs(away) <= (0 if exact else 12), frame
        assert frame["wall"] == round(65535 * NEAR_M / (1.0 + phases[frame["index"]] % 16)), frame
        assert frame["sky"] == 0 and frame["near"] == NEAR_M
    jumps = [control.buttons >> 2 & 1 for control in player.controls]
    assert sum(jumps) == summary["taps"] == 10
    assert sum(control.look_deg[0] for control in player.controls) == pytest.approx(
        summary["turned"], abs=1e-3
    )
    assert summary["turned"] == 140.0
    forward = [control.buttons & 1 for control in player.controls]
    assert 30 <= sum(forward) <= 60 and "01" not in "".join(map(str, forward)).strip("0"), (
        "held once, in one piece"
    )


def test_an_engine_camera_drives_the_world_from_its_anchor(game: Path, plugin_folder: Path) -> None:
    """Poses reach the backend in level coordinates and come back as engine transforms; the portal follows."""
    source = StubSource(stub_world(frame_rate=60.0))
    with backend(source) as server:
        play(game, plugin_folder, "camera", server.address)
        (player,) = source.players()
    pose = next(control.pose for control in reversed(player.controls) if control.pose)
    # The last step of the scenario in numpy: camera relative to anchor, Unreal's axes to the level's.
    anchor = unreal_matrix(0.0, 30.0, (250.0, -100.0, 40.0))
    camera = unreal_matrix(12.0, 275.0, (410.0, -90.0, 149.0))
    local = np.linalg.inv(anchor) @ camera
    axes = np.array([[0, 1, 0], [0, 0, -1], [1, 0, 0]], float)
    expected = np.eye(4)
    expected[:3, :3] = axes @ local[:3, :3] @ axes.T
    expected[:3, 3] = axes @ local[:3, 3] / 100.0
    assert pose is not None
    np.testing.assert_allclose(pose.matrix(), expected, atol=1e-6)


def unreal_matrix(pitch_deg: float, yaw_deg: float, position_cm: tuple[float, float, float]) -> Any:
    """Local to world, column vectors: x forward, y right, z up; pitch is up, yaw to the right."""
    p, y = np.radians(pitch_deg), np.radians(yaw_deg)
    matrix = np.eye(4)
    matrix[:3, 0] = np.cos(p) * np.cos(y), np.cos(p) * np.sin(y), np.sin(p)
    matrix[:3, 1] = -np.sin(y), np.cos(y), 0.0
    matrix[:3, 2] = np.cross(matrix[:3, 0], matrix[:3, 1])
    matrix[:3, 3] = position_cm
    return matrix


def test_play_and_stop_two_hundred_times(game: Path, plugin_folder: Path) -> None:
    """In every order, with a late render thread, the module reloaded in between: no hang, no leftover."""
    source = StubSource(stub_world(frame_rate=60.0))
    with backend(source, grace_s=1.0, max_sessions=64) as server:
        said = play(game, plugin_folder, "cycles", server.address, 200)
    assert said[-1]["cycles"] == 200
    assert said[-1]["framed"] == 20


def test_the_samples_play(game: Path, plugin_folder: Path) -> None:
    """The portal stays where it was put; the depth sample's camera follows the frame."""
    with backend(StubSource(stub_world(frame_rate=60.0))) as server:
        play(game, plugin_folder, "samples", server.address)


def test_a_recorded_walk_opens_as_a_data_set(game: Path, plugin_folder: Path, tmp_path: Path) -> None:
    """Colour, depth, pose, intrinsics and input of every frame, through the pooled read-backs."""
    with backend(captures=tmp_path) as server:
        said = play(game, plugin_folder, "record", server.address, "garden", 80, 2)
    summary = said[-1]
    episode = Dataset(tmp_path / "garden")[0]
    assert len(episode) == summary["frames"] >= 80
    assert summary["allocations"] == 0
    assert summary["dropped"] == 0
    info = episode.info
    assert (info.width, info.height, info.frame_rate) == (96, 64, 50.0)
    np.testing.assert_allclose(episode.intrinsics, [48.0, 48.0, 48.0, 32.0], atol=1e-4)
    # Frames before the walk began stand at its first place.
    first = int(np.flatnonzero(episode.pose[:, 2, 3] == 0.0)[-1])
    for index in (0, 1, 33, 79 - first):
        row = first + index
        pose = Pose.from_yaw_pitch((0.0, -1.6, index / 100.0), 2.0 * index)
        np.testing.assert_allclose(episode.pose[row], pose.matrix(), atol=1e-6)
        colour = episode.colour(row)
        assert np.abs(colour[:, :, 0].astype(float) - (128 + 100 * np.sin(np.radians(2.0 * index)))).max() < 9
        assert np.abs(colour[:, :, 1].astype(float) - index).max() < 9
        assert np.abs(colour[:, :, 2].astype(float) - np.arange(64)[:, None]).max() < 9
        depth = episode.depth(row)
        np.testing.assert_allclose(depth[:, :48], 1.0, rtol=1e-3)
        assert np.isinf(depth[:, 48:]).all()
    assert list(np.flatnonzero(episode.buttons & 1) - first) == list(range(20, 40))
    np.testing.assert_allclose(episode.look_deg[first + 1 : 79], [[2.0, 0.0]] * (78 - first), atol=1e-4)
    assert any("the end" in json.dumps(line) for line in episode.raw())


def test_a_slow_gpu_costs_frames_and_never_mixes_them(
    game: Path, plugin_folder: Path, tmp_path: Path
) -> None:
    """More frames on their way than read-backs: some are dropped and counted, the others are right."""
    with backend(captures=tmp_path) as server:
        said = play(game, plugin_folder, "record", server.address, "late", 40, 9)
    episode = Dataset(tmp_path / "late")[0]
    assert said[-1]["dropped"] > 20
    assert episode.missing_before.sum() > 20
    for row in range(0, len(episode), 5):
        place = round(100 * float(episode.pose[row, 2, 3]))
        assert np.abs(episode.colour(row)[:, :, 1].astype(float) - place % 256).max() < 9, row
        assert np.isclose(episode.depth(row)[0, 0], 1.0, rtol=1e-3)
    # Turns add up over the gaps: nothing of the input is lost with a dropped frame.
    yaw = np.degrees(np.arctan2(episode.pose[:, 0, 2], episode.pose[:, 2, 2]))
    turned = np.diff(np.unwrap(yaw, period=360.0))
    np.testing.assert_allclose(episode.look_deg[1:, 0], turned, atol=1e-3)


def test_a_path_between_walls_is_recorded(game: Path, plugin_folder: Path, tmp_path: Path) -> None:
    """The synthetic camera walks by itself, keeps clear of the walls, loses no frame and stops at its end."""
    with backend(captures=tmp_path) as server:
        said = play(game, plugin_folder, "path", server.address, "room", 150)
    assert said[-1]["frames"] == 150
    episode = Dataset(tmp_path / "room")[0]
    assert len(episode) == 150 and not episode.missing_before.any()
    places = episode.pose[:, :3, 3]
    assert np.abs(places[:, [0, 2]]).max() <= 4.0 - 0.3 + 1e-6, "0.3 m from the walls of a room of 8 x 8 m"
    np.testing.assert_allclose(places[:, 1], -1.6, atol=1e-6)
    assert np.abs(np.diff(episode.pose[:, 0, 2])).max() > 0.01
    for row in range(0, 150, 30):
        ahead = episode.pose[row, 0, 2]
        assert np.abs(episode.colour(row)[:, :, 0].astype(float) - (128 + 100 * ahead)).max() < 12, row


def test_a_recording_whose_connection_breaks_goes_on_in_another_episode(
    game: Path, plugin_folder: Path, tmp_path: Path
) -> None:
    with backend(captures=tmp_path) as server, ThreadPoolExecutor(1) as others:
        playing = others.submit(play, game, plugin_folder, "path", server.cable_address, "room", 150)
        while not playing.done():
            journals = (tmp_path / "room" / ".recording").glob("*/rows")
            if any(journal.stat().st_size > 8_000 for journal in journals):  # some 25 frames
                server.cut()
                break
            time.sleep(0.002)
        said = playing.result()
    first, second = Dataset(tmp_path / "room")
    assert (first.facts["ended"], second.facts["ended"]) == ("connection lost", "finished")
    assert len(second) == said[-1]["frames"]
    assert 20 < len(first) < 150 and 100 < len(first) + len(second) <= 150, "the path went on"
    assert not second.look_deg[0].any()


def test_pressing_play_starts_a_backend(
    game: Path, plugin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dreamport serve` is started, read, played with, kept over Stop and Play, and ended."""
    from pattern_server import free_port

    folder = Path(sys.executable).parent
    assert (folder / "dreamport").exists(), "the dreamport command is not installed beside this Python"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    said = play(game, plugin_folder, "backend", f"127.0.0.1:{free_port()}", "dreamport")
    assert said[-1]["worlds"] >= 1
    assert said[-1]["executor"].startswith("openvino on ")
