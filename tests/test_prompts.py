"""Prompts and events on their way from a client to a frame, and back again by a snapshot or a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamport.errors import ControlError, PackError, SnapshotError
from dreamport.generator import FrameControl, GeneratedFrame, Generator
from dreamport.generator.words import tokens
from dreamport.geometry import Pose
from dreamport.service import PlayClient, PlayError, ServerOptions, replay, running_server
from dreamport.service.controls import ControlInbox
from dreamport.service.world_source import describe
from dreamport.v1 import play_pb2
from dreamport.worlds import WorldPack, write_pack
from dreamport.worlds.manifest import EVENT_HOLDS
from prompted_world import (
    EVENTS,
    SIZE,
    PromptedExecutor,
    PromptedSource,
    prompted_fields,
    write_prompted_pack,
)
from stub_worlds import write_graphs, write_stub_folder, write_stub_pack

PLAIN = FrameControl()
NIGHT = FrameControl(events=("light.night",))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    return write_prompted_pack(tmp_path_factory.mktemp("prompted") / "room")


def generator_of(pack: WorldPack, seed: int = 7) -> tuple[Generator, PromptedExecutor]:
    executor = PromptedExecutor(pack)
    return Generator(pack, executor, seed), executor


def play(generator: Generator, controls: list[FrameControl]) -> list[GeneratedFrame]:
    return [generator.step(control) for control in controls]


def brightness(frame: GeneratedFrame) -> float:
    return float(frame.colour.mean())


def told(executor: PromptedExecutor) -> list[float]:
    return [float(value) for value in executor.fed["denoise"]["prompt"][0]]


class TestWords:
    def test_case_accents_and_punctuation_do_not_count(self) -> None:
        np.testing.assert_array_equal(
            tokens("Dense FOG, at night!", 8, 64), tokens("dénse fog at night", 8, 64)
        )

    def test_words_beyond_the_last_place_are_not_read_and_free_places_are_zero(self) -> None:
        assert list(tokens("a b", 4, 64)[2:]) == [0, 0]
        np.testing.assert_array_equal(tokens("a b c d e", 4, 64), tokens("a b c d", 4, 64))
        assert all(0 < token < 64 for token in tokens("a b c d", 4, 64))
        assert not tokens(" ... ", 4, 64).any()

    def test_the_hash_is_the_same_everywhere(self) -> None:
        assert list(tokens("night fog", 3, 4096)) == [3402, 2085, 0]


class TestGenerator:
    def test_an_event_holds_from_the_next_frame_on_and_changes_nothing_before(self, world: WorldPack) -> None:
        calm, _ = generator_of(world)
        dark, executor = generator_of(world)
        before = [play(calm, [PLAIN] * 3), play(dark, [PLAIN] * 3)]
        for a, b in zip(*before, strict=True):
            np.testing.assert_array_equal(a.colour, b.colour)
        day, night = play(calm, [PLAIN] * 3), play(dark, [NIGHT, PLAIN, PLAIN])
        for a, b in zip(day, night, strict=True):
            assert brightness(b) < brightness(a) - 3
        assert told(executor) == [0, EVENT_HOLDS, 0, 0, 0, 0]
        dark.step(FrameControl(events=("light.day",)))
        assert told(executor) == [0] * SIZE

    def test_the_keys_and_values_of_a_frame_are_made_with_what_it_was_told(self, world: WorldPack) -> None:
        generator, executor = generator_of(world)
        generator.step(PLAIN)
        generator.finish()
        assert told(executor) == [0] * SIZE, "the cache pass of the frame before the event"
        generator.step(NIGHT)
        generator.finish()
        assert told(executor)[1] == EVENT_HOLDS, "the cache pass of the frame that heard it"

    def test_one_event_of_a_group_takes_the_place_of_the_other(self, world: WorldPack) -> None:
        generator, executor = generator_of(world)
        generator.step(FrameControl(events=("light.night", "weather.fog")))
        generator.step(FrameControl(events=("light.dusk",)))
        assert told(executor) == [EVENT_HOLDS, 0, EVENT_HOLDS, 0, 0, 0]
        for events, holds in ((("light.night", "light.dusk"), 0), (("light.dusk", "light.night"), 1)):
            generator.step(FrameControl(events=events))
            assert told(executor)[:2] == [EVENT_HOLDS * (holds == slot) for slot in (0, 1)]

    def test_words_hold_until_others_are_said_and_none_take_them_back(self, world: WorldPack) -> None:
        generator, executor = generator_of(world)
        generator.step(FrameControl(prompt="a foggy night"))
        said = told(executor)
        assert any(said[3:]) and executor.ran.count("text") == 1
        play(generator, [PLAIN, NIGHT])
        assert told(executor)[3:] == said[3:]
        assert executor.ran.count("text") == 1, "words are read once"
        generator.step(FrameControl(prompt=""))
        assert told(executor) == [0, EVENT_HOLDS, 0, 0, 0, 0]

    def test_a_reset_begins_as_the_world_was_captured(self, world: WorldPack) -> None:
        generator, executor = generator_of(world)
        fresh = play(generator, [PLAIN] * 2)
        play(generator, [FrameControl(events=("light.night",), prompt="fog")])
        generator.reset()
        again = play(generator, [PLAIN] * 2)
        for a, b in zip(fresh, again, strict=True):
            np.testing.assert_array_equal(a.colour, b.colour)
        assert told(executor) == [0] * SIZE

    def test_a_snapshot_keeps_what_was_told(self, world: WorldPack) -> None:
        generator, _ = generator_of(world)
        play(generator, [FrameControl(events=("weather.fog",), prompt="a red door"), PLAIN])
        kept = generator.snapshot()
        onward = play(generator, [PLAIN] * 2)
        other, _ = generator_of(world, seed=1)
        other.restore(kept)
        for a, b in zip(onward, play(other, [PLAIN] * 2), strict=True):
            np.testing.assert_array_equal(a.colour, b.colour)

    def test_a_snapshot_with_an_event_of_another_world_is_refused(self, world: WorldPack) -> None:
        from dreamport.worlds.arrays import read_arrays, write_arrays

        generator, _ = generator_of(world)
        arrays = read_arrays(generator.snapshot())
        arrays["prompt_slots"] = np.array([9, -1], np.int64)
        with pytest.raises(SnapshotError, match="does not have"):
            generator.restore(write_arrays(arrays))

    def test_views_of_another_look_are_not_remembered(self, tmp_path: Path) -> None:
        half = write_prompted_pack(tmp_path / "half", headings=4, arc_deg=120.0)
        away = Pose.from_yaw_pitch((0.0, 0.0, 0.0), 200.0)
        remembered = []
        for events in ((), ("light.night",)):
            generator, _ = generator_of(half)
            play(generator, [FrameControl(pose=away, events=events), FrameControl(pose=away)])
            generator.finish()
            remembered.append(generator.session_views)
        assert remembered[0] > 0 and remembered[1] == 0

    @pytest.mark.parametrize(
        ("control", "said"),
        [
            (FrameControl(events=("light.noon",)), "it has light.day"),
            (FrameControl(prompt="x" * 2001), "2000 characters"),
        ],
    )
    def test_what_the_world_does_not_know_is_refused_and_moves_nothing(
        self, control: FrameControl, said: str, world: WorldPack
    ) -> None:
        generator, _ = generator_of(world)
        with pytest.raises(ControlError, match=said):
            generator.step(control)
        assert generator.index == 0

    def test_a_world_without_prompts_takes_none_and_feeds_none(self, tmp_path: Path) -> None:
        generator, executor = generator_of(write_stub_pack(tmp_path / "plain"))
        for control in (NIGHT, FrameControl(prompt="fog")):
            with pytest.raises(ControlError, match=r"takes no text|has no event"):
                generator.step(control)
        generator.step(PLAIN)
        assert "prompt" not in executor.fed["denoise"]


class TestPack:
    def write(self, folder: Path, fields: dict[str, Any]) -> WorldPack:
        write_stub_folder(folder)
        write_graphs(folder, prompted_fields())
        return write_pack(folder, fields)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"events": [*EVENTS, {"name": "light.dim", "label": "Dim", "slot": 1}]}, "same name or slot"),
            ({"events": [{"name": "light.dusk", "label": "Dusk", "slot": 3}]}, "lies outside"),
            ({"events": [{"name": "night", "label": "Night"}]}, "pattern"),
            ({"events": [{"name": "light.dusk", "label": "Dusk", "slot": 0}]}, "first event of each group"),
            ({"events": [], "text": None}, "belong together|neither events nor text"),
        ],
    )
    def test_prompts_that_contradict_themselves_are_refused(
        self, change: dict[str, Any], said: str, tmp_path: Path
    ) -> None:
        fields = prompted_fields()
        fields["prompts"] = {**fields["prompts"], **change}
        with pytest.raises(PackError, match=said):
            self.write(tmp_path / "bad", fields)

    def test_a_graph_without_the_prompt_it_needs_is_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "bad"
        write_stub_folder(folder)
        fields = prompted_fields(text=False)
        with pytest.raises(PackError, match=r"must be .*prompt"):
            write_pack(folder, fields)

    def test_the_contract_tells_what_the_world_can_be_told(self, world: WorldPack) -> None:
        schema = describe(world).control_schema
        assert schema.prompts
        assert list(schema.events) == [event["name"] for event in EVENTS]


class TestInbox:
    def inbox(self, world: WorldPack) -> ControlInbox:
        return ControlInbox(describe(world))

    def test_the_latest_words_and_of_each_group_the_latest_event_go_to_one_frame(
        self, world: WorldPack
    ) -> None:
        inbox = self.inbox(world)
        for name in ("light.night", "weather.fog", "light.dusk"):
            assert inbox.add_event(play_pb2.Event(name=name)) is None
        for text in ("one", "two"):
            assert inbox.add_prompt(play_pb2.Prompt(text=text)) is None
        first, second = inbox.latch().frame, inbox.latch().frame
        assert (first.prompt, set(first.events)) == ("two", {"light.dusk", "weather.fog"})
        assert (second.prompt, second.events) == (None, ())

    def test_words_said_before_a_reset_are_void_and_words_after_it_wait_for_it(
        self, world: WorldPack
    ) -> None:
        inbox = self.inbox(world)
        inbox.add_event(play_pb2.Event(name="weather.fog"))
        inbox.restart_heard()
        inbox.add_event(play_pb2.Event(name="light.night"))
        assert inbox.latch().frame.events == ()
        inbox.restart_done()
        assert inbox.latch().frame.events == ("light.night",)

    def test_a_reset_that_went_with_its_connection_holds_nothing_back(self, world: WorldPack) -> None:
        inbox = self.inbox(world)
        inbox.restart_heard()
        inbox.let_go()
        inbox.add_prompt(play_pb2.Prompt(text="fog"))
        assert inbox.latch().frame.prompt == "fog"


async def test_events_and_words_over_the_wire_are_played_logged_and_replayed(
    world: WorldPack, tmp_path: Path
) -> None:
    source = PromptedSource(world)
    options = ServerOptions(port=0, max_sessions=1, log_folder=tmp_path)
    words = "a night so dark \u2013 " + "\u96ea" * 1980
    async with (
        running_server(options, source) as server,
        PlayClient(server.address) as client,
        await client.open(seed=3) as stream,
    ):
        before = await stream.next_frame()
        while before.message.index < 3:
            before = await stream.next_frame()
        saved = await stream.save()
        await stream.event("light.night")
        dark = await stream.next_frame()
        while dark.colour.mean() > before.colour.mean() - 3:
            dark = await stream.next_frame()
        await stream.prompt(words)
        for _ in range(3):
            await stream.next_frame()
        await stream.load(saved.handle)
        light = await stream.next_frame()
        assert light.colour.mean() > dark.colour.mean() + 3, "a saved state knows what had been told then"
        await stream.event("weather.fog")
        await stream.reset()
        await stream.next_frame()
    (log,) = tmp_path.iterdir()
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert next(e["events"] for e in entries if "events" in e) == ["light.night"]
    assert [e["prompt"] for e in entries if "prompt" in e] == [words]
    result = replay(log, source=source, verify=True)
    assert result.identical and result.complete and result.frames >= 5, result
    silent = [{k: v for k, v in entry.items() if k not in ("events", "prompt")} for entry in entries]
    log.write_text("".join(json.dumps(entry) + "\n" for entry in silent), encoding="utf-8")
    assert not replay(log, source=source, verify=True).identical, "words are part of what makes the frames"


async def test_what_the_world_does_not_offer_is_answered_with_what_it_does(world: WorldPack) -> None:
    options = ServerOptions(port=0, max_sessions=1)
    async with (
        running_server(options, PromptedSource(world)) as server,
        PlayClient(server.address) as client,
        await client.open() as stream,
    ):
        await stream.event("light.noon")
        while not stream.notices:
            await stream.next_frame()
        assert "light.night" in stream.notices[0].message
        await stream.prompt("x" * 2001)
        with pytest.raises(PlayError, match=r"prompt\.text"):
            while True:
                await stream.next_frame()
