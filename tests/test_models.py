"""The torch definitions: causality, cache, reprojection geometry, free motion."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import torch

from dreamport.models.codec import CodecConfig, Decoder, Encoder
from dreamport.models.dit import CausalDiT, DiTConfig
from dreamport.models.motion import MotionConfig, MotionHead
from dreamport.models.reprojection import Reprojection

CONFIG = DiTConfig(latent_channels=4, latent_height=6, latent_width=10, width=48, layers=2, heads=2)
HEIGHT, WIDTH, NEAR = 48, 80, 0.35
CAMERA = torch.tensor([40.0, 40.0, 40.0, 24.0])


def trained_looking_dit() -> CausalDiT:
    torch.manual_seed(0)
    model = CausalDiT(CONFIG).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return model


def clip_inputs(frames: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(1)
    return (
        torch.randn(1, frames, 4, 6, 10),
        torch.rand(1, frames),
        torch.randn(1, frames, 6, 6, 10),
        torch.randn(1, frames, 6),
        torch.randn(1, frames, 5, 6, 10),
    )


def test_frame_by_frame_with_a_cache_equals_the_whole_clip() -> None:
    model, inputs, frames = trained_looking_dit(), clip_inputs(7), 7
    tokens, slots = CONFIG.tokens_per_frame, CONFIG.context_frames
    keys: list[torch.Tensor] = []
    values: list[torch.Tensor] = []
    with torch.no_grad():
        whole = model.clip(*inputs)
        for t in range(frames):
            window = range(t - CONFIG.window_frames, t)
            seen = list(range(t)) if t <= slots else [*range(CONFIG.sink_frames), *window]
            cache_k = torch.zeros(CONFIG.layers, CONFIG.heads, slots * tokens, CONFIG.head_dim)
            cache_v = torch.zeros_like(cache_k)
            for place, frame in enumerate(seen):
                cache_k[:, :, place * tokens : (place + 1) * tokens] = keys[frame]
                cache_v[:, :, place * tokens : (place + 1) * tokens] = values[frame]
            step = [a[:, t : t + 1] for a in inputs]
            out = model(*step, cache_k, cache_v, torch.tensor([len(seen) * tokens]))
            keys.append(out["k"])
            values.append(out["v"])
            assert torch.allclose(out["velocity"][:, 0], whole[:, t], atol=1e-4)


def test_a_frame_does_not_depend_on_later_ones_or_on_those_out_of_its_window() -> None:
    model, inputs = trained_looking_dit(), clip_inputs(7)
    with torch.no_grad():
        before = model.clip(*inputs)
        later = inputs[0].clone()
        later[:, 5:] += 1.0
        assert torch.allclose(model.clip(later, *inputs[1:])[:, :5], before[:, :5], atol=1e-5)
        context = inputs[0].clone()
        context[:, 4] += 1.0
        assert not torch.allclose(model.clip(context, *inputs[1:])[:, 5], before[:, 5], atol=1e-3)


def test_the_codec_keeps_shapes_and_stays_in_range() -> None:
    config = CodecConfig(latent_channels=4, fine_width=8, coarse_width=16)
    colour, depth = torch.rand(2, 3, HEIGHT, WIDTH), torch.rand(2, 1, HEIGHT, WIDTH)
    latent = Encoder(config)(colour, depth)["latent"]
    assert latent.shape == (2, 4, HEIGHT // 8, WIDTH // 8)
    out = Decoder(config)(latent, colour, depth, torch.ones_like(depth))
    assert out["colour"].shape == colour.shape and out["inverse_depth"].shape == depth.shape
    assert out["colour"].min() >= 0.0 and out["colour"].max() <= 1.0


def test_the_decoder_ignores_what_is_marked_not_valid() -> None:
    decoder = Decoder(CodecConfig(latent_channels=4, fine_width=8, coarse_width=16)).eval()
    latent, nothing = torch.randn(1, 4, 6, 10), torch.zeros(1, 1, HEIGHT, WIDTH)
    hints = [torch.rand(1, 3, HEIGHT, WIDTH) for _ in range(2)]
    with torch.no_grad():
        a, b = (decoder(latent, hint, torch.rand_like(nothing), nothing)["colour"] for hint in hints)
    assert torch.equal(a, b)


def wall(inverse_depth: float) -> torch.Tensor:
    return torch.full((1, 1, HEIGHT, WIDTH), inverse_depth)


def moved(x: float = 0.0, z: float = 0.0) -> torch.Tensor:
    pose = torch.eye(4)[None]
    pose[0, 0, 3], pose[0, 2, 3] = x, z
    return pose


def reproject(
    colour: torch.Tensor, inverse_depth: torch.Tensor, target_from_source: torch.Tensor
) -> dict[str, torch.Tensor]:
    count = colour.shape[0]
    warp = Reprojection(HEIGHT, WIDTH, NEAR)
    out: dict[str, torch.Tensor] = warp(
        colour, inverse_depth, target_from_source, CAMERA.expand(count, 4), CAMERA
    )
    return out


def test_a_view_reprojected_into_its_own_camera_is_itself() -> None:
    colour = torch.rand(1, 3, HEIGHT, WIDTH)
    out = reproject(colour, wall(0.1), moved())
    assert out["valid"].mean() == 1.0
    assert torch.allclose(out["colour"], colour, atol=1e-4)
    assert torch.allclose(out["inverse_depth"], wall(0.1), atol=1e-6)


def test_a_step_to_the_right_shifts_a_wall_by_its_disparity() -> None:
    colour = torch.rand(1, 3, HEIGHT, WIDTH)
    depth_m = NEAR / 0.1
    step_m = 4.0 * depth_m / 40.0  # four pixels at this depth
    out = reproject(colour, wall(0.1), moved(x=-step_m))
    assert torch.allclose(out["colour"][..., 2:-6], colour[..., 6:-2], atol=2e-3)
    assert out["valid"][..., :-6].min() == 1.0 and out["valid"][..., -2:].max() == 0.0


def test_the_nearer_of_two_surfaces_hides_the_farther() -> None:
    near, far = torch.zeros(1, 3, HEIGHT, WIDTH), torch.ones(1, 3, HEIGHT, WIDTH)
    out = reproject(torch.cat([far, near]), torch.cat([wall(0.05), wall(0.2)]), torch.eye(4).repeat(2, 1, 1))
    assert out["colour"].max() < 1e-3
    assert torch.allclose(out["inverse_depth"], wall(0.2), atol=1e-4)


def test_walking_up_to_a_wall_leaves_no_cracks_in_it() -> None:
    colour = torch.full((1, 3, HEIGHT, WIDTH), 0.5)
    depth_m = NEAR / 0.1
    out = reproject(colour, wall(0.1), moved(z=-0.6 * depth_m))
    assert out["valid"][..., 4:-4, 4:-4].min() == 1.0
    assert torch.allclose(out["inverse_depth"][..., 4:-4, 4:-4], torch.tensor(0.25), atol=0.01)


def test_nothing_is_seen_of_views_behind_the_camera_or_without_depth() -> None:
    turned = torch.diag(torch.tensor([-1.0, 1.0, -1.0, 1.0]))[None]
    assert reproject(torch.rand(1, 3, HEIGHT, WIDTH), wall(0.1), turned)["valid"].max() == 0.0
    assert reproject(torch.rand(1, 3, HEIGHT, WIDTH), wall(0.0), moved())["valid"].max() == 0.0


def test_an_untrained_motion_head_walks_where_it_looks() -> None:
    head = MotionHead(MotionConfig(buttons=4, origin=(-5, -5), extent=(10, 10)))
    with torch.no_grad():
        head.free.weight.zero_()
        head.free.bias.zero_()
        head.free.weight[1, 2] = 0.1  # forward button: 0.1 m ahead a tick
        state = torch.tensor([[0.0, 0, 0, 0, 1, 0, 0, 0, 0]])
        for yaw, expected in ((0.0, (0.0, 0.2)), (90.0, (0.2, 0.0))):
            start = state.clone()
            start[0, 3], start[0, 4] = math.sin(math.radians(yaw)), math.cos(math.radians(yaw))
            end = head(start, torch.tensor([[1.0, 0, 0, 0, 0, 0]]))["state"][0]
            assert end[0].item() == pytest.approx(expected[0], abs=1e-5)
            assert end[2].item() == pytest.approx(expected[1], abs=1e-5)
        turned = head(state, torch.tensor([[0.0, 0, 0, 0, 10.0, 0]]))["state"][0]
        assert math.degrees(math.atan2(turned[3], turned[4])) == pytest.approx(10.0, abs=1e-3)
