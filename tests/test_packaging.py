"""What is installed, what may import what, and that importing changes nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import import_rules
from dreamport_tools.install_size import BUDGET_MB, base_distributions, size_mb
from import_rules import BACKEND, EXTRA_ONLY, ROOT, Import

NOT_SHIPPED = ("__pycache__", "node_modules", "bundle")
SHIPPED_ROOTS = (BACKEND, ROOT / "training" / "dreamport_training", ROOT / "tools" / "dreamport_tools")


def run_python(code: str, *arguments: str) -> str:
    """Standard output of a fresh interpreter that runs ``code``."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def module_name(relative: str) -> str:
    """``service/server.py`` -> ``dreamport.service.server``."""
    return ("dreamport/" + relative).removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")


def base_modules() -> list[str]:
    """Every module of the backend that the base install can import."""
    return [
        module_name(relative)
        for _, relative in import_rules.backend_files()
        if not relative.startswith(import_rules.NEED_AN_EXTRA) and relative != "__main__.py"
    ]


def test_imports_of_the_backend_go_one_way() -> None:
    found = []
    for path, relative in import_rules.backend_files():
        package = ".".join(("dreamport", *relative.split("/")[:-1]))
        found += import_rules.violations(relative, import_rules.imports_of(path, package))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("relative", "imported", "allowed"),
    [
        ("generator/loop.py", "dreamport.executors.open_executor", True),
        ("generator/loop.py", "dreamport.service.serve", False),
        ("generator/loop.py", "torch.nn", False),
        ("executors/openvino.py", "dreamport.generator.Generator", False),
        ("executors/torch_reference.py", "dreamport.models.codec", True),
        ("executors/openvino.py", "dreamport.models.codec", False),
        ("executors/lingbot/session.py", "dreamport.models.lingbot.cache", True),
        ("executors/chunks.py", "torch", False),
        ("worlds/pack.py", "dreamport_tools.episodes", False),
        ("web/relay.py", "dreamport.service.sessions", False),
        ("worlds/pack.py", "cv2", False),
        ("episodes/video.py", "av", True),
        ("episodes/rows.py", "pyarrow", False),
        ("episodes/video.py", "dreamport.service.pictures", False),
        ("service/capture_writer.py", "dreamport.episodes.rows", True),
        ("generator/loop.py", "dreamport.episodes.rows", False),
    ],
)
def test_the_import_rules_tell_right_from_wrong(relative: str, imported: str, allowed: bool) -> None:
    found = import_rules.violations(relative, [Import(imported, 1, at_import=False)])
    assert (found == []) is allowed


def test_the_import_rules_see_imports_inside_functions_and_try_blocks(tmp_path: Path) -> None:
    source = tmp_path / "example.py"
    source.write_text(
        "from . import near\n"
        "try:\n    import grpc\nexcept ImportError:\n    import fallback\n"
        "def f():\n    if 1:\n        import torch.nn\n"
    )
    found = import_rules.imports_of(source, "dreamport.generator")
    assert [(item.module, item.at_import) for item in found] == [
        ("dreamport.generator.near", True),
        ("grpc", True),
        ("fallback", True),
        ("torch.nn", False),
    ]


def test_the_base_install_needs_no_extra() -> None:
    blocked = ["torch", "cuda", "pynvml", *EXTRA_ONLY]
    code = """
import importlib, json, sys
blocked, modules = json.loads(sys.argv[1]), json.loads(sys.argv[2])
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} belongs to an extra")
sys.meta_path.insert(0, Blocker())
for module in modules:
    importlib.import_module(module)
"""
    run_python(code, json.dumps(blocked), json.dumps(base_modules()))


def test_importing_changes_nothing(tmp_path: Path) -> None:
    modules = base_modules()
    if shutil.which("torch") or "torch" in sys.modules or _installed("torch"):
        modules += [
            module_name(relative)
            for _, relative in import_rules.backend_files()
            if relative.startswith(("models/", "executors/torch"))
        ]
    code = """
import importlib, json, logging, os, random, signal, sys, threading
import numpy, structlog
try:
    import torch
except ModuleNotFoundError:
    torch = None
def state():
    found = {
        "threads": [thread.name for thread in threading.enumerate()],
        "environment": dict(os.environ),
        "log handlers": [repr(handler) for handler in logging.getLogger().handlers],
        "log level": logging.getLogger().level,
        "structlog": structlog.is_configured(),
        "signals": [repr(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)],
        "random": hash(random.getstate()),
        "numpy random": numpy.random.get_state()[1].tolist(),
        "numpy errors": numpy.geterr(),
        "working folder": os.getcwd(),
        "files": sorted(os.listdir(".")),
    }
    if torch is not None:
        found |= {
            "torch threads": torch.get_num_threads(),
            "torch grad": torch.is_grad_enabled(),
            "torch dtype": str(torch.get_default_dtype()),
            "torch seed": torch.initial_seed(),
            "torch matmul": torch.get_float32_matmul_precision(),
            "torch deterministic": torch.are_deterministic_algorithms_enabled(),
            "cudnn benchmark": torch.backends.cudnn.benchmark,
            "mkldnn": torch.backends.mkldnn.enabled,
        }
    return found
import dreamport.errors, numpy.random
for name in ("grpc", "grpc.aio", "openvino", "uvicorn"):
    importlib.import_module(name)  # what others do when imported is theirs
before = state()
for module in json.loads(sys.argv[1]):
    importlib.import_module(module)
after = state()
changed = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
assert not changed, changed
"""
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(modules)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from a copy of the sources, so that nothing stale in the checkout can get into it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source / name)
    for name in ("backend", "training", "tools"):
        shutil.copytree(
            ROOT / name,
            source / name,
            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules"),
        )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            folder,
            source,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("dreamport-*.whl")
    return built


def test_every_package_file_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    expected = {
        path.relative_to(root.parent).as_posix()
        for root in SHIPPED_ROOTS
        for path in root.rglob("*")
        if path.is_file() and not any(part in NOT_SHIPPED for part in path.parts) and path.name != "README.md"
    }
    assert sorted(expected - shipped) == []


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "dreamport",
        "dreamport_tools",
        "dreamport_training",
    }
    assert [
        name for name in names if "node_modules" in name or "/bundle/" in name or name.endswith(".pyc")
    ] == []
    assert {"LICENSE", "NOTICE"} <= {name.rpartition("licenses/")[2] for name in names if "licenses/" in name}


def test_the_base_install_stays_under_its_budget(wheel: Path) -> None:
    packages = base_distributions()
    assert {"openvino", "numpy", "grpcio", "pydantic"} <= set(packages)
    assert not {"torch", "vizdoom", "opencv-python-headless", "pyarrow"} & set(packages)
    needed = sum(size_mb(package) for name, package in packages.items() if name != "dreamport")
    with zipfile.ZipFile(wheel) as archive:
        own = sum(item.file_size for item in archive.infolist()) / 1e6
    assert needed + own <= BUDGET_MB, f"{needed:.0f} MB of dependencies and {own:.0f} MB of our own"


def test_ci_runs_the_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
    assert len(blocks) >= 2
    assert blocks[0].startswith("python3 -m venv .venv && ")
    assert blocks[0].strip().endswith("dreamport play")
    assert blocks[1].strip() == "python3 run_tests.py"
    assert "exec " + blocks[1].strip() in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
