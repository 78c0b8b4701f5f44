"""Training objectives against closed forms."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from dreamport_training import objectives as o


def test_the_clean_latent_is_found_again_from_the_true_velocity() -> None:
    clean, noise = torch.randn(2, 3, 4, 5, 6), torch.randn(2, 3, 4, 5, 6)
    sigma = torch.rand(2, 3)
    found = o.clean_from_velocity(o.noised(clean, noise, sigma), noise - clean, sigma)
    assert torch.allclose(found, clean, atol=1e-5)


def test_flow_matching_loss_is_the_square_of_a_constant_error() -> None:
    clean, noise = torch.randn(1, 2, 3, 4, 5), torch.randn(1, 2, 3, 4, 5)
    loss = o.flow_matching_loss(noise - clean + 0.5, clean, noise)
    assert torch.allclose(loss, torch.full((1, 2), 0.25), atol=1e-5)


def test_forcing_gives_every_frame_its_own_level_and_some_nearly_clean_context() -> None:
    sigma = o.forcing_sigmas(4000, 4, 0.4, torch.Generator().manual_seed(0))
    assert sigma.min() >= 0.0 and sigma.max() == 1.0
    assert (sigma[:, 0] != sigma[:, 1]).float().mean() > 0.9
    nearly_clean = (sigma < 0.15).float().mean()
    assert 0.38 < nearly_clean < 0.46


def test_consistency_loss_is_zero_for_equals_and_nearly_linear_far_away() -> None:
    a = torch.zeros(1, 1, 2, 3, 4)
    assert o.consistency_loss(a, a).abs().max() < 1e-7
    far = o.consistency_loss(a, a + 2.0, scale=0.03)
    assert far.item() == pytest.approx((4.0 + 0.0009) ** 0.5 - 0.03, abs=1e-6)


def test_gradient_loss_sees_a_blurred_edge_and_not_a_brighter_picture() -> None:
    edge = torch.zeros(1, 1, 8, 8)
    edge[..., 4:] = 1.0
    ramp = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    assert o.gradient_loss(edge + 0.3, edge) < 1e-6
    assert o.gradient_loss(ramp, edge) > 0.1


def test_motion_loss_counts_position_and_velocity_but_not_heading() -> None:
    state = torch.zeros(1, 9)
    turned, moved = state.clone(), state.clone()
    turned[0, 3:6] = 1.0
    moved[0, 0] = 0.1
    assert o.motion_loss(turned, state) == 0.0
    assert o.motion_loss(moved, state).item() == pytest.approx((1.0 - 0.005) / 3, abs=1e-4)
