"""The session log and its replay: the same frames again, or a clear reason why not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamport.errors import SessionLogError
from dreamport.generator.types import FrameControl, GeneratedFrame
from dreamport.geometry import Intrinsics, Pose
from dreamport.service import replay
from dreamport.service.controls import LatchedControl
from dreamport.service.session import Session
from dreamport.service.session_log import SessionLogReader, SessionLogWriter, frame_digest
from dreamport.service.world_source import ExecutorInfo
from dreamport.v1 import play_pb2
from stubs import StubGenerator, StubSource, serving, stub_world, until

STUB = ExecutorInfo("stub", "CPU", "f32")


def latched(
    buttons: int = 0, look: float = 0.0, pose: Pose | None = None, camera: Intrinsics | None = None
) -> LatchedControl:
    """A control as a frame gets it."""
    return LatchedControl(FrameControl(buttons, (look, 0.0), pose, camera), 7, 0, ())


def step(session: Session, control: LatchedControl) -> None:
    """Generate a frame and show it."""
    session.chunk(control, 0)
    session.show()


def record(path: Path, source: StubSource | None = None, max_bytes: int = 1 << 20) -> Session:
    """A session with everything in it: walking, looking, poses, a save, a load and a reset."""
    source = source or StubSource()
    world = source.worlds()[0]
    log = SessionLogWriter(path, max_bytes)
    generator = source.open(world.summary.name).generator(11, "yard")
    session = Session(world, STUB, generator, 11, "yard", log)
    for number in range(6):
        step(session, latched(number % 4, 0.1 * number))
    kept = session.save()
    assert kept is not None
    pose = Pose.from_yaw_pitch((0.1, 0.2, 1 / 3), 12.3456789)
    step(session, latched(pose=pose, camera=Intrinsics(31.1, 32.2, 30.0, 20.0)))
    step(session, latched(1))
    session.load(kept.handle)
    step(session, latched(2))
    session.reset(5, "hall")
    step(session, latched(1, 3.3))
    session.settle()
    session.close("closed")
    return session


def entries(path: Path) -> list[dict[str, Any]]:
    """Every line."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def rewrite(path: Path, number: int, **changes: object) -> None:
    """Change fields of one line."""
    lines = entries(path)
    lines[number].update(changes)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_log_replays_to_identical_frames(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    record(path)
    seen: list[GeneratedFrame] = []
    result = replay(path, StubSource(), verify=True, on_frame=seen.append)
    assert result.identical and result.complete and result.different == 0 and result.first_difference is None
    assert result.frames == len(seen) == 1 + 6 + 2 + 1 + 1 + 1
    assert [frame.index for frame in seen] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 7, 0, 1]
    assert seen[7].pose.position == (0.1, 0.2, 1 / 3) and seen[7].intrinsics.fx == 31.1


def test_a_played_session_is_logged_and_replays(tmp_path: Path) -> None:

    async def play() -> None:
        async with serving(log_folder=tmp_path) as here, await here.client.open(seed=3) as stream:
            for number in range(20):
                await stream.control(
                    buttons=number % 4, look_deg=(0.1 * number, 0.0), pressed=4 * (number % 5 == 0)
                )
                await stream.next_frame()
            saved = await stream.save()
            await stream.control(pose=Pose.from_yaw_pitch((1.0, 2.0, 3.0), 77.7))
            await stream.next_frame()
            await stream.load(saved.handle)
            await stream.reset(seed=4)
            while (await stream.next_frame()).message.epoch < 2:
                pass
            stream.cancel()
            async with await here.client.open(resume_token=stream.opened.resume_token) as again:
                for _ in range(3):
                    await again.next_frame()

    asyncio.run(play())
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600 and "-stub-" in path.name
    result = replay(path, StubSource(), verify=True)
    assert result.identical and result.complete and result.frames > 24
    kinds = {entry["kind"] for entry in entries(path)}
    assert kinds == {"header", "frame", "save", "load", "reset", "end"}


@pytest.mark.parametrize("line", [0, 3, -2])
def test_a_single_different_frame_is_found(tmp_path: Path, line: int) -> None:
    path = tmp_path / "session.jsonl"
    record(path)
    rewrite(path, line, sha256="0" * 64)
    result = replay(path, StubSource(), verify=True)
    assert not result.identical and result.different == 1
    assert result.first_difference == {0: 0, 3: 3, -2: 11}[line]


