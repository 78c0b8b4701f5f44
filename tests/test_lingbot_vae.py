"""Wan's VAE and its tiny substitutes: what diffusers computes, and a video in pieces as in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import Tensor, nn  # noqa: E402

import requires  # noqa: E402
from dreamport.models.lingbot.checkpoint.names import vae_name  # noqa: E402
from dreamport.models.lingbot.condition import condition, picture_latents, settled_latents  # noqa: E402
from dreamport.models.lingbot.streams import (  # noqa: E402
    DecodeStream,
    EncodeStream,
    FrameDecoder,
    as_video,
    pictures,
)
from dreamport.models.lingbot.tiny_vae import TAEW21, TAEW21_TINY, TinyDecoder, tiny_name  # noqa: E402
from dreamport.models.lingbot.vae import (  # noqa: E402
    WAN21,
    WAN21_TINY,
    VAEConfig,
    WanVAE,
    channels_last,
    denormalised,
    normalised,
    subpixel,
)

ROWS, COLUMNS = 3, 4
SIZE = (ROWS, COLUMNS)
PIXELS = (8 * ROWS, 8 * COLUMNS)


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def random_weights(module: nn.Module, seed: int = 0) -> None:
    """Every parameter matters: norms and biases are not left at one and zero."""
    draw = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        if parameter.dim() == 1 or name.endswith("gamma"):
            parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.2 + name.endswith("gamma"))
        else:
            scale = parameter[0].numel() ** -0.5
            parameter.copy_(torch.randn(parameter.shape, generator=draw) * scale)


@pytest.fixture(scope="module")
def vae() -> WanVAE:
    with torch.no_grad():
        model = WanVAE(WAN21_TINY).eval().requires_grad_(False)
        random_weights(model)
    return model


@pytest.fixture(scope="module")
def tiny() -> TinyDecoder:
    with torch.no_grad():
        model = TinyDecoder(TAEW21_TINY).eval().requires_grad_(False)
        random_weights(model)
        model.get_parameter("decoder.22.bias").fill_(0.5)
    return model


def a_video(frames: int, seed: int = 1) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    video: Tensor = torch.rand((1, 3, frames, *PIXELS), generator=draw) * 2 - 1
    return video


def latents(frames: int, seed: int = 2) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    drawn: Tensor = torch.randn((1, 16, frames, *SIZE), generator=draw)
    return drawn


def largest_difference(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return float((a - b).abs().max())


def test_encoder_and_decoder_compute_what_diffusers_computes(vae: WanVAE) -> None:
    requires.package("diffusers", extra="the extra dev")
    from diffusers.models.autoencoders.autoencoder_kl_wan import AutoencoderKLWan

    peer = AutoencoderKLWan(base_dim=WAN21_TINY.dim).eval()
    own = vae.state_dict()
    peer.load_state_dict({name: own[vae_name(name)] for name in peer.state_dict()})

    encoded = peer.encode(a_video(13)).latent_dist.mean
    assert encoded.std() > 0.1
    assert largest_difference(vae.encode(a_video(13)), encoded) < 1e-5

    decoded = peer.decode(latents(4)).sample
    assert decoded.std() > 0.1
    assert largest_difference(vae.decode(latents(4)), decoded) < 1e-5


def test_names_shapes_and_count_are_those_of_the_public_file() -> None:
    with torch.device("meta"):
        found = {name: tuple(tensor.shape) for name, tensor in WanVAE(WAN21).state_dict().items()}
    assert len(found) == 194
    assert sum(torch.Size(shape).numel() for shape in found.values()) == 126_892_531
    assert found["encoder.conv1.weight"] == (96, 3, 3, 3, 3)
    assert found["encoder.downsamples.5.time_conv.weight"] == (192, 192, 3, 1, 1)
    assert found["encoder.head.2.weight"] == (32, 384, 3, 3, 3)
    assert found["decoder.middle.1.to_qkv.weight"] == (1152, 384, 1, 1)
    assert found["decoder.middle.1.norm.gamma"] == (384, 1, 1)
    assert found["decoder.upsamples.3.time_conv.weight"] == (768, 384, 3, 1, 1)
    assert found["decoder.upsamples.4.shortcut.weight"] == (384, 192, 1, 1, 1)
    assert found["decoder.upsamples.14.residual.6.weight"] == (96, 96, 3, 3, 3)
    assert found["decoder.head.0.gamma"] == (96, 1, 1, 1)


@pytest.mark.parametrize("cuts", [(1, 1, 1, 1, 1, 1, 1), (4, 3), (1, 4, 2), (2, 5)])
def test_decoding_in_pieces_is_decoding_the_whole_clip(vae: WanVAE, cuts: Sequence[int]) -> None:
    clip = latents(7)
    whole = vae.decode(denormalised(clip))
    stream = DecodeStream(vae, SIZE)
    pieces = [stream.push(piece) for piece in torch.split(clip, list(cuts), dim=2)]
    assert pieces[0].shape[2] == 1 + 4 * (cuts[0] - 1)
    assert pieces[1].shape[2] == 4 * cuts[1]
    assert largest_difference(torch.cat(pieces, dim=2), whole) < 1e-4


@pytest.mark.parametrize("cuts", [(1, 4, 4, 4, 4), (13, 4), (1, 16), (5, 12)])
def test_encoding_in_pieces_is_encoding_the_whole_clip(vae: WanVAE, cuts: Sequence[int]) -> None:
    clip = a_video(17)
    whole = normalised(vae.encode(clip))
    stream = EncodeStream(vae, PIXELS)
    pieces = [stream.push(piece) for piece in torch.split(clip, list(cuts), dim=2)]
    assert largest_difference(torch.cat(pieces, dim=2), whole) < 1e-4


def test_what_comes_later_changes_nothing_before(vae: WanVAE) -> None:
    clip, other = latents(5), latents(5)
    other[:, :, 3:] += 1.0
    whole, changed = vae.decode(clip), vae.decode(other)
    assert largest_difference(whole[:, :, :9], changed[:, :, :9]) == 0.0
    assert largest_difference(whole[:, :, 9:10], changed[:, :, 9:10]) > 1e-3


def test_a_few_latents_at_once_take_less_memory_and_give_the_same(vae: WanVAE) -> None:
    stream, sparing = DecodeStream(vae, SIZE), DecodeStream(vae, SIZE, at_once=1)
    for chunk in torch.split(latents(8), 4, dim=2):
        assert largest_difference(stream.push(chunk), sparing.push(chunk)) < 1e-4


def decoders(vae: WanVAE, tiny: TinyDecoder) -> list[tuple[FrameDecoder, bool]]:
    return [(vae, True), (tiny, False)]


@pytest.mark.parametrize("which", [0, 1])
def test_a_stream_goes_on_from_its_state_and_begins_again_when_reset(
    vae: WanVAE, tiny: TinyDecoder, which: int
) -> None:
    decoder, scaled = decoders(vae, tiny)[which]
    first, second = torch.split(latents(8), 4, dim=2)
    stream = DecodeStream(decoder, SIZE, scaled=scaled)
    begun = stream.push(first)
    kept = {name: tensor.clone() for name, tensor in stream.state().items()}
    wanted = stream.push(second)

    resumed = DecodeStream(decoder, SIZE, scaled=scaled)
    resumed.restore(kept)
    assert torch.equal(resumed.push(second), wanted)

    stream.reset()
    assert torch.equal(stream.push(first), begun)


def test_a_state_of_another_size_is_refused_and_changes_nothing(vae: WanVAE) -> None:
    stream, other = DecodeStream(vae, SIZE), DecodeStream(vae, (ROWS + 1, COLUMNS))
    first, second = torch.split(latents(8), 4, dim=2)
    stream.push(first)
    kept = {name: tensor.clone() for name, tensor in stream.state().items()}
    with pytest.raises(ValueError, match=r"past\.0 of the video stream is .* and must be"):
        stream.restore(other.state())
    with pytest.raises(ValueError, match="is missing"):
        stream.restore({"begun": kept["begun"]})
    wanted = DecodeStream(vae, SIZE)
    wanted.restore(kept)
    assert torch.equal(stream.push(second), wanted.push(second))


def test_the_past_of_a_stream_never_moves(vae: WanVAE) -> None:
    stream = DecodeStream(vae, SIZE)
    places = [tensor.data_ptr() for tensor in stream.state().values()][1:]
    for chunk in torch.split(latents(8), 4, dim=2):
        stream.push(chunk)
    assert [tensor.data_ptr() for tensor in stream.state().values()][1:] == places


def test_faster_upsampling_and_channels_last_change_nothing_but_rounding(vae: WanVAE) -> None:
    fast = WanVAE(WAN21_TINY).eval()
    fast.load_state_dict(vae.state_dict())
    channels_last(subpixel(fast))
    clip = latents(3)
    assert largest_difference(fast.decode(clip), vae.decode(clip)) < 1e-5
    assert all(state.is_contiguous(memory_format=torch.channels_last_3d) for state in fast.decode_past(SIZE))


def test_half_the_bits_decode_nearly_the_same(vae: WanVAE) -> None:
    half = WanVAE(WAN21_TINY).eval()
    half.load_state_dict(vae.state_dict())
    half.to(torch.bfloat16)
    exact = vae.decode(denormalised(latents(4)))
    rounded = DecodeStream(half, SIZE).push(latents(4)).float()
    assert float((rounded - exact).square().mean().sqrt() / exact.std()) < 0.05


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("first", [True, False])
def test_a_step_is_one_graph(tiny: TinyDecoder, which: int, first: bool) -> None:
    decoder = (subpixel(WanVAE(VAEConfig(dim=2, residuals=1))), tiny)[which]
    torch._dynamo.reset()
    found = torch._dynamo.explain(decoder.decode_step)(latents(4), decoder.decode_past(SIZE), first)
    assert (found.graph_count, found.graph_break_count) == (1, 0)


def test_a_length_or_size_that_is_no_whole_latent_is_refused(vae: WanVAE) -> None:
    with pytest.raises(ValueError, match="a video of 4 frames of 32x24 cannot be encoded"):
        vae.encode(a_video(4))
    with pytest.raises(ValueError, match="cannot be encoded"):
        vae.encode(a_video(5)[..., :-1])
    stream = EncodeStream(vae, PIXELS)
    stream.push(a_video(5))
    with pytest.raises(ValueError, match="5 frames are no whole number of latents"):
        stream.push(a_video(5))


def test_pictures_keep_their_colours_on_the_way_there_and_back() -> None:
    picture = torch.arange(256, dtype=torch.uint8).reshape(16, 16, 1).expand(16, 16, 3)
    assert torch.equal(pictures(as_video(picture))[0], picture)
    assert pictures(torch.full((1, 3, 2, 1, 1), 1.7)).tolist() == [[[[255] * 3]]] * 2


def test_the_condition_is_the_picture_and_then_grey_for_ever(vae: WanVAE) -> None:
    picture = (torch.rand(*PIXELS, 3, generator=torch.Generator().manual_seed(3)) * 255).to(torch.uint8)
    found = picture_latents(vae, picture)
    grey = torch.zeros(1, 3, 4 * 39, *PIXELS)
    whole = normalised(vae.encode(torch.cat([as_video(picture), grey], dim=2)))
    for start in (0, 4, 24, 28, 36):
        chunk = condition(found, start, 4)
        assert chunk.shape == (1, 20, 4, *SIZE)
        assert largest_difference(chunk[:, 4:], whole[:, :, start : start + 4]) < 1e-4
        marked = [float(start == 0), 0.0, 0.0, 0.0]
        assert torch.equal(chunk[:, :4], torch.tensor(marked)[:, None, None].expand(1, 4, 4, *SIZE))


def test_grey_settles_when_the_encoder_no_longer_sees_the_picture(vae: WanVAE) -> None:
    assert settled_latents(WAN21) == settled_latents(WAN21_TINY) == 29
    dark, light = (
        picture_latents(vae, torch.full((*PIXELS, 3), value, dtype=torch.uint8)) for value in (0, 255)
    )
    assert largest_difference(dark[:, :, 29:], light[:, :, 29:]) < 1e-6
    assert largest_difference(dark[:, :, 20:21], light[:, :, 20:21]) > 1e-6


def test_tiny_names_shapes_and_count_are_those_of_the_public_file() -> None:
    with torch.device("meta"):
        found = {name: tuple(tensor.shape) for name, tensor in TinyDecoder(TAEW21).state_dict().items()}
    assert found["decoder.1.weight"] == (256, 16, 3, 3)
    assert found["decoder.3.conv.0.weight"] == (256, 512, 3, 3)
    assert found["decoder.7.conv.weight"] == (256, 256, 1, 1)
    assert found["decoder.13.conv.weight"] == (256, 128, 1, 1)
    assert found["decoder.20.weight"] == (64, 64, 3, 3)
    assert found["decoder.22.bias"] == (3,)
    assert not any(name.endswith("bias") and name.split(".")[1] in ("8", "14", "20") for name in found)
    assert tiny_name("encoder.0.weight") is None
    assert tiny_name("taehv.decoder.1.weight") == tiny_name("decoder.1.weight") == "decoder.1.weight"


def frame_by_frame(weights: dict[str, Tensor], clip: Tensor) -> Tensor:
    """TAEHV as its author describes it, one frame through all layers after the other: what a block saw last
    is its memory, growing gives frames that go on one by one, and the first three frames are not shown.
    """
    memory: dict[int, Tensor] = {}
    shown: list[Tensor] = []

    def conv(x: Tensor, name: str) -> Tensor:
        return F.conv2d(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"), padding="same")

    def go_on(x: Tensor, place: int) -> None:
        name = f"decoder.{place}"
        if place == 23:
            shown.append(x)
        elif place in (3, 4, 5, 9, 10, 11, 15, 16, 17):
            inner = torch.cat([x, memory.get(place, torch.zeros_like(x))], dim=1)
            memory[place] = x
            inner = conv(
                F.relu(conv(F.relu(conv(inner, f"{name}.conv.0")), f"{name}.conv.2")), f"{name}.conv.4"
            )
            go_on(F.relu(inner + x), place + 1)
        elif place in (6, 12, 18):
            go_on(x.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2), place + 1)
        elif place in (7, 13, 19):
            for grown in torch.split(conv(x, f"{name}.conv"), x.shape[1], dim=1):
                go_on(grown, place + 1)
        else:
            go_on(F.relu(x) if place in (2, 21) else conv(x, name), place + 1)

    for frame in clip.unbind(2):
        go_on(torch.tanh(frame / 3) * 3, 1)
    frames: Tensor = torch.stack(shown[3:], dim=2).clamp(0, 1) * 2 - 1
    return frames


def test_the_tiny_decoder_computes_what_its_author_describes(tiny: TinyDecoder) -> None:
    clip = latents(4)
    wanted = frame_by_frame(dict(tiny.state_dict()), clip)
    assert wanted.std() > 0.1
    assert wanted.shape == (1, 3, 13, *PIXELS)
    assert largest_difference(tiny.decode(clip), wanted) < 1e-5


@pytest.mark.parametrize("cuts", [(1, 1, 1, 1, 1, 1), (4, 2), (1, 4, 1)])
def test_the_tiny_decoder_in_pieces_is_the_whole_clip(tiny: TinyDecoder, cuts: Sequence[int]) -> None:
    clip = latents(6)
    stream = DecodeStream(tiny, SIZE, scaled=False)
    pieces = [stream.push(piece) for piece in torch.split(clip, list(cuts), dim=2)]
    assert largest_difference(torch.cat(pieces, dim=2), tiny.decode(clip)) < 1e-5


def test_light_tae_is_given_the_latents_of_the_vae_and_taehv_the_normalised_ones(tiny: TinyDecoder) -> None:
    clip = latents(2)
    raw, scaled = DecodeStream(tiny, SIZE, scaled=False), DecodeStream(tiny, SIZE, scaled=True)
    assert largest_difference(raw.push(clip), tiny.decode(clip)) < 1e-6
    assert largest_difference(scaled.push(clip), tiny.decode(denormalised(clip))) < 1e-6
    assert largest_difference(normalised(denormalised(clip)), clip) < 1e-5
