"""The transformer's ways over a clip: causal and bidirectional, with adapters, prompts and shared frames."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from dreamport.models import load_module, save_module
from dreamport.models.dit import Attention, CausalDiT, DiTConfig

SMALL = DiTConfig(latent_channels=4, latent_height=6, latent_width=10, width=48, layers=2, heads=2)
FRAMES = 6
WAYS: tuple[Attention, ...] = ("causal", "bidirectional")


def model_of(config: DiTConfig) -> CausalDiT:
    """A transformer in which nothing is zero."""
    torch.manual_seed(0)
    model = CausalDiT(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return model


def inputs() -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [
        torch.randn(2, FRAMES, 4, 6, 10),
        torch.rand(2, FRAMES),
        torch.randn(2, FRAMES, 6, 6, 10),
        torch.randn(2, FRAMES, 6),
        torch.randn(2, FRAMES, 5, 6, 10),
    ]


def made(
    model: CausalDiT,
    given: list[torch.Tensor],
    prompt: torch.Tensor | None = None,
    *,
    attention: Attention = "causal",
    use_control: bool = True,
) -> torch.Tensor:
    """The model's clip of :func:`inputs`."""
    latent, sigma, rays, control, hint = given
    return model.clip(
        latent, sigma, rays, control, hint, prompt, attention=attention, use_control=use_control
    )


@torch.no_grad()
def test_every_frame_of_a_bidirectional_clip_sees_every_other() -> None:
    model, given = model_of(SMALL), inputs()
    before = made(model, given, attention="bidirectional")
    for changed in (0, FRAMES - 1):
        given[0] = inputs()[0]
        given[0][:, changed] += 1.0
        moved = (made(model, given, attention="bidirectional") - before).abs().amax(dim=(0, 2, 3, 4))
        assert (moved > 1e-4).all()
        causal = (made(model, given) - made(model, inputs())).abs().amax(dim=(0, 2, 3, 4))
        assert (causal > 1e-4).tolist() == [i >= changed for i in range(FRAMES)]


@torch.no_grad()
def test_both_ways_agree_on_a_clip_of_one_frame_and_on_the_last_of_a_short_causal_one() -> None:
    given = [a[:, :1] for a in inputs()]
    model = model_of(SMALL)
    both = [made(model, given, attention=kind) for kind in WAYS]
    assert torch.allclose(both[0], both[1], atol=1e-5)
    # With one layer the past's own attention does not matter: rotary places must agree, too.
    model = model_of(replace(SMALL, layers=1))
    given = [a[:, :3] for a in inputs()]
    both = [made(model, given, attention=kind)[:, -1] for kind in WAYS]
    assert torch.allclose(both[0], both[1], atol=1e-5)


@torch.no_grad()
def test_without_controls_neither_rays_nor_buttons_matter() -> None:
    model, given = model_of(replace(SMALL, adapters=True)), inputs()
    before = made(model, given, use_control=False)
    told = made(model, given)
    given[2], given[3] = torch.randn_like(given[2]), torch.randn_like(given[3])
    assert torch.equal(made(model, given, use_control=False), before)
    assert not torch.allclose(made(model, given), told, atol=1e-3)


@torch.no_grad()
def test_adapters_steer_the_played_graph_as_they_steer_a_clip() -> None:
    config = replace(SMALL, adapters=True)
    model, given = model_of(config), inputs()
    cache = torch.zeros(
        config.layers, config.heads, config.context_frames * config.tokens_per_frame, config.head_dim
    )
    frame = [a[:1, :1] for a in given]
    alone = model(*frame, cache, cache, torch.tensor([0]))["velocity"]
    assert torch.allclose(alone, made(model, frame), atol=1e-5)


@torch.no_grad()
def test_a_prompt_matters_only_to_a_world_that_has_prompts(tmp_path: Path) -> None:
    given, prompt = inputs(), torch.randn(2, 3)
    told = model_of(replace(SMALL, prompt_size=3))
    assert not torch.allclose(made(told, given, prompt), made(told, given, 2.0 * prompt), atol=1e-3)
    changing = prompt[:, None].repeat(1, FRAMES, 1)
    assert torch.allclose(made(told, given, changing), made(told, given, prompt), atol=1e-5)
    changing[:, 3:] += 1.0
    moved = (made(told, given, changing) - made(told, given, prompt)).abs().amax(dim=(0, 2, 3, 4))
    assert (moved > 1e-4).tolist() == [False] * 3 + [True] * 3
    plain = model_of(SMALL)
    assert torch.equal(made(plain, given, torch.zeros(2, 0)), made(plain, given))
    save_module(told, told.config, tmp_path / "told.safetensors", torch.float32)
    again = load_module("denoise", tmp_path / "told.safetensors")
    assert isinstance(again, CausalDiT)
    assert torch.equal(made(again, given, prompt), made(told, given, prompt))


class OtherOrder:
    """Stands for processes that share a clip: heads come in another order."""

    def own(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def whole(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def to_heads(self, x: torch.Tensor) -> torch.Tensor:
        return x.flip(2)

    def to_frames(self, x: torch.Tensor) -> torch.Tensor:
        return x.flip(2)


@torch.no_grad()
@pytest.mark.parametrize("kind", WAYS)
def test_attention_does_not_care_which_heads_come_first(kind: Attention) -> None:
    model, given = model_of(SMALL), inputs()
    alone = made(model, given, attention=kind)
    model.exchange = OtherOrder()
    assert torch.allclose(made(model, given, attention=kind), alone, atol=1e-5)


def test_the_shipped_pack_has_the_plain_architecture() -> None:
    weights = resources.files("dreamport") / "worlds" / "default" / "weights" / "denoise.safetensors"
    with resources.as_file(weights) as path:
        model = load_module("denoise", path)
    assert isinstance(model, CausalDiT)
    assert not model.config.adapters and model.config.prompt_size == 0
    assert model.steering is None and model.prompt_in is None
    assert all(block.adapter is None for block in model.blocks)
