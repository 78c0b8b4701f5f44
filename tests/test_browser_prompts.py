"""The page in Chromium: what the world can be told is offered there, told, and shown again after a reload."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from prompted_world import PromptedSource, write_prompted_pack
from stub_level import StubLevelSource
from test_browser import ARTIFACTS, BROWSER, Report, chromium, needs_packages
from web_server import served_page

pytestmark = pytest.mark.timeout(240)


def tell(folder: Path, source: PromptedSource | StubLevelSource) -> Report:
    needs_packages(BROWSER)
    with served_page(source=source) as page:
        done = subprocess.run(
            ["node", str(BROWSER / "prompts.mjs"), page.url, str(folder), chromium()],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    report: Report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["console"] == []
    return report


def test_events_and_words_are_offered_told_and_remembered(tmp_path: Path) -> None:
    report = tell(ARTIFACTS / "prompts", PromptedSource(write_prompted_pack(tmp_path / "room")))
    assert report["panel"]["choices"] == {
        "told-light": ["Day", "Dusk", "Night"],
        "told-weather": ["Clear", "Fog"],
    }
    assert report["panel"]["words"] and report["panel"]["chosen"]["told-light"] == "light.day"
    assert report["night"] < report["day"] - 2
    assert report["told"] == {"events": {"light": "light.night"}, "prompt": "a foggy night"}
    assert report["focus"] == "picture", "the keys steer the level again"
    assert report["reloaded"]["chosen"]["told-light"] == "light.night"
    assert report["reloaded"]["prompt"] == "a foggy night"
    assert report["reset"]["chosen"]["told-light"] == "light.day" and report["reset"]["prompt"] == ""
    assert report["again"] > report["night"] + 2


def test_a_world_that_takes_neither_shows_no_panel_for_them(tmp_path: Path) -> None:
    assert tell(tmp_path, StubLevelSource("stub-room"))["panel"]["hidden"]