def test_a_different_control_makes_different_frames_from_there_on(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    record(path)
    rewrite(path, 2, look=[45.0, 0.0])
    result = replay(path, StubSource(), verify=True)
    assert result.first_difference == 2 and result.different > 4


def test_the_hash_covers_colour_and_depth() -> None:
    frame = StubSource().open("stub").generator(0, "hall").start_frame
    assert frame_digest(frame) == frame_digest(frame)
    assert frame.depth is not None
    other_depth, other_colour = frame.depth.copy(), frame.colour.copy()
    other_depth[-1, -1] = np.nextafter(other_depth[-1, -1], np.float32(np.inf))
    other_colour[-1, -1, -1] ^= 1
    for colour, depth in ((frame.colour, other_depth), (other_colour, frame.depth)):
        changed = GeneratedFrame(0, colour, depth, frame.pose, frame.intrinsics)
        assert frame_digest(changed) != frame_digest(frame)


def test_a_log_of_another_pack_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    record(path)
    with pytest.raises(SessionLogError, match="needs the same pack"):
        replay(path, StubSource(stub_world(digest="cd" * 32)))


def test_verify_refuses_another_executor_but_replay_does_not(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    record(path)
    other = StubSource(executor=ExecutorInfo("stub", "CPU", "bf16"))
    with pytest.raises(SessionLogError, match="stub CPU f32, and this is stub CPU bf16"):
        replay(path, other, verify=True)
    result = replay(path, other)
    assert not result.verified and not result.identical and result.frames == 12


def test_other_versions_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    record(path)
    rewrite(path, 0, versions={**entries(path)[0]["versions"], "numpy": "1.0", "warp": "9"})
    changes = replay(path, StubSource(), verify=True).version_changes
    assert changes == {"numpy": ("1.0", np.__version__), "warp": ("9", "none")}


def test_a_log_cut_off_by_a_crash_replays_up_to_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    record(path)
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.rindex(b'{"kind":"frame"') + 20])
    result = replay(path, StubSource(), verify=True)
    assert result.identical and not result.complete and result.frames == 11


def test_every_frame_is_on_disk_as_soon_as_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    world = stub_world()
    generator = StubSource().open("stub").generator(1, "hall")
    session = Session(world, STUB, generator, 1, "hall", SessionLogWriter(path, 1 << 20))
    for count in range(1, 4):
        step(session, latched())
        session.settle()
        assert [entry["kind"] for entry in entries(path)].count("frame") == count


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a Dreamport session log"),
        (b"hello\n", "line 1 is damaged"),
        (b"[1]\n", "line 1 is damaged"),
        (b'{"kind":"header"}\n', "not a Dreamport session log"),
        (b'{"format":"dreamport-session-log","version":2}\n', "log version 2"),
        (b'{"format":"dreamport-session-log","version":1,"world":"stub"}\n', "header is damaged"),
        (b"\xff\xfe" * 20000, "line 1 is damaged"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "session.jsonl"
    path.write_bytes(content)
    with pytest.raises(SessionLogError, match=says):
        SessionLogReader(path)


@pytest.mark.parametrize(
    "damage",
    [
        {"kind": "frame", "look": "left"},
        {"kind": "frame", "pose": [1, 2]},
        {"kind": "frame", "buttons": None},
        {"kind": "load", "save": 99},
        {"kind": "reset"},
        {"kind": "cheer"},
    ],
)
def test_a_damaged_entry_is_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    path = tmp_path / "session.jsonl"
    record(path)
    lines = entries(path)
    lines[2] = damage if damage["kind"] != "frame" else {**lines[2], **damage}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(SessionLogError):
        replay(path, StubSource())


def test_a_missing_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SessionLogError, match="cannot read"):
        replay(tmp_path / "none.jsonl", StubSource())


def test_a_log_stops_at_its_size_limit_and_what_was_written_still_replays(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    session = record(path, max_bytes=1500)
    assert session.log is not None and session.log.trouble is not None and "size limit" in session.log.trouble
    assert path.stat().st_size <= 1500
    result = replay(path, StubSource(), verify=True)
    assert result.identical and 3 < result.frames < 12 and not result.complete


async def test_a_full_disk_is_announced_and_the_session_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk:
        def write(self, line: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None: ...

    async with serving(log_folder=tmp_path) as here, await here.client.open() as stream:
        await stream.next_frame()
        (seat,) = here.server.sessions.playing
        assert seat.log is not None
        monkeypatch.setattr(seat.log, "_file", FullDisk())
        while not stream.notices:
            await stream.receive()
        first = (await stream.next_frame()).message.index
        assert (await stream.next_frame()).message.index > first
    assert stream.notices[0].code == play_pb2.NOTICE_CODE_NO_SPACE and "disk" in stream.notices[0].message


async def test_a_folder_that_cannot_be_written_costs_the_log_not_the_session(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("not a folder")
    async with serving(log_folder=folder) as here, await here.client.open() as stream:
        assert (await stream.next_frame()).message.index == 0


async def test_a_client_that_leaves_before_its_session_began_leaves_a_closed_log(tmp_path: Path) -> None:
    import threading

    gate = threading.Event()
    source = StubSource()

    def wait_in_the_maker(seed: int, start: str) -> StubGenerator:
        gate.wait(20)
        return StubGenerator(stub_world(), seed, start, lambda stub: None)

    async with serving(source, log_folder=tmp_path) as here:
        source.opened["stub"].generator = wait_in_the_maker  # type: ignore[method-assign]
        opening = asyncio.create_task(here.client.open())
        await until(lambda: here.server.status().sessions == 1, "the lease to be taken")
        opening.cancel()
        await asyncio.wait([opening])
        gate.set()
        await until(lambda: here.server.status().sessions == 0, "the lease to come back")
    (path,) = tmp_path.iterdir()
    assert [entry["kind"] for entry in entries(path)] == ["header", "end"]
