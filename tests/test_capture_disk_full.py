"""A full disk: said beforehand, said clearly when it comes, and everything acknowledged is an episode."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from capture_frames import (
    RGBA,
    assert_is_made_up,
    begin_message,
    capturing,
    record_episode,
    send_frame,
)
from dreamport.service import CaptureError
from dreamport.v1 import capture_pb2

DISK_MB = 4


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"this machine mounts no tmpfs here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("raw", [False, True])
async def test_a_full_disk_is_announced_and_then_ends_the_recording_with_all_that_was_acknowledged(
    small_disk: Path, raw: bool
) -> None:
    colour: dict[str, Any] = {"colour_format": RGBA} if raw else {}
    async with capturing(small_disk) as here:
        recorder = here.client.record()
        await recorder.begin_with(begin_message(**colour))
        with pytest.raises(CaptureError) as caught:
            for index in range(100_000):
                await send_frame(recorder, 1, index, raw=raw)
        error, acknowledged = caught.value, recorder.acknowledged.frames
        assert error.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (
            "the disk of the captures folder is full" in error.message and "delete something" in error.message
        )
        assert error.retry_after_ms is None, "coming back does not help"
        codes = [notice.code for notice in recorder.notices]
        assert codes.count(capture_pb2.CAPTURE_NOTICE_CODE_LOW_SPACE) == 1
        (episode,) = here.dataset()
        assert episode.facts["ended"] == "disk full"
        assert len(episode) >= acknowledged > 300
        assert f"The {len(episode)} frames until then are episode 0 of data set garden." in error.message
        assert_is_made_up(episode, 1)
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(b"\0" * 4096)
        with pytest.raises(CaptureError, match="No episode was begun: the disk") as refused:
            await here.client.record().begin_with(begin_message(**colour))
        assert refused.value.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        filler.unlink()
        async with here.client.record() as again:
            finished = await record_episode(again, 2, 3, **colour)
        assert finished.episode_index == 1
    assert_is_made_up(here.dataset()[1], 2)
