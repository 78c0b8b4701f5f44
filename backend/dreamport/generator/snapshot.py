"""A session's snapshot: one ``.npz`` without pickle, with a JSON header that names the world it belongs
to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dreamport.errors import SnapshotError
from dreamport.worlds.arrays import AnyArray, ArraysError, read_arrays, write_arrays
from dreamport.worlds.pack import WorldPack

FORMAT = "dreamport-snapshot"
VERSION = 1
MAX_HEADER_BYTES = 1 << 16
MAX_SNAPSHOT_BYTES = 4 << 30


class SnapshotHeader(BaseModel):
    """What a snapshot says about itself; ``index`` is the last frame generated, ``digest`` that of the
    pack.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: str = FORMAT
    version: int = VERSION
    world: str = Field(max_length=64)
    digest: str = Field(max_length=64)
    start: str = Field(max_length=64)
    seed: int = Field(ge=0, lt=1 << 64)
    index: int = Field(ge=0, lt=1 << 48)
    memory: bool


def write_snapshot(header: SnapshotHeader, arrays: Mapping[str, AnyArray]) -> bytes:
    """The bytes of a snapshot; equal contents give equal bytes."""
    text = header.model_dump_json().encode()
    return write_arrays({"header": np.frombuffer(text, np.uint8), **arrays})


def read_snapshot(data: bytes, pack: WorldPack) -> tuple[SnapshotHeader, dict[str, AnyArray]]:
    """Header and arrays. Raises ``SnapshotError`` unless it is an undamaged snapshot of exactly this
    world.
    """
    if len(data) > MAX_SNAPSHOT_BYTES:
        raise SnapshotError("this snapshot is too large to be one; choose another file")
    try:
        arrays = read_arrays(data)
        text = arrays.pop("header", np.zeros(0, np.uint8)).tobytes()
        if not 0 < len(text) <= MAX_HEADER_BYTES:
            raise ArraysError("it has no header")
        fields = json.loads(text)
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            raise ArraysError("it is something else")
        if fields.get("version") != VERSION:
            raise SnapshotError(
                "this snapshot was made by another version of Dreamport; this one reads snapshots of "
                f"version {VERSION}"
            )
        header = SnapshotHeader.model_validate_json(text)
    except (ArraysError, ValidationError, ValueError, RecursionError) as error:
        raise SnapshotError(
            f"this is no readable snapshot ({_reason(error)}); save the session again"
        ) from None
    if header.digest != pack.digest:
        raise SnapshotError(
            f"this snapshot belongs to world {header.world!r} with digest {header.digest[:12]}, and this "
            "session plays "
            f"{pack.manifest.name!r} with digest {pack.digest[:12]}; open the world it was saved in"
        )
    return header, arrays


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ArraysError) else "its header is damaged"
