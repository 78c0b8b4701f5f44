"""Make a session's frames again from its log, and compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamport.errors import SessionLogError
from dreamport.generator.types import GeneratedFrame, WorldGenerator
from dreamport.service.session_log import SessionLogReader, frame_digest, versions
from dreamport.service.world_source import CatalogueSource, ExecutorInfo, WorldSource, world_named


@dataclass(frozen=True)
class ReplayResult:
    """What a replay gave. ``first_difference``: position (from 0) of the first frame whose hash differs, or
    ``None``.

    ``version_changes``: what has another version than when the log was made, e.g. ``{"numpy": ("2.0",
    "2.1")}``.
    """

    world: str
    executor: ExecutorInfo
    frames: int
    verified: bool
    different: int
    first_difference: int | None
    version_changes: dict[str, tuple[str, str]]
    complete: bool

    @property
    def identical(self) -> bool:
        """True when hashes were compared and all were equal."""
        return self.verified and self.different == 0


def replay(
    log: Path,
    source: WorldSource | None = None,
    verify: bool = False,
    worlds: tuple[Path, ...] = (),
    executor: str | None = None,
    threads: int | None = None,
    on_frame: Callable[[GeneratedFrame], None] | None = None,
) -> ReplayResult:
    """Generate every frame of a session log again; with ``verify``, compare their hashes.

    ``executor`` and ``threads`` ``None`` take the log's own. ``on_frame`` gets each frame, the start
    included. Raises ``SessionLogError`` when the log is damaged, when the world's pack is not the one it was
    made with, or when ``verify`` asks another executor for equal hashes.
    """
    reader = SessionLogReader(log)
    header = reader.header
    if source is None:
        wanted = executor or header.executor.name
        threads = threads or header.executor.threads or None
        made_on = header.executor
        source = CatalogueSource(worlds, wanted, threads, made_on.precision, made_on.options)
    world = world_named(source.worlds(), header.world)
    if world.digest != header.digest:
        raise SessionLogError(
            f"{log} was made with another version of world {header.world}: its pack has the digest "
            f"{header.digest[:16]}..., the one here {world.digest[:16]}.... Replay needs the same pack; "
            "give its path."
        )
    opened = source.open(header.world)
    if verify and _identity(opened.executor) != _identity(header.executor):
        raise SessionLogError(
            f"{log} was made on {' '.join(_identity(header.executor))}, and this is "
            f"{' '.join(_identity(opened.executor))}: "
            "their frames are close but not identical. Replay without --verify, or on the same executor."
        )
    player = _Player(reader, opened.generator(header.seed, header.start), on_frame)
    try:
        player.run()
    finally:
        player.close()
    now = versions()
    return ReplayResult(
        world=header.world,
        executor=opened.executor,
        frames=player.frames,
        verified=verify,
        different=len(player.differences) if verify else 0,
        first_difference=player.differences[0] if verify and player.differences else None,
        version_changes={
            name: (then, now.get(name, "none"))
            for name, then in header.versions.items()
            if now.get(name) != then
        },
        complete=player.complete,
    )


class _Player:
    """Walks through a log."""

    def __init__(
        self,
        reader: SessionLogReader,
        generator: WorldGenerator,
        on_frame: Callable[[GeneratedFrame], None] | None,
    ) -> None:
        self._reader = reader
        self._generator = generator
        self._on_frame = on_frame
        self._snapshots: dict[int, bytes] = {}
        self.frames = 0
        self.differences: list[int] = []
        self.complete = False
        self._saw(generator.start_frame, reader.header.sha256)

    def run(self) -> None:
        """Replay every entry."""
        needed = {entry["save"] for entry in self._reader.entries() if entry.get("kind") == "load"}
        for entry in self._reader.entries():
            try:
                self._do(entry, needed)
            except KeyError as error:
                raise SessionLogError(
                    f"{self._reader.path}: a {entry.get('kind')} entry is damaged; the log cannot be replayed"
                ) from error

    def close(self) -> None:
        """The world is played no further."""
        self._generator.close()

    def _do(self, entry: dict[str, Any], needed: set[int]) -> None:
        kind = entry.get("kind")
        if kind in ("frame", "chunk"):
            expected = entry["sha256"] if kind == "chunk" else [entry["sha256"]]
            frames = self._generator.chunk(self._reader.control(entry))
            if len(frames) != len(expected):
                raise SessionLogError(
                    f"{self._reader.path}: a chunk of {len(expected)} frames, and this world makes "
                    f"{len(frames)} at a time; replay it with the Dreamport that made it"
                )
            for frame, digest in zip(frames, expected, strict=True):
                self._saw(frame, digest)
            self._generator.finish()
        elif kind == "reset":
            self._saw(self._generator.reset(int(entry["seed"]), str(entry["start"])), entry["sha256"])
        elif kind == "save":
            if entry["save"] in needed:
                kept = self._generator.sketch() if entry.get("sketch") else self._generator.snapshot()
                self._snapshots[entry["save"]] = kept
        elif kind == "load":
            self._generator.restore(self._snapshots[entry["save"]])
        elif kind == "end":
            self.complete = True
        else:
            raise SessionLogError(
                f"{self._reader.path}: an entry of unknown kind; replay it with the Dreamport that made it"
            )

    def _saw(self, frame: GeneratedFrame, expected: str) -> None:
        if frame_digest(frame) != expected:
            self.differences.append(self.frames)
        self.frames += 1
        if self._on_frame is not None:
            self._on_frame(frame)


def _identity(executor: ExecutorInfo) -> tuple[str, str, str]:
    return executor.name, executor.device, executor.precision
