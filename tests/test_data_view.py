"""The page of episodes, opened from the disk in a real Chromium: what is recorded is what is shown."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from requires import package, program

package("av", extra="dreamport[capture]")
package("cv2", extra="dreamport[capture]")

import cv2  # noqa: E402

from data_rooms import play, room, with_controls_late, write  # noqa: E402
from dreamport.episodes.dataset import Dataset  # noqa: E402
from dreamport.episodes.layout import episode_paths  # noqa: E402
from dreamport.errors import DatasetError  # noqa: E402
from dreamport_tools.data.gates import Gates  # noqa: E402
from dreamport_tools.data.profile import profile  # noqa: E402
from dreamport_tools.data.view import build  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
BROWSER = ROOT / "tests" / "browser"
ARTIFACTS = ROOT / "artifacts" / "episodes"
TURNS = np.random.default_rng(3).choice([-6.0, -5.0, 5.0, 6.0], 48)
"""Every picture differs from the one before."""
HOSTILE = "</script><script>document.title = 'taken'</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Chromium saw of a data set: episode 1 has late controls, episode 2 a truncated video."""
    chromium = program("chromium", "chromium-browser", "google-chrome", package="chromium")
    node = program("node", package="nodejs")
    if not (BROWSER / "node_modules").is_dir():
        pytest.skip("run `npm ci` in tests/browser first")
    data = tmp_path_factory.mktemp("room") / "data"
    write(data, 0, play(0, 48, TURNS.copy()))
    write(data, 1, with_controls_late(play(1, 48), 1), session=HOSTILE, tags={"weather": HOSTILE})
    write(data, 2, play(2, 48))
    video = episode_paths(data, 2)["colour.mkv"]
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    profile(Dataset(data), gates=Gates())
    page = build(Dataset(data), data.with_name("page"))
    subprocess.run(
        [node, str(BROWSER / "episodes.mjs"), str(page), str(ARTIFACTS), chromium], check=True, timeout=240
    )
    found: dict[str, Any] = json.loads((ARTIFACTS / "report.json").read_text())
    return found


def test_the_page_needs_no_server_and_complains_of_nothing(report: dict[str, Any]) -> None:
    assert report["console"] == []
    assert all(address.startswith("file://") for address in report["requests"])


def test_pictures_and_keys_are_those_of_the_frame(report: dict[str, Any]) -> None:
    frames = play(0, 48, TURNS.copy())
    for number in (0, 12, 37, 38):
        shown = report["frames"][str(number)]
        grey = frames[number].colour[..., 1].astype(np.float32)
        expected = cv2.resize(grey, (8, 6), interpolation=cv2.INTER_AREA).ravel()
        assert np.abs(np.array(shown["grid"]) - expected).max() < 6, number
        assert shown["held"] == (["forward"] if frames[number].buttons else []), number
    others = [np.array(report["frames"][str(n)]["grid"]) for n in (37, 38)]
    assert np.abs(others[0] - others[1]).max() > 6, "neighbouring frames are told apart"


def test_plots_lists_and_play_work(report: dict[str, Any]) -> None:
    assert report["title"] == "Episode 0" and report["summary"].startswith("3 episodes, 1 usable")
    assert len(report["listed"]) == 3 and report["plots"] == 2 and report["paused"] == "Play"


def test_a_left_out_episode_says_why_and_names_are_only_text(report: dict[str, Any]) -> None:
    assert report["verdict"] == "left out"
    assert "controls come 1 frame late" in report["remarks"][0]
    assert HOSTILE in report["facts"]
    assert [text[:9] for text in report["leftOut"]] == ["episode 1", "episode 2"]


def test_building_again_keeps_pictures_that_are_there(tmp_path: Path) -> None:
    data = room(tmp_path / "data", episodes=2, frames=8)
    build(Dataset(data), tmp_path / "page", episodes=[0])
    sheet = tmp_path / "page" / "episode-000000" / "colour-00.jpg"
    sheet.write_bytes(b"kept")
    page = build(Dataset(data), tmp_path / "page")
    assert sheet.read_bytes() == b"kept" and (tmp_path / "page" / "episode-000001").is_dir()
    write(data, 0, play(5, 8))
    build(Dataset(data), tmp_path / "page")
    assert sheet.read_bytes() != b"kept" and page == tmp_path / "page" / "index.html"


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    data = room(tmp_path / "data", episodes=1, frames=8)
    (tmp_path / "novel.txt").write_text("chapter one")
    with pytest.raises(DatasetError, match="holds something else"):
        build(Dataset(data), tmp_path)
    with pytest.raises(DatasetError, match="no episode 4"):
        build(Dataset(data), tmp_path / "page", episodes=[4])
