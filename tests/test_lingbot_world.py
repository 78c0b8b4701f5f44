"""A world made from a checkpoint: its pack says everything but the weights, which stay where they are."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checkpoint_world import SIZES, stub_checkpoint_world, stub_safetensors
from dreamport.errors import PackError
from dreamport.service.world_source import describe
from dreamport.worlds import Catalogue, WorldPack, open_pack
from dreamport.worlds.checkpoint import LingBotSizes, sigma_of
from dreamport.worlds.from_checkpoint import NewWorld, write_checkpoint_world
from dreamport.worlds.manifest import parse_manifest
from dreamport.worlds.weights import header_digest, record_of


@pytest.fixture
def pack(tmp_path: Path) -> WorldPack:
    return stub_checkpoint_world(tmp_path)


def changed(pack: WorldPack, **fields: Any) -> bytes:
    """The pack's ``world.json`` with some fields of other values; ``None`` takes one out."""
    plain = json.loads((pack.path / "world.json").read_text()) | fields
    return json.dumps({name: value for name, value in plain.items() if value is not None}).encode()


def test_it_opens_again_and_is_listed(pack: WorldPack) -> None:
    assert open_pack(pack.path).digest == pack.digest
    names = [entry.name for entry in Catalogue(user_path=pack.path.parent).list() if entry.error is None]
    assert "stub-checkpoint" in names


def test_it_says_how_it_is_played(pack: WorldPack) -> None:
    manifest, checkpoint = pack.manifest, pack.manifest.checkpoint
    assert checkpoint is not None
    assert (manifest.chunk_frames, manifest.frame_rate) == (16, 16.0)
    assert (manifest.latent.height, manifest.latent.width) == (4, 8)
    assert manifest.cache.frames == 18
    assert manifest.sampler.sigmas == pytest.approx((1.0, 0.9375, 0.83333, 0.625), abs=1e-4)
    assert [button.name for button in manifest.controls.buttons[:4]] == ["forward", "back", "left", "right"]
    assert manifest.controls.buttons[0].keys == ("KeyW",)
    # a latent frame at full speed is 1 long for the network
    assert checkpoint.camera.scale * 4 * checkpoint.camera.step == pytest.approx(1.0)


def test_its_start_is_a_picture_and_a_prompt(pack: WorldPack) -> None:
    start = pack.image_start()
    assert start.prompt == "a quiet valley"
    assert start.image.shape == (32, 64, 3)
    assert np.array_equal(start.image[0, :, 0], np.arange(64))
    with pytest.raises(PackError, match="no start 'other'; it has start"):
        pack.image_start("other")
    with pytest.raises(PackError, match="from a picture"):
        pack.start()


def test_clients_are_told_that_it_listens_to_words_and_poses_and_has_no_depth(pack: WorldPack) -> None:
    world = describe(pack)
    assert world.control_schema.prompts and world.control_schema.pose
    assert not world.HasField("depth_range")
    assert world.chunk_frames == 16
    assert [start.name for start in world.starts] == ["start"]


