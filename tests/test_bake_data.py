"""Baking: what cannot be used is named and left out, what was interrupted goes on, and every frame is where
it belongs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import requires

pytest.importorskip("torch", reason="baking needs the extra 'train' (torch)")
pytest.importorskip("av", reason="baking needs the extra 'train' (av)")

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from dreamport.episodes.layout import episode_paths
from dreamport.episodes.verdicts import Verdict
from dreamport.errors import DatasetError, DiskFullError
from dreamport.geometry import camera_rays
from dreamport_training.data import bake as bake_module
from dreamport_training.data.bake import BakeConfig, bake
from dreamport_training.data.baked import Baked
from dreamport_training.data.columns import Column
from dreamport_training.data.frames import DecodeJob, decode
from dreamport_training.data.journal import read_journal
from dreamport_training.data.sizing import sizing_of
from recorded_play import SIZE, WALL_M, made_up_picture, record_made_up

CONFIG = BakeConfig(0.35, 32.0, views=4, workers=1)
LENGTHS = [7, 9, 5, 8]
HINTS = ("hint_colour", "hint_inverse_depth", "hint_valid")
ARRAYS = ("colour", "inverse_depth", "rays", *HINTS, "pose", "control")


def contents(folder: Path) -> dict[str, bytes]:
    """The arrays of a bake, byte for byte."""
    return {name: (folder / f"{name}.npy").read_bytes() for name in ARRAYS} | {
        "bank": (folder / "bank.npz").read_bytes()
    }


def copied(root: Path, to: Path) -> Path:
    shutil.copytree(root, to)
    return to


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("play") / "data"
    record_made_up(root, LENGTHS)
    return root


@pytest.fixture(scope="module")
def whole(data: Path) -> Path:
    """An uninterrupted bake of all episodes."""
    folder = data.parent / "whole"
    bake(data, folder, CONFIG)
    return folder


def assert_holds(folder: Path, episodes: list[int], config: BakeConfig = CONFIG) -> Baked:
    """The bake holds exactly these episodes, in order, every frame at its place."""
    baked = Baked(folder)
    assert len(baked) == sum(LENGTHS[number] for number in episodes)
    assert baked.episode.tolist() == [number for number in episodes for _ in range(LENGTHS[number])]
    for i in range(len(baked)):
        number, row = int(baked.episode[i]), int(baked.row[i])
        assert np.array_equal(baked.colour[i], made_up_picture(number, row)), (number, row)
        assert np.isclose(baked.pose[i, 0, 3], 0.05 * row, atol=1e-6)
        assert baked.first[i] == i - row
        wanted = [0, 0, 0, 0] if row == 0 else [row % 4 & 1, row % 4 >> 1, 3.0, 0.25 * (row % 3)]
        assert baked.control[i].tolist() == wanted
    assert np.abs(baked.inverse_depth[:] - round(65535 * config.near_m / WALL_M)).max() <= 1
    return baked


def test_every_frame_is_baked_where_it_belongs_and_memory_shows_some_of_it(whole: Path) -> None:
    baked = assert_holds(whole, [0, 1, 2, 3])
    assert baked.has_depth and baked.has_rays and baked.has_hints
    shown = baked.hint_valid[:].mean(axis=(1, 2))
    assert shown.max() > 0.3, "views of other frames are carried into this one"
    rays = camera_rays(baked.pose[3], np.array([48.0, 48.0, 48.0, 32.0]), SIZE[1], SIZE[0], 8)
    assert np.allclose(baked.rays[3], rays, atol=2e-3)
    assert baked.clip_starts(5).tolist() == [0, 1, 2, 7, 8, 9, 10, 11, 16, 21, 22, 23, 24]


TOLD = {
    "truncated": "its colour video is truncated: 6 of 9",
    "no depth": "depth.mkv",
    "no video": "its colour video is damaged",
    "NaN pose": "NaN) in 1 of 9 rows, the first is row 4",
    "empty": "0 rows",
    "rows": "rows cannot be read",
    "other size": "48x32",
}


@pytest.mark.parametrize("how", TOLD)
def test_a_bad_episode_is_named_and_left_out_and_the_rest_is_used(
    how: str, data: Path, tmp_path: Path
) -> None:
    spoilt = copied(data, tmp_path / "data")
    paths = episode_paths(spoilt, 1)
    if how == "truncated":
        video = paths["colour.mkv"].read_bytes()
        paths["colour.mkv"].write_bytes(video[: len(video) * 2 // 3])
    elif how == "no depth":
        paths["depth.mkv"].unlink()
    elif how == "no video":
        paths["colour.mkv"].write_bytes(b"no video at all")
    elif how == "NaN pose":
        table = pq.read_table(paths["data.parquet"])
        poses = table["camera.c2w"].to_pylist()
        poses[4] = [float("nan")] * 16
        at = table.column_names.index("camera.c2w")
        changed: Any = table.set_column(
            at, table.schema.field(at), pa.array(poses, table.schema.field(at).type)
        )
        pq.write_table(changed, paths["data.parquet"])
    elif how == "empty":
        pq.write_table(pq.read_table(paths["data.parquet"]).slice(0, 0), paths["data.parquet"])
    elif how == "rows":
        paths["data.parquet"].write_bytes(b"PAR1 and then nothing")
    else:
        other = tmp_path / "other"
        record_made_up(other, [LENGTHS[1]], size=(48, 32))
        shutil.copy(episode_paths(other, 0)["colour.mkv"], paths["colour.mkv"])
    said: list[str] = []
    result = bake(spoilt, tmp_path / "baked", CONFIG, tell=said.append)
    assert result.episodes == 3 and list(result.left_out) == [1]
    (line,) = said
    assert line.startswith("left out: episode 1")
    assert TOLD[how] in line, line
    index = json.loads((tmp_path / "baked" / "index.json").read_text())
    assert index["left_out"] == {"1": result.left_out[1]}
    assert_holds(tmp_path / "baked", [0, 2, 3])


def test_nothing_usable_is_an_error_that_says_why(data: Path, tmp_path: Path) -> None:
    spoilt = copied(data, tmp_path / "data")
    for number in range(len(LENGTHS)):
        episode_paths(spoilt, number)["colour.mkv"].write_bytes(b"")
    with pytest.raises(DatasetError, match=r"no episode .* can be used: all 4 .*colour video is damaged"):
        bake(spoilt, tmp_path / "baked", CONFIG, tell=lambda line: None)
    with pytest.raises(DatasetError, match="no episodes of the split 'heldout'"):
        bake(data, tmp_path / "other", CONFIG, split="heldout")


class Stopped(Exception):
    pass


def stop_after(monkeypatch: pytest.MonkeyPatch, name: str, calls: int) -> None:
    """Make the bake fail in its ``calls``-th piece of work."""
    real, count = getattr(bake_module, name), [0]

    def counted(job: Any) -> Any:
        count[0] += 1
        if count[0] > calls:
            raise Stopped
        return real(job)

    monkeypatch.setattr(bake_module, name, counted)


@pytest.mark.parametrize(("name", "calls"), [("decode", 1), ("decode", 3), ("reproject", 0)])
def test_a_bake_that_was_stopped_goes_on_to_the_same_bytes(
    name: str, calls: int, data: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "baked"
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(patch, name, calls)
        bake(data, folder, CONFIG)
    with pytest.raises(DatasetError, match="no baked data"):
        Baked(folder)
    decoded: list[int] = []

    def noted(job: DecodeJob) -> str:
        decoded.append(job.number)
        return decode(job)

    monkeypatch.setattr(bake_module, "decode", noted)
    bake(data, folder, CONFIG)
    assert decoded == list(range(calls, 4)) if name == "decode" else not decoded, "what was done is kept"
    assert contents(folder) == contents(whole)


def damaged_after_it_was_looked_at(data: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set whose second episode was found good and no longer is."""
    spoilt = copied(data, to)
    episode_paths(spoilt, 1)["colour.mkv"].write_bytes(b"no video at all")
    monkeypatch.setattr(bake_module, "verdicts", lambda data: [Verdict(i, True) for i in range(len(data))])
    return spoilt


