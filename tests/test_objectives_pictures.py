"""Losses of the codec and of the motion head against closed forms."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from dreamport_training.objectives.codec import detail_loss, gradient_loss, local_detail, picture_loss
from dreamport_training.objectives.motion import motion_loss


def test_gradient_loss_sees_a_blurred_edge_and_not_a_brighter_picture() -> None:
    edge = torch.zeros(1, 1, 8, 8)
    edge[..., 4:] = 1.0
    ramp = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    assert gradient_loss(edge + 0.3, edge) < 1e-6
    assert gradient_loss(ramp, edge) > 0.1


def test_a_constant_error_costs_its_size_and_square() -> None:
    colour, depth = torch.rand(1, 3, 8, 8) * 0.5, torch.rand(1, 1, 8, 8) * 0.5
    assert picture_loss(colour + 0.1, depth, colour, depth).item() == pytest.approx(0.1 + 4 * 0.01, abs=1e-5)
    assert picture_loss(colour, depth + 0.1, colour, depth).item() == pytest.approx(0.2, abs=1e-5)


def test_data_without_depth_do_not_count_it() -> None:
    colour, depth = torch.rand(1, 3, 8, 8), torch.rand(1, 1, 8, 8)
    assert picture_loss(colour, depth + 0.3, colour, depth, depth_weight=0.0).item() == 0.0


def test_detail_is_the_laplacians_strength_and_moved_texture_costs_nothing() -> None:
    checks = (torch.arange(16)[:, None] + torch.arange(16)[None]) % 2
    picture = checks.float().expand(1, 1, 16, 16)
    # Inside, a pixel differs from all four neighbours by one.
    assert local_detail(picture, cell=4)[0, 0, 1, 1].item() == pytest.approx(4.0, abs=1e-3)
    assert detail_loss(1.0 - picture, picture).item() == pytest.approx(0.0, abs=1e-5)
    assert detail_loss(0.5 * picture, picture).item() > 1.0


def test_motion_loss_counts_position_and_velocity_but_not_heading() -> None:
    state = torch.zeros(1, 9)
    turned, moved = state.clone(), state.clone()
    turned[0, 3:6] = 1.0
    moved[0, 0] = 0.1
    assert motion_loss(turned, state) == 0.0
    assert motion_loss(moved, state).item() == pytest.approx((1.0 - 0.005) / 3, abs=1e-4)


def test_picture_loss_has_the_gradient_of_finite_differences() -> None:
    torch.manual_seed(0)
    colour, depth = torch.rand(1, 3, 4, 4).double(), torch.rand(1, 1, 4, 4).double()
    true_colour, true_depth = torch.rand(1, 3, 4, 4).double(), torch.rand(1, 1, 4, 4).double()
    inputs = (colour.requires_grad_(True), depth.requires_grad_(True))
    assert torch.autograd.gradcheck(lambda c, d: picture_loss(c, d, true_colour, true_depth), inputs)
