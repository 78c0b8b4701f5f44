"""The shaders that the plugins ship, as their engines would hand them to a compiler: passes taken out of
ShaderLab, includes put in, the engines' own files replaced by the stubs in ``engine_stubs``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STUBS = Path(__file__).resolve().parent / "engine_stubs"
UNITY_SHADERS = ROOT / "unity_package" / "Runtime" / "Shaders"
UNREAL_SHADERS = ROOT / "unreal_plugin" / "Dreamport" / "Shaders"
PLACES = {
    "Packages/com.dreamport.unity/": ROOT / "unity_package",
    "Packages/": STUBS / "Packages",
    "/Plugin/Dreamport/": UNREAL_SHADERS,
    "/Engine/": STUBS / "Engine",
}
"""Where an include that begins so is found; others lie beside the file that includes them."""
STAGES = {"vertex": "vert", "fragment": "frag", "VS": "vert", "PS": "frag", "CS": "comp"}
"""Names of the stages in Unity's pragmas and at the end of Unreal's entry points; glslang's names."""


@dataclass(frozen=True)
class EntryPoint:
    """One function of a plugin's shader, with its source, whole and without includes."""

    name: str
    source: str
    function: str
    stage: str


def entry_points() -> Iterator[EntryPoint]:
    """All of both plugins, Unity's for both directions of depth."""
    for path in sorted(UNITY_SHADERS.glob("*.shader")):
        yield from _unity(path)
    for path in sorted(UNREAL_SHADERS.glob("**/*.usf")):
        source = _with_includes(path.read_text(encoding="utf-8"), path.parent)
        for function, stage in re.findall(r"^void (\w*Main\w*?(VS|PS|CS))\(", source, re.MULTILINE):
            yield EntryPoint(f"{path.stem} {function}", source, function, STAGES[stage])


def _unity(path: Path) -> Iterator[EntryPoint]:
    text = path.read_text(encoding="utf-8")
    shared = "".join(re.findall(r"HLSLINCLUDE(.*?)ENDHLSL", text, re.DOTALL))
    passes = re.findall(r'Name "(\w+)".*?HLSLPROGRAM(.*?)ENDHLSL', text, re.DOTALL)
    for reversed_z in (False, True):
        depth = "#define UNITY_REVERSED_Z 1\n" if reversed_z else "#define UNITY_REVERSED_Z 0\n"
        for name, program in passes:
            source = depth + _with_includes(shared + program, path.parent)
            for stage, function in re.findall(r"#pragma (vertex|fragment) (\w+)", program):
                label = f"{path.stem} {name} {stage}, {'reversed' if reversed_z else 'forward'} depth"
                yield EntryPoint(label, re.sub(r"#pragma.*", "", source), function, STAGES[stage])


def _with_includes(source: str, folder: Path) -> str:
    def included(match: re.Match[str]) -> str:
        name = match.group(1)
        for prefix, place in PLACES.items():
            if name.startswith(prefix):
                path = place / name.removeprefix(prefix)
                break
        else:
            path = folder / name
        return _with_includes(path.read_text(encoding="utf-8"), path.parent)

    return re.sub(r'^\s*#include "([^"]+)"', included, source, flags=re.MULTILINE)
