"""Compiles the plugin's Build.cs files as C# 9 against a stub of UnrealBuildTool, runs them, and prints
what they set.

``python tests/unreal/rules/run.py FOLDER``: one JSON list on stdout. It needs the tool chain of
``tests/csharp``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
SOURCE = ROOT / "unreal_plugin" / "Dreamport" / "Source"


def csharp() -> Any:
    """``tests/csharp/compile.py`` as a module."""
    path = ROOT / "tests" / "csharp" / "compile.py"
    spec = importlib.util.spec_from_file_location("csharp_compile", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["csharp_compile"] = module
    spec.loader.exec_module(module)
    return module


def main() -> int:
    """Compile and run."""
    folder = Path(sys.argv[1])
    tools = csharp()
    files = sorted(SOURCE.rglob("*.Build.cs"))
    assembly = tools.Assembly("UnrealRules", (HERE,), program=True)
    tools.source_files = lambda _: [HERE / "UnrealBuildTool.cs", *files]
    tools.BIN = folder
    tools.start_roslyn()
    from Microsoft.CodeAnalysis import MetadataReference  # type: ignore[import-not-found]

    frameworks = [
        MetadataReference.CreateFromFile(str(path))
        for path in sorted(tools.framework().glob("*.dll"))
        if path.name.startswith(("System.", "netstandard", "mscorlib")) and "Native" not in path.name
    ]
    problems = tools.compile_one(assembly, frameworks)
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    (folder / "UnrealRules.runtimeconfig.json").write_text(json.dumps(tools.runtime_config()))
    arguments = [part for path in files for part in (path.name.removesuffix(".Build.cs"), str(path.parent))]
    dotnet = tools.dotnet_root() / "dotnet"
    dotnet.chmod(dotnet.stat().st_mode | 0o111)
    environment = os.environ | {
        "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
        "DOTNET_ROOT": str(tools.dotnet_root()),
    }
    command = [str(dotnet), str(folder / "UnrealRules.dll"), *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
