"""LingBot-World checkpoints are recognised in every layout, and what is wrong with one is said by name."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402

from dreamport.errors import PackError  # noqa: E402
from dreamport.models.lingbot.checkpoint import (  # noqa: E402
    CheckpointFiles,
    check,
    find,
    load_decoder,
    load_prompt_encoder,
    load_transformer,
    load_vae,
    random_module,
    random_transformer,
    read_config,
)
from dreamport.models.lingbot.checkpoint.loading import load_module  # noqa: E402
from dreamport.models.lingbot.checkpoint.names import plain_name, transformer_name, vae_name  # noqa: E402
from dreamport.models.lingbot.checkpoint.random_files import (  # noqa: E402
    random_text_tensors,
    write_letters_tokenizer,
    write_random,
)
from dreamport.models.lingbot.checkpoint.tensors import shapes, tensors  # noqa: E402
from dreamport.models.lingbot.config import LINGBOT_TINY  # noqa: E402
from dreamport.models.lingbot.text import text_name  # noqa: E402
from dreamport.models.lingbot.tiny_vae import TAEW21_TINY, TinyDecoder  # noqa: E402
from dreamport.models.lingbot.vae import WAN21_TINY, WanVAE  # noqa: E402
from lingbot_files import (  # noqa: E402
    Shapes,
    Sizes,
    random_tensors,
    transformer_shapes,
    write_parts,
    write_shards,
)

SMALL = Sizes(dim=128, ffn=128, layers=2)


class Two(nn.Module):
    """Two layers, as a stand-in for a model."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)


def diffusers_name(name: str) -> str:
    """What Wan's conversion script makes of an original name of the transformer."""
    for original, port in (
        ("time_embedding.0", "condition_embedder.time_embedder.linear_1"),
        ("time_embedding.2", "condition_embedder.time_embedder.linear_2"),
        ("text_embedding.0", "condition_embedder.text_embedder.linear_1"),
        ("text_embedding.2", "condition_embedder.text_embedder.linear_2"),
        ("time_projection.1", "condition_embedder.time_proj"),
        ("head.modulation", "scale_shift_table"),
        ("head.head", "proj_out"),
        ("modulation", "scale_shift_table"),
        ("ffn.0", "ffn.net.0.proj"),
        ("ffn.2", "ffn.net.2"),
        ("norm3", "norm2"),
        ("attn.q", "attn.to_q"),
        ("attn.k", "attn.to_k"),
        ("attn.v", "attn.to_v"),
        ("attn.o", "attn.to_out.0"),
        ("self_attn", "attn1"),
        ("cross_attn", "attn2"),
    ):
        name = name.replace(original, port)
    return name


def write_checkpoint(folder: Path, layout: str, shapes_of: Shapes | None = None) -> Path:
    """A small checkpoint in ``folder`` as ``layout`` is handed out."""
    values = random_tensors(shapes_of or transformer_shapes(SMALL))
    folder.mkdir()
    if layout == "diffusers":
        ported = {diffusers_name(name): value for name, value in values.items()}
        assert len(ported) == len(values)
        write_shards(folder / "transformer", ported, "diffusion_pytorch_model", 2)
        (folder / "vae").mkdir()
        save_file({"x": torch.zeros(1)}, folder / "vae" / "diffusion_pytorch_model.safetensors")
        write_shards(folder / "text_encoder", {"a": torch.zeros(1), "b": torch.zeros(1)}, "model", 2)
        (folder / "tokenizer").mkdir()
        (folder / "tokenizer" / "tokenizer.json").write_text("{}")
        return folder
    write_parts(folder)
    if layout == "v2_14b":
        write_shards(folder / "transformers", values, "diffusion_pytorch_model", 3)
        (folder / "config.json").write_text(json.dumps({"dim": SMALL.dim, "text_len": 64}))
    elif layout == "v1_fast":
        write_shards(folder / "lingbot_world_fast", values, "model", 2, index=False)
    else:
        write_shards(folder, values, "model", 6)
    return folder


