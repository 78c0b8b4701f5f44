"""Sessions of LingBot-World: the same from the same, other words at once, and options that cost what they
are said to cost.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from torch import Tensor  # noqa: E402

import requires  # noqa: E402
from dreamport.errors import ExecutorError  # noqa: E402
from dreamport.executors import open_chunk_executor  # noqa: E402
from dreamport.executors.lingbot.executor import runner  # noqa: E402
from dreamport.executors.lingbot.fp8 import Fp8Linear, fp8_linears  # noqa: E402
from dreamport.executors.lingbot.int8 import quantise_linears  # noqa: E402
from dreamport.executors.lingbot.kernels import attention_of  # noqa: E402
from dreamport.executors.lingbot.options import LingBotOptions  # noqa: E402
from dreamport.executors.lingbot.session import LingBotSession, Models, Shown  # noqa: E402
from dreamport.models.lingbot.attention import attend  # noqa: E402
from dreamport.models.lingbot.checkpoint import random_module, random_transformer  # noqa: E402
from dreamport.models.lingbot.config import LINGBOT_TINY  # noqa: E402
from dreamport.models.lingbot.transformer import LingBotTransformer  # noqa: E402
from dreamport.models.lingbot.vae import WAN21_TINY, WanVAE  # noqa: E402
from dreamport.worlds import WorldPack  # noqa: E402
from dreamport.worlds.arrays import ArraysError, read_arrays, write_arrays  # noqa: E402
from dreamport_tools.bench.tiny_world import write_tiny_world  # noqa: E402

Float32 = NDArray[np.float32]
SIZE = (32, 64)
SHOWN = Shown(SIZE, (1.0, 0.9375, 0.8333, 0.625), camera_scale=1.0)
CHUNKS = 5
"""Until the window has slid."""


class StubDecoder:
    """Keeps the clean latents it is given, and shows nothing."""

    def __init__(self) -> None:
        self.latents: list[Tensor] = []

    def decode_past(self, size: tuple[int, int], batch: int = 1) -> tuple[Tensor, ...]:
        return (torch.zeros(batch, 1),)

    def decode_step(
        self, latent: Tensor, past: Sequence[Tensor], first: bool
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        self.latents.append(latent.clone())
        frames = 4 * latent.shape[2] - 3 * first
        return torch.zeros(1, 3, frames, *SIZE), tuple(past)


def play(session: LingBotSession, chunks: int = CHUNKS, first: int = 0) -> list[NDArray[np.uint8]]:
    """Walk forward and turn, with the noise of chunk ``first`` and the ones that follow."""
    frames = []
    for chunk in range(first, first + chunks):
        poses = np.tile(np.eye(4, dtype=np.float32), (4, 1, 1))
        poses[:, 2, 3] = 0.2 * (4 * chunk + np.arange(4))
        noise = np.random.default_rng(chunk).standard_normal((4, 16, 4, 4, 8)).astype(np.float32)
        lens = np.tile(np.array([40.0, 40.0, 32.0, 16.0], np.float32), (4, 1))
        frames.append(session.chunk(poses, lens, noise))
    return frames


def words(text: str) -> Tensor:
    """A stand-in for the text encoder."""
    draw = torch.Generator().manual_seed(len(text))
    drawn: Tensor = torch.randn(1, LINGBOT_TINY.text_tokens, LINGBOT_TINY.text_dim, generator=draw)
    return drawn


@pytest.fixture(scope="module")
def transformer() -> LingBotTransformer:
    return random_transformer(LINGBOT_TINY, "cpu", torch.float32, seed=0)


@pytest.fixture(scope="module")
def vae() -> WanVAE:
    return random_module(lambda: WanVAE(WAN21_TINY, False), "cpu", torch.float32, seed=1)


def latents(transformer: LingBotTransformer, vae: WanVAE, options: LingBotOptions) -> Tensor:
    """Clean latents of a session, ``[1, 16, 20, 4, 8]``."""
    decoder = StubDecoder()
    run = runner(transformer, options.compile)
    models = Models(transformer, run, vae, decoder, scaled=False, encode=words)
    session = LingBotSession(models, SHOWN, options, torch.device("cpu"))
    with pytest.MonkeyPatch.context() as patch:
        # the encoder is tested with the codecs, and takes longer than all chunks
        shown = torch.randn(1, 16, 30, 4, 8, generator=torch.Generator().manual_seed(5))
        patch.setattr("dreamport.executors.lingbot.session.picture_latents", lambda *_: shown)
        session.begin(np.full((*SIZE, 3), 90, np.uint8), "a valley")
    play(session)
    clean: Tensor = torch.cat(decoder.latents, dim=2)
    return clean


def error(made: Tensor, exact: Tensor) -> float:
    """Root mean square of what differs, over that of the whole."""
    return float((made - exact).square().mean().sqrt() / exact.square().mean().sqrt())


@pytest.fixture(scope="module")
def exact(transformer: LingBotTransformer, vae: WanVAE) -> Tensor:
    return latents(transformer, vae, LingBotOptions())


@pytest.mark.parametrize("option", ["camera_once", "rotate_once"])
def test_what_is_computed_once_a_chunk_changes_nothing(
    transformer: LingBotTransformer, vae: WanVAE, exact: Tensor, option: str
) -> None:
    once: dict[str, Any] = {option: True}
    assert torch.equal(latents(transformer, vae, LingBotOptions(**once)), exact)


def test_the_error_of_remembering_the_last_denoising_pass(
    transformer: LingBotTransformer, vae: WanVAE, exact: Tensor
) -> None:
    merged = latents(transformer, vae, LingBotOptions(merged_cache=True))
    assert torch.equal(merged[:, :, :4], exact[:, :, :4])  # nothing is remembered yet
    assert 0.0 < error(merged, exact) < 0.2


def test_the_error_of_bfloat16(transformer: LingBotTransformer, vae: WanVAE, exact: Tensor) -> None:
    half = latents(copy.deepcopy(transformer).bfloat16(), vae, LingBotOptions())
    assert 0.0 < error(half, exact) < 0.02


def test_the_error_of_8_bit_weights(transformer: LingBotTransformer, vae: WanVAE, exact: Tensor) -> None:
    small = copy.deepcopy(transformer)
    quantise_linears(small.blocks)
    assert 0.0 < error(latents(small, vae, LingBotOptions()), exact) < 0.02


def test_the_error_of_linear_layers_in_fp8(
    transformer: LingBotTransformer, vae: WanVAE, exact: Tensor
) -> None:
    fast = copy.deepcopy(transformer)
    fp8_linears(fast.blocks)
    assert 0.0 < error(latents(fast, vae, LingBotOptions()), exact) < 0.05


def test_a_linear_layer_in_fp8_rounds_each_row_by_its_own_scale() -> None:
    linear = torch.nn.Linear(256, 64)
    x = torch.randn(2, 24, 256) * torch.logspace(-3, 3, 24)[:, None]
    with torch.inference_mode():
        exact, made = linear(x), Fp8Linear(linear)(x)
    by_row = (made - exact).square().mean(-1).sqrt() / (exact - linear.bias).square().mean(-1).sqrt()
    assert 0.0 < by_row.max() < 0.06


def test_the_error_of_attention_in_fp8(transformer: LingBotTransformer, vae: WanVAE, exact: Tensor) -> None:
    fast = copy.deepcopy(transformer)
    fast.attend = attention_of("fp8", torch.device("cpu"))
    assert 0.0 < error(latents(fast, vae, LingBotOptions()), exact) < 0.02


def test_what_all_keys_have_in_common_costs_attention_in_fp8_nothing() -> None:
    draw = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 32, 2, 128, generator=draw) for _ in range(3))
    in_fp8, shift = attention_of("fp8", torch.device("cpu")), torch.linspace(-50, 50, 128)
    assert error(in_fp8(q, k + shift, v), attend(q, k, v)) < 0.05


def test_a_named_kernel_compiles_without_a_break_and_agrees() -> None:
    q, k, v = (torch.randn(1, 32, 2, 64) for _ in range(3))
    flash = attention_of("flash", torch.device("cpu"))
    compiled = torch.compile(flash, fullgraph=True, backend="aot_eager")
    with torch.inference_mode():
        assert torch.allclose(compiled(q, k, v), attend(q, k, v), atol=1e-5)
    if not torch.cuda.is_available():
        with pytest.raises(ExecutorError, match="needs an NVIDIA GPU"):
            attention_of("cudnn", torch.device("cpu"))


@pytest.mark.parametrize("more", [{}, {"camera_once": True, "rotate_once": True}, {"merged_cache": True}])
def test_recorded_passes_follow_the_session_and_change_nothing(
    transformer: LingBotTransformer, vae: WanVAE, more: dict[str, Any]
) -> None:
    """Through other words, a window that slides, a load and a new beginning, all in recorded memory."""

    def played(**options: Any) -> list[Tensor]:
        decoder = StubDecoder()
        models = Models(transformer, transformer, vae, decoder, scaled=False, encode=words)
        session = LingBotSession(models, SHOWN, LingBotOptions(**options), torch.device("cpu"))
        shown = torch.randn(1, 16, 30, 4, 8, generator=torch.Generator().manual_seed(5))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("dreamport.executors.lingbot.session.picture_latents", lambda *_: shown)
            session.begin(np.full((*SIZE, 3), 90, np.uint8), "a valley")
            play(session, chunks=2)
            kept = session.state()
            session.prompt("a thunderstorm")
            play(session, chunks=4, first=2)
            session.restore(kept)
            play(session, chunks=1, first=2)
            session.begin(np.full((*SIZE, 3), 90, np.uint8), "a hill")
            play(session, chunks=2, first=9)
        return decoder.latents

    for recorded, plain in zip(played(cuda_graphs=True, **more), played(**more), strict=True):
        assert torch.equal(recorded, plain)


def test_options_that_nobody_knows_or_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(ExecutorError, match="compile 'fast' is not known; use off, blocks, whole"):
        LingBotOptions(compile="fast")
    with pytest.raises(ExecutorError, match="leave one of the two out"):
        LingBotOptions(compile="blocks", resident_blocks=0)
    with pytest.raises(ExecutorError, match="leave one of the two out"):
        LingBotOptions(cuda_graphs=True, resident_blocks=0)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> WorldPack:
    requires.package("ftfy", extra="lingbot")
    requires.package("tokenizers", extra="lingbot")
    return write_tiny_world(tmp_path_factory.mktemp("lingbot"))


@pytest.fixture(scope="module")
def session(pack: WorldPack) -> LingBotSession:
    executor = open_chunk_executor(pack, threads=1)
    assert (executor.name, executor.precision) == ("torch", "f32")
    opened = executor.session()
    assert isinstance(opened, LingBotSession)
    return opened


def begun(session: LingBotSession, pack: WorldPack) -> LingBotSession:
    start = pack.image_start()
    session.begin(start.image, start.prompt)
    return session


def test_a_session_gives_13_and_then_16_frames_and_the_same_again(
    session: LingBotSession, pack: WorldPack
) -> None:
    frames = play(begun(session, pack), chunks=2)
    assert [a.shape for a in frames] == [(13, *SIZE, 3), (16, *SIZE, 3)]
    assert frames[1].std() > 1
    assert set(session.timings) == {"text", "denoise", "cache", "decode"}
    again = play(begun(session, pack), chunks=2)
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))


def test_other_words_change_nothing_but_what_comes(session: LingBotSession, pack: WorldPack) -> None:
    play(begun(session, pack), chunks=1)
    before = session.state()
    kept = read_arrays(write_arrays(before))
    (silent,) = play(session, chunks=1, first=1)
    session.restore(kept)
    session.prompt("a thunderstorm at night")
    after = session.state()
    assert {name for name in before if not np.array_equal(before[name], after[name])} == {"words"}
    (said,) = play(session, chunks=1, first=1)
    assert not np.array_equal(silent, said)
    session.restore(kept)
    (again,) = play(session, chunks=1, first=1)
    assert np.array_equal(silent, again)


def test_a_world_plays_with_all_that_is_fast(pack: WorldPack) -> None:
    fast = LingBotOptions(
        camera_once=True,
        rotate_once=True,
        merged_cache=True,
        weights="fp8",
        decode_half=True,
        decode_stream=True,
        attention="fp8",
        cuda_graphs=True,
    )
    executor = open_chunk_executor(pack, threads=1, options=fast)
    opened = executor.session()
    start = pack.image_start()
    opened.begin(start.image, start.prompt)
    assert isinstance(opened, LingBotSession)
    (frames,) = play(opened, chunks=1)
    assert frames.shape == (13, *SIZE, 3)
    assert frames.std() > 1


def test_a_state_of_another_world_is_refused_and_nothing_changes(
    session: LingBotSession, pack: WorldPack
) -> None:
    begun(session, pack)
    before = session.state()
    for name in ("k", "frames", "words", "decoded_past_0"):
        other = {key: array + 1 if array.dtype == np.float32 else array for key, array in before.items()}
        other[name] = np.zeros((2, 2), other[name].dtype)
        with pytest.raises(ArraysError, match=f"array {name} is"):
            session.restore(other)
        assert all(np.array_equal(before[key], array) for key, array in session.state().items())


def test_what_does_not_fit_the_world_is_refused(session: LingBotSession, pack: WorldPack) -> None:
    with pytest.raises(ExecutorError, match=r"picture is \[8, 8, 3\] and must be \[32, 64, 3\]"):
        session.begin(np.zeros((8, 8, 3), np.uint8), "")
    begun(session, pack)
    with pytest.raises(ExecutorError, match=r"noise are \[1, 16, 4, 4, 8\] and must be \[4, 16, 4, 4, 8\]"):
        session.chunk(
            np.zeros((4, 4, 4), np.float32),
            np.ones((4, 4), np.float32),
            np.zeros((1, 16, 4, 4, 8), np.float32),
        )
    with pytest.raises(ExecutorError, match="by torch and not by 'openvino'"):
        open_chunk_executor(pack, "openvino")
    with pytest.raises(ExecutorError, match="precision 'f16' is not known for this world"):
        open_chunk_executor(pack, precision="f16")


def test_too_little_memory_is_told_before_anything_is_loaded(
    pack: WorldPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dreamport.executors.lingbot.executor._free_bytes", lambda device: 1 << 20)
    monkeypatch.setattr("dreamport.executors.lingbot.executor.load_transformer", None)
    with pytest.raises(ExecutorError, match=r"0\.0 GB are free"):
        open_chunk_executor(pack)
