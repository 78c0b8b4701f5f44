"""Write a .meta file for every asset of the package, with a GUID made from its path.

    python unity_package/Tools~/meta_files.py            write what is missing or differs
    python unity_package/Tools~/meta_files.py --check    change nothing; 1 when one is missing, left over or
                                                         differs

Unity ignores folders that end with ``~`` and files that begin with a dot: they get no .meta. A GUID never
changes while its asset keeps its path, so that scenes of users keep their references.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Plugin:
    """A native library: where it lies, and where Unity may load it."""

    path: str
    standalone: str
    editor_os: str
    cpu: str


NATIVE = (
    Plugin("linux-x64/libdreamport_core.so", "Linux64", "Linux", "x86_64"),
    Plugin("linux-arm64/libdreamport_core.so", "Linux64", "Linux", "ARM64"),
    Plugin("windows-x64/dreamport_core.dll", "Win64", "Windows", "x86_64"),
    Plugin("windows-arm64/dreamport_core.dll", "Win64", "Windows", "ARM64"),
    Plugin("macos-x64/libdreamport_core.dylib", "OSXUniversal", "OSX", "x86_64"),
    Plugin("macos-arm64/libdreamport_core.dylib", "OSXUniversal", "OSX", "ARM64"),
)
"""The libraries are build output (native/build.py --install) and not in the repository; their .meta files
are.
"""

DEFAULT_SHADERS = {
    "Runtime/Component/DreamportScreen.cs": "Runtime/Shaders/DreamportScreen.shader",
    "Runtime/Component/DreamportCompositeFeature.cs": "Runtime/Shaders/DreamportComposite.shader",
    "Runtime/Component/DreamportRecorder.cs": "Runtime/Shaders/DreamportCapture.shader",
}
"""What a new component's ``_shader`` field refers to: so the shader comes along into builds."""


def guid(path: str) -> str:
    """32 hexadecimal digits that depend on nothing but the path inside the package."""
    return hashlib.md5(f"com.dreamport.unity/{path}".encode(), usedforsecurity=False).hexdigest()


def is_hidden(path: Path) -> bool:
    """Whether Unity does not import it."""
    parts = path.relative_to(PACKAGE).parts
    return any(part.startswith(".") or part.endswith("~") for part in parts) or path.name == "__pycache__"


def assets() -> Iterator[str]:
    """Every file and folder that Unity imports, as paths inside the package, native libraries included."""
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.suffix != ".meta" and not is_hidden(path)
    }
    for plugin in NATIVE:
        library = f"Runtime/Plugins/{plugin.path}"
        found |= {library, library.rsplit("/", 1)[0]}
    yield from sorted(found)


def meta(path: str) -> str:
    """Text of the .meta file of an asset."""
    head = f"fileFormatVersion: 2\nguid: {guid(path)}\n"
    plugin = next((native for native in NATIVE if path == f"Runtime/Plugins/{native.path}"), None)
    if plugin is not None:
        return head + plugin_importer(plugin)
    suffix = Path(path).suffix
    if (PACKAGE / path).is_dir() or any(
        path == f"Runtime/Plugins/{native.path.split('/')[0]}" for native in NATIVE
    ):
        return f"{head}folderAsset: yes\n{importer('DefaultImporter')}"
    if suffix == ".cs":
        return head + script_importer(path)
    if suffix == ".asmdef":
        return head + importer("AssemblyDefinitionImporter")
    if suffix == ".shader":
        return (
            f"{head}ShaderImporter:\n  externalObjects: {{}}\n  defaultTextures: []\n"
            "  nonModifiableTextures: []\n  preprocessorOverride: 0\n  userData: \n  assetBundleName: \n"
            "  assetBundleVariant: \n"
        )
    if suffix == ".hlsl":
        return head + importer("ShaderIncludeImporter")
    if path == "package.json":
        return head + importer("PackageManifestImporter")
    if suffix in (".md", ".txt", ".json"):
        return head + importer("TextScriptImporter")
    raise SystemExit(f"{path}: say in {Path(__file__).name} how Unity imports files that end with '{suffix}'")


def importer(name: str) -> str:
    """An importer without settings."""
    return f"{name}:\n  externalObjects: {{}}\n  userData: \n  assetBundleName: \n  assetBundleVariant: \n"


def script_importer(path: str) -> str:
    """A script; a component's ``_shader`` refers to its shader by default."""
    references = "  defaultReferences: []\n"
    if path in DEFAULT_SHADERS:
        shader = guid(DEFAULT_SHADERS[path])
        references = f"  defaultReferences:\n  - _shader: {{fileID: 4800000, guid: {shader}, type: 3}}\n"
    return (
        f"MonoImporter:\n  externalObjects: {{}}\n  serializedVersion: 2\n{references}  executionOrder: 0\n"
        "  icon: {instanceID: 0}\n  userData: \n  assetBundleName: \n  assetBundleVariant: \n"
    )


def plugin_importer(plugin: Plugin) -> str:
    """A native library, loaded in the editor and in players of its system and processor only."""
    editor_cpu = "x86_64" if plugin.cpu == "x86_64" else "ARM64"
    targets = "".join(
        f"  - first:\n      Standalone: {name}\n    second:\n"
        f"      enabled: {int(name == plugin.standalone)}\n"
        f"      settings:\n        CPU: {plugin.cpu if name == plugin.standalone else 'None'}\n"
        for name in ("Linux64", "OSXUniversal", "Win64")
    )
    return (
        "PluginImporter:\n  externalObjects: {}\n  serializedVersion: 2\n  iconMap: {}\n"
        "  executionOrder: {}\n"
        "  defineConstraints: []\n  isPreloaded: 0\n  isOverridable: 0\n  isExplicitlyReferenced: 0\n"
        "  validateReferences: 1\n  platformData:\n"
        "  - first:\n      Any: \n    second:\n      enabled: 0\n      settings: {}\n"
        "  - first:\n      Editor: Editor\n    second:\n      enabled: 1\n      settings:\n"
        f"        CPU: {editor_cpu}\n        DefaultValueInitialized: true\n        OS: {plugin.editor_os}\n"
        f"{targets}  userData: \n  assetBundleName: \n  assetBundleVariant: \n"
    )


def wanted() -> dict[Path, str]:
    """Every file this script writes, and its text."""
    return {PACKAGE / f"{path}.meta": meta(path) for path in assets()}


def left_over(texts: dict[Path, str]) -> list[Path]:
    """.meta files of assets that are gone, and .meta files that Unity would not read."""
    return [path for path in PACKAGE.rglob("*.meta") if path not in texts]


def main() -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description="Write the package's .meta files.")
    parser.add_argument("--check", action="store_true", help="change nothing; say what differs")
    check = parser.parse_args().check
    texts = wanted()
    differ = [
        path for path, text in texts.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    gone = left_over(texts)
    for path in differ + gone:
        what = "left over" if path in gone else "differs" if path.is_file() else "missing"
        print(f"{what}: {path.relative_to(PACKAGE)}")
    if check:
        return 1 if differ or gone else 0
    for path in differ:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], encoding="utf-8", newline="\n")
    for path in gone:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
