"""Latents, shards and more than one machine: what was baked is what comes out again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import requires

pytest.importorskip("torch", reason="baking needs the extra 'train' (torch)")
pytest.importorskip("av", reason="baking needs the extra 'train' (av)")

import torch
from typer.testing import CliRunner

from dreamport.cli.main import build_app
from dreamport.episodes.layout import episode_paths
from dreamport.errors import DatasetError, DiskFullError
from dreamport.models.codec import CodecConfig, Encoder
from dreamport_training.data import latents as latents_module
from dreamport_training.data.bake import BakeConfig, bake
from dreamport_training.data.baked import Baked
from dreamport_training.data.latents import LatentClips, bake_latents
from dreamport_training.data.shards import export_shards
from recorded_play import record_made_up

LENGTHS = [21, 34]
CODEC = CodecConfig(latent_channels=4, fine_width=8, coarse_width=8, decoder_blocks=1)


def encoder() -> Encoder:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Encoder(CODEC).eval()


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    record_made_up(folder / "data", LENGTHS, size=(64, 48))
    bake(folder / "data", folder / "baked", BakeConfig(0.35, 32.0, views=4, workers=1))
    bake_latents(Baked(folder / "baked"), encoder(), folder / "baked", seed=7)
    return folder / "baked"


def test_latents_are_those_of_the_frames_and_of_what_memory_shows(baked: Path) -> None:
    data, made = Baked(baked), encoder()
    latents = np.load(baked / "latents.npy")
    hints = np.load(baked / "hints.npy")
    assert latents.shape == (55, 4, 6, 8) and hints.shape == (55, 3, 5, 6, 8)
    p = data.pictures(np.array([30]))
    with torch.no_grad():
        own = made(p.colour, p.inverse_depth)["latent"][0].numpy()
        shown = made(p.hint_colour * p.hint_valid, p.hint_inverse_depth * p.hint_valid)["latent"][0].numpy()
    assert np.abs(latents[30] - own).max() < 5e-3
    assert np.abs(hints[30, 0, :4] - shown).max() < 5e-3
    assert not hints[30, 2, 4].any() and hints[30, 0, 4].any(), "the last channel is what is known"


def test_latents_that_were_stopped_go_on_to_the_same_bytes(
    baked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(baked, tmp_path / "baked"))
    for name in ("latents.npy", "hints.npy", "latents.json"):
        (folder / name).unlink()
    monkeypatch.setattr(latents_module, "SAVE_EVERY", 1)
    made, calls = encoder(), [0]

    def full_at_third(module: object, arguments: object) -> None:
        calls[0] += 1
        if calls[0] == 9:  # four calls a batch
            raise OSError(28, "No space left on device")

    broken = encoder()
    broken.register_forward_pre_hook(full_at_third)
    with pytest.raises(DiskFullError, match="no room for the latents"):
        bake_latents(Baked(folder), broken, folder, seed=7)
    assert json.loads((folder / "latents.json").read_text())["done"] == 32
    counted = encoder()
    later: list[object] = []
    counted.register_forward_pre_hook(lambda module, arguments: later.append(None))
    bake_latents(Baked(folder), counted, folder, seed=7)
    assert len(later) == 8, "two batches were left"
    for name in ("latents.npy", "hints.npy"):
        assert (folder / name).read_bytes() == (baked / name).read_bytes(), name
    with torch.no_grad():
        made.mean.add_(0.5)
    bake_latents(Baked(folder), made, folder, seed=7)
    assert (folder / "latents.npy").read_bytes() != (baked / "latents.npy").read_bytes(), "another encoder"


def test_shards_are_read_back_by_the_library_they_are_meant_for(baked: Path, tmp_path: Path) -> None:
    requires.package("webdataset", extra="dreamport[cluster]")
    import webdataset  # type: ignore[import-untyped]

    data = Baked(baked)
    done = list(export_shards(data, tmp_path / "shards", frames=8, shard_bytes=40_000))
    paths = [str(path) for path in done[-1].paths]
    assert len(paths) > 1 and done[-1].samples == 3 + 5
    clips = LatentClips(data, baked, 4)
    seen = np.zeros(len(data), int)
    for sample in webdataset.WebDataset(paths, shardshuffle=False).decode():
        facts = sample["json"]
        assert sample["__key__"] == f"{facts['episode']:06d}-{facts['row']:06d}"
        first = int(np.flatnonzero((data.episode == facts["episode"]) & (data.row == facts["row"]))[0])
        rows = slice(first, first + facts["frames"])
        seen[rows] += 1
        assert facts["begins_run"] == (facts["row"] == 0) and facts["frames"] <= 8
        assert np.array_equal(sample["control.npy"], data.control[rows])
        assert np.array_equal(sample["pose.npy"], data.pose[rows])
        assert np.array_equal(sample["rays.npy"], data.rays[rows])
        assert np.array_equal(sample["latent.npy"], clips.latents[rows])
        assert np.array_equal(sample["hint.npy"], clips.hints[rows, 0])
    assert (seen == 1).all(), "every frame once"
    index = json.loads((tmp_path / "shards" / "index.json").read_text())
    assert [shard["name"] for shard in index["shards"]] == [Path(path).name for path in paths]
    assert index["licence"] == "CC0-1.0" and index["buttons"] == ["MOVE_FORWARD", "jump"]


def test_an_export_of_shards_goes_on_and_does_not_mix(baked: Path, tmp_path: Path) -> None:
    requires.package("webdataset", extra="dreamport[cluster]")
    data, folder = Baked(baked), tmp_path / "shards"
    first = next(iter(export_shards(data, folder, frames=8, shard_bytes=40_000)))
    stamp = first.paths[0].stat().st_mtime_ns
    done = list(export_shards(data, folder, frames=8, shard_bytes=40_000))
    assert done[-1].paths[0].stat().st_mtime_ns == stamp, "a shard that is there is kept"
    whole = tmp_path / "whole"
    assert [
        path.read_bytes() for path in list(export_shards(data, whole, frames=8, shard_bytes=40_000))[-1].paths
    ] == [path.read_bytes() for path in done[-1].paths]
    with pytest.raises(DatasetError, match="shards of another bake or size"):
        list(export_shards(data, folder, frames=16, shard_bytes=40_000))


def test_the_command_bakes_latents_and_shards_and_names_what_it_leaves_out(
    baked: Path, tiny_pack: Path, tmp_path: Path
) -> None:
    requires.package("webdataset", extra="dreamport[cluster]")
    data = Path(shutil.copytree(baked.parent / "data", tmp_path / "data"))
    episode_paths(data, 0)["depth.mkv"].unlink()
    out, shards = tmp_path / "baked", tmp_path / "shards"
    wish = [str(data), "--out", str(out), "--workers", "1", "--views", "4", "--codec", str(tiny_pack)]
    ran = CliRunner().invoke(build_app(), ["data", "bake", *wish, "--shards", str(shards)])
    assert ran.exit_code == 0, ran.output
    said = " ".join(ran.output.split())
    assert "left out: episode 0" in said and "depth.mkv" in said
    assert "34 frames of 64x48 from 1 episodes; 1 episodes left out" in said
    assert np.load(out / "latents.npy").shape == (34, 4, 6, 8)
    assert (shards / "train-000000.tar").exists()
    refused = CliRunner().invoke(build_app(), ["data", "bake", *wish, "--near", "0.9"])
    assert isinstance(refused.exception, DatasetError) and "leave --near out" in str(refused.exception)


@pytest.mark.timeout(600)
def test_a_ray_cluster_bakes_the_same_bytes(baked: Path, tmp_path: Path) -> None:
    requires.package("ray", extra="dreamport[cluster]")
    config = BakeConfig(0.35, 32.0, views=4, workers=2, ray="local")
    bake(baked.parent / "data", tmp_path / "baked", config)
    for name in ("colour", "inverse_depth", "rays", "hint_colour", "hint_valid", "control", "pose"):
        assert (tmp_path / "baked" / f"{name}.npy").read_bytes() == (baked / f"{name}.npy").read_bytes(), name
