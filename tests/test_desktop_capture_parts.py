"""Parts of the desktop recorder that need no desktop: keys, hot keys, the grid, secrecy, raw input."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import simplejpeg

from dreamport.episodes.dataset import Dataset
from dreamport.episodes.layout import DatasetInfo, create_dataset, read_info
from dreamport.episodes.plan import EpisodePlan
from dreamport.episodes.rows import FrameFacts
from dreamport.errors import DesktopCaptureError
from dreamport.worlds.buttons import buttons_of
from dreamport_tools.desktop import keys
from dreamport_tools.desktop.bindings import DEFAULT, Bindings
from dreamport_tools.desktop.consent import ask_once
from dreamport_tools.desktop.controls import HeldControls
from dreamport_tools.desktop.evdev_mouse import EvdevMouse, motions
from dreamport_tools.desktop.events import InputEvent, Put
from dreamport_tools.desktop.grid import Grid
from dreamport_tools.desktop.hotkeys import HotKeys
from dreamport_tools.desktop.plan import RunFacts, plan_episode
from dreamport_tools.desktop.redaction import black_out
from dreamport_tools.desktop.run import check
from dreamport_tools.desktop.secrecy import Secrecy
from dreamport_tools.desktop.settings import DesktopSettings
from dreamport_tools.desktop.window import Box
from dreamport_tools.desktop.windows.mouse import mouse_counts
from dreamport_tools.desktop.x11.input import event_time_ns, raw_event
from dreamport_tools.desktop.x11.motion import Motion
from dreamport_tools.desktop.x11.text_fields import AtSpiTextFields, _Busy, _Refused


def key(name: str, down: bool = True, time_ns: int = 0) -> InputEvent:
    return InputEvent(time_ns, "key", name, down)


def move(dx: float, dy: float) -> InputEvent:
    return InputEvent(0, "move", dx=dx, dy=dy)


def test_a_key_has_the_same_name_on_every_system() -> None:
    for name, kernel, windows, macos in (
        ("KeyW", 17, (0x11, False), 13),
        ("ArrowUp", 103, (0x48, True), 126),
        ("ControlRight", 97, (0x1D, True), 62),
        ("ShiftLeft", 42, (0x2A, False), 56),
        ("Space", 57, (0x39, False), 49),
        ("F9", 67, (0x43, False), 101),
        ("Slash", 53, (0x35, False), 44),
    ):
        assert keys.from_kernel(kernel) == name
        assert keys.from_x11(keys.x11_keycode(name)) == name == keys.from_x11(kernel + 8)
        assert keys.from_windows(*windows) == name
        assert keys.from_macos(macos) == name
    assert keys.from_kernel(500) == "Key#500"


def test_a_tap_between_two_frames_is_in_the_control_and_moves_add_up() -> None:
    held = HeldControls(Bindings.parse("forward=KeyW,ArrowUp jump=Space fire=MouseLeft"))
    row, kept = held.row(
        [key("Space"), key("Space", False), move(3, -1), move(2, 0), key("KeyW"), key("KeyW")]
    )
    assert (row.buttons, row.dx, row.dy) == (0b011, 5, -1)
    assert [event.name for event in kept if event.kind == "key"] == ["Space", "Space", "KeyW"], (
        "no repetitions"
    )
    assert held.row([])[0].buttons == 0b001, "W is still held"
    assert held.row([key("KeyW", False)])[0].buttons == 0b001, "it was held until it came up"
    assert held.row([])[0].buttons == 0


def test_a_snapshot_of_the_system_mends_what_was_lost_and_says_so() -> None:
    held = HeldControls(Bindings.parse(DEFAULT))
    held.row([key("KeyW"), InputEvent(0, "held", names=("KeyW",))])
    assert held.repairs == 0
    row, _ = held.row([InputEvent(0, "held", names=("KeyA",))])
    assert held.repairs == 1 and held.held == {"KeyA"}
    assert row.buttons == 0b0101, "forward until then, left from then on"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("forward=KeyW left=KeyW", "KeyW is bound to forward and to left"),
        ("forward=W", "no key is called 'W'"),
        ("forward", "not NAME=KEY"),
        (" ".join(f"b{i}={name}" for i, name in enumerate(sorted(keys.KEY_NAMES)[:33])), "33 buttons"),
    ],
)
def test_buttons_that_make_no_sense_are_named(text: str, said: str) -> None:
    with pytest.raises(DesktopCaptureError, match=said):
        Bindings.parse(text)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"hot_keys": "stop=F9+ctrl"}, "is no hot key"),
        ({"hot_keys": "begin=F9"}, "'begin' is not one of"),
        ({"hot_keys": "stop=ctrl+shift+F9"}, "same keys"),
        ({"fps": 0.5}, "--fps 0.5"),
        ({"quality": 0}, "--quality 0"),
        ({"size": (8, 8)}, "--size 8x8"),
    ],
)
def test_settings_that_make_no_sense_are_named(changed: dict[str, object], said: str) -> None:
    with pytest.raises(DesktopCaptureError, match=said):
        check(DesktopSettings(Path("out"), **changed))  # type: ignore[arg-type]


def test_the_data_set_says_what_keys_are_bound_and_its_world_gets_them(tmp_path: Path) -> None:
    settings = DesktopSettings(tmp_path, buttons="go=ArrowUp,KeyG fire=MouseLeft reload=KeyR")
    run = RunFacts("session", 1, 0, "a game", {})
    info = plan_episode(settings, run, (64, 32), Bindings.parse(settings.buttons), 0, datetime.now(UTC)).info
    create_dataset(tmp_path, info)
    create_dataset(tmp_path, info)  # goes on with it
    there = read_info(tmp_path)
    assert there.source["keys"] == {
        "go": ["ArrowUp", "KeyG"], "fire": ["MouseLeft"], "reload": ["KeyR"]
    }  # fmt: skip
    keys = [button["keys"] for button in buttons_of(there.buttons, there.source["keys"])]
    assert keys[0] == ("ArrowUp", "KeyG")
    assert keys[1] == buttons_of(["fire"])[0]["keys"], "a button of the mouse gets a key that fits its name"
    assert keys[2] == buttons_of(["reload"])[0]["keys"] != ("KeyR",), "R belongs to the page"


def test_a_hot_key_needs_its_modifiers_and_is_taken_out_of_the_input() -> None:
    hot = HotKeys.parse("mark=alt+KeyM")
    assert hot.take(key("KeyM")) == (None, False)
    assert hot.take(key("KeyM", False)) == (None, False)
    assert hot.take(key("AltRight")) == (None, False)
    assert hot.take(key("KeyM")) == ("mark", True)
    assert hot.take(key("KeyM")) == (None, True), "held, it repeats, and marks once"
    assert hot.take(key("AltRight", False)) == (None, False)
    assert hot.take(key("KeyM", False)) == (None, True), "its release is no input either"
    hot.take(key("ShiftLeft"))
    hot.take(key("AltLeft"))
    assert hot.take(key("KeyM")) == (None, False), "with another modifier it is another chord"


def test_the_grid_skips_points_that_are_over_and_never_shifts() -> None:
    grid = Grid(begin_ns=1000, rate=100.0)
    assert [grid.next(1000), grid.next(1000), grid.next(5_000_000)] == [0, 1, 2]
    assert grid.due_ns(2) == 20_001_000
    assert grid.next(45_000_000) == 5, "3 and 4 are over"
    assert grid.next(60_001_000) == 6, "due right now"


def test_what_is_typed_while_a_field_may_have_the_focus_is_nameless() -> None:
    field, secrecy = (Box(10, 10, 50, 20),), Secrecy()
    assert not secrecy.between(None)
    assert secrecy.between(field) and secrecy.boxes(Box(0, 0, 100, 100)) == list(field)
    events = [key("KeyA"), move(1, 1), InputEvent(0, "held", names=("KeyA",))]
    assert [event.name for event in secrecy.filter(events, True)] == ["hidden", ""]
    assert secrecy.between(None) and secrecy.between(None), "the looks around count too"
    assert not secrecy.between(None)
    released = secrecy.filter([key("KeyA", False), key("KeyB")], False)
    assert [(event.name, event.down) for event in released] == [("hidden", False), ("KeyB", True)]
    secrecy.between(())
    assert secrecy.boxes(Box(0, 0, 100, 100)) == [Box(0, 0, 100, 100)], (
        "a place that is unknown is everywhere"
    )


def test_the_text_field_of_a_program_that_is_busy_stays_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = AtSpiTextFields.__new__(AtSpiTextFields)
    fields._field, fields._sure, fields._boxes = ("program", "/field"), True, (Box(1, 2, 3, 4),)
    answers: list[Exception] = [_Busy("not in time"), _Busy("not in time"), _Refused("it is gone")]

    def ask(*_: object) -> object:
        raise answers.pop(0)

    monkeypatch.setattr(fields, "_ask", ask)
    for _ in range(2):
        fields._measure()
        assert fields.look() == (Box(1, 2, 3, 4),)
    fields._measure()
    assert fields.look() is None


def test_black_out_covers_its_part_and_no_more_on_pictures_of_any_density() -> None:
    picture = np.full((20, 40, 4), 255, np.uint8)
    assert black_out(picture, Box(100, 100, 20, 10), [Box(90, 95, 15, 8)])
    assert not picture[:6, :10].any() and picture[6:].all() and picture[:, 10:].all()
    assert not black_out(picture, Box(100, 100, 20, 10), [Box(0, 0, 10, 10)])


def test_an_x_servers_milliseconds_become_monotonic_time_also_when_they_wrap() -> None:
    arrived = ((1 << 32) + 5) * 1_000_000 + 700
    assert event_time_ns(3, arrived) == ((1 << 32) + 3) * 1_000_000
    assert event_time_ns((1 << 32) - 2, arrived) == ((1 << 32) - 2) * 1_000_000
    assert event_time_ns(6, arrived) == ((1 << 32) + 6) * 1_000_000, "its clock may round differently"
    assert event_time_ns(77_000, arrived) == arrived, "another machine's clock"


def test_raw_motion_is_the_mouses_own_counts_and_not_the_accelerated_ones() -> None:
    def motion(axes: Sequence[int]) -> bytes:
        mask = sum(1 << axis for axis in axes)
        values = b"".join(struct.pack("<iI", 100 + axis, 0) for axis in axes)
        raw = b"".join(struct.pack("<iI", -2 - axis, 1 << 31) for axis in axes)
        return struct.pack("<HIIHHIII", 2, 5, 0, 4, 1, 0, 0, mask) + values + raw

    now, mouse = time.monotonic_ns(), Motion(lambda _device: {}, (640, 480))
    both, down, wheel = (raw_event(17, motion(axes), now, mouse) for axes in ((0, 1), (1,), (3,)))
    assert both is not None and (both.dx, both.dy) == (-1.5, -2.5)
    assert down is not None and (down.dx, down.dy) == (0.0, -2.5)
    assert wheel is None
    head = struct.pack("<HIIHHII", 3, 5, 25, 5, 0, 1 << 16, 0)
    assert raw_event(13, head, now, mouse) is None, "a key that is held repeats"


def test_a_tablets_places_become_motion_in_pixels() -> None:
    motion = Motion(lambda device: {0: (0.0, 1000.0), 1: (0.0, 500.0)} if device == 7 else {}, (640, 480))
    assert motion.counts(7, {0: 500.0, 1: 250.0}) == (0.0, 0.0), "the first place is no motion"
    assert motion.counts(7, {0: 600.0}) == (64.0, 0.0)
    assert motion.counts(4, {0: 600.0}) == (600.0, 0.0), "a mouse gives motion"
    assert motion.counts(7, {0: 600.0, 1: 240.0}) == pytest.approx((0.0, -9.6))


def test_a_kernel_report_is_one_motion_with_the_kernels_time() -> None:
    def event(kind: int, code: int, value: int) -> SimpleNamespace:
        return SimpleNamespace(type=kind, code=code, value=value, sec=7, usec=250)

    events = [event(2, 0, 3), event(2, 1, -4), event(0, 0, 0), event(2, 8, 1), event(0, 0, 0), event(2, 0, 1)]
    assert motions(events) == [InputEvent(7_000_250_000, "move", dx=3.0, dy=-4.0)]


class Others:
    """A source whose events the test puts."""

    keys = mouse = "others"

    def start(self, put: Put) -> None:
        self.put = put

    def snapshot(self) -> None: ...

    def close(self) -> None: ...


def test_when_the_kernels_mouse_is_unplugged_the_other_sources_motion_counts() -> None:
    mine, mouse_end = socket.socketpair()
    gone, heard, others = threading.Event(), list[InputEvent](), Others()

    def read() -> list[object]:
        gone.set()
        raise OSError(19, "No such device")

    device = SimpleNamespace(fd=mouse_end.fileno(), name="a mouse", read=read, close=mouse_end.close)
    mouse = EvdevMouse(others, [device])
    mouse.start(heard.append)
    others.put(move(1, 0))
    assert not heard, "the kernel's counts are the better ones"
    mine.send(b"!")
    assert gone.wait(10)
    mouse.close()
    mine.close()
    others.put(move(2, 0))
    assert [event.dx for event in heard] == [2]
    assert mouse.mouse == "evdev: a mouse; unplugged, then others"


def test_raw_input_gives_relative_counts_of_mice_alone() -> None:
    def raw(kind: int, flags: int, x: int, y: int) -> bytes:
        return struct.pack("<IIQQ", kind, 48, 1, 0) + struct.pack("<H2xIIiiI", flags, 0, 0, x, y, 0)

    assert mouse_counts(raw(0, 0, -7, 3)) == (-7, 3)
    assert mouse_counts(raw(0, 1, 30000, 30000)) is None, "absolute, as of a tablet or a remote desktop"
    assert mouse_counts(raw(1, 0, 5, 5)) is None, "a keyboard"
    assert mouse_counts(raw(0, 0, 0, 0)) is None, "only a button"
    assert mouse_counts(b"short") is None


def test_consent_is_asked_once_and_asked_again_when_the_text_changes(tmp_path: Path) -> None:
    remembered, asked = tmp_path / "config" / "consent.json", list[str]()

    def ask(text: str) -> bool:
        asked.append(text)
        return len(asked) > 1

    def attempt() -> None:
        ask_once(remembered, given=False, ask=ask, now=lambda: datetime(2026, 1, 2, tzinfo=UTC))

    with pytest.raises(DesktopCaptureError, match="did not agree"):
        attempt()
    attempt()
    attempt()
    assert len(asked) == 2 and "every key" in asked[0]
    remembered.write_text(remembered.read_text().replace('"version": 1', '"version": 0'))
    with pytest.raises(DesktopCaptureError, match="--consent"):
        ask_once(remembered, given=False, ask=None, now=lambda: datetime.now(UTC))


@pytest.mark.parametrize("keep", [0, 1, 5, 9])
def test_a_recording_that_is_cut_keeps_what_was_before_and_goes_on(tmp_path: Path, keep: int) -> None:
    from dreamport.episodes.placing import place
    from dreamport.episodes.recording import Recording

    info = DatasetInfo("cut", "CC0-1.0", 20.0, 32, 16, (16, 16, 16, 8), ("a",), 30.0, {}, "mjpeg", "none",
                       pose="none")  # fmt: skip
    recording = Recording(tmp_path / "data", EpisodePlan("one", info, "jpeg", 1, "train"))

    def add(index: int, shade: int) -> None:
        picture = simplejpeg.encode_jpeg(np.full((16, 32, 3), shade, np.uint8))
        recording.add(FrameFacts(index, index, None, None, mouse_dxdy=(index, 0)), picture, None)
        recording.mark("note", f"of {index}", index)

    for index in range(10):
        add(index, 10 * index)
    recording.cut(keep)
    assert recording.written.frames == keep
    for index in range(10, 13):
        add(index, 10 * index)
    recording.sync()
    recording.close()
    assert place(recording.folder, "finished", verify=True) is not None
    recording.release()
    (episode,) = Dataset(tmp_path / "data")
    numbers = [*range(keep), 10, 11, 12]
    assert episode.frame_number.tolist() == numbers
    assert [line["text"] for line in episode.raw()[1:]] == [f"of {index}" for index in numbers]
    for row, index in enumerate(numbers):
        assert abs(int(episode.colour(row).mean()) - 10 * index) < 4
