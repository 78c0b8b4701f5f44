"""The causal transformer plays chunk by chunk what it would give for the whole clip at once, without end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402
from torch.fx import GraphModule  # noqa: E402
from torch.nn.functional import silu  # noqa: E402

import requires  # noqa: E402
from dreamport.models.lingbot import attention, rope  # noqa: E402
from dreamport.models.lingbot.block import Kernels, Seen  # noqa: E402
from dreamport.models.lingbot.cache import History, KVCache, rotated  # noqa: E402
from dreamport.models.lingbot.checkpoint.names import transformer_name  # noqa: E402
from dreamport.models.lingbot.config import (  # noqa: E402
    LINGBOT_1_3B,
    LINGBOT_14B,
    LINGBOT_TINY,
    LingBotConfig,
)
from dreamport.models.lingbot.export import StepGraph, step_graph, step_inputs  # noqa: E402
from dreamport.models.lingbot.schedule import add_noise, denoised  # noqa: E402
from dreamport.models.lingbot.transformer import ChunkOutput, LingBotTransformer, TextKeys  # noqa: E402

HEIGHT, WIDTH = 4, 6
TOKENS = (HEIGHT // 2) * (WIDTH // 2)
FRAMES = 28
"""Ten latent frames more than the window holds."""


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def model() -> LingBotTransformer:
    return random_model(LINGBOT_TINY)


def random_model(config: LingBotConfig, seed: int = 0) -> LingBotTransformer:
    torch.manual_seed(seed)
    return LingBotTransformer(config).eval().requires_grad_(False)


class Clip:
    """Random inputs of ``frames`` latent frames, and each chunk of them."""

    def __init__(self, config: LingBotConfig, frames: int, seed: int = 1) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.chunk = config.chunk_latents
        self.latent = torch.randn(1, config.in_channels, frames, HEIGHT, WIDTH, generator=draw)
        self.timestep = torch.rand(1, frames, generator=draw) * 1000
        self.rays = torch.randn(1, frames * TOKENS, config.camera_channels, generator=draw)
        self.embeddings = torch.randn(1, config.text_tokens, config.text_dim, generator=draw)

    def of(self, chunk: int) -> tuple[Tensor, Tensor, Tensor]:
        frames = slice(chunk * self.chunk, (chunk + 1) * self.chunk)
        tokens = slice(frames.start * TOKENS, frames.stop * TOKENS)
        return self.latent[:, :, frames], self.timestep[:, frames], self.rays[:, tokens]

    def run(self, model: LingBotTransformer, chunk: int, text: TextKeys, history: History) -> ChunkOutput:
        latent, timestep, rays = self.of(chunk)
        out: ChunkOutput = model(latent, timestep, model.camera_tokens(rays), text, history)
        return out


def cache_of(config: LingBotConfig) -> KVCache:
    return KVCache(config, TOKENS, dtype=torch.float32)


def played(model: LingBotTransformer, clip: Clip) -> tuple[Tensor, KVCache]:
    """Velocities of all frames, chunk by chunk."""
    cache = KVCache(model.config, TOKENS, dtype=model.dtype)
    text = model.text_keys(clip.embeddings)
    velocities = []
    for chunk in range(clip.latent.shape[2] // clip.chunk):
        out = clip.run(model, chunk, text, cache.history())
        cache.append(out.k, out.v)
        velocities.append(out.velocity)
    return torch.cat(velocities, dim=2), cache


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(LINGBOT_TINY, id="chunks of 4, sink of 6, window of 18"),
        pytest.param(replace(LINGBOT_TINY, chunk_latents=3, sink_frames=9), id="v1: chunks of 3, sink of 9"),
        pytest.param(replace(LINGBOT_TINY, window_frames=11), id="a ring shorter than a chunk"),
        pytest.param(replace(LINGBOT_TINY, window_frames=10), id="a sink and no window"),
    ],
)
def test_chunk_by_chunk_with_a_cache_is_the_whole_clip_under_a_dense_mask(config: LingBotConfig) -> None:
    model = random_model(config)
    clip = Clip(config, FRAMES - FRAMES % config.chunk_latents)
    text = model.text_keys(clip.embeddings)
    whole = model.full(clip.latent, clip.timestep, model.camera_tokens(clip.rays), text)
    in_chunks, _ = played(model, clip)
    assert whole.std() > 0.1
    assert (whole - in_chunks).abs().max() < 1e-4


def test_the_dense_mask_shows_a_chunk_its_sink_and_the_newest_of_its_window() -> None:
    mask = attention.visible(24, chunk=4, sink=6, window=18)
    assert mask[0].nonzero().flatten().tolist() == [0, 1, 2, 3]
    assert mask[15].nonzero().flatten().tolist() == list(range(16))
    assert mask[20].nonzero().flatten().tolist() == [*range(6), *range(12, 24)]


def test_a_frame_that_left_the_window_no_longer_counts_and_the_sink_always_does(
    model: LingBotTransformer,
) -> None:
    # one layer: with more, a frame's influence travels on through frames that are still seen
    model = random_model(replace(model.config, layers=1))
    clip = Clip(model.config, FRAMES)
    before, _ = played(model, clip)
    for frame, last_seen_by in ((8, 20), (5, FRAMES)):
        other = Clip(model.config, FRAMES)
        other.latent[:, :, frame] += 1
        after, _ = played(model, other)
        changed = (after != before).flatten(3).any(-1).any(1)[0]
        chunk = frame - frame % 4
        assert not changed[:chunk].any()
        assert changed[chunk:last_seen_by].all() and not changed[last_seen_by:].any()


def test_the_cache_meets_five_lengths_of_history() -> None:
    assert LINGBOT_1_3B.history_lengths == (0, 4, 8, 12, 14)
    cache, met = cache_of(LINGBOT_TINY), []
    new = torch.zeros(2, 1, 4 * TOKENS, 2, 128)
    for _ in range(8):
        met.append(cache.history().k.shape[2] // TOKENS)
        cache.append(new, new)
    assert met == [0, 4, 8, 12, 14, 14, 14, 14]


def test_the_cache_keeps_its_memory_and_knows_which_frame_is_where() -> None:
    cache = cache_of(LINGBOT_TINY)
    memory = [a.data_ptr() for a in (cache.k, cache.v, cache.places, cache.now)]
    for start in range(0, 2000, 4):
        frames = torch.arange(start, start + 4).float().repeat_interleave(TOKENS)
        new = frames[None, None, :, None, None].expand(2, 1, -1, 2, 128)
        cache.append(new, -new)
        history, written = cache.history(), start + 4
        held = history.k[0, 0, ::TOKENS, 0, 0]
        newest = range(max(6, written - 8), written)
        assert sorted(held.tolist()) == sorted({*range(min(6, written)), *newest})
        assert torch.equal(history.v, -history.k)
        late = max(0, written + 4 - 1024)
        assert torch.equal(history.places, torch.where(held < 6, held, held - late).long())
        assert history.now.tolist() == [written - late + i for i in range(4)]
    assert memory == [a.data_ptr() for a in (cache.k, cache.v, cache.places, cache.now)]


def test_beyond_the_last_place_in_time_a_session_goes_on_as_at_the_last_place(
    model: LingBotTransformer,
) -> None:
    clip = Clip(model.config, 40)
    text = model.text_keys(clip.embeddings)
    # chunks that begin at frame 1012, 1016, 1020 (the last with places of their own), 1024, ...
    cache = cache_of(model.config)
    past = torch.randn(2, 1, 14 * TOKENS, 2, 128, generator=torch.Generator().manual_seed(3))
    cache.restore({"k": past, "v": past.flip(0), "frames": torch.tensor(1012)})
    late = cache_of(model.config)
    late.restore({"k": past, "v": past.flip(0), "frames": torch.tensor(1012 + 8 * 10**6)})
    largest = []
    for chunk in range(10):
        history = cache.history()
        largest.append(int(torch.cat([history.places, history.now]).max()))
        out = clip.run(model, chunk, text, history)
        assert torch.isfinite(out.velocity).all()
        far = clip.run(model, chunk, text, late.history())
        if chunk >= 2:
            assert torch.equal(out.velocity, far.velocity)
        else:
            # only the distance to the sink differs
            assert 0 < (out.velocity - far.velocity).abs().max() < 0.1
        for each, made in ((cache, out), (late, out)):
            each.append(made.k, made.v)
    assert largest == [1015, 1019, *[1023] * 8]


def test_rotary_embedding_is_multiplication_by_complex_numbers_on_three_axes() -> None:
    place = torch.tensor([0, 1023, 7])
    cosine, sine = rope.angles(place, 2, 3, 128)
    x = torch.randn(1, 3 * 6, 2, 128, generator=torch.Generator().manual_seed(0))
    turned = rope.rotate(x, cosine, sine)
    pairs = torch.view_as_complex(x.double().reshape(1, 18, 2, 64, 2))
    for token in range(18):
        axes = (int(place[token // 6]), token % 6 // 3, token % 3)
        turns = [a * 10_000.0 ** (-i / n) for a, n in zip(axes, (22, 21, 21), strict=True) for i in range(n)]
        turn = torch.polar(torch.ones(64).double(), torch.tensor(turns, dtype=torch.float64))
        expected = torch.view_as_real(pairs[0, token] * turn).flatten(1).float()
        assert torch.allclose(turned[0, token], expected, atol=1e-5)


def test_keys_rotated_once_a_chunk_give_the_same_frames(model: LingBotTransformer) -> None:
    clip = Clip(model.config, FRAMES)
    _, cache = played(model, clip)
    text, history = model.text_keys(clip.embeddings), cache.history()
    memory = torch.empty_like(history.k)
    once = rotated(history, HEIGHT // 2, WIDTH // 2, into=memory)
    assert once.k is memory
    assert torch.equal(clip.run(model, 0, text, once).velocity, clip.run(model, 0, text, history).velocity)


def test_the_cameras_part_of_the_blocks_can_be_computed_once_a_chunk(model: LingBotTransformer) -> None:
    clip = Clip(model.config, 4)
    latent, timestep, rays = clip.of(0)
    text, history = model.text_keys(clip.embeddings), cache_of(model.config).history()
    camera = model.camera_tokens(rays)
    each_pass = model(latent, timestep, camera, text, history)
    once = model(latent, timestep, model.steering(camera), text, history)
    assert torch.equal(each_pass.velocity, once.velocity) and torch.equal(each_pass.k, once.k)
    turned = model(latent, timestep, camera.flip(1), text, history)
    assert (turned.velocity - once.velocity).abs().max() > 0.01


def test_the_camera_scales_and_shifts_the_tokens_between_the_two_attentions() -> None:
    model, clip = random_model(LINGBOT_TINY), Clip(LINGBOT_TINY, 4)
    weights = model.state_dict()

    def linear(name: str, x: Tensor) -> Tensor:
        y: Tensor = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return y

    p = linear("patch_embedding_wancamctrl", clip.rays)
    c = p + linear("c2ws_hidden_states_layer2", silu(linear("c2ws_hidden_states_layer1", p)))
    assert torch.allclose(model.camera_tokens(clip.rays), c, atol=1e-5)
    # with every other branch silent, a block is what the camera does
    for branch in ("self_attn.o", "cross_attn.o", "ffn.2"):
        weights[f"blocks.1.{branch}.weight"].zero_()
        weights[f"blocks.1.{branch}.bias"].zero_()
    h = c + linear("blocks.1.cam_injector_layer2", silu(linear("blocks.1.cam_injector_layer1", c)))
    x = torch.randn(c.shape, generator=torch.Generator().manual_seed(2))
    expected = (1 + linear("blocks.1.cam_scale_layer", h)) * x + linear("blocks.1.cam_shift_layer", h)
    text = model.text_keys(clip.embeddings)
    block = model.get_submodule("blocks.1")
    steering = tuple(part[1] for part in model.steering(c))
    time = torch.ones(1, 4, 6, x.shape[-1])
    now = rope.angles(torch.arange(4), HEIGHT // 2, WIDTH // 2, 128)
    kernels = Kernels(attention.attend, attention.attend)
    made, _, _ = block(x, time, steering, (text.k[1], text.v[1]), Seen(None, None, now), kernels)
    assert torch.allclose(made, expected, atol=1e-5)


def test_a_restored_cache_goes_on_as_the_one_that_was_kept(model: LingBotTransformer) -> None:
    clip = Clip(model.config, FRAMES)
    _, cache = played(model, clip)
    kept = {name: value.clone() for name, value in cache.state().items()}
    other = cache_of(model.config)
    other.restore(kept)
    text = model.text_keys(clip.embeddings)
    for chunk in range(2):
        made, again = (clip.run(model, chunk, text, each.history()) for each in (cache, other))
        assert torch.equal(made.velocity, again.velocity)
        cache.append(made.k, made.v)
        other.append(again.k, again.v)
    cache.clear()
    assert cache.history().k.shape[2] == 0


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param(lambda s: s.pop("v"), "lacks v", id="an array is missing"),
        pytest.param(lambda s: s.update(k=s["k"][:, :, 1:]), "must be", id="another length"),
        pytest.param(lambda s: s.update(k=s["k"].half()), "must be", id="another type"),
        pytest.param(lambda s: s.update(frames=torch.tensor(-1)), "0 or more", id="less than nothing"),
        pytest.param(lambda s: s.update(frames=torch.tensor(3)), "must be", id="fewer frames than keys"),
    ],
)
def test_a_cache_refuses_a_state_of_another_world_and_stays_as_it_was(
    model: LingBotTransformer, spoil: object, told: str
) -> None:
    _, cache = played(model, Clip(model.config, 8))
    before = cache.k.clone()
    state = {name: value.clone() + (name != "frames") for name, value in cache.state().items()}
    spoil(state)  # type: ignore[operator]
    with pytest.raises(ValueError, match=told):
        cache.restore(state)
    assert torch.equal(cache.k, before) and cache.frames == 8


@pytest.mark.parametrize("whole", [True, False], ids=["the whole pass", "one block, shared by all"])
def test_each_length_of_history_is_one_graph_without_breaks(whole: bool) -> None:
    model, graphs = random_model(LINGBOT_TINY), []
    exact, clip = random_model(LINGBOT_TINY), Clip(LINGBOT_TINY, 24)
    text, cache = model.text_keys(clip.embeddings), cache_of(model.config)

    def counted(graph: GraphModule, _: object) -> object:
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    for part in [model] if whole else model.blocks:
        part.compile(backend=counted, fullgraph=True, dynamic=False)
    for chunk in range(6):
        history = cache.history()
        latent, timestep, rays = clip.of(chunk)
        inputs = (latent, timestep, model.steering(model.camera_tokens(rays)), text, history)
        out = model(*inputs)
        assert torch.allclose(out.velocity, exact(*inputs).velocity, atol=1e-5)
        cache.append(out.k, out.v)
    torch._dynamo.reset()
    assert len(graphs) == 5
    # rotary tables are computed once a pass, of the chunk and of its history, not again where they are read
    tables = [sum("rotary_angles" in str(node.target) for node in graph.graph.nodes) for graph in graphs]
    assert tables == ([1, 2, 2, 2, 2] if whole else [0] * 5)


@pytest.mark.parametrize(
    ("config", "tensors", "billions"),
    [
        pytest.param(LINGBOT_1_3B, 1071, 1.71, id="1.3B"),
        pytest.param(LINGBOT_14B, 1421, 18.54, id="14B"),
    ],
)
def test_the_public_sizes_have_the_documented_tensors(
    config: LingBotConfig, tensors: int, billions: float
) -> None:
    with torch.device("meta"):
        state = LingBotTransformer(config).state_dict()
    assert len(state) == tensors
    assert round(sum(prod(t.shape) for t in state.values()) / 1e9, 2) == billions
    d = config.dim
    assert tuple(state["patch_embedding.weight"].shape) == (d, 36, 1, 2, 2)
    assert tuple(state["patch_embedding_wancamctrl.weight"].shape) == (d, 1536)
    assert tuple(state["time_projection.1.weight"].shape) == (6 * d, d)
    assert tuple(state["blocks.0.modulation"].shape) == (1, 6, d)
    assert tuple(state["blocks.0.cross_attn.norm_q.weight"].shape) == (d,)
    assert tuple(state["head.head.weight"].shape) == (64, d)


def test_without_camera_a_chunk_is_that_of_wan_as_diffusers_computes_it() -> None:
    requires.package("diffusers", extra="diffusers")
    diffusers = pytest.importorskip("diffusers")
    config = replace(LINGBOT_TINY, text_tokens=16)
    peer = diffusers.WanTransformer3DModel(
        patch_size=config.patch,
        num_attention_heads=config.heads,
        attention_head_dim=config.head_dim,
        in_channels=config.in_channels,
        out_channels=config.out_channels,
        text_dim=config.text_dim,
        freq_dim=config.freq_dim,
        ffn_dim=config.ffn,
        num_layers=config.layers,
        cross_attn_norm=True,
        eps=config.eps,
    ).eval()
    draw = torch.Generator().manual_seed(0)
    for name, parameter in peer.named_parameters():
        size = prod(parameter.shape[1:]) ** -0.5 if parameter.ndim in (2, 5) else 0.2
        parameter.copy_(torch.randn(parameter.shape, generator=draw) * size)
        if "norm" in name and name.endswith("weight"):
            parameter.add_(1.5)
    model = random_model(config)
    taken = {transformer_name(name): value for name, value in peer.state_dict().items()}
    left = model.load_state_dict({k: v for k, v in taken.items() if k is not None}, strict=False)
    assert not left.unexpected_keys
    assert all("cam" in name or "c2ws" in name for name in left.missing_keys)
    for name, parameter in model.named_parameters():
        if "cam_scale" in name or "cam_shift" in name:
            parameter.zero_()
    clip = Clip(config, 4)
    latent, timestep, rays = clip.of(0)
    timestep = timestep.round()
    expected = peer(
        hidden_states=latent,
        timestep=timestep.repeat_interleave(TOKENS, dim=1),
        encoder_hidden_states=clip.embeddings,
        return_dict=False,
    )[0]
    text, history = model.text_keys(clip.embeddings), cache_of(config).history()
    made = model(latent, timestep, model.camera_tokens(rays), text, history).velocity
    assert expected.std() > 0.1
    assert (made - expected).abs().max() < 1e-4


def test_in_bfloat16_the_stream_between_blocks_stays_float32_and_the_error_small() -> None:
    exact, clip = random_model(LINGBOT_TINY), Clip(LINGBOT_TINY, FRAMES)
    whole, _ = played(exact, clip)
    half, _ = played(random_model(LINGBOT_TINY).bfloat16(), clip)
    assert half.dtype == torch.float32
    assert (half - whole).square().mean().sqrt() < 0.02 * whole.std()


def test_denoising_inverts_adding_noise() -> None:
    draw = torch.Generator().manual_seed(0)
    clean, noise = (torch.randn(1, 16, 4, 8, 8, generator=draw) for _ in range(2))
    for sigma in (1.0, 0.9375, 0.625):
        again = denoised(add_noise(clean, noise, sigma), noise - clean, sigma)
        assert torch.allclose(again, clean, atol=1e-5)


def test_a_pass_exported_as_onnx_gives_the_same_in_another_runtime() -> None:
    requires.package("onnxscript", extra="dev")
    openvino = pytest.importorskip("openvino")
    model, history = random_model(replace(LINGBOT_TINY, text_tokens=16)), 14
    inputs = step_inputs(model, HEIGHT, WIDTH, history)
    runtime = openvino.Core()
    graph = runtime.compile_model(
        runtime.read_model(step_graph(model, HEIGHT, WIDTH, history)),
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32"},
    )
    made = graph({name: value.numpy() for name, value in inputs.items()})
    for name, expected in zip(("velocity", "k", "v"), StepGraph(model)(**inputs), strict=True):
        assert (torch.from_numpy(made[name]) - expected).abs().max() < 1e-4
