"""The service with nothing replaced: a real pack on its executor, played over gRPC, logged and replayed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dreamport.errors import SessionLogError
from dreamport.service import PlayClient, ServerOptions, replay, running_server
from dreamport.v1 import common_pb2


async def test_a_real_pack_is_played_resumed_saved_loaded_and_replayed_to_identical_frames(
    tiny_pack: Path, tmp_path: Path
) -> None:
    name = json.loads((tiny_pack / "world.json").read_text())["name"]
    options = ServerOptions(
        port=0, worlds=(tiny_pack,), default_world=name, threads=1, max_sessions=1, log_folder=tmp_path
    )
    shared = common_pb2.TRANSPORT_SHARED_MEMORY
    async with running_server(options) as server, PlayClient(server.address) as client:
        stream = await client.open(seed=7, transport=shared)
        world = stream.opened.world
        assert world.summary.name == name and stream.opened.executor.name == "openvino"
        size = world.summary.frame_size
        everything = stream.button(*(button.name for button in world.control_schema.buttons))
        for number in range(12):
            await stream.control(buttons=everything if number % 3 else 0, look_deg=(4.0, 0.0))
            frame = await stream.next_frame()
            assert frame.colour.shape == (size.height, size.width, 3)
            assert frame.depth is not None and (frame.depth >= world.depth_range.min_m * 0.99).all()
        saved = await stream.save()
        before = await stream.next_frame()
        loaded = await stream.load(saved.handle)
        assert loaded.frame_index == saved.frame_index <= before.message.index
        stream.cancel()
        async with await client.open(resume_token=stream.opened.resume_token) as again:
            assert again.opened.resumed
            first, second = await again.next_frame(), await again.next_frame()
            assert second.message.index == first.message.index + 1
            assert not np.array_equal(first.colour, second.colour)
    (log,) = tmp_path.iterdir()
    result = replay(log, worlds=(tiny_pack,), verify=True)
    assert result.identical and result.complete and result.frames >= 12, result


def test_a_log_of_a_pack_that_was_changed_since_is_refused(tiny_pack: Path, tmp_path: Path) -> None:
    header = {
        "kind": "header",
        "format": "dreamport-session-log",
        "version": 1,
        "world": json.loads((tiny_pack / "world.json").read_text())["name"],
        "digest": "0" * 64,
        "executor": {"name": "openvino", "device": "CPU", "precision": "f32", "threads": 1},
        "seed": 1,
        "start": "any",
        "sha256": "0" * 64,
        "versions": {},
    }
    log = tmp_path / "old.jsonl"
    log.write_text(json.dumps(header) + "\n")
    with pytest.raises(SessionLogError, match="needs the same pack"):
        replay(log, worlds=(tiny_pack,), verify=True)
