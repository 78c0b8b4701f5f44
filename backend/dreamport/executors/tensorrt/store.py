"""Engines on disk, each beside a record of what it was made from and for; nothing is loaded that does not
fit.

``engines/LIBRARY-VERSION/KIND/PACK/PRECISION/GRAPH.engine`` in the user's cache folder. KIND is the kind of
GPU (sm89) for TensorRT for RTX, whose engines run on every GPU of the kind; TensorRT's own are for one GPU
and driver, which then stand in KIND. Beside the engines lie the kernels that TensorRT for RTX makes on first
use, a file for each GPU and driver.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from platformdirs import user_cache_dir

from dreamport.errors import ExecutorError
from dreamport.executors.gpu import Gpu
from dreamport.executors.tensorrt.library import Library
from dreamport.executors.tensorrt.targets import Target

MAX_ENGINE_BYTES = 64 << 30
MAX_RECORD_BYTES = 1 << 16


class StaleEngineError(ExecutorError):
    """An engine is there and was made for something else; the message says for what."""


@dataclass(frozen=True)
class EngineKey:
    """What an engine is made from and for.

    ``pack`` and ``graph_digest`` are sha256 in hex; ``gpu`` and ``driver`` are empty for an engine that runs
    on every GPU of its kind.
    """

    library: str
    version: str
    sm: str
    precision: str
    pack: str
    graph: str
    graph_digest: str
    gpu: str = ""
    driver: str = ""


@dataclass(frozen=True)
class EngineRecord(EngineKey):
    """A key, with size and sha256 of the engine's file."""

    bytes: int = 0
    sha256: str = ""


def engine_key(
    library: Library, target: Target, gpu: Gpu | None, precision: str, pack: str, graph: str, onnx: bytes
) -> EngineKey:
    """The key of a graph's engine. ``gpu``: this machine's, ``None`` where an engine is made for another.

    Raises ``ExecutorError`` when the library can build only for the GPU it runs on, and there is none.
    """
    if not library.portable and gpu is None:
        raise ExecutorError(
            f"{library.title} builds engines only on the GPU they are for; install tensorrt-rtx to build for "
            f"{target.name} here, or run dreamport compile --for this on that machine"
        )
    own = not library.portable and gpu is not None
    return EngineKey(
        library=library.name,
        version=library.version,
        sm=target.sm,
        precision=precision,
        pack=pack,
        graph=graph,
        graph_digest=hashlib.sha256(onnx).hexdigest(),
        gpu=gpu.name if own and gpu is not None else "",
        driver=gpu.driver if own and gpu is not None else "",
    )


class EngineStore:
    """Engines below one folder, the user's cache by default."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or Path(user_cache_dir("dreamport", appauthor=False)) / "engines"

    def path(self, key: EngineKey) -> Path:
        """Where the engine of that key is, or would be."""
        kind = key.sm if not key.gpu else f"{key.sm}-{_slug(key.gpu)}-{_slug(key.driver)}"
        version = f"{key.library}-{_slug(key.version)}"
        return self.folder / version / kind / key.pack[:24] / key.precision / f"{key.graph}.engine"

    def kernels_path(self, key: EngineKey, gpu: Gpu) -> Path:
        """Where the kernels made on first use of that engine on this GPU and driver are kept."""
        return self.path(key).with_suffix(f".{gpu.slug}-{_slug(gpu.driver)}.kernels")

    def put(self, key: EngineKey, engine: bytes) -> Path:
        """Keep an engine. The record is written last: without it an engine is as good as absent."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        record = EngineRecord(**asdict(key), bytes=len(engine), sha256=hashlib.sha256(engine).hexdigest())
        write_whole(path, engine)
        write_whole(_record_path(path), json.dumps(asdict(record), indent=2).encode())
        return path

    def get(self, key: EngineKey) -> bytes | None:
        """The engine of exactly that key, or ``None`` when there is none.

        Raises ``StaleEngineError`` for an engine that was made from or for something else, or is damaged.
        """
        path = self.path(key)
        if not _record_path(path).is_file():
            return None
        record = _read_record(path)
        differences = _differences(record, key)
        if differences:
            raise StaleEngineError(f"{path} {differences}; {remedy(key)}")
        if not path.is_file() or path.stat().st_size != record.bytes or record.bytes > MAX_ENGINE_BYTES:
            raise StaleEngineError(f"{path} is not the file its record lists; {remedy(key)}")
        engine = path.read_bytes()
        if hashlib.sha256(engine).hexdigest() != record.sha256:
            raise StaleEngineError(f"{path} is damaged; {remedy(key)}")
        return engine

    def elsewhere(self, key: EngineKey) -> str | None:
        """For a missing engine: what an engine of the same graph for the same kind of GPU was made for."""
        found = []
        pattern = f"{key.library}-*/{key.sm}*/{key.pack[:24]}/{key.precision}/{key.graph}.json"
        for path in sorted(self.folder.glob(pattern)):
            try:
                difference = _differences(_read_record(path.with_suffix(".engine")), key)
            except StaleEngineError:
                continue
            if difference:
                found.append(difference)
        return f"an engine of this graph {found[0]}" if found else None


def remedy(key: EngineKey) -> str:
    """What to do about an engine that does not fit."""
    return f"build it again with dreamport compile WORLD --for this (it needs {key.library} {key.version})"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that no reader ever sees half of it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
        stream.write(data)
    os.replace(stream.name, path)


def _read_record(path: Path) -> EngineRecord:
    place = _record_path(path)
    try:
        if place.stat().st_size > MAX_RECORD_BYTES:
            raise ValueError("it is too long")
        record = EngineRecord(**json.loads(place.read_text(encoding="utf-8")))
        if not all(isinstance(value, str) for name, value in asdict(record).items() if name != "bytes"):
            raise ValueError("a field is not text")
        if not isinstance(record.bytes, int):
            raise ValueError("bytes is not a number")
    except (OSError, TypeError, ValueError) as error:
        raise StaleEngineError(
            f"{place} cannot be read ({error}); delete it and run dreamport compile again"
        ) from None
    return record


def _differences(record: EngineRecord, key: EngineKey) -> str:
    """What the engine was made for, where that is not what is wanted; empty when it fits."""
    if record.version != key.version or record.library != key.library:
        return (
            f"was made by {record.library} {record.version} and {key.library} {key.version} is installed "
            "(engines run only on the version that made them)"
        )
    if record.sm != key.sm or record.gpu != key.gpu:
        return f"was made for {record.gpu or record.sm} and this GPU is {key.gpu or key.sm}"
    if record.driver != key.driver:
        return f"was made for driver {record.driver} and this machine has {key.driver}"
    if record.pack != key.pack or record.graph_digest != key.graph_digest or record.graph != key.graph:
        return "was made from another version of this world"
    if record.precision != key.precision:
        return f"was made in {record.precision} and {key.precision} is asked for"
    return ""


def _record_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _slug(text: str) -> str:
    letters = "".join(letter if letter.isalnum() or letter == "." else " " for letter in text.lower())
    return "-".join(letters.split())[:64].strip(".") or "unknown"
