"""``dreamport train``: the stages in order, each resumable, each a function of (preset, data, checkpoint)."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from dreamport.episodes.dataset import Dataset
from dreamport.errors import DatasetError
from dreamport.models import load_module, save_module
from dreamport.models.codec import Decoder, Encoder
from dreamport.models.dit import CausalDiT, DiTConfig
from dreamport.models.motion import MotionHead
from dreamport_training.data.bake import BakeConfig, bake
from dreamport_training.data.baked import Baked
from dreamport_training.data.latents import LatentClips, bake_latents
from dreamport_training.presets import PRESETS, Preset
from dreamport_training.stages.causal import train_causal
from dreamport_training.stages.codec import train_codec
from dreamport_training.stages.consistency import distil_consistency, refine_decoder
from dreamport_training.stages.motion import floor_plan, read_physics, train_motion


@dataclass(frozen=True)
class Run:
    """A run's folder, data and choices. Finished modules lie in ``folder/modules`` as safetensors."""

    data: Path
    folder: Path
    preset: Preset
    seed: int
    device: str

    @property
    def baked(self) -> Path:
        return self.folder / "baked"

    def module(self, name: str) -> Path:
        path = self.folder / "modules" / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def dit_config(self, control_size: int, height: int, width: int) -> DiTConfig:
        p = self.preset
        return DiTConfig(
            latent_channels=p.codec.latent_channels,
            latent_height=height // 8,
            latent_width=width // 8,
            control_size=control_size,
            width=p.width,
            layers=p.layers,
            heads=p.heads,
        )

    def load(self, graph: str, name: str) -> torch.nn.Module:
        path = self.module(name)
        if not path.exists():
            raise DatasetError(f"{path} is not there yet; run the earlier stages first")
        return load_module(graph, path).to(self.device)


def stage_bake(run: Run) -> None:
    p = run.preset
    bake(run.data, run.baked, BakeConfig(p.near_m, p.far_m, p.views, p.per_frame, p.jpeg_quality))


def stage_codec(run: Run) -> None:
    b = run.preset.codec_budget
    encoder, decoder = train_codec(
        Baked(run.baked), run.folder, run.preset.codec, steps=b.steps, batch=b.batch, crop=run.preset.crop,
        rate=b.rate, seed=run.seed, device=run.device,
    )  # fmt: skip
    save_module(encoder, run.preset.codec, run.module("encode"), torch.float32)
    save_module(decoder, run.preset.codec, run.module("decode_codec"), torch.float32)


def stage_motion(run: Run) -> None:
    b = run.preset.motion_budget
    buttons = len(Dataset(run.data).info.buttons)
    physics = read_physics(run.data / "physics" / "train", buttons)
    config = floor_plan(physics, buttons)
    head = train_motion(physics, run.folder, config, steps=b.steps, batch=b.batch, rate=b.rate, seed=run.seed)
    assert isinstance(head, MotionHead)
    save_module(head, config, run.module("motion"), torch.float32)


def stage_latents(run: Run) -> None:
    encoder = run.load("encode", "encode")
    assert isinstance(encoder, Encoder)
    bake_latents(Baked(run.baked), encoder, run.baked, run.seed, run.device)


def _clips(run: Run) -> LatentClips:
    return LatentClips(Baked(run.baked), run.baked, run.preset.clip_frames)


def stage_causal(run: Run) -> None:
    b, clips = run.preset.causal_budget, _clips(run)
    height, width = clips.data.colour.shape[1:3]
    config = run.dit_config(clips.data.control.shape[1], height, width)
    model = train_causal(
        clips, run.folder, config, steps=b.steps, batch=b.batch, rate=b.rate, seed=run.seed, device=run.device
    )
    save_module(model, config, run.module("denoise_causal"), torch.float32)


def stage_consistency(run: Run) -> None:
    b = run.preset.consistency_budget
    teacher = run.load("denoise", "denoise_causal")
    assert isinstance(teacher, CausalDiT)
    student = distil_consistency(
        teacher,
        _clips(run),
        run.folder,
        steps=b.steps,
        batch=b.batch,
        rate=b.rate,
        seed=run.seed,
        device=run.device,
    )
    save_module(student, teacher.config, run.module("denoise"), torch.float32)


def stage_refine(run: Run) -> None:
    b = run.preset.refine_budget
    student, decoder = run.load("denoise", "denoise"), run.load("decode", "decode_codec")
    assert isinstance(student, CausalDiT) and isinstance(decoder, Decoder)
    refined = refine_decoder(
        student, decoder, _clips(run), run.folder, steps=b.steps, batch=b.batch, rate=b.rate, seed=run.seed,
        device=run.device,
    )  # fmt: skip
    save_module(refined, run.preset.codec, run.module("decode"), torch.float32)


STAGES: dict[str, Callable[[Run], None]] = {
    "bake": stage_bake,
    "codec": stage_codec,
    "motion": stage_motion,
    "latents": stage_latents,
    "causal": stage_causal,
    "consistency": stage_consistency,
    "refine": stage_refine,
}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def train(
    data: Annotated[Path, typer.Argument(help="A data set recorded with dreamport capture.")],
    out: Annotated[Path, typer.Option(help="The run's folder; an unfinished run there is taken up again.")],
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}.")] = "cpu",
    stage: Annotated[str, typer.Option(help=f"One stage, or all: {', '.join(STAGES)}.")] = "all",
    seed: Annotated[int, typer.Option(help="Seed of weights, data order and noise.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train a world: bake, codec, motion, latents, causal, consistency, refine. Then: dreamport export."""
    if preset not in PRESETS:
        raise DatasetError(f"no preset {preset!r}; choose one of {', '.join(PRESETS)}")
    if stage != "all" and stage not in STAGES:
        raise DatasetError(f"no stage {stage!r}; choose one of all, {', '.join(STAGES)}")
    run = Run(data, out, PRESETS[preset], seed, device)
    out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    marks = out / "stages.json"
    done: dict[str, float] = json.loads(marks.read_text()) if marks.exists() else {}
    (out / "run.json").write_text(
        json.dumps(
            {
                "command": " ".join(["dreamport", "train", *sys.argv[2:]]),
                "preset": preset,
                "sizes": asdict(run.preset),
                "seed": seed,
                "device": device,
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
            indent=2,
        )
    )
    for name in STAGES if stage == "all" else [stage]:
        if stage == "all" and name in done:
            console.print(f"{name}: done before ({done[name]:.0f} s)")
            continue
        began = time.monotonic()
        STAGES[name](run)
        done[name] = round(time.monotonic() - began, 1)
        marks.write_text(json.dumps(done))
        console.print(f"{name}: {done[name]:.0f} s")


def main(args: list[str]) -> None:
    """Run with command-line arguments; errors meant for people are raised as ``DreamportError``."""
    try:
        app(args, prog_name="dreamport train", standalone_mode=False)
    except typer.Exit as stop:
        raise SystemExit(stop.exit_code) from None
