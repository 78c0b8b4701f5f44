"""The native core records: what an engine submits is found in the data set, and what breaks is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamport.episodes.dataset import Dataset
from dreamport.geometry import Intrinsics, Pose
from dreamport_tools.native_core import NativeError, NativeLibrary, NativeRecorder, Problem, State
from dreamport_tools.native_core.library import Event, EventKind
from native_backend import Backend, backend, wait_for

WIDTH, HEIGHT, NEAR_M = 64, 48, 0.25
OPTIONS: dict[str, Any] = {
    "size": (WIDTH, HEIGHT),
    "dataset": "garden",
    "licence": "CC0-1.0",
    "depth_near_m": NEAR_M,
    "frame_rate": 30.0,
    "buttons": ("forward", "jump"),
}


@pytest.fixture(scope="session")
def library(native_library: Path) -> NativeLibrary:
    """The native core, loaded."""
    return NativeLibrary.load(native_library)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Backend]:
    """A backend that takes recordings."""
    with backend(captures=tmp_path) as running:
        yield running


def picture(index: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """``[H, W, 4]``, smooth enough for JPEG, and another for every index."""
    rgba = np.empty((HEIGHT, WIDTH, 4), np.uint8)
    rgba[..., 0] = (np.arange(WIDTH) * 3 + index) % 256
    rgba[..., 1] = (np.arange(HEIGHT) * 4)[:, None]
    rgba[..., 2] = index % 256
    rgba[..., 3] = 255
    return rgba


def depth(index: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """``[H, W]``, every value another."""
    return (np.arange(HEIGHT * WIDTH, dtype=np.uint32) * 17 + index).astype(np.uint16).reshape(HEIGHT, WIDTH)


def submit(recorder: NativeRecorder, index: int, flip: bool = False, **more: Any) -> None:
    """Fill a buffer with the frame of that index and hand it over."""
    buffer = recorder.acquire_soon()
    assert buffer.depth is not None
    step = -1 if flip else 1
    buffer.colour[:] = picture(index)[::step]
    buffer.depth[:] = depth(index)[::step]
    recorder.submit(
        buffer.lease,
        Pose((0.1 * index, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0)),
        client_time_ns=1 + index,
        buttons=index % 4,
        look=(index / 8, 0.0),
        flip_rows=flip,
        **more,
    )


def wait_event(recorder: NativeRecorder, kind: EventKind) -> Event:
    """The next event of a kind."""
    found: list[Event] = []

    def look() -> bool:
        found.extend(event for event in recorder.events() if event.kind is kind)
        return bool(found)

    wait_for(look, kind.name, 20)
    return found[0]


@pytest.mark.parametrize(("colour", "flip"), [("raw", False), ("raw", True), ("jpeg", False), ("jpeg", True)])
def test_an_episode_is_found_in_the_data_set(
    library: NativeLibrary, here: Backend, tmp_path: Path, colour: str, flip: bool
) -> None:
    with NativeRecorder(library, here.address, colour=colour, **OPTIONS) as recorder:
        recorder.begin(seed=7, split="heldout", map_name="lawn", source="orbit", tags={"weather": "rain"})
        for index in range(40):
            if index == 3:
                recorder.marker("note", "Grüße")
            submit(recorder, index, flip)
        recorder.finish()
        finished = wait_event(recorder, EventKind.EPISODE_FINISHED)
        assert (finished.number, finished.code) == (0, 40)
        stats = recorder.statistics()
        assert (stats.submitted, stats.sent, stats.acknowledged) == (40, 40, 40)
        assert (stats.refused, stats.lost, stats.queued, stats.episode_open) == (0, 0, 0, 0)
        assert recorder.status().state is State.READY
    (episode,) = Dataset(tmp_path / "garden")
    assert (episode.seed, episode.split) == (7, "heldout")
    assert episode.facts["map"] == "lawn" and episode.facts["played_by"] == "orbit"
    assert len(episode) == 40
    for index in (0, 17, 39):
        assert np.array_equal(episode.stored_depth(index), depth(index))
        seen = np.asarray(episode.colour(index)).astype(int)
        difference = np.abs(seen - picture(index)[..., :3])
        assert difference.max() == 0 if colour == "raw" else np.mean(difference) < 3


def test_frames_that_the_engine_had_to_drop_leave_gaps(
    library: NativeLibrary, here: Backend, tmp_path: Path
) -> None:
    with NativeRecorder(library, here.address, colour="raw", queue_frames=2, **OPTIONS) as recorder:
        with pytest.raises(NativeError, match="Not now"):
            recorder.acquire()
        recorder.begin()
        first, second = recorder.acquire(), recorder.acquire()
        assert first is not None and second is not None
        assert recorder.acquire() is None, "two buffers, both lent"
        for buffer in (first, second):
            buffer.colour[:] = picture(0)
            recorder.submit(buffer.lease)
        recorder.cancel(recorder.acquire_soon().lease)
        submit(recorder, 5)
        with pytest.raises(NativeError):
            recorder.cancel(first.lease)
        recorder.finish()
        assert wait_event(recorder, EventKind.EPISODE_FINISHED).code == 3
        assert recorder.statistics().refused == 1
    (episode,) = Dataset(tmp_path / "garden")
    assert len(episode) == 3
    assert episode.facts["missing"] == 2, "the refused and the cancelled one"
    assert episode.frame_number.tolist() == [1, 2, 4] and episode.missing_before.tolist() == [1, 0, 1]


def test_one_episode_follows_another_at_once(library: NativeLibrary, here: Backend, tmp_path: Path) -> None:
    with NativeRecorder(library, here.address, **OPTIONS) as recorder:
        for number in range(3):
            recorder.begin(seed=number)
            with pytest.raises(NativeError, match="Not now"):
                recorder.begin()
            for index in range(3 + number):
                submit(recorder, index)
            recorder.finish()
        wait_for(lambda: recorder.statistics().acknowledged == 12, "all frames")
    wait_for(lambda: len(Dataset(tmp_path / "garden")) == 3, "three episodes")
    assert [len(episode) for episode in Dataset(tmp_path / "garden")] == [3, 4, 5]


def test_a_discarded_episode_is_gone(library: NativeLibrary, here: Backend, tmp_path: Path) -> None:
    with NativeRecorder(library, here.address, **OPTIONS) as recorder:
        recorder.begin()
        submit(recorder, 0)
        recorder.finish(discard=True)
        assert wait_event(recorder, EventKind.EPISODE_FINISHED).code == 0
        recorder.begin()
        submit(recorder, 1)
        recorder.finish()
        assert wait_event(recorder, EventKind.EPISODE_FINISHED).code == 1
    assert len(Dataset(tmp_path / "garden")) == 1


def test_a_recorder_that_is_destroyed_finishes_its_episode(
    library: NativeLibrary, here: Backend, tmp_path: Path
) -> None:
    recorder = NativeRecorder(library, here.address, **OPTIONS)
    recorder.begin()
    for index in range(8):
        submit(recorder, index)
    begin = time.perf_counter()
    recorder.close()
    assert time.perf_counter() - begin < 0.05
    info = tmp_path / "garden" / "meta" / "info.json"
    wait_for(lambda: info.exists() and len(Dataset(tmp_path / "garden")) == 1, "the episode", 20)
    assert len(Dataset(tmp_path / "garden")[0]) == 8


def test_after_a_break_nothing_acknowledged_is_lost_and_the_next_episode_is_recorded(
    library: NativeLibrary, here: Backend, tmp_path: Path
) -> None:
    with NativeRecorder(library, here.cable_address, **OPTIONS) as recorder:
        recorder.begin(seed=1)
        for index in range(30):
            submit(recorder, index)
        wait_for(lambda: recorder.statistics().acknowledged >= 10, "ten frames on disk")
        here.cut()
        wait_for(lambda: recorder.statistics().episode_open == 0, "the episode to end")
        status = recorder.wait_state(State.WAITING, State.OPENING, State.READY)
        told = [event.text for event in recorder.events() if event.kind is EventKind.STATE]
        assert any("last acknowledged frame" in text and "Begin a new one" in text for text in told), status
        with pytest.raises(NativeError, match="Not now"):
            recorder.acquire()
        stats = recorder.statistics()
        assert stats.acknowledged + stats.lost == stats.submitted == 30
        kept = stats.acknowledged
        recorder.wait_state(State.READY)
        recorder.begin(seed=2)
        for index in range(5):
            submit(recorder, index)
        recorder.finish()
        assert wait_event(recorder, EventKind.EPISODE_FINISHED).code == 5
    wait_for(lambda: len(Dataset(tmp_path / "garden")) == 2, "both episodes")
    lengths = {episode.seed: len(episode) for episode in Dataset(tmp_path / "garden")}
    assert lengths[1] >= kept and lengths[2] == 5


def test_an_episode_that_begins_before_the_backend_is_there_loses_nothing(
    library: NativeLibrary, here: Backend, tmp_path: Path
) -> None:
    here.cable.out = True
    with NativeRecorder(library, here.cable_address, **OPTIONS) as recorder:
        recorder.wait_state(State.WAITING)
        recorder.begin()
        for index in range(6):
            submit(recorder, index)
        here.cable.out = False
        recorder.finish()
        assert wait_event(recorder, EventKind.EPISODE_FINISHED).code == 6
        assert recorder.statistics().lost == 0
    assert len(Dataset(tmp_path / "garden")[0]) == 6


def test_a_backend_that_does_not_record_says_how_to_start_it(library: NativeLibrary) -> None:
    with backend() as here, NativeRecorder(library, here.address, **OPTIONS) as recorder:
        recorder.begin()
        status = recorder.wait_state(State.FAILED)
        assert status.problem is Problem.UNSUPPORTED
        assert "--captures" in status.message
        with pytest.raises(NativeError):
            recorder.begin()


def test_what_the_backend_refuses_is_named(library: NativeLibrary, here: Backend) -> None:
    with NativeRecorder(library, here.address, **OPTIONS | {"licence": ""}) as recorder:
        recorder.begin()
        status = recorder.wait_state(State.FAILED)
        assert status.problem is Problem.ARGUMENT and "begin.licence" in status.message
    wrong: tuple[dict[str, Any], ...] = (
        {"size": (63, 48)},
        {"dataset": "../x"},
        {"dataset": ""},
        {"frame_rate": 0.5},
        {"queue_frames": 65},
        {"jpeg_quality": 101},
    )
    for options in wrong:
        with pytest.raises(NativeError, match="out of range"):
            NativeRecorder(library, here.address, **OPTIONS | options)


def test_every_fact_of_a_frame_is_kept(library: NativeLibrary, here: Backend, tmp_path: Path) -> None:
    with NativeRecorder(library, here.address, **OPTIONS) as recorder:
        recorder.begin()
        submit(recorder, 0)
        submit(
            recorder,
            1,
            velocity=(1.0, 2.0, 3.0),
            intrinsics=Intrinsics(30.0, 31.0, 32.0, 24.0),
            engine_state=(4.0, 5.0),
        )
        with pytest.raises(NativeError, match="out of range"):
            recorder.submit(
                recorder.acquire_soon().lease, Pose((float("nan"), 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
            )
        recorder.finish()
        wait_event(recorder, EventKind.EPISODE_FINISHED)
    (episode,) = Dataset(tmp_path / "garden")
    assert len(episode) == 2
    assert episode.pose[1, :3, 3] == pytest.approx((0.1, 0.0, 0.0))
    assert episode.cameras[:, 0].tolist() == [32.0, 30.0], "the second frame had a camera of its own"
    assert episode.buttons.tolist() == [0, 1]
    assert episode.look_deg.tolist() == [[0.0, 0.0], [0.125, 0.0]]
    assert episode.client_time_ns.tolist() == [1, 2]
    assert episode.engine[1, :2].tolist() == [4.0, 5.0]