def test_the_schedules_are_the_published_ones() -> None:
    indices = (0, 250, 500, 750)
    assert [round(1000 * sigma_of(index, 5.0), 1) for index in indices] == [1000.0, 937.5, 833.3, 625.0]
    assert [round(1000 * sigma_of(index, 10.0)) for index in indices] == [1000, 968, 909, 769]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"chunk_frames": 1}, "chunk_frames must be 4 times"),
        ({"checkpoint": None}, "graphs or a checkpoint; it has neither"),
        ({"sampler": {"sigmas": [1.0, 0.5], "context_sigma": 0.0}}, "sampler does not follow"),
        ({"latent": {"channels": 16, "height": 2, "width": 4}}, "cells of 8 pixels"),
        ({"depth": {"min_m": 0.1, "max_m": 10.0}}, "has no graphs, depth"),
        ({"starts": [{"name": "a", "title": "A", "file": "starts/start.npz"}]}, "has a prompt"),
    ],
    ids=["chunk", "neither", "sampler", "latent", "depth", "prompt"],
)
def test_a_manifest_whose_parts_disagree_is_refused(
    pack: WorldPack, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(PackError, match=message):
        parse_manifest(changed(pack, **fields), "world.json")


def test_a_cache_of_other_sizes_than_the_transformer_is_refused(pack: WorldPack) -> None:
    cache = pack.manifest.cache.model_dump() | {"layers": 3}
    with pytest.raises(PackError, match="cache does not follow"):
        parse_manifest(changed(pack, cache=cache), "world.json")


def test_the_largest_checkpoint_passes_though_its_cache_is_larger_than_any_small_world_s(
    tmp_path: Path,
) -> None:
    large: dict[str, Any] = {"dim": 5120, "ffn": 13824, "heads": 40, "layers": 40, "text_dim": 4096}
    pack = stub_checkpoint_world(tmp_path, 832, 464, **large)
    assert pack.manifest.cache.shape == (40, 40, 18 * 1508, 128)
    assert [round(1000 * sigma) for sigma in pack.manifest.sampler.sigmas] == [1000, 968, 909, 769]


def weight_file(pack: WorldPack, role: str = "transformer") -> Path:
    record = json.loads((pack.path / "checkpoint.json").read_text())
    return Path(record["files"][role][0]["path"])


def test_its_weights_are_given_by_role(pack: WorldPack) -> None:
    weights = pack.checkpoint_weights()
    assert weights.transformer == (weight_file(pack),)
    assert weights.tokenizer[0].name == "tokenizer.json"
    assert weights.decoder == ()


def test_a_weight_file_that_is_gone_is_named(pack: WorldPack) -> None:
    path = weight_file(pack)
    path.unlink()
    with pytest.raises(PackError, match=r"model\.safetensors is missing; .*worlds add lingbot"):
        open_pack(pack.path)


def test_a_weight_file_cut_short_or_exchanged_is_refused(pack: WorldPack) -> None:
    path = weight_file(pack)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    with pytest.raises(PackError, match="bytes and had"):
        open_pack(pack.path)
    stub_safetensors(path, "a", "x")
    with pytest.raises(PackError, match="holds other tensors"):
        open_pack(pack.path)


def test_other_numbers_in_the_same_tensors_are_the_owner_s_business(pack: WorldPack) -> None:
    path = weight_file(pack)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4] + struct.pack("<f", 1.0))
    assert open_pack(pack.path).digest == pack.digest


def rewritten(pack: WorldPack, path: str) -> WorldPack:
    """The pack with another path in its record, its digests made right again, as a stranger could."""
    record = json.loads((pack.path / "checkpoint.json").read_text())
    record["files"]["transformer"][0]["path"] = path
    (pack.path / "checkpoint.json").write_text(json.dumps(record))
    manifest = json.loads((pack.path / "world.json").read_text())
    del manifest["files"]
    from dreamport.worlds import write_pack

    return write_pack(pack.path, manifest)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/etc/passwd", "bytes and had"),
        ("/dev/zero", "is missing"),
        ("//server/share/model.safetensors", "on another machine"),
        ("\\\\server\\share\\model.safetensors", "absolute path|on another machine"),
        ("checkpoint/model.safetensors", "no absolute path"),
        ("../../secret.pth", "no absolute path"),
    ],
)
def test_a_record_from_a_stranger_opens_nothing_but_weight_files(
    pack: WorldPack, path: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pack.path.parent)
    with pytest.raises(PackError, match=message):
        rewritten(pack, path)


def test_a_file_that_is_no_weight_file_has_no_header(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    with pytest.raises(PackError, match="no complete safetensors file"):
        header_digest(tmp_path / "a.safetensors")
    (tmp_path / "a.pth").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(PackError, match=r"no \.pth file"):
        header_digest(tmp_path / "a.pth")
    (tmp_path / "run.sh").write_text("echo")
    with pytest.raises(PackError, match="never opened"):
        header_digest(tmp_path / "run.sh")


def test_adding_is_all_or_nothing(pack: WorldPack) -> None:
    weights = pack.checkpoint_weights()
    record = record_of("flat", {"transformer": weights.transformer})
    sizes = LingBotSizes.model_validate(SIZES)
    odd = NewWorld("odd", "Odd", np.zeros((40, 72, 3), np.uint8), "x")  # 5 rows of cells: no whole patches
    with pytest.raises(PackError, match="whole number of patches"):
        write_checkpoint_world(pack.path.parent / "odd", record, sizes, odd)
    assert sorted(path.name for path in pack.path.parent.iterdir()) == ["checkpoint", "stub-checkpoint"]
    with pytest.raises(PackError, match="there is a world at"):
        write_checkpoint_world(pack.path, record, sizes, odd)


def test_a_zipped_pack_works_as_long_as_the_weights_are_there(pack: WorldPack, tmp_path: Path) -> None:
    zipped = shutil.make_archive(str(tmp_path / "zipped"), "zip", pack.path)
    assert open_pack(Path(zipped)).image_start().prompt == "a quiet valley"