@pytest.mark.parametrize("layout", ["v1_fast", "v2_14b", "flat", "diffusers"])
def test_every_layout_is_recognised_and_gives_the_same_tensors(layout: str, tmp_path: Path) -> None:
    files = find(write_checkpoint(tmp_path / "checkpoint", layout))
    assert files.layout == layout
    assert shapes(files.transformer, transformer_name) == transformer_shapes(SMALL)
    config = read_config(files)
    assert (config.dim, config.ffn, config.heads, config.layers) == (128, 128, 1, 2)
    assert (config.in_channels, config.out_channels, config.text_dim) == (36, 16, 64)
    assert config.text_tokens == (64 if layout == "v2_14b" else 512)
    assert (config.chunk_latents, config.sink_frames) == (
        (3, 9) if layout in ("v1_fast", "diffusers") else (4, 6)
    )
    assert all((files.vae, files.text, files.tokenizer)) and not files.decoder
    wanted = random_tensors(transformer_shapes(SMALL))
    loaded = dict(tensors(files.transformer, transformer_name, "cpu", None))
    assert all(torch.equal(loaded[name], value) for name, value in wanted.items())


def test_the_parts_may_lie_in_another_folder(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    write_shards(folder, random_tensors(transformer_shapes(SMALL)), "model", 2)
    with pytest.raises(PackError, match=r"not the VAE .*, the text encoder .*, the tokenizer .*--also"):
        find(folder)
    (tmp_path / "wan").mkdir()
    write_parts(tmp_path / "wan")
    assert find(folder, [tmp_path / "wan"]).vae == (tmp_path / "wan" / "Wan2.1_VAE.pth",)


def test_a_tiny_decoder_is_asked_for_only_when_it_is_wanted(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint", "flat")
    with pytest.raises(PackError, match=r"decoder taehv \(taew2_1"):
        find(folder, decoder="taehv")
    save_file({"x": torch.zeros(1)}, folder / "taew2_1.safetensors")
    assert find(folder, decoder="taehv").decoder == (folder / "taew2_1.safetensors",)


@pytest.mark.parametrize("index", [True, False])
def test_missing_shards_are_named(index: bool, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    paths = write_shards(folder, random_tensors(transformer_shapes(SMALL)), "model", 6, index)
    paths[2].unlink()
    paths[4].unlink()
    with pytest.raises(PackError) as told:
        find(folder)
    assert "2 of 6 weight files are missing" in str(told.value)
    assert "model-00003-of-00006.safetensors, model-00005-of-00006.safetensors" in str(told.value)
    assert "download" in str(told.value)


def test_an_index_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint", "flat")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../elsewhere.safetensors"}}))
    with pytest.raises(PackError, match="no index"):
        find(folder)


def test_the_bidirectional_experts_are_told_from_a_world_that_plays(tmp_path: Path) -> None:
    (tmp_path / "high_noise_model").mkdir()
    with pytest.raises(PackError, match=r"cannot be played; download lingbot_world_fast"):
        find(tmp_path)


def test_a_folder_of_something_else_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="transformer/"):
        find(tmp_path)
    with pytest.raises(PackError, match="there is no checkpoint at"):
        find(tmp_path / "nowhere")


def test_a_wan_model_without_camera_is_no_world(tmp_path: Path) -> None:
    without = {name: shape for name, shape in transformer_shapes(SMALL).items() if "wancamctrl" not in name}
    folder = write_checkpoint(tmp_path / "checkpoint", "flat", without)
    with pytest.raises(PackError, match="without camera"):
        read_config(find(folder))


def test_a_config_that_does_not_belong_to_its_weights_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint", "v2_14b")
    (folder / "config.json").write_text(json.dumps({"num_layers": 40}))
    with pytest.raises(PackError, match=r"num_layers 40 and the weight files beside it have 2"):
        read_config(find(folder))


