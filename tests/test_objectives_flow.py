"""Flow matching and forcing against closed forms."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from dreamport_training.objectives import flow, forcing


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_clean_latent_is_found_again_from_the_true_velocity() -> None:
    clean, noise = torch.randn(2, 3, 4, 5, 6), torch.randn(2, 3, 4, 5, 6)
    sigma = torch.rand(2, 3)
    found = flow.clean_from_velocity(flow.noised(clean, noise, sigma), noise - clean, sigma)
    assert torch.allclose(found, clean, atol=1e-5)


def test_euler_steps_along_the_true_velocity_stay_on_the_path() -> None:
    clean, noise = torch.randn(1, 2, 3, 4, 5), torch.randn(1, 2, 3, 4, 5)
    high, low = torch.full((1, 2), 0.8), torch.full((1, 2), 0.3)
    stepped = flow.euler_step(flow.noised(clean, noise, high), noise - clean, high, low)
    assert torch.allclose(stepped, flow.noised(clean, noise, low), atol=1e-5)


def test_flow_matching_loss_is_the_square_of_a_constant_error() -> None:
    clean, noise = torch.randn(1, 2, 3, 4, 5), torch.randn(1, 2, 3, 4, 5)
    loss = flow.flow_matching_loss(noise - clean + 0.5, clean, noise)
    assert torch.allclose(loss, torch.full((1, 2), 0.25), atol=1e-5)


def test_the_best_velocity_of_gaussian_data_has_the_least_flow_matching_loss() -> None:
    # x0 ~ N(m, s^2): E[e - x0 | x] is linear in x (Gaussian conditioning).
    m, s, sigma = 0.7, 0.5, 0.6
    clean, noise = m + s * torch.randn(1, 1, 1, 400, 400), torch.randn(1, 1, 1, 400, 400)
    x = flow.noised(clean, noise, torch.full((1, 1), sigma))
    gain = (sigma - (1 - sigma) * s**2) / ((1 - sigma) ** 2 * s**2 + sigma**2)
    best = -m + gain * (x - (1 - sigma) * m)
    least = flow.flow_matching_loss(best, clean, noise).item()
    assert least == pytest.approx(s**2 / ((1 - sigma) ** 2 * s**2 + sigma**2), rel=0.02)
    for other in (best * 1.1, best + 0.1, 0.9 * best):
        assert flow.flow_matching_loss(other, clean, noise).item() > least


def test_a_shift_raises_the_noise_and_keeps_both_ends() -> None:
    sigma = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert torch.equal(flow.shifted(sigma, 1.0), sigma)
    assert flow.shifted(sigma, 3.0).tolist() == pytest.approx([0.0, 0.5, 0.75, 1.0])


def test_logit_normal_levels_have_the_distributions_quantiles() -> None:
    level = flow.logit_normal((40000,), seeded(), mean=0.3, deviation=1.3, shift=3.0)
    plain = torch.sigmoid(torch.randn(40000, generator=seeded(1)) * 1.3 + 0.3)
    expected = flow.shifted(plain, 3.0)
    for q in (0.1, 0.5, 0.9):
        assert level.quantile(q).item() == pytest.approx(expected.quantile(q).item(), abs=0.01)


def test_two_experts_see_between_them_what_one_teacher_would() -> None:
    whole = flow.logit_normal((40000,), seeded(), shift=2.0)
    high = flow.logit_normal((40000,), seeded(1), shift=2.0, low=0.8)
    low = flow.logit_normal((40000,), seeded(2), shift=2.0, high=0.8)
    assert high.min() >= 0.8 and low.max() <= 0.8
    assert high.median().item() == pytest.approx(whole[whole > 0.8].median().item(), abs=0.01)
    assert low.median().item() == pytest.approx(whole[whole < 0.8].median().item(), abs=0.01)


def test_diffusion_forcing_gives_every_frame_its_own_level_and_some_nearly_clean_context() -> None:
    sigma = forcing.diffusion_forcing_sigmas(4000, 4, 0.4, seeded())
    assert sigma.min() >= 0.0 and sigma.max() == 1.0
    assert (sigma[:, 0] != sigma[:, 1]).float().mean() > 0.9
    assert 0.38 < (sigma < 0.15).float().mean() < 0.46


def test_teacher_forcing_has_only_the_last_frame_noisy() -> None:
    sigma = forcing.teacher_forcing_sigmas(2000, 5, 0.03, seeded())
    assert (sigma[:, :-1] == 0.03).all()
    assert 0.27 < (sigma[:, -1] == 1.0).float().mean() < 0.33
    assert len(set(sigma[:, -1].tolist())) > 1000


def test_continuation_keeps_the_first_frame_or_several_clean_and_the_rest_at_one_level() -> None:
    sigma = forcing.continuation_sigmas(4000, 6, 0.5, seeded())
    kept = (sigma == 0.0).sum(dim=1)
    assert 0.55 < (kept == 1).float().mean() < 0.65  # image continuation, and video of one frame
    assert set(kept.tolist()) == {1, 2, 3, 4, 5}  # never none, never all
    for row, clean in zip(sigma[:50], kept[:50], strict=True):
        assert (row[int(clean) :] == row[-1]).all() and (row[: int(clean)] == 0.0).all()
    assert ((forcing.continuation_sigmas(500, 6, 0.0, seeded()) == 0.0).sum(dim=1) == 1).all()


def test_an_experts_continuation_stays_within_its_noise() -> None:
    low = forcing.continuation_sigmas(500, 3, 0.5, seeded(), high=0.9)
    high = forcing.continuation_sigmas(500, 3, 0.5, seeded(), low=0.9)
    assert low.max() <= 0.9 and high[high > 0].min() >= 0.9


def test_given_frames_do_not_count_and_nearly_clean_ones_little() -> None:
    sigma = torch.tensor([[0.0, 0.03, 0.5, 1.0]])
    assert forcing.velocity_weights(sigma).tolist() == [[0.0, pytest.approx(0.1), 1.0, 1.0]]
