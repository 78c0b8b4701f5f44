"""Where a server's worlds come from, as the service needs them. Tests put their own source in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dreamport.errors import WorldNotFoundError
from dreamport.executors import Executor, open_chunk_executor, open_executor
from dreamport.executors.chunks import ChunkExecutor
from dreamport.executors.lingbot.options import options_of
from dreamport.generator import ChunkGenerator, Generator
from dreamport.generator.types import WorldGenerator
from dreamport.service.turns import ChunkTurnTaking, TurnTaking
from dreamport.v1 import common_pb2, world_pb2
from dreamport.worlds import Catalogue
from dreamport.worlds.manifest import DepthRange
from dreamport.worlds.pack import WorldPack
from dreamport.worlds.source import open_source


@dataclass(frozen=True)
class ExecutorInfo:
    """What runs a world's graphs. ``fallback_reason``: why it is not the preferred one, or ``None``.

    ``threads``: how many it uses; 0 when it does not tell. ``options``: those of LingBot that are on.
    """

    name: str
    device: str
    precision: str
    fallback_reason: str | None = None
    threads: int = 0
    options: tuple[str, ...] = ()


class OpenWorld(Protocol):
    """A world whose graphs are loaded. Its generators may run on several threads at once, each on one at a
    time.
    """

    @property
    def executor(self) -> ExecutorInfo:
        """What runs it."""
        ...

    def generator(self, seed: int, start: str) -> WorldGenerator:
        """A generator at a start of the world."""
        ...


class WorldSource(Protocol):
    """All worlds of a server."""

    def worlds(self) -> Sequence[world_pb2.World]:
        """Every world that can be read, the default one first."""
        ...

    def open(self, name: str) -> OpenWorld:
        """Load a world; takes seconds. Raises ``PackError``, ``ExecutorError`` or ``WorldNotFoundError``."""
        ...


class CatalogueSource:
    """The worlds of the catalogue, run by ``open_executor``."""

    def __init__(
        self,
        paths: Sequence[Path] = (),
        executor: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
        lingbot: Sequence[str] = (),
    ) -> None:
        self._catalogue = Catalogue(paths)
        self._lingbot = tuple(lingbot)
        self._executor = executor
        self._threads = threads
        self._precision = precision

    def worlds(self) -> Sequence[world_pb2.World]:
        """Every readable world of the catalogue."""
        return [
            describe(WorldPack(entry.manifest, entry.digest, open_source(entry.path)))
            for entry in self._catalogue.list()
            if entry.manifest is not None and entry.digest is not None
        ]

    def open(self, name: str) -> OpenWorld:
        """Check the pack and load its graphs, or its checkpoint's weights."""
        pack = self._catalogue.get(name)
        if pack.manifest.checkpoint is not None:
            options = options_of(self._lingbot) if self._lingbot else None
            chunks = open_chunk_executor(pack, self._executor, self._threads, self._precision, options)
            return CheckpointWorld(pack, chunks, self._lingbot)
        return PackWorld(pack, open_executor(pack, self._executor, self._threads, self._precision))


class PackWorld:
    """A pack and the executor that all its sessions share."""

    def __init__(self, pack: WorldPack, executor: Executor) -> None:
        self._pack = pack
        self._turns = TurnTaking(executor)
        self._executor = ExecutorInfo(
            executor.name, executor.device, executor.precision, executor.fallback_reason, executor.threads
        )

    @property
    def executor(self) -> ExecutorInfo:
        """What runs it."""
        return self._executor

    def generator(self, seed: int, start: str) -> WorldGenerator:
        """A generator on the shared executor."""
        return Generator(self._pack, self._turns, seed, start)


class CheckpointWorld:
    """A pack that refers to a checkpoint, and the executor that all its sessions share."""

    def __init__(self, pack: WorldPack, executor: ChunkExecutor, options: tuple[str, ...] = ()) -> None:
        self._pack = pack
        self._options = options
        self._turns = ChunkTurnTaking(executor)

    @property
    def executor(self) -> ExecutorInfo:
        """What runs it."""
        runs = self._turns
        return ExecutorInfo(
            runs.name, runs.device, runs.precision, runs.fallback_reason, runs.threads, self._options
        )

    def generator(self, seed: int, start: str) -> WorldGenerator:
        """A generator on the shared executor, with a session's memory of its own."""
        return ChunkGenerator(self._pack, self._turns, seed, start)


def describe(pack: WorldPack) -> world_pb2.World:
    """The wire's view of a ``WorldPack``."""
    manifest = pack.manifest
    controls, prompts = manifest.controls, manifest.prompts
    return world_pb2.World(
        summary=world_pb2.WorldSummary(
            name=manifest.name,
            title=manifest.title,
            description=manifest.description,
            licence=manifest.licence,
            frame_size=common_pb2.FrameSize(width=manifest.frame.width, height=manifest.frame.height),
            frame_rate=manifest.frame_rate,
        ),
        digest=pack.digest,
        chunk_frames=manifest.chunk_frames,
        control_schema=world_pb2.ControlSchema(
            buttons=[
                world_pb2.Button(name=button.name, label=button.label, keys=button.keys)
                for button in controls.buttons
            ],
            look=world_pb2.LookAxes(
                yaw=controls.look.yaw,
                pitch=controls.look.pitch,
                max_deg_per_frame=controls.look.max_deg_per_frame,
            ),
            pose=controls.pose,
            prompts=manifest.takes_words,
            events=[event.name for event in prompts.events] if prompts else [],
        ),
        intrinsics=common_pb2.Intrinsics(
            fx=manifest.camera.fx, fy=manifest.camera.fy, cx=manifest.camera.cx, cy=manifest.camera.cy
        ),
        depth_range=depth_range(manifest.depth),
        starts=[world_pb2.Start(name=start.name, title=start.title) for start in manifest.starts],
        card=pack.read("card.md").decode("utf-8", "replace") if "card.md" in manifest.files else "",
        provenance=world_pb2.Provenance(
            data=manifest.provenance.data,
            licence=manifest.provenance.licence,
            commit=manifest.provenance.commit,
            trained_on=manifest.provenance.trained_on,
            metrics=flat_numbers(manifest.provenance.metrics),
            notes=manifest.provenance.notes,
        ),
    )


def depth_range(depth: DepthRange | None) -> world_pb2.DepthRange | None:
    """``None``, a field that is not there, of a world without depth."""
    return None if depth is None else world_pb2.DepthRange(min_m=depth.min_m, max_m=depth.max_m)


def flat_numbers(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Nested numbers under dotted names; what is no number is left out."""
    flat: dict[str, float] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            flat.update(flat_numbers(value, f"{prefix}{name}."))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[prefix + name] = float(value)
    return flat


def world_named(worlds: Sequence[world_pb2.World], name: str) -> world_pb2.World:
    """The world of that name; the first for an empty name. Raises ``WorldNotFoundError``."""
    for world in worlds:
        if not name or world.summary.name == name:
            return world
    known = ", ".join(world.summary.name for world in worlds) or "none"
    raise WorldNotFoundError(f"this server has no world {name[:64]!r}; it has: {known}")
