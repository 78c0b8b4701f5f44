"""`dreamport capture desktop` records a real program: what it was given, in the frames where it belongs."""

from __future__ import annotations

from pathlib import Path

from desktop_session import need_a_desktop
from dreamport.episodes.dataset import Dataset
from dreamport_tools.desktop.episode import input_events
from dreamport_tools.desktop.trial.script import play_script
from dreamport_tools.desktop.trial.trial import Trial, run_trial
from on_time import assert_on_time, measured_again


@measured_again
def test_two_hundred_events_at_1280x720_are_all_recorded_in_order_and_in_time(tmp_path: Path) -> None:
    need_a_desktop()
    figures = run_trial(tmp_path, Trial(seconds=10.0, events=200, size=(1280, 720)))
    given = figures["input"]
    assert given["given"] == given["received_by_the_game"] == given["recorded"] == 200
    assert given["same_kind_and_order"] and given["controls_equal"]
    assert given["in_the_row_of_their_time"] == 200
    assert given["repairs"] == 0, "what the system said was held is what the events said"
    assert figures["frames"]["pictures_in_order"]
    assert figures["backends"]["keys"] == "xinput2 raw"
    (episode,) = Dataset(tmp_path / "data")
    assert (episode.info.pose, episode.info.depth) == ("none", "none")
    assert episode.info.look_scale is not None and episode.info.look_scale.assumed
    assert "xinput2" in episode.facts["tags"], "the episode says what recorded it"
    assert episode.session.startswith("desktop-")
    assert_on_time(given["time_error_frames_p95"] < 1.0, given)
    assert_on_time(figures["frames"]["fps"] >= 20.0, figures["frames"])


def test_pynput_the_source_of_other_systems_loses_no_key_and_no_button_either(tmp_path: Path) -> None:
    need_a_desktop()
    trial = Trial(seconds=4.0, events=80, fps=20.0, size=(320, 180), source="pynput", seed=2)
    run_trial(tmp_path, trial)
    (episode,) = Dataset(tmp_path / "data")
    assert "pynput xorg" in episode.facts["tags"] and "pointer positions" in episode.facts["tags"]
    events = [event for _, event in input_events(episode.raw())]
    for kind in ("key", "button"):  # two listeners, two streams: each is in order
        recorded = [(event.name, event.down) for event in events if event.kind == kind]
        assert recorded == [(one.name, one.down) for one in play_script(80, 2) if one.kind == kind]
