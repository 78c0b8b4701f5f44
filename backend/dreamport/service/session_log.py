"""The session log: everything that made a session's frames, so that they can be made again.

JSON lines, written as they happen, so a killed server leaves all but its last line readable. The first line
is the header: versions, world and pack digest, executor, seed and start. Then one line for each event:

- ``{"kind": "frame", "index", "buttons", "look": [yaw, pitch], "sequence", "sha256"}``, with ``"pose"``
  (position, then quaternion) and ``"intrinsics"`` when they came from outside, ``"prompt"`` and ``"events"``
  when something was said; ``sha256`` is of the colour's
  bytes, then the depth's;
- ``chunk`` in place of ``frame`` in a world whose causal step makes several: ``index`` is its first frame's,
  ``sha256`` a list with one for each;
- ``reset`` (seed, start, sha256 of the start frame), ``save`` (``sketch`` where the whole was too large)
  and ``load`` (number of the save), ``end``
  (reason).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from dreamport import __version__
from dreamport.errors import SessionLogError
from dreamport.generator.types import FrameControl, GeneratedFrame
from dreamport.geometry import Intrinsics, Pose
from dreamport.service.controls import LatchedControl
from dreamport.service.world_source import ExecutorInfo
from dreamport.v1 import world_pb2

FORMAT = "dreamport-session-log"
VERSION = 1
MAX_LINE_BYTES = 32768
MAX_READ_BYTES = 1 << 31

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SessionLogHeader:
    """First line of a log."""

    world: str
    digest: str
    executor: ExecutorInfo
    seed: int
    start: str
    sha256: str
    versions: dict[str, str]


def frame_digest(frame: GeneratedFrame) -> str:
    """SHA-256 of the colour ``[H, W, 3]`` uint8, then the depth ``[H, W]`` little-endian float32 where there
    is one, hexadecimal.
    """
    digest = hashlib.sha256(frame.colour.tobytes())
    if frame.depth is not None:
        digest.update(frame.depth.astype("<f4", copy=False).tobytes())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Versions that a frame's bytes may depend on."""
    found = {"dreamport": __version__}
    for name in ("numpy", "openvino", "torch", "tensorrt_rtx", "tensorrt"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


class SessionLogWriter:
    """Writes one session's log, mode 0600, at most ``max_bytes``.

    When the disk or the log is full, writing stops, ``trouble`` says so, and the session goes on.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.trouble: str | None = None
        self._left = max_bytes
        self._file: BinaryIO | None = None
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise SessionLogError(f"cannot write the session log {path}: {error.strerror}") from error
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    @staticmethod
    def in_folder(folder: Path, world: str, session_id: str, max_bytes: int) -> SessionLogWriter:
        """A log named after the time, the world and the session. ``world`` is a name from the catalogue,
        never a client's text.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SessionLogError(f"cannot make the log folder {folder}: {error.strerror}") from error
        return SessionLogWriter(folder / f"{stamp}-{world}-{session_id}.jsonl", max_bytes)

    def opened(
        self, world: world_pb2.World, executor: ExecutorInfo, seed: int, start: str, frame: GeneratedFrame
    ) -> None:
        """The header."""
        self._write(
            {
                "kind": "header",
                "format": FORMAT,
                "version": VERSION,
                "world": world.summary.name,
                "digest": world.digest,
                "executor": {
                    "name": executor.name,
                    "device": executor.device,
                    "precision": executor.precision,
                    "threads": executor.threads,
                    **({"options": list(executor.options)} if executor.options else {}),
                },
                "seed": seed,
                "start": start,
                "sha256": frame_digest(frame),
                "versions": versions(),
            }
        )

    def chunk(self, frames: tuple[GeneratedFrame, ...], control: LatchedControl) -> None:
        """One chunk and the control that it applied."""
        if self._file is None:
            return
        entry: dict[str, Any] = {
            "kind": "frame" if len(frames) == 1 else "chunk",
            "index": frames[0].index,
            "buttons": control.frame.buttons,
            "look": list(control.frame.look_deg),
            "sequence": control.sequence,
        }
        if control.frame.pose is not None:
            entry["pose"] = [*control.frame.pose.position, *control.frame.pose.orientation]
        if control.frame.intrinsics is not None:
            camera = control.frame.intrinsics
            entry["intrinsics"] = [camera.fx, camera.fy, camera.cx, camera.cy]
        if control.frame.prompt is not None:
            entry["prompt"] = control.frame.prompt
        if control.frame.events:
            entry["events"] = list(control.frame.events)
        digests = [frame_digest(frame) for frame in frames]
        self._write({**entry, "sha256": digests[0] if len(frames) == 1 else digests})

    def reset(self, seed: int, start: str, frame: GeneratedFrame) -> None:
        """The session began again."""
        self._write({"kind": "reset", "seed": seed, "start": start, "sha256": frame_digest(frame)})

    def saved(self, number: int, whole: bool = True) -> None:
        """A state was kept, or a sketch of it."""
        self._write({"kind": "save", "save": number, **({} if whole else {"sketch": True})})

    def loaded(self, number: int) -> None:
        """The session went back to a kept state."""
        self._write({"kind": "load", "save": number})

    def close(self, reason: str) -> None:
        """The session is over."""
        self._write({"kind": "end", "reason": reason})
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, entry: dict[str, Any]) -> None:
        if self._file is None:
            return
        line = json.dumps(entry, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if len(line) > self._left:
            self._stop(
                "The session log reached its size limit and stopped; the session goes on without it.", None
            )
            return
        try:
            self._file.write(line)
        except OSError as error:
            self._stop(
                "The session log stopped: the server's disk is full or failed. The session goes on without "
                "it.",
                error,
            )
            return
        self._left -= len(line)

    def _stop(self, trouble: str, error: OSError | None) -> None:
        _log.error("session log stopped", path=str(self.path), error=str(error or "size limit"))
        self.trouble = trouble
        if self._file is not None:
            self._file.close()
            self._file = None


class SessionLogReader:
    """Reads a log that may have been cut off in its last line. Raises ``SessionLogError`` with the line's
    number.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header = self._header()

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every line after the header."""
        for number, entry in self._lines():
            if number > 1:
                yield entry

    def control(self, entry: dict[str, Any]) -> FrameControl:
        """The control of a ``frame`` or ``chunk`` entry."""
        try:
            pose, camera, look = entry.get("pose"), entry.get("intrinsics"), entry["look"]
            prompt = entry.get("prompt")
            return FrameControl(
                buttons=int(entry["buttons"]),
                look_deg=(float(look[0]), float(look[1])),
                pose=None
                if pose is None
                else Pose((pose[0], pose[1], pose[2]), (pose[3], pose[4], pose[5], pose[6])),
                intrinsics=None if camera is None else Intrinsics(*camera),
                prompt=None if prompt is None else str(prompt),
                events=tuple(str(name) for name in entry.get("events", ())),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise SessionLogError(
                f"{self.path}: a frame entry is damaged; the log cannot be replayed"
            ) from error

    def _header(self) -> SessionLogHeader:
        for _, entry in self._lines():
            if entry.get("format") != FORMAT:
                break
            if entry.get("version") != VERSION:
                raise SessionLogError(
                    f"{self.path} has log version {entry.get('version')}; this Dreamport reads version "
                    f"{VERSION}: "
                    "replay it with the Dreamport that made it"
                )
            try:
                executor = entry["executor"]
                return SessionLogHeader(
                    world=str(entry["world"]),
                    digest=str(entry["digest"]),
                    executor=ExecutorInfo(
                        str(executor["name"]),
                        str(executor["device"]),
                        str(executor["precision"]),
                        threads=int(executor["threads"]),
                        options=tuple(str(option) for option in executor.get("options", ())),
                    ),
                    seed=int(entry["seed"]),
                    start=str(entry["start"]),
                    sha256=str(entry["sha256"]),
                    versions={str(name): str(version) for name, version in entry["versions"].items()},
                )
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise SessionLogError(
                    f"{self.path}: the header is damaged; the log cannot be replayed"
                ) from error
        raise SessionLogError(
            f"{self.path} is not a Dreamport session log; give a file that `dreamport serve` wrote"
        )

    def _lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        try:
            if self.path.stat().st_size > MAX_READ_BYTES:
                raise SessionLogError(
                    f"{self.path} is larger than {MAX_READ_BYTES >> 30} GiB; it is not read"
                )
            with self.path.open("rb") as file:
                for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 1):
                    if not line.endswith(b"\n") and len(line) < MAX_LINE_BYTES:
                        return  # cut off while it was written
                    try:
                        entry = json.loads(line)
                    except ValueError as error:
                        raise SessionLogError(f"{self.path}: line {number} is damaged") from error
                    if not isinstance(entry, dict):
                        raise SessionLogError(f"{self.path}: line {number} is damaged")
                    yield number, entry
        except OSError as error:
            raise SessionLogError(f"cannot read {self.path}: {error.strerror}") from error
