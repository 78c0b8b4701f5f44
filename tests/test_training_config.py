"""The configuration of a world: presets, files, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from dreamport.errors import DatasetError
from dreamport.models.codec import CodecConfig
from dreamport.worlds import open_pack
from dreamport_training.config import PRESETS, WorldConfig, config_from_json, load_config, parse_override


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_whole_and_survives_json(preset: str) -> None:
    config = load_config(preset)
    assert config_from_json(config.to_json()) == config


def test_the_cpu_preset_gives_the_shipped_architecture() -> None:
    config, shipped = load_config("cpu"), open_pack("default").manifest
    assert config.codec.architecture == CodecConfig(latent_channels=shipped.latent.channels)
    m, cache = config.model, shipped.cache
    assert (m.layers, m.heads, m.width // m.heads) == (cache.layers, cache.heads, cache.head_dim)
    assert (m.sink_frames, m.window_frames) == (cache.sink_frames, cache.window_frames)
    assert (m.sigmas, m.context_sigma) == (shipped.sampler.sigmas, shipped.sampler.context_sigma)
    tokens = (shipped.latent.height // m.patch) * (shipped.latent.width // m.patch)
    assert tokens == cache.tokens_per_frame


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"codec.stepz": 3}, "codec.stepz is not a known key"),
        ({"speed": 3}, "speed is not a known key"),
        ({"codec.steps": "many"}, "codec.steps: Input should be a valid integer"),
        ({"codec.steps": 2.5}, "codec.steps: Input should be a valid integer"),
        ({"codec.steps": True}, "codec.steps: Input should be a valid integer"),
        ({"codec.steps": 0}, "codec.steps: Input should be greater than or equal to 1"),
        ({"codec.rate": -1.0}, "codec.rate: Input should be greater than 0"),
        ({"codec.crop": [100, 160]}, "codec: crop is 100 x 160; both must be multiples of 8"),
        ({"model.width": 50, "model.heads": 4}, "model: width 50 does not give 4 heads"),
        (
            {"teacher.phases": [{"frames": 4, "share": 0.5}]},
            "teacher: the shares of the phases add up",
        ),
        ({"teacher.phases": []}, "teacher.phases: Tuple should have at least 1 item"),
        ({"parallel.strategy": "zero"}, "parallel.strategy: Input should be 'ddp' or 'fsdp2'"),
        ({"parallel.sequence": 3}, "parallel.sequence is 3; model.heads"),
        ({"parallel.sequence": 2, "causal.phases": [{"frames": 5}]}, "the 5 frames of causal.phases"),
        ({"parallel.sequence": 2, "dmd.frames": 5}, "dmd.frames (5) must be a multiple"),
        ({"dmd.rollout": 4}, "dmd: grad_frames 1, rollout 4, frames 4: a clip begins with"),
        ({"dmd.grad_frames": 4}, "dmd: grad_frames 4, rollout 3"),
        ({"dmd.levels": [0.9, 0.1]}, "dmd: levels go from 0.9 to 0.1"),
        ({"codec": 3}, "codec: Input should be an object"),
        ({"codec.steps": {1}}, "the configuration has numbers, texts and lists"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(override: dict[str, Any], said: str) -> None:
    with pytest.raises(DatasetError) as refused:
        load_config("tiny", overrides=override)
    assert said in str(refused.value) and "preset tiny" in str(refused.value)


def test_a_file_says_what_differs_from_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "world.toml"
    path.write_text('preset = "tiny"\n[codec]\nsteps = 7\n')
    config, tiny = load_config(path=path), load_config("tiny")
    assert config.codec.steps == 7
    assert config.model_copy(update={"codec": tiny.codec}) == tiny
    assert load_config(path=path, overrides={"codec.steps": 9}).codec.steps == 9, "a setting beats the file"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[codec\n", "cannot be read as TOML"),
        ('preset = "huge"', "no preset 'huge'; choose one of tiny, cpu, gpu"),
        ("preset = 3", "preset must be one of"),
        ("[codec]\nsteps = 7\n", "model: Field required"),
        ('preset = "tiny"\n[codec]\nsteps = 2026-01-01\n', "the configuration has numbers, texts and lists"),
        ('preset = "tiny"\n[codec]\nrate = nan\n', "codec.rate: Input should be"),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "world.toml"
    path.write_text(text)
    with pytest.raises(DatasetError) as refused:
        load_config(path=path)
    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.toml: there is no such configuration file"):
        load_config(path=tmp_path / "none.toml")


def test_a_run_of_an_older_version_says_what_it_does_not_know() -> None:
    values = json.loads(load_config("tiny").to_json())
    values["codec"]["depth_weight"] = 2.0
    with pytest.raises(DatasetError, match=r"^RUN/run\.json: codec\.depth_weight is not a known key"):
        config_from_json(json.dumps(values), "RUN/run.json")


def test_the_documentation_names_every_key() -> None:
    text = (Path(__file__).parent.parent / "docs" / "training-runs.md").read_text()
    for section, field in WorldConfig.model_fields.items():
        assert field.annotation is not None
        for key in field.annotation.model_fields:
            assert f"`{key}`" in text, f"docs/training-runs.md does not name {section}.{key}"


def test_phases_follow_each_other_by_their_shares() -> None:
    phases = [{"frames": 4, "share": 0.5}, {"frames": 6, "share": 0.3}, {"frames": 8, "share": 0.2}]
    teacher = load_config("tiny", overrides={"teacher.phases": phases, "teacher.steps": 10}).teacher
    assert [teacher.phase(n).frames for n in range(10)] == [4] * 5 + [6] * 3 + [8] * 2
    assert teacher.frames == 8


def test_settings_of_a_command_line_are_read_as_toml() -> None:
    assert parse_override("codec.steps=30") == ("codec.steps", 30)
    assert parse_override("codec.crop = [64, 64]") == ("codec.crop", [64, 64])
    assert parse_override("parallel.strategy=fsdp2") == ("parallel.strategy", "fsdp2")
    assert parse_override("prompts.enabled=true") == ("prompts.enabled", True)
    with pytest.raises(DatasetError, match=r"'codec\.steps' is not a setting; write SECTION\.KEY=VALUE"):
        parse_override("codec.steps")
