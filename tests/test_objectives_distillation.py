"""Consistency, distribution matching and adversarial losses against closed forms and finite differences."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import torch

from dreamport_training.objectives import adversarial, consistency, dmd


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_consistency_loss_is_zero_for_equals_and_nearly_linear_far_away() -> None:
    a = torch.zeros(1, 1, 2, 3, 4)
    assert consistency.consistency_loss(a, a).abs().max() < 1e-7
    far = consistency.consistency_loss(a, a + 2.0, scale=0.03)
    assert far.item() == pytest.approx((4.0 + 0.0009) ** 0.5 - 0.03, abs=1e-6)


def test_consistency_losss_gradient_is_that_of_finite_differences() -> None:
    target, x = torch.randn(1, 1, 1, 2, 2).double(), torch.randn(1, 1, 1, 2, 2).double()
    assert torch.autograd.gradcheck(
        lambda a: consistency.consistency_loss(a, target), (x.requires_grad_(True),)
    )


def test_the_grid_runs_from_noise_to_data_and_the_places_begin_on_it() -> None:
    grid = consistency.noise_grid(24, 2.0)
    assert grid[0] == 1.0 and grid[-1] == 0.0 and (grid.diff() < 0).all()
    place = consistency.grid_places(4000, 24, 0.3, seeded())
    assert place.min() == 0 and place.max() == 23
    assert 0.3 < (place == 0).float().mean() < 0.37


def test_the_gradient_of_the_dmd_loss_is_the_dmd_gradient() -> None:
    x, real, fake = (torch.randn(2, 3, 1, 2, 2).double() for _ in range(3))
    x.requires_grad_(True)
    dmd.dmd_loss(x, real, fake).mean().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    expected = dmd.dmd_gradient(x.detach(), real, fake) / x.numel()
    assert torch.allclose(x.grad, expected)
    scale = (x.detach() - real).abs().mean(dim=(1, 2, 3, 4), keepdim=True)
    assert torch.allclose(expected * x.numel() * scale, fake - real)


def test_going_down_the_dmd_gradient_moves_samples_to_the_real_distribution() -> None:
    # Both distributions are Gaussian, so E[x0 | x_sigma] is known: one needs no network to see it work.
    def clean_of(noisy: torch.Tensor, sigma: torch.Tensor, mean: float, deviation: float) -> torch.Tensor:
        s = sigma[..., None, None, None]
        gain = (1 - s) * deviation**2 / ((1 - s) ** 2 * deviation**2 + s**2)
        return mean + gain * (noisy - (1 - s) * mean)

    x = (2.0 + 0.4 * torch.randn(64, 1, 1, 8, 8, generator=seeded())).requires_grad_(True)
    start_mean, start_deviation = x.mean().item(), x.std().item()
    optimiser = torch.optim.SGD([x], lr=2e3)
    generator = seeded(1)
    for _ in range(40):
        sigma = dmd.score_sigmas(64, (0.02, 0.98), generator)
        noise = torch.randn(x.shape, generator=generator)
        with torch.no_grad():
            s = sigma[..., None, None, None]
            noisy = (1 - s) * x + s * noise
            fake = clean_of(noisy, sigma, x.mean().item(), x.std().item())
            real = clean_of(noisy, sigma, -1.0, 1.0)
        optimiser.zero_grad()
        dmd.dmd_loss(x, real, fake).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert abs(x.mean().item() + 1.0) < 0.2 < abs(start_mean + 1.0)
    assert abs(x.std().item() - 1.0) < abs(start_deviation - 1.0)


def test_scores_are_compared_neither_at_pure_noise_nor_at_clean_data() -> None:
    sigma = dmd.score_sigmas(5000, (0.02, 0.98), seeded())
    assert sigma.shape == (5000, 1)
    assert 0.02 <= sigma.min() < 0.03 and 0.97 < sigma.max() <= 0.98


def test_an_undecided_head_costs_what_a_coin_costs() -> None:
    nothing = torch.zeros(3)
    assert torch.allclose(adversarial.critic_loss(nothing, nothing), torch.full((3,), 2 * math.log(2)))
    assert torch.allclose(adversarial.generator_loss(nothing), torch.full((3,), math.log(2)))


def test_the_critic_wants_apart_what_the_generator_wants_together() -> None:
    real, fake = torch.tensor([0.3], requires_grad=True), torch.tensor([-0.2], requires_grad=True)
    up, down = torch.autograd.grad(adversarial.critic_loss(real, fake).sum(), (real, fake))
    assert up.item() == pytest.approx(-torch.sigmoid(torch.tensor(-0.3)).item())
    assert down.item() == pytest.approx(torch.sigmoid(torch.tensor(-0.2)).item())
    (back,) = torch.autograd.grad(adversarial.generator_loss(fake).sum(), (fake,))
    assert back.item() < 0.0


def test_smoothness_is_the_squared_slope_for_a_linear_head() -> None:
    slope = torch.tensor([1.0, -2.0, 0.5])
    x = torch.randn(20000, 3, generator=seeded())
    step = 0.01 * torch.randn(20000, 3, generator=seeded(1))
    loss = adversarial.smoothness_loss(x @ slope, (x + step) @ slope).mean() / 0.01**2
    assert loss.item() == pytest.approx(slope.square().sum().item(), rel=0.05)
