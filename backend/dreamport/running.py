"""What runs on this machine for this user: each server leaves one small record, ``dreamport ps`` reads them.

A record is a JSON file named after its process in the user's runtime folder. It is written whole and
renamed into place, so a reader never sees half of one, and it names the process's start time, so a
process number that was given out again is not mistaken for a server.
"""

from __future__ import annotations

import json
import os
import stat
import warnings
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import psutil

from dreamport.errors import DreamportError

MAX_RECORD_BYTES = 64 * 1024


class RuntimeFolderError(DreamportError):
    """The folder for server records cannot be used safely."""


@dataclass(frozen=True)
class ServerRecord:
    """One running server. ``fps`` is generated frames a second over all sessions; times are Unix seconds."""

    pid: int
    process_started: float
    address: str
    web_url: str | None
    worlds: tuple[str, ...]
    executor: str
    fallback_reason: str | None
    sessions: int
    fps: float
    updated_at: float
    version: str


@dataclass(frozen=True)
class RunningServer:
    """A record whose process is alive, with its resident memory in MB (10^6 bytes)."""

    record: ServerRecord
    rss_mb: float


def runtime_folder() -> Path:
    """The user's own folder for records, made with mode 0700.

    Raises ``RuntimeFolderError`` when the folder belongs to someone else, which on a shared ``/tmp`` would
    let them forge records.
    """
    import platformdirs  # noqa: PLC0415  (only the commands that need it pay for it)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the fall-back for a missing XDG_RUNTIME_DIR is the one we want
        folder = Path(platformdirs.user_runtime_dir("dreamport")) / "servers"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        details = folder.lstat()
    except OSError as error:
        raise RuntimeFolderError(
            f"cannot make {folder}: {error.strerror}; set XDG_RUNTIME_DIR to a folder that you own"
        ) from error
    if not stat.S_ISDIR(details.st_mode) or (hasattr(os, "getuid") and details.st_uid != os.getuid()):
        raise RuntimeFolderError(
            f"{folder} belongs to another user; set XDG_RUNTIME_DIR to a folder that you own"
        )
    return folder


def process_started(pid: int) -> float | None:
    """When process ``pid`` started, in Unix seconds; ``None`` when there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def publish(record: ServerRecord, folder: Path) -> Path:
    """Write or replace the record of one server. Returns its path."""
    path = folder / f"{record.pid}.json"
    draft = folder / f".{record.pid}.json"
    draft.write_text(json.dumps(asdict(record)), encoding="utf-8")
    draft.replace(path)
    return path


def withdraw(pid: int, folder: Path) -> None:
    """Remove the record of process ``pid``; nothing happens when there is none."""
    (folder / f"{pid}.json").unlink(missing_ok=True)


def running_servers(folder: Path) -> list[RunningServer]:
    """Every live server in ``folder``, oldest first. Records of processes that are gone are deleted."""
    found = []
    for path in sorted(folder.glob("*.json")):
        record = _read(path)
        if record is None or not _is_alive(record):
            path.unlink(missing_ok=True)
            continue
        try:
            rss = psutil.Process(record.pid).memory_info().rss
        except psutil.Error:
            path.unlink(missing_ok=True)
            continue
        found.append(RunningServer(record, rss / 1e6))
    return sorted(found, key=lambda server: server.record.process_started)


def _is_alive(record: ServerRecord) -> bool:
    started = process_started(record.pid)
    return started is not None and abs(started - record.process_started) < 1.0


def _read(path: Path) -> ServerRecord | None:
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            return None
        values = json.loads(path.read_text(encoding="utf-8"))
        if set(values) != {field.name for field in fields(ServerRecord)}:
            return None
        return ServerRecord(**{**values, "worlds": tuple(values["worlds"])})
    except (OSError, ValueError, TypeError):
        return None
