"""The page in a real Chromium: it opens, keys change the picture the right way, and the numbers move.

``tests/browser/play.mjs`` plays once, against the real service; each test reads what it wrote down.
Screenshots are kept in ``artifacts/browser``.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dreamport.service.world_source import ExecutorInfo
from stub_level import StubLevelSource
from web_server import served_page

ROOT = Path(__file__).resolve().parent.parent
BROWSER = ROOT / "tests" / "browser"
BUNDLE = ROOT / "backend" / "dreamport" / "web" / "bundle"
ARTIFACTS = ROOT / "artifacts" / "browser"
LIMIT_S = 540
FALLBACK = "openvino did not load in this test"

pytestmark = pytest.mark.timeout(LIMIT_S + 60)

Report = dict[str, Any]
Grey = NDArray[np.float64]


def chromium() -> str:
    """Path of a Chromium; skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no Chromium here: apt-get install chromium")


def needs_packages(folder: Path) -> None:
    """Skip the test where node or the npm packages of this folder are missing."""
    if shutil.which("node") is None:
        pytest.skip("no node here: install node 20 or newer")
    if not (folder / "node_modules").is_dir():
        pytest.skip(f"run `npm ci` in {folder.relative_to(ROOT)} first")


def play(folder: Path, **served: Any) -> Report:
    """Play the page that is served so, and return what the browser wrote down."""
    needs_packages(BROWSER)
    with served_page(**served) as page:
        done = subprocess.run(
            ["node", str(BROWSER / "play.mjs"), page.url, str(folder), chromium()],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    report: Report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


@pytest.fixture(scope="module")
def report() -> Report:
    executor = ExecutorInfo("torch", "CPU", "f32", FALLBACK)
    return play(ARTIFACTS / "stub", source=StubLevelSource("stub-room", "other-room", executor=executor))


# --- the way pictures move -----------------------------------------------------------------------------


def motion(before: Grey, after: Grey) -> tuple[int, float]:
    """Shift to the right in pixels and enlargement that turn one picture best into the next, by search."""
    height, width = before.shape
    best = (np.inf, 0, 1.0)
    ys, xs = np.mgrid[2 : height - 2, 6 : width - 6]
    for scale in (0.92, 0.96, 1.0, 1.04, 1.08):
        for shift in range(-16, 17):
            x = np.rint((xs - width / 2 - shift) / scale + width / 2).astype(int)
            y = np.rint((ys - height / 2) / scale + height / 2).astype(int)
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
            error = float(((after[ys, xs] - before[y, x])[inside] ** 2).mean())
            best = min(best, (error, shift, scale))
    return best[1], best[2]


def motions(frames: list[dict[str, Any]]) -> tuple[float, float]:
    """Mean shift and enlargement from each frame to the next one that was made."""
    found = []
    for before, after in itertools.pairwise(frames):
        if after["index"] - before["index"] == 1:
            found.append(motion(grey(before), grey(after)))
    assert len(found) >= 3, "too many frames were dropped to see a movement"
    shift, scale = np.mean(found, axis=0)
    return float(shift), float(scale)


def grey(frame: dict[str, Any]) -> Grey:
    return np.array(frame["grey"], np.float64).reshape(48, 80)


def travel(frames: list[dict[str, Any]]) -> tuple[float, float, float]:
    """Metres ahead, metres to the right and degrees to the right between the first and the last frame."""
    first, last = frames[0]["view"], frames[-1]["view"]
    yaw = np.radians(first["yaw"])
    dx, dz = last["x"] - first["x"], last["z"] - first["z"]
    turned = (last["yaw"] - first["yaw"] + 180) % 360 - 180
    return dx * np.sin(yaw) + dz * np.cos(yaw), dx * np.cos(yaw) - dz * np.sin(yaw), turned


def test_standing_still_keeps_the_picture(report: Report) -> None:
    assert travel(report["moves"]["still"]) == pytest.approx((0, 0, 0), abs=1e-6)
    shift, scale = motions(report["moves"]["still"])
    assert (abs(shift), abs(scale - 1)) < (0.5, 0.01)


def test_w_walks_forward_and_the_picture_grows(report: Report) -> None:
    ahead, aside, turned = travel(report["moves"]["forward"])
    assert ahead > 0.3
    assert abs(aside) < 0.05 * ahead
    assert abs(turned) < 1
    assert motions(report["moves"]["forward"])[1] > motions(report["moves"]["still"])[1] + 0.005


def test_s_walks_back(report: Report) -> None:
    assert travel(report["moves"]["back"])[0] < -0.1


def test_a_and_d_step_aside(report: Report) -> None:
    left, right = travel(report["moves"]["strafeLeft"]), travel(report["moves"]["strafeRight"])
    assert left[1] < -0.3
    assert right[1] > 0.3
    assert motions(report["moves"]["strafeLeft"])[0] > motions(report["moves"]["strafeRight"])[0] + 1


def test_arrows_turn_and_the_picture_goes_the_other_way(report: Report) -> None:
    assert travel(report["moves"]["turnLeft"])[2] < -5
    assert travel(report["moves"]["turnRight"])[2] > 5
    assert motions(report["moves"]["turnLeft"])[0] > 1
    assert motions(report["moves"]["turnRight"])[0] < -1


def test_the_mouse_turns_while_it_is_locked(report: Report) -> None:
    before, after = report["mouse"]["before"], report["mouse"]["after"]
    assert after["yaw"] - before["yaw"] == pytest.approx(140 * 0.11, abs=2)


# --- the page ------------------------------------------------------------------------------------------


def test_nothing_is_asked_of_any_other_server(report: Report) -> None:
    hosts = {url.split("/")[2] for url in report["requests"] if not url.startswith(("blob:", "data:"))}
    assert len(hosts) == 1, hosts
    assert hosts.pop().startswith("127.0.0.1:")
    assert any(url.startswith("ws://") for url in report["requests"])


def test_the_console_stays_silent(report: Report) -> None:
    assert report["console"] == []


def test_the_numbers_of_the_hud_move(report: Report) -> None:
    first, later = report["hud"]
    for number in ("hud-fps", "hud-p50", "hud-p95"):
        assert float(later[number]) > 0, number
    assert float(later["hud-p95"]) >= float(later["hud-p50"])
    for changing in ("hud-frame", "hud-x", "hud-z"):
        assert first[changing] != later[changing], changing
    assert report["numbers"]["fps"] <= 30, "a 20 fps world cannot be shown faster"


def test_a_fallback_is_said_on_the_page(report: Report) -> None:
    assert report["hud"][0]["hud-executor"] == "torch, CPU, f32"
    assert FALLBACK in report["hud"][0]["hud-fallback"]


def test_a_held_key_is_lit(report: Report) -> None:
    assert report["lit"] == ["W↑Forward"]


def test_depth_is_shown_in_colours_beside_the_picture(report: Report) -> None:
    assert report["depth"]["colours"] > 8
    assert report["depth"]["width"] > 300


def test_a_pause_stops_the_level(report: Report) -> None:
    assert report["paused"]["after"] == report["paused"]["before"]


def test_a_saved_state_comes_back(report: Report) -> None:
    at, away, back = (report["saved"][name]["yaw"] for name in ("at", "away", "back"))
    assert abs(away - at) > 10
    assert back == pytest.approx(at, abs=0.5)


def test_a_dropped_connection_is_resumed_and_its_reason_said(report: Report) -> None:
    before, after = report["lost"]["before"], report["lost"]["after"]
    assert (after["session"], after["resumed"]) == (before["session"], True)
    assert after["index"] > before["index"]
    assert after["view"]["yaw"] == pytest.approx(before["view"]["yaw"], abs=0.5)
    assert "lost" in report["lost"]["words"]


def test_a_reload_goes_on_with_the_same_session(report: Report) -> None:
    assert report["reloaded"]["session"] == report["lost"]["after"]["session"]
    assert report["reloaded"]["index"] >= report["lost"]["after"]["index"]


def test_the_card_shows_the_licence_and_runs_no_markup(report: Report) -> None:
    assert "CC0-1.0" in report["card"]
    assert "<img src=x onerror=alert(1)>" in report["card"]
    assert "Worlds on this machine" in report["card"]


def test_thumbs_walk_and_look(report: Report) -> None:
    phone = report["phone"]
    ahead, _, turned = travel([{"view": phone["before"]}, {"view": phone["walked"]}])
    assert ahead > 0.3
    assert abs(turned) < 1
    assert travel([{"view": phone["walked"]}, {"view": phone["looked"]}])[2] > 10
    assert phone["overflow"] <= 0, "the page is wider than the phone"


def test_a_fault_says_what_to_do_and_the_way_out_works(report: Report) -> None:
    assert "dreamport worlds" in report["fault"]
    assert "not_found" in report["fault"]
    assert report["recovered"]["connection"] == "live"


def test_screenshots_are_kept(report: Report) -> None:
    names = {path.name for path in (ARTIFACTS / "stub").glob("*.png") if path.stat().st_size > 10_000}
    assert {"desktop-start.png", "desktop-depth.png", "desktop-card.png", "phone-walking.png"} <= names


# --- the shipped world -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world_report(default_world: Path) -> Report:
    """The same play in the world that the package ships."""
    return play(ARTIFACTS / "world", source=None)


def test_the_shipped_world_is_walked_through_in_the_browser(world_report: Report) -> None:
    moves = world_report["moves"]
    assert travel(moves["forward"])[0] > travel(moves["still"])[0] + 0.2
    assert travel(moves["turnLeft"])[2] < -5
    assert travel(moves["turnRight"])[2] > 5
    assert world_report["recovered"]["connection"] == "live"


def test_the_shipped_worlds_picture_follows_the_keys(world_report: Report) -> None:
    moves = world_report["moves"]
    assert motions(moves["turnLeft"])[0] > 1
    assert motions(moves["turnRight"])[0] < -1
    assert motions(moves["forward"])[1] > motions(moves["still"])[1]


def test_the_shipped_world_plays_silently_and_alone(world_report: Report) -> None:
    assert world_report["console"] == []
    assert len({url.split("/")[2] for url in world_report["requests"] if "://" in url[:6]}) == 1


# --- what the page is made of ----------------------------------------------------------------------------


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)


def test_the_parts_of_the_page_do_what_they_say() -> None:
    needs_packages(BROWSER)
    done = run("node", "--test", "unit/", folder=BROWSER)
    assert done.returncode == 0, done.stdout


def test_the_bundled_libraries_are_what_their_sources_make() -> None:
    needs_packages(BUNDLE)
    done = run("node", "build.mjs", "--check", folder=BUNDLE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_agrees_with_its_types() -> None:
    needs_packages(BUNDLE)
    done = run("node", "node_modules/typescript/bin/tsc", "--project", "tsconfig.json", folder=BUNDLE)
    assert done.returncode == 0, done.stdout