def test_an_episode_that_turns_out_bad_when_it_is_decoded_leaves_no_gap(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt = damaged_after_it_was_looked_at(data, tmp_path / "data", monkeypatch)
    said: list[str] = []
    result = bake(spoilt, tmp_path / "baked", CONFIG, tell=said.append)
    assert [line.partition(": ")[2][:40] for line in said] == ["episode 1: its colour video is damaged: "]
    assert result.frames == len(assert_holds(tmp_path / "baked", [0, 2, 3])) and list(result.left_out) == [1]


def test_a_jump_of_the_camera_begins_a_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps = [Verdict(i, True, cuts=(4,) if i == 1 else ()) for i in range(4)]
    monkeypatch.setattr(bake_module, "verdicts", lambda data: jumps)
    bake(data, tmp_path / "baked", CONFIG)
    baked = Baked(tmp_path / "baked")
    assert baked.first[7:16].tolist() == [7] * 4 + [11] * 5
    assert not baked.control[11].any() and baked.control[12].any()


def test_a_kill_while_a_gap_is_closed_loses_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt = damaged_after_it_was_looked_at(data, tmp_path / "data", monkeypatch)
    folder = tmp_path / "baked"

    class Interrupted(Column):
        moves = 0

        def move(self, source: int, target: int, rows: int) -> None:
            Interrupted.moves += 1
            super().move(source, target, rows // 2 if Interrupted.moves == 3 else rows)
            if Interrupted.moves == 3:
                raise Stopped

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(bake_module, "Column", Interrupted)
        bake(spoilt, folder, CONFIG, tell=lambda line: None)
    bake(spoilt, folder, CONFIG, tell=lambda line: None)
    assert_holds(folder, [0, 2, 3])


def test_a_bake_killed_by_the_system_goes_on(data: Path, whole: Path, tmp_path: Path) -> None:
    """``kill -9`` right after the first episode was noted as done."""
    folder = tmp_path / "baked"
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from dreamport_training.data import bake as b\n"
        "def show(results, total, what):\n"
        "    for n, result in enumerate(results):\n"
        "        if n == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        yield result\n"
        "b._shown = show\n"
        "b.bake(Path(sys.argv[1]), Path(sys.argv[2]), b.BakeConfig(0.35, 32.0, views=4, workers=1))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(data), str(folder)], check=False, timeout=120, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    journal = read_journal(folder)
    assert journal is not None and journal.decoded == {(0, 0)}
    bake(data, folder, CONFIG)
    assert contents(folder) == contents(whole)


def test_several_processes_bake_the_same_bytes(data: Path, whole: Path, tmp_path: Path) -> None:
    bake(data, tmp_path / "baked", BakeConfig(0.35, 32.0, views=4, workers=2))
    assert contents(tmp_path / "baked") == contents(whole)


def test_a_finished_bake_is_left_alone_and_another_is_not_mixed_in(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    before = contents(whole)
    said: list[str] = []
    grown = copied(data, tmp_path / "data")
    record_made_up(grown, [4], seed=90)
    assert bake(grown, whole, CONFIG, tell=said.append).frames == sum(LENGTHS)
    assert contents(whole) == before
    (line,) = said
    assert line.startswith(f"1 episodes were recorded since {whole} was begun and are not in it")
    with pytest.raises(DatasetError, match=r"other settings .*views 4, now 5"):
        bake(data, whole, BakeConfig(0.35, 32.0, views=5, workers=1))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of one megabyte."""
    if sys.platform != "linux" or os.geteuid() != 0:
        requires.lacking("mounting a small disk needs root on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"this machine mounts no tmpfs here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("when", ["decode", "reproject"])
def test_a_disk_that_becomes_full_is_said_and_what_is_done_is_kept(
    when: str, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    record_made_up(data, [6, 6, 6], size=(64, 48))
    config = BakeConfig(0.35, 32.0, views=3, workers=1)
    bake(data, tmp_path / "elsewhere", config)
    folder, filler = small_disk / "baked", small_disk / "filler"
    real = getattr(bake_module, when)
    calls: list[Any] = []

    def with_filler(job: Any) -> str:
        if len(calls) == (1 if when == "decode" else 0):
            with filler.open("wb", buffering=0) as file:
                try:
                    while file.write(b"\0" * 4096):
                        pass
                except OSError:
                    pass  # now it is full
        calls.append(job)
        return str(real(job))

    with monkeypatch.context() as patch:
        patch.setattr(bake_module, when, with_filler)
        with pytest.raises(
            DiskFullError, match=r"the disk is full: there was no room for .*goes on from there"
        ):
            bake(data, folder, config)
    journal = read_journal(folder)
    assert journal is not None and len(journal.decoded) == (1 if when == "decode" else 3)
    assert not list(folder.glob("*.part"))
    with pytest.raises(DiskFullError, match=r"baking 18 frames of 64x48 takes .* MB free"):
        bake(data, folder, config)
    filler.unlink()
    bake(data, folder, config)
    assert contents(folder) == contents(tmp_path / "elsewhere")


def test_a_disk_that_is_too_small_is_said_before_anything_is_decoded(
    small_disk: Path, tmp_path: Path
) -> None:
    record_made_up(tmp_path / "data", [40], size=(96, 64))
    with pytest.raises(DiskFullError, match=r"takes 2\.8 MB .* MB free\. .*--width"):
        bake(tmp_path / "data", small_disk / "baked", CONFIG)


@pytest.mark.parametrize(
    ("recorded", "size"),
    [((320, 192), (320, 192)), ((64, 48), (64, 48)), ((1280, 720), (320, 176)), ((1920, 1080), (320, 176)),
     ((640, 480), (288, 208)), ((100, 60), (80, 48)), ((720, 1280), (176, 320))],
)  # fmt: skip
def test_the_worlds_size_follows_the_data(recorded: tuple[int, int], size: tuple[int, int]) -> None:
    sizing = sizing_of(recorded)
    assert (sizing.width, sizing.height) == size
    assert sizing.same == (recorded == size)
    kept = sizing.cut[2] * sizing.cut[3] / (recorded[0] * recorded[1])
    assert kept > 0.93


def test_a_wish_for_a_size_is_followed_or_refused() -> None:
    assert (sizing_of((1280, 720), width=640).width, sizing_of((1280, 720), width=640).height) == (640, 352)
    assert sizing_of((1280, 720), height=192).width == 336
    assert sizing_of((1280, 720), 256, 256).cut == (280, 0, 720, 720)
    with pytest.raises(DatasetError, match=r"width 300 cannot be a world's: .* multiple of 16 .* take 304"):
        sizing_of((1280, 720), width=300)


def test_large_recordings_shrink_with_their_cameras(tmp_path: Path) -> None:
    """A point at the middle of a recorded pixel is seen by the shrunken camera where the shrunken picture has
    it."""
    record_made_up(tmp_path / "data", [3], size=(1280, 720))
    bake(tmp_path / "data", tmp_path / "baked", BakeConfig(0.35, 32.0, views=2, workers=1))
    baked = Baked(tmp_path / "baked")
    assert baked.colour.shape == (3, 176, 320, 3) and baked.rays.shape == (3, 6, 22, 40)
    camera = np.load(tmp_path / "baked" / "intrinsics.npy")[0].astype(float)
    sizing = sizing_of((1280, 720))
    left, top, width, height = sizing.cut
    u, v = (
        np.array([left + width * 0.25, left + width * 0.75]),
        np.array([top + height * 0.1, top + height * 0.9]),
    )
    x, y = (u - 640) / 640, (v - 360) / 640
    assert np.allclose(camera[0] * x + camera[2], 320 * np.array([0.25, 0.75]), atol=1e-3)
    assert np.allclose(camera[1] * y + camera[3], 176 * np.array([0.1, 0.9]), atol=1e-3)
    source = made_up_picture(0, 1, (1280, 720)).astype(float)[top : top + height, left : left + width]
    step_y, step_x = height / 176, width / 320
    for row, column in ((20, 30), (100, 300), (150, 7)):
        block = source[
            int(row * step_y) : int((row + 1) * step_y), int(column * step_x) : int((column + 1) * step_x)
        ]
        assert np.abs(block.mean(axis=(0, 1)) - baked.colour[1, row, column]).max() < 40
    assert np.abs(baked.inverse_depth[:] - round(65535 * 0.35 / WALL_M)).max() <= 1
