"""Playing a world whose causal step makes sixteen frames: one chunk is shown, evenly, while the next is made.

A stub stands for the networks; generator, sessions, pacing, service and client are the real ones.
"""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dreamport.errors import ControlError, ExecutorError, SnapshotError
from dreamport.generator import ChunkGenerator, FrameControl
from dreamport.geometry import Pose
from dreamport.service.chunk_pacing import ChunkPacer
from dreamport.service.client import PlayedFrame, PlayStream
from dreamport.service.replay import replay
from dreamport.service.turns import ChunkTurnTaking
from dreamport.v1 import play_pb2
from dreamport.worlds import WorldPack
from on_time import assert_on_time, measured_again
from stub_chunks import ChunkSource, Gate, StubChunkExecutor, StubChunkSession, chunk_pack, serving_chunks
from stubs import until

FORWARD, BACK, LEFT, RIGHT, LOOK_LEFT, LOOK_RIGHT, LOOK_UP, LOOK_DOWN = (1 << bit for bit in range(8))
FPS = 100.0
MS = 1_000_000


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    return chunk_pack(tmp_path_factory.mktemp("chunks"), FPS)


def generator_of(pack: WorldPack, seed: int = 3) -> tuple[ChunkGenerator, StubChunkSession]:
    executor = StubChunkExecutor()
    generator = ChunkGenerator(pack, executor, seed)
    return generator, executor.sessions[0]


def positions(poses: NDArray[Any]) -> list[list[float]]:
    return [[round(float(x), 4) for x in pose[:3, 3]] for pose in poses]


