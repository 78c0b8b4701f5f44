"""The shared HLSL in other languages: glslangValidator makes SPIR-V of it, spirv-cross makes GLSL of that."""

from __future__ import annotations

import json
import re
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

SHADERS = Path(__file__).resolve().parents[2] / "shaders"


class ShaderError(Exception):
    """A compiler refused a shader; the message is what it said."""


def spirv(
    source: str, folder: Path, *, stage: str = "frag", entry: str = "main", arguments: tuple[str, ...] = ()
) -> Path:
    """Compile HLSL that may include ``DreamportComposite.hlsl``; the path of the SPIR-V.

    Raises ``ShaderError`` with the compiler's messages, also for warnings: portable code has none.
    """
    hlsl, binary = folder / "shader.hlsl", folder / "shader.spv"
    hlsl.write_text(source, encoding="utf-8")
    said = _run(
        "glslangValidator",
        "-D",
        "-V",
        "-Od",
        "-S",
        stage,
        "-e",
        entry,
        f"-I{SHADERS}",
        *arguments,
        "-o",
        binary,
        hlsl,
    )
    if "WARNING" in said or "ERROR" in said:
        raise ShaderError(said)
    return binary


def glsl(source: str, folder: Path, *, version: str = "330", es: bool = False) -> str:
    """A fragment shader in GLSL; see ``spirv``."""
    return glsl_of(spirv(source, folder), version=version, es=es)


def glsl_of(binary: Path, *, version: str, es: bool = False) -> str:
    """SPIR-V in GLSL."""
    return _run("spirv-cross", binary, "--version", version, *(["--es"] if es else []))


def constants(binary: Path, values: dict[str, Sequence[float]]) -> bytes:
    """The uniform block of a SPIR-V shader, filled by name; what is not named is 0.

    Raises ``KeyError`` for a name that the shader does not have.
    """
    shader = json.loads(_run("spirv-cross", binary, "--reflect"))
    block = shader["ubos"][0]
    members = {member["name"]: member for member in shader["types"][block["type"]]["members"]}
    filled = bytearray(block["block_size"] + 16)
    for name, value in values.items():
        kind = "I" if members[name]["type"] in ("uint", "int") else "f"
        numbers = [int(each) if kind == "I" else each for each in value]
        struct.pack_into(f"<{len(numbers)}{kind}", filled, members[name]["offset"], *numbers)
    return bytes(filled)


def glsl_functions(source: str, folder: Path) -> str:
    """Only the functions named DreamportXxx that a shader's entry point uses, in GLSL without precision
    qualifiers, each before its first use: what Godot's shading language takes.
    """
    text = glsl(source, folder, version="300", es=True)
    bodies = re.findall(
        r"^\w[\w ]* Dreamport\w+\([^)]*\)\n\{\n.*?^\}\n", text, flags=re.DOTALL | re.MULTILINE
    )
    return re.sub(r"\b(highp|mediump|lowp) ", "", "\n".join(bodies))


def _run(*command: str | Path) -> str:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ShaderError(result.stdout + result.stderr)
    return result.stdout
