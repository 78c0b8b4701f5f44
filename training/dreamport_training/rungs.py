"""What each rung of the ladder brings: one-step and free-running error of latents, hinted and blind.

``python -m dreamport_training.rungs RUN`` measures every rung of a run that is finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from dreamport.errors import DatasetError
from dreamport.models.dit import CausalDiT
from dreamport_training.data.baked import Baked
from dreamport_training.data.latents import Clips, LatentClips
from dreamport_training.parallel import Parallel
from dreamport_training.prompts import clip_prompts
from dreamport_training.record_of_run import read_record
from dreamport_training.rollout import self_rollout
from dreamport_training.run import Run
from dreamport_training.stages.experts import Experts, load_experts

WHOLE, EMPTY = 0, 2
"""Variants of the baked hints: all that memory shows of a frame, and nothing."""
RUNGS = ("teacher", "control", "denoise_causal", "denoise_consistency", "denoise_dmd")
"""Modules of a run that are rungs, in order."""
ONE_STEP_ENDS = 4
"""One-step latents are measured at so many places of a clip."""


@dataclass(frozen=True)
class Measured:
    """Mean squared error of made latents over the latents' variance: 0 is perfect, 1 is what the mean
    picture has.

    ``one_step``: of frames after a real past. ``free[n]``: of the n-th frame that the model
    made in a row, each from its own past. ``contrast``: standard deviation of those one-step latents over
    the real ones', below 1 where they are blurred. ``hint_alone``: of the reprojected latent itself, without
    a network (None for blind).
    """

    one_step: float
    contrast: float
    free: dict[int, float]
    hint_alone: float | None

    def row(self) -> dict[str, float]:
        """As flat numbers for a table."""
        out = {"one_step": self.one_step, "contrast": self.contrast}
        out |= {f"free_{n}": value for n, value in self.free.items()}
        return out if self.hint_alone is None else {**out, "hint_alone": self.hint_alone}


def evaluate_rung(
    model: CausalDiT | Experts,
    clips: LatentClips,
    *,
    starts: Sequence[int] | None = None,
    count: int = 16,
    horizons: Sequence[int] = (1, 4, 16),
    sigmas: Sequence[float] = (1.0,),
    context_sigma: float = 0.03,
    seed: int = 0,
    device: str | torch.device = "cpu",
    batch: int = 8,
) -> dict[str, dict[str, float]]:
    """``{"hinted": row, "blind": row}`` of :class:`Measured` over ``count`` clips of ``max(horizons) + 1``
    frames.

    A causal model plays through its cache as in a session. A bidirectional teacher makes each frame at the
    end of a clip of as many earlier frames as the cache would hold. ``starts``: indices of the clips' first
    frames, such as held-out ones; left out, any. The same clips and noise for the same seed, so rungs
    compare.
    """
    length = max(horizons) + 1
    source = clips.of_length(length)
    rng = np.random.default_rng(seed)
    allowed = source.starts if starts is None else np.intersect1d(source.starts, np.asarray(starts))
    chosen = np.sort(rng.choice(allowed, min(count, len(allowed)), replace=False))
    out = {}
    for name, variant in (("hinted", WHOLE), ("blind", EMPTY)):
        parts = []
        for begin in range(0, len(chosen), batch):
            c = source.at(chosen[begin : begin + batch], variant, device)
            shape = (*c.latent.shape[:2], len(sigmas) + 1, *c.latent.shape[2:])
            noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed + begin)).to(device)
            with torch.no_grad():
                parts.append(_made(model, c, noise, sigmas, context_sigma, horizons))
        out[name] = _over(parts, hint=variant == WHOLE).row()
    return out


@dataclass(frozen=True)
class _Part:
    """Of some clips: one-step latents, the real ones and the hints of the same frames; squared errors of free
    ones."""

    made: Tensor
    real: Tensor
    free: dict[int, Tensor]
    hint: Tensor


def _made(
    model: CausalDiT | Experts,
    c: Clips,
    noise: Tensor,
    sigmas: Sequence[float],
    context_sigma: float,
    horizons: Sequence[int],
) -> _Part:
    played = (
        _teacher_play(model, c, noise, sigmas, 1)
        if isinstance(model, Experts)
        else self_rollout(model, c, noise, sigmas=sigmas, context_sigma=context_sigma)
    )
    context = (model.high if isinstance(model, Experts) else model).config.context_frames
    length = c.latent.shape[1]
    ends = sorted({int(end) for end in np.linspace(min(context + 1, length), length, ONE_STEP_ENDS)})
    made, real, hint = [], [], []
    for end in ends:
        near, near_noise = c.part(max(0, end - context - 1), end), noise[:, max(0, end - context - 1) : end]
        past = near.latent.shape[1] - 1
        last = (
            _teacher_play(model, near, near_noise, sigmas, past)
            if isinstance(model, Experts)
            else self_rollout(model, near, near_noise, sigmas=sigmas, context_sigma=context_sigma, given=past)
        )
        made.append(last[:, -1])
        real.append(near.latent[:, -1])
        hint.append(near.reprojected[:, -1, :-1])
    return _Part(
        torch.cat(made),
        torch.cat(real),
        {n: (played[:, n] - c.latent[:, n]).square() for n in horizons},
        torch.cat(hint),
    )


def _teacher_play(teacher: Experts, c: Clips, noise: Tensor, sigmas: Sequence[float], given: int) -> Tensor:
    """Frame after frame, each at the end of a clip of as many frames as a cache holds, by ``len(sigmas)``
    Euler steps from pure noise."""
    made = list(c.latent[:, :given].unbind(1))
    for t in range(given, c.latent.shape[1]):
        begin = max(0, t - teacher.high.config.context_frames)
        part = c.part(begin, t + 1)
        part = replace(part, latent=torch.stack([*made[begin:], c.latent[:, t]], dim=1))
        fresh = noise[:, begin : t + 1, 0]
        made.append(teacher.sample(part, fresh, len(sigmas), given=t - begin)[:, -1])
    return torch.stack(made, dim=1)


def _over(parts: Sequence[_Part], hint: bool) -> Measured:
    made, real, hints = (torch.cat([getattr(p, name) for p in parts]) for name in ("made", "real", "hint"))
    variance = float((real - real.mean(dim=(0, 2, 3), keepdim=True)).square().mean())
    return Measured(
        one_step=float((made - real).square().mean()) / variance,
        contrast=float(made.std() / real.std()),
        free={n: float(torch.cat([p.free[n] for p in parts]).mean()) / variance for n in parts[0].free},
        hint_alone=float((hints - real).square().mean()) / variance if hint else None,
    )


def measure_run(
    folder: Path, *, share: float = 0.1, count: int = 16, horizons: Sequence[int] = (1, 4, 16)
) -> dict[str, dict[str, dict[str, float]]]:
    """:func:`evaluate_rung` of every finished rung of a run, by the module's name, on clips from the last
    ``share`` of the baked frames. They are training data unless that share was kept from training. Raises
    ``DatasetError`` where there is no run."""
    record = read_record(folder)
    if record is None:
        raise DatasetError(f"{folder} holds no run; give the folder of a dreamport train")
    run = Run(record.data, folder, record.config, record.seed, Parallel())
    data = Baked(run.baked)
    clips = LatentClips(data, run.baked, 2, clip_prompts(run, data))
    starts = range(int((1.0 - share) * len(data)), len(data))
    out = {}
    for name in RUNGS:
        if not run.module(name).exists():
            continue
        model = run.load("denoise", name) if name.startswith("denoise") else load_experts(run, name)
        assert isinstance(model, CausalDiT | Experts)
        m = run.config.model
        out[name] = evaluate_rung(
            model,
            clips,
            starts=starts,
            count=count,
            horizons=horizons,
            sigmas=m.sigmas,
            context_sigma=m.context_sigma,
            seed=run.seed,
        )
    return out


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def show(
    run: Annotated[Path, typer.Argument(help="Folder of a dreamport train.")],
    clips: Annotated[int, typer.Option(help="How many clips.")] = 16,
    share: Annotated[float, typer.Option(help="Clips are from this last share of the frames.")] = 0.1,
) -> None:
    """Error of each rung as a share of the latents' variance, as a table in Markdown."""
    measured = measure_run(run, share=share, count=clips)
    columns = ("one_step", "contrast", "free_1", "free_4", "free_16")
    print(f"| rung | {' | '.join(f'{kind} {c}' for kind in ('hinted', 'blind') for c in columns)} |")
    print("|---" * (1 + 2 * len(columns)) + "|")
    for name, kinds in measured.items():
        cells = [f"{kinds[kind][c]:.3f}" for kind in ("hinted", "blind") for c in columns]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    app()
