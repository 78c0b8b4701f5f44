"""Every stage of the ladder on a small made-up level: it learns, and it learns what it is there for."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from dreamport.models.codec import Decoder
from dreamport.models.dit import CausalDiT
from dreamport.models.motion import STATE_SIZE
from dreamport_training.architecture import taken_over, transformer_config, with_adapters
from dreamport_training.data.baked import Baked
from dreamport_training.data.latents import LatentClips
from dreamport_training.rollout import self_rollout
from dreamport_training.run import Run
from dreamport_training.rungs import evaluate_rung
from dreamport_training.stages.causal import train_causal
from dreamport_training.stages.codec import train_codec
from dreamport_training.stages.consistency import train_consistency
from dreamport_training.stages.control import train_control
from dreamport_training.stages.critic import AdversarialHead, features_of, logits_by_frame
from dreamport_training.stages.dmd import train_dmd
from dreamport_training.stages.experts import Experts, load_experts
from dreamport_training.stages.motion import Physics, train_motion
from dreamport_training.stages.refine import train_refine
from dreamport_training.stages.student import load_student
from dreamport_training.stages.teacher import train_teacher
from stub_clips import CHANNELS, small_run, write_level

STEPS: dict[str, object] = {
    "codec__steps": 60,
    "motion__steps": 60,
    "motion__batch": 64,
    "teacher__steps": 300,
    "teacher__phases": [{"frames": 3, "share": 0.7}, {"frames": 4, "share": 0.3, "shift": 1.5}],
    "control__steps": 200,
    "causal__steps": 200,
    "consistency__steps": 40,
    "consistency__batch": 16,
    "dmd__steps": 20,
    "dmd__batch": 8,
    "dmd__critic_rate": 2e-3,
    "refine__steps": 40,
    "refine__batch": 8,
    **{f"{stage}__batch": 16 for stage in ("teacher", "control", "causal")},
    **{f"{stage}__rate": 0.012 for stage in ("teacher", "control", "causal")},
    **{f"{stage}__decay": 0.9 for stage in ("teacher", "control", "causal")},
    **{f"{stage}__warmup": 10 for stage in ("teacher", "control", "causal", "dmd", "refine", "codec")},
    **{f"{stage}__phases": [{"frames": 3, "share": 1.0}] for stage in ("control", "causal")},
}


def clips_of(run: Run, frames: int = 4) -> LatentClips:
    return LatentClips(Baked(run.baked), run.baked, frames)


def rows(run: Run, stage: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run.folder / f"{stage}.jsonl").read_text().splitlines()]


def fell(run: Run, stage: str, key: str = "loss") -> tuple[float, float]:
    """Means of the first and the last third of a stage's numbers."""
    values = [row[key] for row in rows(run, stage) if key in row and np.isfinite(row[key])]
    third = max(1, len(values) // 3)
    return float(np.mean(values[:third])), float(np.mean(values[-third:]))


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that has climbed the whole ladder."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("ladder")
    write_level(folder / "baked")
    run = small_run(folder, **STEPS)
    clips = clips_of(run)
    train_codec(run, clips.data)
    train_motion(run, walk(400))
    teacher = train_control(run, clips, train_teacher(run, clips))
    train_causal(run, clips, teacher)
    train_consistency(run, clips, load_student(run, before="consistency"))
    train_dmd(run, clips, load_student(run, before="dmd"), teacher)
    decoder = run.load("decode", "decode_codec")
    assert isinstance(decoder, Decoder)
    train_refine(run, clips, load_student(run), decoder)
    return run


def walk(frames: int) -> Physics:
    """Movement on open floor: a button walks ahead, the look turns."""
    rng = np.random.default_rng(0)
    state, control = np.zeros((frames, STATE_SIZE), np.float32), np.zeros((frames, 6), np.float32)
    state[0, 4] = 1.0
    yaw = 0.0
    for i in range(1, frames):
        control[i, 0], control[i, 4] = rng.integers(0, 2), rng.uniform(-5, 5)
        yaw += np.radians(control[i, 4])
        step = 0.2 * control[i, 0]
        state[i, 6], state[i, 8] = step * np.sin(yaw), step * np.cos(yaw)
        state[i, :3] = state[i - 1, :3] + state[i, 6:9]
        state[i, 3], state[i, 4] = np.sin(yaw), np.cos(yaw)
    return Physics(state, control, np.zeros(frames, np.int64))


@pytest.mark.parametrize("stage", ["codec", "teacher", "causal", "consistency", "refine"])
def test_the_loss_of_a_stage_falls(climbed: Run, stage: str) -> None:
    first, last = fell(climbed, stage)
    assert last < first, f"the loss of {stage} went from {first:.4f} to {last:.4f}"


def test_the_motion_head_learns_each_stretch_it_is_rolled_out_for(climbed: Run) -> None:
    # The stretches grow, so losses compare only within one.
    two = [row["loss"] for row in rows(climbed, "motion") if row["frames"] == 2]
    assert np.mean(two[-5:]) < np.mean(two[:5])


def test_the_fake_score_learns_the_students_samples_and_tells_them_from_real_ones(climbed: Run) -> None:
    first, last = fell(climbed, "dmd", "critic_score")
    assert last < first
    assert rows(climbed, "dmd")[-1]["critic_told_apart"] > 0.5


def test_the_control_stage_moves_adapters_and_control_inputs_and_nothing_else(climbed: Run) -> None:
    before, after = load_experts(climbed, "teacher").high, load_experts(climbed, "control").high
    assert after.config.adapters
    started, learned = with_adapters(before).state_dict(), after.state_dict()
    changed = {name for name in learned if not torch.equal(started[name], learned[name])}
    assert changed
    assert all(".adapter." in n or n.startswith(("steering.", "control_in.")) for n in changed)


def test_control_tells_what_no_hint_shows(climbed: Run) -> None:
    clips = clips_of(climbed)
    measured = {
        name: evaluate_rung(load_experts(climbed, name), clips, count=16, horizons=(1, 4))["blind"]
        for name in ("teacher", "control")
    }
    assert measured["control"]["one_step"] < 0.9 * measured["teacher"]["one_step"]


def test_the_causal_student_knows_the_way_that_the_teacher_was_not_told(climbed: Run) -> None:
    clips = clips_of(climbed)
    causal = climbed.load("denoise", "denoise_causal")
    assert isinstance(causal, CausalDiT)
    assert not causal.config.adapters  # the played graph stays as it is
    measured = evaluate_rung(causal, clips, count=16, horizons=(1, 4))
    teacher = evaluate_rung(load_experts(climbed, "teacher"), clips, count=16, horizons=(1, 4))
    assert measured["blind"]["free_4"] < 0.3 * teacher["blind"]["free_4"]
    assert measured["hinted"]["one_step"] < 0.05


def test_distilled_students_play_on_about_as_well(climbed: Run) -> None:
    clips = clips_of(climbed)
    for name in ("denoise_consistency", "denoise_dmd"):
        student = climbed.load("denoise", name)
        assert isinstance(student, CausalDiT)
        measured = evaluate_rung(student, clips, count=16, horizons=(1, 4))
        assert measured["hinted"]["free_4"] < 0.05 and measured["blind"]["free_4"] < 0.5


def test_a_stage_that_is_done_is_taken_up_without_training_again(climbed: Run) -> None:
    before = (climbed.folder / "causal.jsonl").read_bytes()
    made = climbed.load("denoise", "denoise_causal").state_dict()
    again = train_causal(climbed, clips_of(climbed), load_experts(climbed, "control")).state_dict()
    assert (climbed.folder / "causal.jsonl").read_bytes() == before
    assert all(torch.equal(made[name], again[name]) for name in made)


@pytest.fixture
def short(tmp_path: Path) -> Run:
    write_level(tmp_path / "baked", episodes=2, frames=12)
    quick = {f"{stage}__steps": 2 for stage in ("teacher", "control", "dmd")}
    return small_run(tmp_path, teacher__experts=2, teacher__boundary=0.6, **quick)


def test_two_experts_share_the_noise_and_the_whole_teacher_scores(short: Run) -> None:
    clips = clips_of(short)
    experts = train_control(short, clips, train_teacher(short, clips))
    assert {p.stem for p in (short.folder / "modules").iterdir()} == {
        "teacher",
        "teacher_low",
        "control",
        "control_low",
    }
    assert experts.low is not experts.high
    c = clips.batch(2, np.random.default_rng(0), "cpu")
    sigma = torch.tensor([[0.0, 0.9, 0.9, 0.9], [0.0, 0.3, 0.3, 0.3]])
    with torch.no_grad():
        both = experts.velocity(c.latent, sigma, c)
        high = Experts(experts.high, experts.high, 0.6, steered=True).velocity(c.latent, sigma, c)
        low = Experts(experts.low, experts.low, 0.6, steered=True).velocity(c.latent, sigma, c)
    assert torch.equal(both[0], high[0]) and torch.equal(both[1], low[1])
    assert not torch.equal(high, low)
    train_dmd(short, clips, CausalDiT(transformer_config(short.config, clips)), experts)
    assert len(rows(short, "dmd")) == 2


@pytest.fixture
def model_and_clips(tmp_path: Path) -> tuple[CausalDiT, LatentClips]:
    write_level(tmp_path / "baked", episodes=2, frames=12)
    run = small_run(tmp_path)
    clips = clips_of(run, 7)
    torch.manual_seed(0)
    model = CausalDiT(transformer_config(run.config, clips))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return model.eval(), clips


def noise_for(c_latent: torch.Tensor, sigmas: int = 1) -> torch.Tensor:
    shape = (*c_latent.shape[:2], sigmas + 1, *c_latent.shape[2:])
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_a_self_rollout_is_what_a_session_plays_through_its_cache(
    model_and_clips: tuple[CausalDiT, LatentClips],
) -> None:
    model, clips = model_and_clips
    c = clips.batch(1, np.random.default_rng(0), "cpu")
    noise = noise_for(c.latent)
    cfg = model.config
    cache_k = torch.zeros(cfg.layers, cfg.heads, cfg.context_frames * cfg.tokens_per_frame, cfg.head_dim)
    cache_v, filled = torch.zeros_like(cache_k), 0

    def graph(latent: torch.Tensor, sigma: float, t: int) -> dict[str, torch.Tensor]:
        inputs = [a[:, t : t + 1] for a in (c.rays, c.control, c.reprojected)]
        length = torch.tensor([filled])
        made: dict[str, torch.Tensor] = model(
            latent[:, None], torch.full((1, 1), sigma), *inputs, cache_k, cache_v, length
        )
        return made

    played = [c.latent[:, 0]]
    with torch.no_grad():
        rolled = self_rollout(model, c, noise, sigmas=(1.0,), context_sigma=0.03)
        for t in range(7):
            if t > 0:
                x = noise[:, t, 0]
                played.append(x - graph(x, 1.0, t)["velocity"][:, 0])
            out = graph(0.97 * played[t] + 0.03 * noise[:, t, -1], 0.03, t)
            tokens = cfg.tokens_per_frame
            if filled == cache_k.shape[2]:
                for cache in (cache_k, cache_v):
                    cache[:, :, tokens:-tokens] = cache[:, :, 2 * tokens :].clone()
                filled -= tokens
            cache_k[:, :, filled : filled + tokens] = out["k"]
            cache_v[:, :, filled : filled + tokens] = out["v"]
            filled += tokens
    assert torch.allclose(rolled, torch.stack(played, 1), atol=1e-4)


def test_gradient_goes_through_the_last_frames_of_a_rollout_and_their_cache_alone(
    model_and_clips: tuple[CausalDiT, LatentClips],
) -> None:
    model, clips = model_and_clips
    c = clips.batch(2, np.random.default_rng(0), "cpu")

    def rolled(noise: torch.Tensor, grad_frames: int) -> torch.Tensor:
        return self_rollout(model, c, noise, sigmas=(1.0,), context_sigma=0.03, grad_frames=grad_frames)

    noise = noise_for(c.latent).requires_grad_(True)
    (gradient,) = torch.autograd.grad(rolled(noise, 2)[:, -1].square().sum(), noise)
    reached = gradient.abs().amax(dim=(0, 2, 3, 4, 5)) > 0
    assert reached.tolist() == [False] * 5 + [True, True]
    assert not rolled(noise, 0).requires_grad


def test_a_student_without_adapters_takes_over_rays_and_buttons_exactly(
    model_and_clips: tuple[CausalDiT, LatentClips],
) -> None:
    plain, clips = model_and_clips
    teacher = with_adapters(plain)
    c = clips.batch(2, np.random.default_rng(0), "cpu")
    given = (c.latent, torch.full(c.latent.shape[:2], 0.5), c.rays, c.control, c.reprojected)
    with torch.no_grad():
        silent = plain.clip(*given, attention="bidirectional", use_control=False)
        assert torch.allclose(teacher.clip(*given, attention="bidirectional"), silent, atol=1e-5)
        assert teacher.steering is not None
        for layer in (teacher.steering.ray_in, teacher.control_in[-1]):
            for p in layer.parameters():
                p.add_(0.1 * torch.randn_like(p))
        steered = teacher.clip(*given, attention="bidirectional")
        assert not torch.allclose(steered, silent, atol=1e-3)
        student = taken_over(teacher, plain.config)
        assert student.steering is None
        assert torch.allclose(student.clip(*given, attention="bidirectional"), steered, atol=1e-5)


def test_the_adversarial_head_sees_the_features_of_the_pass_and_sends_a_gradient_to_its_input(
    model_and_clips: tuple[CausalDiT, LatentClips],
) -> None:
    model, clips = model_and_clips
    c = clips.batch(2, np.random.default_rng(0), "cpu")
    head = AdversarialHead(model.config.width)
    x = c.latent.clone().requires_grad_(True)
    sigma = torch.full(x.shape[:2], 0.5)
    with features_of(model) as seen:
        model.clip(x, sigma, c.rays, c.control, c.reprojected, attention="bidirectional")
    logits = logits_by_frame(model, head, seen[0], 2)
    assert logits.shape == (2, 7, model.config.tokens_per_frame)
    (gradient,) = torch.autograd.grad(logits.sum(), x)
    assert gradient.abs().sum() > 0
    with features_of(model) as after:
        pass
    model.clip(x, sigma, c.rays, c.control, c.reprojected)
    assert not after, "the hook is gone when the block ends"


def test_a_rung_that_knows_the_answer_has_no_error(tmp_path: Path) -> None:
    write_level(tmp_path / "baked", episodes=2, frames=12)
    run = small_run(tmp_path)
    clips = clips_of(run)
    untrained = CausalDiT(transformer_config(run.config, clips))  # gives back what the hint shows
    measured = evaluate_rung(untrained, clips, count=4, horizons=(1, 4))
    assert measured["hinted"]["one_step"] < 1e-3 and measured["hinted"]["free_4"] < 1e-3
    assert measured["hinted"]["hint_alone"] < 1e-3
    assert measured["blind"]["one_step"] > 0.9
    assert clips.latents.shape[1] == CHANNELS


def test_a_level_too_short_for_a_clip_says_so(tmp_path: Path) -> None:
    from dreamport.errors import DatasetError

    write_level(tmp_path / "baked", episodes=2, frames=6)
    run = small_run(tmp_path)
    with pytest.raises(DatasetError, match="no recorded run is 8 frames long"):
        clips_of(run).of_length(8)


def test_movement_comes_from_episodes_rows_where_poses_are_known() -> None:
    from types import SimpleNamespace

    from dreamport_training.stages.motion import movement_of

    state = np.tile(np.arange(8.0)[:, None], (1, STATE_SIZE))
    state[3] = np.nan
    episode = SimpleNamespace(
        motion_state=state,
        pose_confidence=np.ones(8),
        buttons=np.array([0, 1, 2, 3, 0, 0, 0, 0]),
        look_deg=np.zeros((8, 2)),
        runs=lambda: [(0, 6), (6, 8)],
    )
    physics = movement_of([episode, episode], buttons=2)  # type: ignore[list-item]
    assert physics.state[:, 0].tolist() == [0, 1, 2, 4, 5, 6, 7] * 2
    assert physics.control[1].tolist() == [1, 0, 0, 0] and physics.control[2].tolist() == [0, 1, 0, 0]
    # Rows 0-2, 4-5 and 6-7 are runs of their own, in each episode.
    assert sorted(physics.starts(1).tolist()) == [0, 1, 3, 5, 7, 8, 10, 12]
    assert copy.copy(physics).run[0] != physics.run[3]
