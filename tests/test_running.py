"""Server records: `dreamport ps` shows the servers that live, and only those."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from dreamport import running
from dreamport.running import RuntimeFolderError, ServerRecord


@pytest.fixture
def record() -> ServerRecord:
    started = running.process_started(os.getpid())
    assert started is not None
    return ServerRecord(
        pid=os.getpid(),
        process_started=started,
        address="127.0.0.1:50051",
        web_url="http://127.0.0.1:8060",
        worlds=("default",),
        executor="openvino",
        fallback_reason=None,
        sessions=1,
        fps=20.0,
        updated_at=time.time(),
        version="0.1.0",
    )


def test_a_published_server_is_listed_with_its_memory(tmp_path: Path, record: ServerRecord) -> None:
    running.publish(record, tmp_path)
    (found,) = running.running_servers(tmp_path)
    assert found.record == record
    assert found.rss_mb > 1


def test_publishing_again_replaces_the_record(tmp_path: Path, record: ServerRecord) -> None:
    running.publish(record, tmp_path)
    running.publish(replace(record, sessions=3), tmp_path)
    (found,) = running.running_servers(tmp_path)
    assert found.record.sessions == 3
    assert [path.name for path in tmp_path.iterdir()] == [f"{record.pid}.json"]


def test_a_withdrawn_server_is_not_listed(tmp_path: Path, record: ServerRecord) -> None:
    running.publish(record, tmp_path)
    running.withdraw(record.pid, tmp_path)
    assert running.running_servers(tmp_path) == []


def test_a_record_of_a_process_number_that_was_given_out_again_is_removed(
    tmp_path: Path, record: ServerRecord
) -> None:
    running.publish(replace(record, process_started=record.process_started - 3600), tmp_path)
    assert running.running_servers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"pid": 1}', "null", "x" * (running.MAX_RECORD_BYTES + 1)]
)
def test_a_damaged_record_is_removed(tmp_path: Path, content: str) -> None:
    (tmp_path / "1.json").write_text(content)
    assert running.running_servers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_record_with_a_value_of_the_wrong_kind_is_removed(tmp_path: Path, record: ServerRecord) -> None:
    (tmp_path / "1.json").write_text(json.dumps({**asdict(record), "worlds": 3}))
    assert running.running_servers(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_the_runtime_folder_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = running.runtime_folder()
    assert folder.is_relative_to(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX owners")
def test_a_runtime_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    running.runtime_folder()
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    with pytest.raises(RuntimeFolderError, match="belongs to another user"):
        running.runtime_folder()


def test_a_runtime_folder_that_cannot_be_made_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("platformdirs.user_runtime_dir", lambda _name: str(tmp_path / "file"))
    with pytest.raises(RuntimeFolderError, match="XDG_RUNTIME_DIR"):
        running.runtime_folder()
