"""What a LingBot-World session takes of memory, blocks that wait in main memory, and 8-bit weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="LingBot-World needs torch")

from torch import Tensor, nn  # noqa: E402

from dreamport.errors import ExecutorError  # noqa: E402
from dreamport.executors.lingbot.executor import LingBotExecutor  # noqa: E402
from dreamport.executors.lingbot.int8 import (  # noqa: E402
    Int8Linear,
    load_quantised,
    quantise,
    quantise_linears,
    quantised,
)
from dreamport.executors.lingbot.memory import (  # noqa: E402
    PLANS,
    WAYS,
    MemoryPlan,
    estimate,
    needs,
    options_that_fit,
    plan_of,
    require_memory,
    tokens_per_frame,
)
from dreamport.executors.lingbot.offload import BlockOffload  # noqa: E402
from dreamport.executors.lingbot.options import LingBotOptions  # noqa: E402
from dreamport.models.lingbot.cache import KVCache  # noqa: E402
from dreamport.models.lingbot.checkpoint import CheckpointFiles, load_transformer  # noqa: E402
from dreamport.models.lingbot.config import LINGBOT_1_3B, LINGBOT_14B, LINGBOT_TINY  # noqa: E402
from dreamport.models.lingbot.tiny_vae import TinyDecoder  # noqa: E402
from dreamport.models.lingbot.transformer import LingBotTransformer, TextKeys  # noqa: E402
from dreamport.models.lingbot.vae import WanVAE  # noqa: E402
from dreamport.worlds import WorldPack  # noqa: E402
from dreamport_tools.bench.tiny_world import write_tiny_world  # noqa: E402

UInt8 = NDArray[np.uint8]

pytestmark = pytest.mark.usefixtures("without_gradients")
USUAL = (832, 464)
SMALL = (64, 64)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
CONFIG = replace(LINGBOT_TINY, layers=5)
ON_CPU = MemoryPlan(text_encoder="none", element_bytes=4, codec_bytes=4)


@pytest.fixture
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def transformer(seed: int = 0) -> LingBotTransformer:
    torch.manual_seed(seed)
    return LingBotTransformer(CONFIG).requires_grad_(False).eval()


def inputs(model: LingBotTransformer) -> tuple[Tensor, Tensor, Tensor, TextKeys, KVCache]:
    """A noisy chunk, its noise level, its camera and prompt, and a cache that holds one chunk."""
    generator = torch.Generator().manual_seed(1)
    tokens = tokens_per_frame(CONFIG, SMALL)

    device = model.head.modulation.device

    def drawn(*shape: int) -> Tensor:
        made: Tensor = torch.randn(shape, generator=generator)
        return made.to(device)

    latent = drawn(1, 36, 4, 8, 8)
    camera = model.camera_tokens(drawn(1, 4 * tokens, CONFIG.camera_channels))
    text = model.text_keys(drawn(1, CONFIG.text_tokens, CONFIG.text_dim))
    cache = KVCache(CONFIG, tokens, device=device, dtype=torch.float32)
    shape = (CONFIG.layers, 1, 4 * tokens, CONFIG.heads, CONFIG.head_dim)
    cache.append(drawn(*shape), drawn(*shape))
    return latent, torch.full((1, 4), 937.5, device=device), camera, text, cache


def bytes_of(module: nn.Module) -> int:
    return sum(one.numel() * one.element_size() for one in (*module.parameters(), *module.buffers()))


def test_weights_are_counted_as_they_are() -> None:
    model = transformer()
    assert estimate(CONFIG, ON_CPU, SMALL).device["weights"] == bytes_of(model)
    quantise_linears(model.blocks)
    eight = estimate(CONFIG, replace(ON_CPU, weights="int8"), SMALL).device["weights"]
    assert eight == bytes_of(model)


def test_cache_and_prompt_are_counted_as_they_are() -> None:
    model = transformer()
    cache = KVCache(CONFIG, tokens_per_frame(CONFIG, SMALL), dtype=torch.float32)
    text = model.text_keys(torch.zeros(1, CONFIG.text_tokens, CONFIG.text_dim))
    counted = estimate(CONFIG, ON_CPU, SMALL).device
    assert counted["cache"] == pytest.approx(sum(one.nbytes for one in (cache.k, cache.v)), rel=0.1)
    assert counted["prompt"] == sum(one.nbytes for one in text)
    halved = estimate(CONFIG, replace(ON_CPU, processes=2), SMALL).device
    assert halved["cache"] == counted["cache"] // 2
    assert estimate(CONFIG, replace(ON_CPU, sessions=3), SMALL).device["cache"] == 3 * counted["cache"]


@pytest.mark.parametrize("decoder", ["wan21", "taehv"])
def test_the_codecs_are_counted_as_they_are(decoder: str) -> None:
    with torch.device("meta"):
        vae = WanVAE()
        tiny = TinyDecoder()
        state = (vae if decoder == "wan21" else tiny).decode_past((USUAL[1] // 8, USUAL[0] // 8))
    counted = estimate(LINGBOT_1_3B, replace(ON_CPU, decoder=decoder), USUAL).device
    assert counted["decoder state"] == pytest.approx(sum(one.nbytes for one in state), rel=0.02)
    extra = 0 if decoder == "wan21" else bytes_of(tiny) - bytes_of(vae.decoder)
    assert counted["vae"] == pytest.approx(bytes_of(vae) + extra, rel=0.02)


def test_the_public_checkpoints_have_the_published_number_of_parameters() -> None:
    plan = MemoryPlan(text_encoder="none", decoder="elsewhere", element_bytes=1)
    assert estimate(LINGBOT_1_3B, plan, USUAL).device["weights"] == pytest.approx(1.71e9, rel=0.005)
    assert estimate(LINGBOT_14B, plan, USUAL).device["weights"] == pytest.approx(18.54e9, rel=0.005)


def test_each_plan_takes_less_than_the_one_before_it() -> None:
    for config in (LINGBOT_1_3B, LINGBOT_14B):
        sizes = [needs(config, way, USUAL) for way in PLANS]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] < sizes[0] / 2


def test_what_is_kept_for_all_passes_of_a_chunk_is_counted() -> None:
    plain = estimate(LINGBOT_14B, MemoryPlan(codec_latents=1), USUAL).device["work"]
    steered = estimate(LINGBOT_14B, MemoryPlan(codec_latents=1, camera_once=True), USUAL).device["work"]
    rotated = estimate(LINGBOT_14B, MemoryPlan(codec_latents=1, rotate_once=True), USUAL).device["work"]
    assert steered - plain == pytest.approx(2 * 40 * 4 * 1508 * 5120 * 2, rel=0.06)
    assert rotated - plain == pytest.approx(40 * 14 * 1508 * 5120 * 2, rel=0.06)


def test_too_little_memory_is_refused_with_what_takes_it_and_what_would_fit() -> None:
    with pytest.raises(ExecutorError, match=r"needs \d+\.\d GB of cuda:0 \(weights 37\.1 GB") as refused:
        require_memory(LINGBOT_14B, PLANS["bf16"], USUAL, int(40e9), "cuda:0")
    assert "this fits: offload" in str(refused.value)
    assert "int8" not in str(refused.value)
    with pytest.raises(ExecutorError, match="smaller frame"):
        require_memory(LINGBOT_14B, PLANS["bf16"], USUAL, int(8e9), "cuda:0")
    enough = needs(LINGBOT_1_3B, "bf16", USUAL)
    assert require_memory(LINGBOT_1_3B, PLANS["bf16"], USUAL, enough, "cuda:0").device_bytes == enough


@pytest.mark.parametrize(
    ("free_gb", "chosen", "told"),
    [
        (100, "bf16", None),
        (60, "int8", r"needs \d+\.\d GB .* 60\.0 GB are free: 8-bit"),
        (32, "offload", "slower"),
    ],
)
def test_the_first_way_that_fits_is_taken_and_told(free_gb: int, chosen: str, told: str | None) -> None:
    free = free_gb * 10**9
    options, reason = options_that_fit(
        None, LINGBOT_14B, PLANS["bf16"], USUAL, free, "cuda:0", main_free_bytes=int(1e12)
    )
    assert options == WAYS[chosen]
    assert (reason is None) == (told is None)
    if told is not None:
        assert re.search(told, str(reason))


def test_options_that_are_asked_for_are_taken_or_refused() -> None:
    given = PLANS["bf16"], USUAL, int(60e9), "cuda:0"
    with pytest.raises(ExecutorError, match="this fits: int8"):
        options_that_fit(LingBotOptions(), LINGBOT_14B, *given, main_free_bytes=int(1e12))
    with pytest.raises(ExecutorError, match="smaller frame"):
        options_that_fit(
            None, LINGBOT_14B, PLANS["bf16"], USUAL, int(8e9), "cuda:0", main_free_bytes=int(1e12)
        )


def test_what_waits_in_main_memory_must_fit_there() -> None:
    given = PLANS["bf16"], USUAL, int(32e9), "cuda:0"
    with pytest.raises(ExecutorError, match="this fits: offload"):
        options_that_fit(None, LINGBOT_14B, *given, main_free_bytes=int(20e9))
    with pytest.raises(ExecutorError, match=r"keep \d+\.\d GB in main memory and 20\.0 GB are free"):
        options_that_fit(WAYS["offload"], LINGBOT_14B, *given, main_free_bytes=int(20e9))


def test_on_a_processor_what_waits_in_main_memory_counts_too() -> None:
    free = int(estimate(LINGBOT_14B, PLANS["offload"], USUAL).device_bytes * 1.1)
    taken, _ = options_that_fit(
        None, LINGBOT_14B, PLANS["bf16"], USUAL, free, "cuda:0", main_free_bytes=int(1e12)
    )
    assert taken == WAYS["offload"]
    with pytest.raises(ExecutorError):
        options_that_fit(None, LINGBOT_14B, PLANS["bf16"], USUAL, free, "CPU", main_free_bytes=None)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    return write_tiny_world(tmp_path_factory.mktemp("memory"))


def first_chunk(executor: LingBotExecutor, world: WorldPack) -> UInt8:
    start, size, steps = world.image_start(), world.manifest.latent, len(world.manifest.sampler.sigmas)
    noise = np.random.default_rng(0).standard_normal((steps, size.channels, 4, size.height, size.width))
    session = executor.session()
    session.begin(start.image, start.prompt)
    poses, lens = np.tile(np.eye(4, dtype=np.float32), (4, 1, 1)), np.tile(np.float32(60), (4, 4))
    return session.chunk(poses, lens, noise.astype(np.float32))


def test_a_world_that_does_not_fit_plainly_plays_with_less_and_says_so(
    world: WorldPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = torch.device("cpu")
    plain = LingBotExecutor(world, processor)
    assert plain.fallback_reason is None
    checkpoint, frame = world.manifest.checkpoint, world.manifest.frame
    assert checkpoint is not None
    # Between what the plain options and 8-bit weights need; the codec's type makes the difference.
    like = plan_of(WAYS["int8"], "wan21", element_bytes=4)
    free = int(1.01 * estimate(checkpoint.sizes, like, (frame.width, frame.height)).device_bytes)
    monkeypatch.setattr("dreamport.executors.lingbot.executor._free_bytes", lambda device: free)
    small = LingBotExecutor(world, processor)
    assert "8-bit weights" in str(small.fallback_reason)
    exact, rounded = first_chunk(plain, world).astype(int), first_chunk(small, world)
    assert 0 < np.abs(exact - rounded).mean() < 8
    with pytest.raises(ExecutorError, match="needs"):
        LingBotExecutor(world, processor, options=LingBotOptions())


def test_a_checkpoint_becomes_8_bit_tensor_by_tensor(world: WorldPack) -> None:
    files = CheckpointFiles(**vars(world.checkpoint_weights()))
    loaded = load_quantised(files, LINGBOT_TINY, torch.device("cpu"), torch.float32)
    whole = load_transformer(files, LINGBOT_TINY, "cpu", torch.float32)
    quantise_linears(whole.blocks)
    wanted, found = whole.state_dict(), loaded.state_dict()
    assert wanted.keys() == found.keys()
    assert sum(tensor.dtype == torch.int8 for tensor in found.values()) == 14 * LINGBOT_TINY.layers
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


def test_frames_are_decoded_where_they_are_told_to_be(world: WorldPack) -> None:
    processor = torch.device("cpu")
    here, there = (
        LingBotExecutor(world, processor),
        LingBotExecutor(world, processor, options=LingBotOptions(decode_device="cpu")),
    )
    assert np.array_equal(first_chunk(here, world), first_chunk(there, world))
    with pytest.raises(ExecutorError, match=r"no device 'cuda:7' to decode on; there are cpu"):
        LingBotExecutor(world, processor, options=LingBotOptions(decode_device="cuda:7"))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("resident", [0, 2, 4])
def test_streamed_blocks_compute_what_resident_ones_do_bit_for_bit(resident: int, device: str) -> None:
    model, streamed = transformer().to(device), transformer()
    wanted = inputs(model)
    offload = BlockOffload(list(streamed.blocks), torch.device(device), resident)
    for name, part in streamed.named_children():
        if name != "blocks":
            part.to(device)
    # More than one pass, and what is called besides the passes in between.
    for _ in range(2):
        given = inputs(streamed)
        for ours, theirs in zip(given[3], wanted[3], strict=True):
            assert torch.equal(ours, theirs)
        one, other = streamed(*given[:4], given[4].history()), model(*wanted[:4], wanted[4].history())
        for ours, theirs in zip(one, other, strict=True):
            assert torch.equal(ours, theirs)
        steered = streamed(*given[:2], streamed.steering(given[2]), given[3], given[4].history())
        assert torch.equal(steered.velocity, other.velocity)
    block = bytes_of(model.blocks[0])
    assert offload.host_bytes == pytest.approx((5 - resident) * block, rel=0.01)
    assert offload.device_bytes == pytest.approx(min(5 - resident, 2) * block, rel=0.01)


def test_no_block_holds_its_own_weights_while_others_run() -> None:
    streamed = transformer()
    BlockOffload(list(streamed.blocks), torch.device("cpu"), 1)
    places = {next(block.parameters()).data_ptr() for block in streamed.blocks}
    assert len(places) == 3, "one resident block and two slots"


def test_blocks_of_different_sizes_are_refused() -> None:
    with pytest.raises(ExecutorError, match="without offload"):
        BlockOffload([nn.Linear(4, 4), nn.Linear(4, 8)], torch.device("cpu"), entries=())


def test_an_8_bit_weight_is_off_by_at_most_half_a_level_of_its_row() -> None:
    weight = (
        torch.randn(64, 96, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 3, 64)[:, None]
    )
    weight[7] = 0.0
    eight, scale = quantise(weight)
    wrong = (eight.float() * scale[:, None] - weight).abs().amax(dim=1)
    assert eight.dtype == torch.int8
    assert (wrong <= weight.abs().amax(dim=1) / 254 * 1.001).all()
    assert not eight[7].any()


def test_8_bit_weights_change_a_chunk_by_about_a_percent() -> None:
    model, eight = transformer(), transformer()
    given = inputs(model)
    quantise_linears(eight.blocks)
    assert sum(isinstance(part, Int8Linear) for part in eight.modules()) == 14 * CONFIG.layers
    exact = model(*given[:4], given[4].history()).velocity
    rounded = eight(*given[:4], given[4].history()).velocity
    error = float((rounded - exact).norm() / exact.norm())
    assert 0 < error < 0.02, f"relative error {error:.4f}"


def test_weights_become_8_bit_while_they_are_loaded() -> None:
    model, loaded, wanted = transformer(), transformer(seed=9), transformer()
    for one in (loaded, wanted):
        quantise_linears(one.blocks)
    loaded.load_state_dict(dict(quantised(model.state_dict().items(), loaded)), assign=True)
    given = inputs(model)
    ours, theirs = (one(*given[:4], given[4].history()).velocity for one in (loaded, wanted))
    assert torch.equal(ours, theirs)


def test_8_bit_blocks_can_be_streamed() -> None:
    model, streamed = transformer(), transformer()
    for one in (model, streamed):
        quantise_linears(one.blocks)
    offload = BlockOffload(list(streamed.blocks), torch.device("cpu"))
    given = inputs(model)
    ours, theirs = (one(*given[:4], given[4].history()).velocity for one in (streamed, model))
    assert torch.equal(ours, theirs)
    plan = replace(ON_CPU, weights="int8", resident_blocks=0)
    counted = estimate(CONFIG, plan, SMALL)
    assert offload.host_bytes == pytest.approx(counted.host["weights"], rel=0.02)
