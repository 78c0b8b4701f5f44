"""Fixtures that every test file may use: a tiny world with random weights, and the world that is shipped."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_WORLD = ROOT / "backend" / "dreamport" / "worlds" / "default"
pytest_plugins = ["native_library"]


@pytest.fixture(scope="session")
def tiny_pack(pytestconfig: pytest.Config) -> Path:
    """A small valid world pack with random weights: right in shape and behaviour, meaningless to look at.

    Exporting it takes longer than most tests, so it is kept in pytest's cache as long as the sources that it
    is made from stay as they are. Copy it before changing anything in it.
    """
    if find_spec("torch") is None:
        pytest.skip("exporting the tiny world needs the extra 'train' (torch)")
    from dreamport_training.export import export_random_pack

    path = pytestconfig.cache.mkdir("tiny_pack") / _digest_of_sources() / "tiny"
    if not (path / "world.json").is_file():
        export_random_pack(path, seed=0)
    return path


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for folder in ("backend/dreamport/models", "backend/dreamport/worlds", "training/dreamport_training"):
        for source in sorted((ROOT / folder).glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


@pytest.fixture(scope="session")
def default_world() -> Path:
    """The world pack that the package ships."""
    if not (DEFAULT_WORLD / "world.json").is_file():
        pytest.skip(f"no default world at {DEFAULT_WORLD.relative_to(ROOT)} in this checkout")
    return DEFAULT_WORLD