def test_chunk_sink_and_window_are_the_config_s_where_it_tells_them(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint", "diffusers")
    told = {"num_frames_per_block": 4, "sink_size": 3, "sliding_window_num_frames": 15, "local_attn_size": -1}
    (folder / "transformer" / "config.json").write_text(json.dumps(told))
    config = read_config(find(folder))
    assert (config.chunk_latents, config.sink_frames, config.window_frames) == (4, 3, 15)


def test_keys_and_sizes_are_read_from_the_shapes(tmp_path: Path) -> None:
    with_keys = replace(SMALL, camera=1792, dim=256, layers=3)
    folder = write_checkpoint(tmp_path / "checkpoint", "flat", transformer_shapes(with_keys))
    config = read_config(find(folder))
    assert (config.camera_channels, config.dim, config.heads, config.layers) == (1792, 256, 2, 3)


def load_two(*paths: Path, dtype: Any = None) -> Two:
    return load_module(Two, paths, "stand-in", plain_name, "cpu", dtype)


def test_tensors_go_into_the_module_as_they_are_or_in_another_type(tmp_path: Path) -> None:
    source = Two()
    save_file(source.state_dict(), tmp_path / "a.safetensors")
    torch.save({"state_dict": source.state_dict()}, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        loaded = load_two(tmp_path / name)
        assert torch.equal(loaded.first.weight, source.first.weight)
        assert not any(parameter.requires_grad for parameter in loaded.parameters())
        assert load_two(tmp_path / name, dtype=torch.bfloat16).second.bias.dtype == torch.bfloat16


def test_loaded_tensors_are_no_views_of_the_file(tmp_path: Path) -> None:
    torch.save(Two().state_dict(), tmp_path / "a.pth")
    loaded = load_two(tmp_path / "a.pth")
    before = loaded.first.weight.clone()
    with (tmp_path / "a.pth").open("r+b") as file:
        file.write(b"\0" * (tmp_path / "a.pth").stat().st_size)
    assert torch.equal(loaded.first.weight, before)


def test_every_tensor_that_does_not_fit_is_named_before_anything_is_loaded(tmp_path: Path) -> None:
    values = Two().state_dict()
    values["third.weight"] = values.pop("first.bias")
    values["second.weight"] = torch.zeros(5, 4)
    save_file(values, tmp_path / "a.safetensors")
    with pytest.raises(PackError) as told:
        load_two(tmp_path / "a.safetensors")
    for expected in (
        "1 tensor missing: first.bias",
        "1 tensor unexpected: third.weight",
        "1 tensor of another shape: second.weight is [5, 4] and must be [2, 4]",
        "give its own files",
    ):
        assert expected in str(told.value)


def test_a_file_cut_short_is_told_from_another_model(tmp_path: Path) -> None:
    save_file({"first.weight": torch.zeros(4, 3)}, tmp_path / "a.safetensors")
    with pytest.raises(PackError, match=r"3 tensors missing.*download it again"):
        load_two(tmp_path / "a.safetensors")
    save_file({"other": torch.zeros(4, 3)}, tmp_path / "b.safetensors")
    with pytest.raises(PackError, match="weights of another model"):
        load_two(tmp_path / "b.safetensors")
    whole = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(whole[:-8])
    with pytest.raises(PackError, match="no complete safetensors file"):
        load_two(tmp_path / "a.safetensors")


class Runs:
    """What a pickle that runs code looks like."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    torch.save({"first.weight": Runs(tmp_path / "ran")}, tmp_path / "a.pth")
    with pytest.raises(PackError, match=r"pickle that holds more than tensors .* refused.* safetensors"):
        load_two(tmp_path / "a.pth")
    assert not (tmp_path / "ran").exists()


def test_a_pth_that_is_no_weights_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(PackError, match="besides named tensors"):
        load_two(tmp_path / "list.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(PackError, match=r"text\.pth"):
        load_two(tmp_path / "text.pth")
    (tmp_path / "weights.bin").write_bytes(b"x")
    with pytest.raises(PackError, match="never opened"):
        load_two(tmp_path / "weights.bin")


def test_a_vae_of_the_diffusers_port_has_the_original_names() -> None:
    for port, original in {
        "encoder.conv_in.weight": "encoder.conv1.weight",
        "encoder.down_blocks.0.norm1.gamma": "encoder.downsamples.0.residual.0.gamma",
        "encoder.down_blocks.2.resample.1.weight": "encoder.downsamples.2.resample.1.weight",
        "encoder.down_blocks.3.conv_shortcut.bias": "encoder.downsamples.3.shortcut.bias",
        "encoder.mid_block.resnets.1.conv2.weight": "encoder.middle.2.residual.6.weight",
        "encoder.mid_block.attentions.0.to_qkv.weight": "encoder.middle.1.to_qkv.weight",
        "encoder.norm_out.gamma": "encoder.head.0.gamma",
        "decoder.conv_out.weight": "decoder.head.2.weight",
        "decoder.up_blocks.0.upsamplers.0.time_conv.bias": "decoder.upsamples.3.time_conv.bias",
        "decoder.up_blocks.1.resnets.0.conv_shortcut.weight": "decoder.upsamples.4.shortcut.weight",
        "decoder.up_blocks.3.resnets.2.conv1.weight": "decoder.upsamples.14.residual.2.weight",
        "quant_conv.weight": "conv1.weight",
        "post_quant_conv.bias": "conv2.bias",
        "decoder.upsamples.3.resample.1.weight": "decoder.upsamples.3.resample.1.weight",
    }.items():
        assert vae_name(port) == original


@pytest.mark.parametrize("layout", ["v2_14b", "flat", "diffusers"])
def test_the_documented_tensors_are_exactly_those_of_the_transformer(layout: str, tmp_path: Path) -> None:
    files = find(write_checkpoint(tmp_path / "checkpoint", layout))
    transformer = load_transformer(files, read_config(files), "cpu", torch.float32)
    wanted = random_tensors(transformer_shapes(SMALL))
    assert all(torch.equal(wanted[name].float(), value) for name, value in transformer.state_dict().items())


@pytest.mark.parametrize(("dim", "ffn", "layers", "count"), [(1536, 8960, 30, 1071), (5120, 13824, 40, 1421)])
def test_the_public_sizes_have_as_many_tensors_and_parameters_as_their_files(
    dim: int, ffn: int, layers: int, count: int
) -> None:
    shapes_of = transformer_shapes(Sizes(dim, ffn, layers, text_dim=4096))
    assert len(shapes_of) == count
    parameters = sum(torch.Size(shape).numel() for shape in shapes_of.values())
    assert parameters / 1e9 == pytest.approx({30: 1.71, 40: 18.54}[layers], abs=0.01)


def test_a_transformer_with_a_wrong_tensor_is_refused_by_name(tmp_path: Path) -> None:
    wrong = transformer_shapes(SMALL) | {"blocks.1.cam_scale_layer.weight": (128, 64)}
    del wrong["blocks.0.norm3.bias"]
    files = find(write_checkpoint(tmp_path / "checkpoint", "flat", wrong))
    with pytest.raises(PackError) as told:
        load_transformer(files, read_config(files), "cpu", torch.float32)
    assert "1 tensor missing: blocks.0.norm3.bias" in str(told.value)
    assert "blocks.1.cam_scale_layer.weight is [128, 64] and must be [128, 128]" in str(told.value)


def test_random_weights_are_a_function_of_the_seed_and_keep_their_size() -> None:
    config = replace(LINGBOT_TINY, layers=1)
    first, again, other = (random_transformer(config, "cpu", torch.float32, seed) for seed in (1, 1, 2))
    name = "blocks.0.ffn.0.weight"
    assert torch.equal(first.state_dict()[name], again.state_dict()[name])
    assert not torch.equal(first.state_dict()[name], other.state_dict()[name])
    assert first.state_dict()[name].std().item() == pytest.approx(config.dim**-0.5, rel=0.05)


def diffusers_vae_name(name: str) -> str:
    """What Wan's conversion script makes of an original name of the VAE."""
    half, _, rest = name.partition(".")
    if half in ("conv1", "conv2"):
        return f"{'quant_conv' if half == 'conv1' else 'post_quant_conv'}.{rest}"
    rest = {"conv1": "conv_in", "head.0": "norm_out", "head.2": "conv_out"}.get(
        ".".join(rest.split(".")[:-1]), ".".join(rest.split(".")[:-1])
    ) + f".{rest.split('.')[-1]}"
    for place, port in (("0", "resnets.0"), ("1", "attentions.0"), ("2", "resnets.1")):
        rest = rest.replace(f"middle.{place}.", f"mid_block.{port}.")
    rest = rest.replace("downsamples.", "down_blocks.")
    for number in reversed(range(15)):
        level, within = divmod(number, 4)
        port = f"resnets.{within}" if within < 3 else "upsamplers.0"
        rest = rest.replace(f"upsamples.{number}.", f"up_blocks.{level}.{port}.")
    for original, port in (
        ("residual.0", "norm1"),
        ("residual.2", "conv1"),
        ("residual.3", "norm2"),
        ("residual.6", "conv2"),
        ("shortcut", "conv_shortcut"),
    ):
        rest = rest.replace(original, port)
    return f"{half}.{rest}"


def test_the_vae_is_loaded_from_the_original_file_and_from_the_diffusers_port(tmp_path: Path) -> None:
    source = random_module(lambda: WanVAE(WAN21_TINY), "cpu", torch.float32, 0)
    values = source.state_dict()
    torch.save(values, tmp_path / "Wan2.1_VAE.pth")
    ported = {diffusers_vae_name(name): value for name, value in values.items()}
    assert len(ported) == len(values) and "decoder.up_blocks.3.resnets.2.norm1.gamma" in ported
    save_file(ported, tmp_path / "diffusion_pytorch_model.safetensors")
    for name in ("Wan2.1_VAE.pth", "diffusion_pytorch_model.safetensors"):
        files = CheckpointFiles("flat", (), (tmp_path / name,), (), ())
        loaded = load_vae(files, "cpu", torch.float32)
        assert loaded.config.dim == WAN21_TINY.dim
        assert all(torch.equal(values[key], value) for key, value in loaded.state_dict().items())
        half = load_vae(files, "cpu", torch.bfloat16, decodes=False).state_dict()
        assert half.keys() == {key for key in values if key.startswith(("encoder.", "conv1."))}


def test_a_file_that_is_no_vae_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "Wan2.1_VAE.pth")
    with pytest.raises(PackError, match=r"does not hold the Wan 2\.1 VAE"):
        load_vae(CheckpointFiles("flat", (), (tmp_path / "Wan2.1_VAE.pth",), (), ()), "cpu", torch.float32)


def test_a_tiny_decoder_is_as_wide_as_its_file(tmp_path: Path) -> None:
    values = random_module(lambda: TinyDecoder(TAEW21_TINY), "cpu", torch.float32, 0).state_dict()
    save_file(values | {"encoder.0.weight": torch.zeros(1)}, tmp_path / "taew2_1.safetensors")
    files = CheckpointFiles("flat", (), (), (), (), (tmp_path / "taew2_1.safetensors",))
    loaded = load_decoder(files, "cpu", torch.float32)
    assert loaded.config.widths == TAEW21_TINY.widths
    assert all(torch.equal(values[key], value) for key, value in loaded.state_dict().items())
    with pytest.raises(PackError, match="--decoder"):
        load_decoder(replace(files, decoder=()), "cpu", torch.float32)


def test_the_text_encoder_is_loaded_from_the_original_file_and_from_the_diffusers_port(
    tmp_path: Path,
) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("ftfy")
    values = random_text_tensors(64, 0)
    torch.save(values, tmp_path / "models_t5_umt5-xxl-enc-bf16.pth")
    write_letters_tokenizer(tmp_path / "tokenizer")
    ported = {text_name(name): value for name, value in values.items()}
    ported["shared.weight"] = ported["encoder.embed_tokens.weight"].clone()
    save_file(ported, tmp_path / "model.safetensors")
    tokenizer = (tmp_path / "tokenizer" / "tokenizer.json",)
    found = []
    for name in ("models_t5_umt5-xxl-enc-bf16.pth", "model.safetensors"):
        files = CheckpointFiles("flat", (), (), (tmp_path / name,), tokenizer)
        found.append(load_prompt_encoder(files, "cpu", torch.float32, 24).encode("a quiet valley"))
    assert found[0].shape == (1, 24, 64)
    assert torch.equal(found[0], found[1])
    letters_and_end = 16
    assert found[0][0, letters_and_end - 1].any() and not found[0][0, letters_and_end:].any()


def test_a_whole_random_checkpoint_is_checked_loaded_and_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    written = [write_random(tmp_path / name, LINGBOT_TINY, "v2_14b", 5) for name in ("one", "two")]
    first, second = (find(folder) for folder in written)
    config = read_config(first)
    assert replace(config, text_tokens=LINGBOT_TINY.text_tokens) == LINGBOT_TINY
    check(first, config)
    for mine, other in zip(first.transformer + first.vae, second.transformer + second.vae, strict=True):
        same = dict(tensors([other], plain_name, "cpu", None))
        assert all(torch.equal(value, same[name]) for name, value in tensors([mine], plain_name, "cpu", None))


def test_a_checkpoint_with_the_text_encoder_of_another_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    folder = write_random(tmp_path / "checkpoint", LINGBOT_TINY, "flat", 5)
    values = random_text_tensors(64, 0)
    del values["blocks.1.attn.q.weight"]
    torch.save(values, folder / "models_t5_umt5-xxl-enc-bf16.pth")
    files = find(folder)
    with pytest.raises(PackError, match=r"umT5 text encoder: 1 tensor missing: encoder\.block\.1"):
        check(files, read_config(files))
