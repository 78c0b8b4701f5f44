"""What a LingBot-World session takes of memory, blocks that wait in main memory, and 8-bit weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="LingBot-World needs torch")

from torch import Tensor, nn  # noqa: E402

from dreamport.errors import ExecutorError  # noqa: E402
from dreamport.executors.lingbot.int8 import Int8Linear, quantise, quantise_linears, quantised  # noqa: E402
from dreamport.executors.lingbot.memory import (  # noqa: E402
    PLANS,
    MemoryPlan,
    estimate,
    needs,
    require_memory,
    tokens_per_frame,
)
from dreamport.executors.lingbot.offload import BlockOffload  # noqa: E402
from dreamport.models.lingbot.cache import KVCache  # noqa: E402
from dreamport.models.lingbot.config import LINGBOT_1_3B, LINGBOT_14B, LINGBOT_TINY  # noqa: E402
from dreamport.models.lingbot.tiny_vae import TinyDecoder  # noqa: E402
from dreamport.models.lingbot.transformer import LingBotTransformer, TextKeys  # noqa: E402
from dreamport.models.lingbot.vae import WanVAE  # noqa: E402

pytestmark = pytest.mark.usefixtures("without_gradients")
USUAL = (832, 464)
SMALL = (64, 64)
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

    def drawn(*shape: int) -> Tensor:
        made: Tensor = torch.randn(shape, generator=generator)
        return made

    latent = drawn(1, 36, 4, 8, 8)
    camera = model.camera_tokens(drawn(1, 4 * tokens, CONFIG.camera_channels))
    text = model.text_keys(drawn(1, CONFIG.text_tokens, CONFIG.text_dim))
    cache = KVCache(CONFIG, tokens, dtype=torch.float32)
    shape = (CONFIG.layers, 1, 4 * tokens, CONFIG.heads, CONFIG.head_dim)
    cache.append(drawn(*shape), drawn(*shape))
    return latent, torch.full((1, 4), 937.5), camera, text, cache


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


@pytest.mark.parametrize("resident", [0, 2, 4])
def test_streamed_blocks_compute_what_resident_ones_do_bit_for_bit(resident: int) -> None:
    model, streamed = transformer(), transformer()
    wanted = inputs(model)
    offload = BlockOffload(list(streamed.blocks), torch.device("cpu"), resident)
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
