"""Fixtures that every test file may use: a tiny world with random weights, and the world that is shipped."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_WORLD = ROOT / "backend" / "dreamport" / "worlds" / "default"


@pytest.fixture(scope="session")
def tiny_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small valid world pack with random weights: right in shape and behaviour, meaningless to look at."""
    if find_spec("torch") is None:
        pytest.skip("exporting the tiny world needs the extra 'train' (torch)")
    if find_spec("dreamport_training.export") is None:
        pytest.skip("dreamport_training.export is not in this checkout yet")
    from dreamport_training.export import export_random_pack

    path = tmp_path_factory.mktemp("packs") / "tiny"
    export_random_pack(path, seed=0)
    return path


@pytest.fixture(scope="session")
def default_world() -> Path:
    """The world pack that the package ships."""
    if not (DEFAULT_WORLD / "world.json").is_file():
        pytest.skip(f"no default world at {DEFAULT_WORLD.relative_to(ROOT)} in this checkout")
    return DEFAULT_WORLD
