"""Which package may import which, as ARCHITECTURE.md states it, and a reader of what a file imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BACKEND = ROOT / "backend" / "dreamport"

BASE = frozenset({"errors", "geometry"})
ALLOWED: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "geometry": BASE,
    "v1": frozenset({"v1"}),
    "models": BASE | {"models"},
    "episodes": BASE | {"episodes"},
    "worlds": BASE | {"worlds"},
    "executors": BASE | {"worlds", "executors"},
    "generator": BASE | {"worlds", "executors", "generator"},
    "service": BASE | {"worlds", "executors", "generator", "episodes", "service", "v1", "call_end"},
    "web": BASE | {"web", "v1", "call_end"},
    "call_end": BASE,
    "running": BASE,
    "diagnostics": BASE,
}
"""Parts of ``dreamport`` and the parts that each may import. ``cli``, where all meets, may import all."""

RUN_MODELS = ("executors/torch", "executors/lingbot/")
"""Executors that run torch definitions instead of graphs."""

FRAMEWORKS: dict[str, tuple[str, ...]] = {
    "torch": ("models/", *RUN_MODELS),
    "grpc": ("service/", "web/", "v1/", "cli/", "call_end.py"),
    "grpc_health": ("service/", "cli/"),
    "grpc_reflection": ("service/",),
    "google": ("service/", "v1/", "cli/"),
    "openvino": ("executors/",),
    "cuda": ("executors/tensorrt/",),
    "pynvml": ("executors/gpu",),
    "ray": ("service/placement/ray_cluster",),
    "starlette": ("web/",),
    "uvicorn": ("web/", "cli/"),
    "typer": ("cli/",),
    "rich": ("cli/",),
}
"""Frameworks and the only places of the backend that may import them."""

NEED_AN_EXTRA = (
    "models/",
    "executors/torch",
    "executors/tensorrt/half.py",
    *(
        f"executors/lingbot/{name}.py"
        for name in (
            "executor",
            "following",
            "fp8",
            "int8",
            "kernels",
            "offload",
            "parallel",
            "passes",
            "session",
            "stopwatch",
        )
    ),
    *(
        f"episodes/{name}.py"
        for name in (
            "checks",
            "dataset",
            "encoders",
            "placing",
            "recording",
            "tables",
            "verdicts",
            "video",
            "writer",
        )
    ),
)
"""Modules that only an extra can run; others import them inside the function that needs them."""

EXTRA_ONLY = ("vizdoom", "cv2", "numba", "pyarrow", "av", "onnx", "onnxscript", "matplotlib", "tensorboard")
"""What only extras install: imported by nothing else of the backend."""


@dataclass(frozen=True)
class Import:
    """One imported module: its full name, where it stands, and whether importing the file imports it."""

    module: str
    line: int
    at_import: bool


def imports_of(path: Path, package: str) -> list[Import]:
    """Every module that ``path`` imports, type-only ones left out; ``package`` resolves relative imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return list(_walk(tree.body, package, at_import=True))


def _walk(body: list[ast.stmt], package: str, at_import: bool) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield from (Import(f"{module}.{alias.name}", node.lineno, at_import) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _walk(node.orelse, package, at_import)
        else:
            inside = at_import and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for name in ("body", "orelse", "finalbody"):
                yield from _walk(getattr(node, name, []), package, inside)
            for handler in getattr(node, "handlers", []):
                yield from _walk(handler.body, package, inside)
            for case in getattr(node, "cases", []):
                yield from _walk(case.body, package, inside)


def backend_files() -> list[tuple[Path, str]]:
    """Every source file of the backend with its path below ``backend/dreamport``, forward slashes."""
    return [
        (path, path.relative_to(BACKEND).as_posix())
        for path in sorted(BACKEND.rglob("*.py"))
        if "node_modules" not in path.parts
    ]


def part_of(relative: str) -> str:
    """``service/server.py`` -> ``service``; ``geometry.py`` -> ``geometry``."""
    return relative.partition("/")[0].removesuffix(".py")


def violations(relative: str, imports: list[Import]) -> list[str]:
    """What in ``relative`` (a path below ``backend/dreamport``) goes against the rules, one sentence each."""
    part, found = part_of(relative), []
    for item in imports:
        where = f"{relative}:{item.line} imports {item.module}"
        names = item.module.split(".")
        top = names[0]
        if top == "dreamport" and len(names) > 1 and names[1] != "__version__":
            allowed = ALLOWED.get(part)
            if relative.startswith(RUN_MODELS):
                allowed = (allowed or frozenset()) | {"models"}
            if part not in {"cli", "__main__"} and (allowed is None or names[1] not in allowed):
                found.append(f"{where}: '{part}' may not import '{names[1]}'")
        elif top in {"dreamport_tools", "dreamport_training"}:
            if part != "cli":
                found.append(
                    f"{where}: only the command line may, the backend knows no tools and no training"
                )
            elif item.at_import:
                found.append(f"{where}: inside the function that runs the command, please")
        elif top in FRAMEWORKS and not relative.startswith(FRAMEWORKS[top]):
            found.append(f"{where}: only {', '.join(FRAMEWORKS[top])} may")
        elif top in EXTRA_ONLY and not relative.startswith(NEED_AN_EXTRA):
            found.append(f"{where}: the base install does not have it")
    return found
