"""The encoder that turns baked frames into latents: that of a world pack, or of a training run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from dreamport.errors import DatasetError
from dreamport.models import load_module
from dreamport.models.codec import Encoder
from dreamport.worlds import open_pack


@dataclass(frozen=True)
class FoundEncoder:
    """``near_m``: the depth that is 1 in its inverse depth; ``None`` where that is not known."""

    encoder: Encoder
    near_m: float | None


def find_encoder(place: str) -> FoundEncoder:
    """The encoder of ``place``: the folder of a training run, a world pack, or a name in the catalogue.

    Raises ``DatasetError`` when a run has none yet, ``PackError`` or ``WorldNotFoundError`` for a pack.
    """
    run = Path(place)
    if (run / "modules").is_dir():
        path = run / "modules" / "encode.safetensors"
        if not path.exists():
            raise DatasetError(f"{run} has no encoder yet; run its codec stage first")
        return FoundEncoder(_load(path), None)
    pack = open_pack(place)
    name = pack.manifest.weights.get("encode")
    if name is None:
        raise DatasetError(f"world {pack.manifest.name} comes without the weights of its encoder")
    with tempfile.TemporaryDirectory(prefix="dreamport-") as folder:
        path = Path(folder) / "encode.safetensors"
        path.write_bytes(pack.read(name))
        depth = pack.manifest.depth
        return FoundEncoder(_load(path), depth.min_m if depth else None)


def _load(path: Path) -> Encoder:
    module = load_module("encode", path)
    assert isinstance(module, Encoder)
    return module