class TestGenerator:
    def test_the_first_chunk_adds_twelve_frames_to_the_picture_and_every_other_sixteen(
        self, pack: WorldPack
    ) -> None:
        generator, _ = generator_of(pack)
        assert generator.start_frame.index == 0 and generator.start_frame.depth is None
        chunks = [generator.chunk(FrameControl()) for _ in range(3)]
        assert [len(chunk) for chunk in chunks] == [12, 16, 16]
        assert [frame.index for chunk in chunks for frame in chunk] == list(range(1, 45))

    def test_forward_walks_a_twentieth_a_frame_and_each_latent_frame_gets_the_pose_of_its_last(
        self, pack: WorldPack
    ) -> None:
        generator, session = generator_of(pack)
        first = generator.chunk(FrameControl(FORWARD))
        assert [frame.pose.position[2] for frame in first] == pytest.approx([0.05 * k for k in range(1, 13)])
        assert positions(session.poses[0]) == [[0, 0, 0], [0, 0, 0.2], [0, 0, 0.4], [0, 0, 0.6]]
        generator.chunk(FrameControl(BACK))
        assert positions(session.poses[1]) == [[0, 0, 0.4], [0, 0, 0.2], [0, 0, 0], [0, 0, -0.2]]

    def test_aslant_is_no_faster_than_straight(self, pack: WorldPack) -> None:
        generator, _ = generator_of(pack)
        x, _, z = generator.chunk(FrameControl(FORWARD | RIGHT))[-1].pose.position
        assert math.hypot(x, z) == pytest.approx(0.6) and x == pytest.approx(z)

    def test_keys_turn_two_degrees_a_frame_and_walking_follows_the_view(self, pack: WorldPack) -> None:
        generator, _ = generator_of(pack)
        generator.chunk(FrameControl())
        assert generator.chunk(FrameControl(LOOK_RIGHT))[-1].pose.yaw_deg() == pytest.approx(32.0)
        before = generator.pose.position
        after = generator.chunk(FrameControl(FORWARD))[-1].pose.position
        assert math.degrees(math.atan2(after[0] - before[0], after[2] - before[2])) == pytest.approx(32.0)

    def test_a_look_is_spread_over_the_chunk_and_pitch_ends_at_85_degrees(self, pack: WorldPack) -> None:
        generator, _ = generator_of(pack)
        frames = generator.chunk(FrameControl(look_deg=(24.0, -12.0)))
        assert [frame.pose.yaw_deg() for frame in frames] == pytest.approx([2.0 * k for k in range(1, 13)])
        assert frames[-1].pose.pitch_deg() == pytest.approx(-12.0)
        for _ in range(4):
            frames = generator.chunk(FrameControl(LOOK_UP))
        assert frames[-1].pose.pitch_deg() == pytest.approx(-85.0, abs=1e-3)
        with pytest.raises(ControlError, match="in one chunk; send at most 64"):
            generator.chunk(FrameControl(look_deg=(65.0, 0.0)))

    def test_a_pose_from_outside_is_reached_at_the_end_of_the_chunk(self, pack: WorldPack) -> None:
        generator, session = generator_of(pack)
        there = Pose.from_yaw_pitch((0.3, -0.1, 1.2), 30.0, 10.0)
        frames = generator.chunk(FrameControl(pose=there))
        assert frames[-1].pose.position == there.position
        assert frames[5].pose.position == pytest.approx((0.15, -0.05, 0.6))
        assert frames[5].pose.yaw_deg() == pytest.approx(15.0, abs=0.5)
        np.testing.assert_allclose(session.poses[0][-1], there.matrix(), atol=1e-6)

    def test_a_jump_from_outside_is_a_cut_that_the_network_never_sees(self, pack: WorldPack) -> None:
        generator, session = generator_of(pack)
        generator.chunk(FrameControl(FORWARD))
        far = Pose.from_yaw_pitch((500.0, 3.0, -40.0), 170.0)
        frames = generator.chunk(FrameControl(pose=far))
        assert {frame.pose for frame in frames} == {far}
        np.testing.assert_allclose(session.poses[1], session.poses[0][-1:].repeat(4, 0), atol=1e-5)
        near = Pose.from_yaw_pitch(
            (500.0 + 0.4 * math.sin(math.radians(170)), 3.0, -40.0 + 0.4 * math.cos(math.radians(170))), 170.0
        )
        generator.chunk(FrameControl(pose=near))
        walked = session.poses[2][-1] - session.poses[1][-1]
        np.testing.assert_allclose(walked[:3, 3], [0.0, 0.0, 0.4], atol=1e-4)

    def test_a_prompt_holds_from_its_chunk_on_and_an_empty_one_goes_back(self, pack: WorldPack) -> None:
        def play(*prompts: str | None) -> tuple[list[bytes], list[str]]:
            generator, session = generator_of(pack)
            chunks = [generator.chunk(FrameControl(prompt=prompt)) for prompt in prompts]
            return [chunk[-1].colour.tobytes() for chunk in chunks], session.prompts

        plain, _ = play(None, None, None)
        told, heard = play(None, "snow falls", None)
        assert told[0] == plain[0] and told[1] != plain[1] and told[2] != plain[2]
        assert heard == ["a quiet valley", "snow falls"]
        assert play("snow falls", "", None)[1] == ["a quiet valley", "snow falls", "a quiet valley"]
        with pytest.raises(ControlError, match="prompt: longer than 2000"):
            play("x" * 2001)

    def test_the_same_seed_gives_the_same_chunks_with_fresh_noise_for_each_step(
        self, pack: WorldPack
    ) -> None:
        def play(seed: int, finish: bool) -> tuple[list[bytes], list[NDArray[Any]]]:
            generator, session = generator_of(pack, seed)
            pictures = []
            for number in range(3):
                pictures.append(generator.chunk(FrameControl(FORWARD << number))[-1].colour.tobytes())
                if finish:
                    generator.finish()
            return pictures, session.noises

        pictures, noises = play(5, finish=True)
        assert pictures == play(5, finish=False)[0] != play(6, finish=True)[0]
        assert noises[0].shape == (4, 16, 4, 4, 8)
        flat = np.stack([step.ravel() for noise in noises for step in noise])
        assert np.abs(np.corrcoef(flat) - np.eye(len(flat))).max() < 0.1

    def test_a_snapshot_goes_on_to_the_same_chunks(self, pack: WorldPack) -> None:
        generator, _ = generator_of(pack)
        generator.chunk(FrameControl(FORWARD, prompt="snow falls"))
        kept = generator.snapshot()
        expected = [generator.chunk(FrameControl(LOOK_LEFT)) for _ in range(2)]
        other, _ = generator_of(pack, seed=99)
        other.chunk(FrameControl(BACK))
        other.restore(kept)
        again = [other.chunk(FrameControl(LOOK_LEFT)) for _ in range(2)]
        for before, after in zip(expected, again, strict=True):
            assert [(f.index, f.pose, f.colour.tobytes()) for f in before] == [
                (f.index, f.pose, f.colour.tobytes()) for f in after
            ]
        assert other.words == "snow falls"

    def test_a_sketch_goes_on_from_the_last_picture_as_a_session_begins(self, pack: WorldPack) -> None:
        generator, _ = generator_of(pack)
        generator.chunk(FrameControl(FORWARD, prompt="snow falls"))
        last = generator.chunk(FrameControl(FORWARD))[-1]
        sketch = generator.sketch()
        other, session = generator_of(pack, seed=99)
        other.restore(sketch)
        assert (other.index, other.pose, other.words) == (last.index, last.pose, "snow falls")
        again = other.snapshot()
        frames = other.chunk(FrameControl(FORWARD))
        assert [frame.index for frame in frames] == list(range(last.index + 1, last.index + 13))
        assert frames[0].pose.position[2] == pytest.approx(last.pose.position[2] + 0.05)
        assert np.array_equal(session._image, last.colour)
        assert session.poses[0][0][2, 3] == pytest.approx(last.pose.position[2]), "the picture's own place"
        third, _ = generator_of(pack, seed=5)
        third.restore(again)
        assert np.array_equal(third.chunk(FrameControl(FORWARD))[-1].colour, frames[-1].colour)

    def test_a_damaged_snapshot_is_refused_and_changes_nothing(self, pack: WorldPack) -> None:
        generator, _ = generator_of(pack)
        generator.chunk(FrameControl(FORWARD))
        kept = generator.snapshot()
        with pytest.raises(SnapshotError, match="save the session again"):
            generator.restore(kept[: len(kept) // 2])
        place = np.eye(4).tobytes()
        assert kept.count(place) == 1
        with pytest.raises(SnapshotError):
            generator.restore(kept.replace(place, (2 * np.eye(4)).tobytes()))
        assert generator.index == 12 and generator.pose.position[2] == pytest.approx(0.6)


class TestPacer:
    def pacer(self, expected_s: float = 0.4) -> ChunkPacer:
        return ChunkPacer(0.1, expected_s, 16, now_s=0.0)

    def shown(self, pacer: ChunkPacer, frames: int) -> list[float]:
        """When each of so many frames is shown by a machine that keeps the schedule."""
        times = []
        for _ in range(frames):
            times.append(pacer.due_s)
            pacer.handed_out(pacer.due_s)
        return times

    def test_a_shorter_first_chunk_is_stretched_and_makes_no_machine_slow(self) -> None:
        pacer = self.pacer(1.4)
        pacer.made(5.0, 1.4, 12)
        assert pacer.interval_s == pytest.approx(1.1 * 1.4 / 12), "it lasts until the next is there"
        assert pacer.frame_rate == pytest.approx(10.0), "and full chunks are in time"

    def test_controls_are_taken_as_late_as_the_next_chunk_can_still_be_in_time(self) -> None:
        pacer = self.pacer()
        assert pacer.made(5.0, 0.4, 16) == 0.0, "nothing was shown that it could have interrupted"
        assert pacer.due_s == 5.0
        unsure = pacer.latch_at(16)
        for _ in range(8):
            pacer.made(5.0, 0.4, 16)
        assert pacer.latch_at(16) == pytest.approx(5.0 + 1.6 - 0.4 * (1.1 + 0.5 / 8))
        assert unsure < pacer.latch_at(16) - 0.05, "earlier while little is known of the machine"

    def test_no_chunk_is_begun_before_the_one_before_it_is_shown(self) -> None:
        pacer = self.pacer(expected_s=9.0)
        pacer.made(5.0, 0.4, 16)
        assert pacer.latch_at(16) == pytest.approx(5.0)
        assert pacer.latch_at(18) > 5.0

    def test_frames_are_even_across_the_border_of_two_chunks(self) -> None:
        pacer = self.pacer()
        pacer.made(5.0, 0.4, 12)
        times = self.shown(pacer, 11)
        assert pacer.made(times[-1] + 0.05, 0.4, 16) == 0.0
        times += self.shown(pacer, 17)
        np.testing.assert_allclose(np.diff(times), 0.1)

    def test_a_late_chunk_is_told_and_the_schedule_begins_anew_with_it(self) -> None:
        pacer = self.pacer()
        pacer.made(5.0, 0.4, 16)
        times = self.shown(pacer, 16)
        assert pacer.made(times[-1] + 0.5, 1.9, 16) == pytest.approx(0.4)
        assert pacer.late == 1
        after = self.shown(pacer, 16)
        assert after[0] == pytest.approx(times[-1] + 0.5)
        np.testing.assert_allclose(np.diff(after), 0.1, atol=0.02)

    def test_a_frame_that_was_shown_late_is_made_up_for_gently(self) -> None:
        pacer = self.pacer()
        pacer.made(5.0, 0.4, 16)
        pacer.handed_out(5.06)
        assert pacer.due_s == pytest.approx(5.06 + 0.07)

    def test_a_slow_machine_shows_its_frames_evenly_more_slowly(self) -> None:
        pacer = self.pacer(expected_s=3.2)
        now = 10.0
        pacer.made(now, 3.2, 16)
        gaps = []
        for number in range(4):
            begin = max(now, pacer.latch_at(16))
            shown = self.shown(pacer, 16)
            gaps += list(np.diff([*shown, pacer.due_s]))
            now = begin + 3.2 * (1.05 if number % 2 else 1.0)
            assert pacer.made(now, now - begin, 16) == 0.0
        assert gaps == pytest.approx([1.1 * 3.2 / 16] * 64, rel=0.06)


async def play(stream: PlayStream, last_index: int) -> list[PlayedFrame]:
    """Frames up to one with at least this index."""
    frames = []
    async for frame in stream.frames():
        frames.append(frame)
        if frame.message.index >= last_index:
            break
    return frames


def intervals_ms(frames: list[PlayedFrame]) -> NDArray[Any]:
    """Between frames as they arrived, without the start frame."""
    return np.diff([frame.received_ns for frame in frames if frame.message.index > 0]) / MS


class TestService:
    @measured_again
    async def test_sixteen_frames_are_spread_evenly_while_the_next_are_made(self, pack: WorldPack) -> None:
        """MUST-SHOW 4 of issue 5: interval p99 at most 1.5 times p50."""
        slow = chunk_pack_at(pack, 25.0)
        executor = StubChunkExecutor(lambda session: time.sleep(0.3))
        async with (
            serving_chunks(ChunkSource(slow, executor)) as here,
            await here.client.open(seed=1) as stream,
        ):
            assert stream.opened.cadence.chunk_frames == 16
            frames = await play(stream, 12 + 3 * 16)
            assert [frame.message.index for frame in frames] == list(range(12 + 3 * 16 + 1))
            p50, p99 = np.percentile(intervals_ms(frames), (50, 99))
            late = [n.message for n in stream.notices if n.code == play_pb2.NOTICE_CODE_LATE]
            assert_on_time(not late and (stream.stats is None or stream.stats.late == 0), late)
            assert_on_time(p50 == pytest.approx(40.0, rel=0.1) and p99 <= 1.5 * p50, (p50, p99))

    async def test_a_chunk_takes_its_controls_late_and_all_its_frames_tell_which(
        self, pack: WorldPack
    ) -> None:
        slow = chunk_pack_at(pack, 50.0)
        executor = StubChunkExecutor(lambda session: time.sleep(0.1))
        async with (
            serving_chunks(ChunkSource(slow, executor)) as here,
            await here.client.open(seed=1) as stream,
        ):
            await play(stream, 14)
            await stream.control(buttons=FORWARD, look_deg=(8.0, 0.0))
            frames = await play(stream, 12 + 16 * 3)
        applied = [f for f in frames if f.message.control.sequence == 1]
        first = applied[0].message
        assert first.index == 29, "the next chunk, though it was said while the second was shown"
        chunk = [f.message for f in applied[:16]]
        assert sum(m.control.look_yaw_deg for m in chunk) == pytest.approx(8.0)
        assert {m.timing.latched_at_ns for m in chunk} == {first.timing.latched_at_ns}
        shown = {f.message.index: f.message.timing.present_at_ns for f in frames}
        begun = next(shown[index] for index in sorted(shown) if index > 14)
        assert first.timing.latched_at_ns > begun, "long after the chunk before it began to be shown"

    async def test_pausing_stops_within_a_chunk_and_going_on_loses_nothing(self, pack: WorldPack) -> None:
        executor = StubChunkExecutor()
        async with (
            serving_chunks(ChunkSource(pack, executor)) as here,
            await here.client.open(seed=1) as stream,
        ):
            frames = await play(stream, 18)
            await stream.pause()
            saved = await stream.save()  # answered while paused, so everything before it has been heard
            assert (saved.frame_index + 4) % 16 == 0, "a state is kept at the border of two chunks"
            made = executor.sessions[-1].chunks
            await stream.pause(False)
            frames += await play(stream, 60)
            assert executor.sessions[-1].chunks > made
        indices = [frame.message.index for frame in frames]
        seen_while_saving = 61 - len(indices)
        assert indices == sorted(set(indices)) and seen_while_saving <= 3

    async def test_reset_save_and_load_work_at_chunk_borders(self, pack: WorldPack) -> None:
        source = ChunkSource(pack, StubChunkExecutor())
        async with serving_chunks(source) as here, await here.client.open(seed=7) as stream:
            await play(stream, 20)
            saved = await stream.save()
            await stream.control(buttons=FORWARD)
            await play(stream, saved.frame_index + 20)
            await stream.reset(seed=8)
            frame = await stream.next_frame()
            while frame.message.epoch == 0:
                frame = await stream.next_frame()
            assert (frame.message.index, frame.message.epoch) == (0, 1)
            assert [f.message.index for f in await play(stream, 13)] == list(range(1, 14))
            loaded = await stream.load(saved.handle)
            assert (loaded.frame_index, loaded.epoch) == (saved.frame_index, 2)
            frames = await play(stream, saved.frame_index + 3)
            assert [f.message.index - saved.frame_index for f in frames] == [0, 1, 2, 3]
            assert {f.message.epoch for f in frames} == {2}

    async def test_of_a_state_too_large_to_keep_a_sketch_is_kept_and_that_is_said(
        self, pack: WorldPack, tmp_path: Path
    ) -> None:
        source = ChunkSource(pack, StubChunkExecutor())
        small = {"max_saved_bytes": 100_000, "log_folder": tmp_path}
        async with serving_chunks(source, **small) as here, await here.client.open(seed=7) as stream:
            await play(stream, 20)
            saved = await stream.save()
            (notice,) = [n for n in stream.notices if n.code == play_pb2.NOTICE_CODE_NO_SPACE]
            assert "not remembered" in notice.message and saved.bytes < 100_000
            await play(stream, saved.frame_index + 20)
            await stream.load(saved.handle)
            await play(stream, saved.frame_index + 30)
            await stream.close()
        (log,) = tmp_path.glob("*.jsonl")
        assert replay(log, ChunkSource(pack, StubChunkExecutor()), verify=True).identical

    async def test_a_client_that_comes_back_gets_the_rest_of_the_chunk(self, pack: WorldPack) -> None:
        source = ChunkSource(pack, StubChunkExecutor())
        async with serving_chunks(source, grace_s=20.0) as here:
            async with await here.client.open(seed=1) as stream:
                before = (await play(stream, 17))[-1].message
                token = stream.opened.resume_token
                stream.cancel()
            await until(lambda: here.server.status().sessions == 0, "the client to have left")
            async with await here.client.open(resume_token=token) as stream:
                frames = await play(stream, 40)
        indices = [frame.message.index for frame in frames]
        assert 0 <= indices[0] - before.index <= 3, "what was shown last is shown again"
        assert indices == list(range(indices[0], 41))

    async def test_a_late_chunk_is_announced_and_never_caught_up_in_a_burst(self, pack: WorldPack) -> None:
        gate = Gate()
        source = ChunkSource(pack, StubChunkExecutor(gate))
        async with serving_chunks(source) as here, await here.client.open(seed=1) as stream:
            await play(stream, 14)
            gate.shut()
            await until(lambda: source.players[0].chunks >= 3, "a chunk to wait at the gate")
            (waiting,) = here.server.sessions.playing
            await until(lambda: not waiting.waiting, "the last frame to be shown")
            await asyncio.sleep(5 / FPS)  # the delay that this test is about
            gate.open()
            frames = await play(stream, 12 + 16 * 4)
            notice = next(n for n in stream.notices if n.code == play_pb2.NOTICE_CODE_LATE)
            assert "ms late" in notice.message
            stats = (await stream.next("stats")).stats
        assert stats.late >= 1
        gaps = np.diff([frame.message.timing.present_at_ns for frame in frames]) / MS
        assert gaps.max() >= 50.0, "the chunk was late"
        assert gaps.min() > 5.0, "and its frames came one by one"

    async def test_a_machine_that_is_too_slow_plays_in_even_slow_motion_and_says_so(
        self, pack: WorldPack
    ) -> None:
        executor = StubChunkExecutor(lambda session: time.sleep(0.4))
        async with (
            serving_chunks(ChunkSource(pack, executor)) as here,
            await here.client.open(seed=1) as stream,
        ):
            frames = await play(stream, 12 + 3 * 16)
            slow = [n.message for n in stream.notices if n.code == play_pb2.NOTICE_CODE_LATE]
        assert len(slow) == 1 and "this world's 100 a second" in slow[0]
        shown = [f.message.timing.present_at_ns for f in frames if f.message.index > 12]
        p50, p90 = np.percentile(np.diff(shown) / MS, (50, 90))
        assert p50 == pytest.approx(1.1 * 400 / 16, rel=0.2) and p90 <= 1.5 * p50

    async def test_a_log_replays_to_the_same_frames(self, pack: WorldPack, tmp_path: Path) -> None:
        source = ChunkSource(pack, StubChunkExecutor())
        async with (
            serving_chunks(source, log_folder=tmp_path) as here,
            await here.client.open(seed=7) as stream,
        ):
            await stream.control(buttons=FORWARD)
            await play(stream, 20)
            saved = await stream.save()
            await stream.prompt("snow falls")
            await stream.control(buttons=LEFT, look_deg=(10.0, 0.0))
            await play(stream, saved.frame_index + 20)
            await stream.load(saved.handle)
            await play(stream, saved.frame_index + 20)
            await stream.reset(seed=8)
            await play(stream, 13)
            await stream.close()
        (log,) = tmp_path.glob("*.jsonl")
        again = replay(log, ChunkSource(pack, StubChunkExecutor()), verify=True)
        assert again.identical and again.complete and again.frames > 60
        text = log.read_text()
        assert '"kind":"chunk"' in text and "snow falls" in text
        log.write_text(text.replace("snow falls", "rain falls"))
        assert not replay(log, ChunkSource(pack, StubChunkExecutor()), verify=True).identical

    async def test_a_session_that_is_over_gives_its_memory_back(self, pack: WorldPack) -> None:
        source = ChunkSource(pack, StubChunkExecutor())
        async with serving_chunks(source) as here:
            async with await here.client.open() as stream:
                await play(stream, 14)
                assert [session.closed for session in source.executor.sessions] == [True, False]
                await stream.close()
            await until(lambda: all(s.closed for s in source.executor.sessions), "the memory to be free")


def chunk_pack_at(pack: WorldPack, frame_rate: float) -> WorldPack:
    return WorldPack(pack.manifest.model_copy(update={"frame_rate": frame_rate}), pack.digest, pack.source)


def test_a_session_left_while_another_has_its_turn_is_closed_after_it(pack: WorldPack) -> None:
    gate = Gate()
    executor = StubChunkExecutor(gate)
    turns = ChunkTurnTaking(executor)
    playing, leaving = ChunkGenerator(pack, turns, 1), ChunkGenerator(pack, turns, 2)
    with turns.turn():
        leaving.close()
        assert not executor.sessions[1].closed
    assert executor.sessions[1].closed and not executor.sessions[0].closed
    playing.chunk(FrameControl())


def test_a_session_that_cannot_be_closed_is_no_fault_of_another(
    pack: WorldPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = StubChunkExecutor(Gate())
    turns = ChunkTurnTaking(executor)
    playing, leaving = ChunkGenerator(pack, turns, 1), ChunkGenerator(pack, turns, 2)

    def fail() -> None:
        raise ExecutorError("another process is gone")

    monkeypatch.setattr(executor.sessions[1], "close", fail)
    leaving.close()
    assert len(playing.chunk(FrameControl())) > 0
