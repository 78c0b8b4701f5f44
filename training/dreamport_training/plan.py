"""Sensible choices for a run by its data and its machine, and what it will take; told before it starts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dreamport.errors import DatasetError, DiskFullError
from dreamport_training.config import WorldConfig, config_from_json
from dreamport_training.data.sizing import Sizing, sizing_of
from dreamport_training.survey import Machine, Survey

REFERENCE_FRAMES = 24_000
"""Frames that the presets' steps were chosen for: the shipped world's."""
LEAST_FRAMES, MOST_SCALE, LEAST_SCALE = 2, 3.0, 0.3
SCALED = ("codec", "motion", "teacher", "control", "causal", "consistency", "dmd", "refine")
UNDISTILLED = (1.0, 0.8, 0.55, 0.25)
"""Noise levels at play of a world whose transformer was not distilled to one step."""
CLIPPED = ("teacher", "control", "causal")
CLIP_STAGES = ("consistency", "dmd", "refine")


@dataclass(frozen=True)
class Plan:
    """``config``: with every choice made. ``reasons``: what was chosen and why, a line each. ``disk``: bytes
    that the run will fill. ``minutes``: of each stage, ``None`` where it cannot be told."""

    config: WorldConfig
    sizing: Sizing
    survey: Survey
    machine: Machine
    reasons: tuple[str, ...]
    disk: int
    minutes: Mapping[str, float | None]


def preset_for(machine: Machine) -> str:
    """The preset that a machine can climb."""
    return "gpu" if machine.device == "cuda" else "cpu"


def choose(
    config: WorldConfig, survey: Survey, machine: Machine, *, scale: bool
) -> tuple[WorldConfig, list[str]]:
    """``config`` with what the data and the machine decide, and why. ``scale``: nobody named a preset, so
    that steps follow the amount of data. Raises ``DatasetError`` when the data cannot train anything."""
    if survey.clip < LEAST_FRAMES:
        raise DatasetError(
            f"{survey.name}: no two frames follow each other without a gap; record again, with fewer drops"
        )
    said: list[str] = []
    changes: dict[str, dict[str, Any]] = {}
    given = config.data.model_fields_set
    if survey.near_m is not None and survey.far_m is not None and not given & {"near_m", "far_m"}:
        changes["data"] = {"near_m": survey.near_m, "far_m": survey.far_m}
        said.append(f"depth from {survey.near_m:g} to {survey.far_m:g} m, as in the data")
    views = max(1, min(config.data.views, survey.frames // 4))
    if views < config.data.views:
        changes.setdefault("data", {})["views"] = views
        said.append(f"{views} remembered views instead of {config.data.views}: a quarter of the frames")
    if "workers" not in given:
        changes.setdefault("data", {})["workers"] = machine.cores
    if "compare" not in config.logging.model_fields_set:
        changes["logging"] = {"compare": True}
    sizing = sizing_of(survey.recorded, config.data.width, config.data.height)
    crop = (
        min(config.codec.crop[0], sizing.height // 8 * 8),
        min(config.codec.crop[1], sizing.width // 8 * 8),
    )
    if crop != config.codec.crop:
        changes["codec"] = {"crop": crop}
    if scale:
        factor = min(MOST_SCALE, max(LEAST_SCALE, math.sqrt(survey.frames / REFERENCE_FRAMES)))
        for name in SCALED:
            section = getattr(config, name)
            steps, warmup = max(1, round(section.steps * factor)), round(section.warmup * min(1.0, factor))
            changes.setdefault(name, {}).update(steps=steps, warmup=warmup)
        said.append(
            f"{factor:.2g} times the preset's steps, made for {REFERENCE_FRAMES:,} frames: "
            f"here are {survey.frames:,}"
        )
    for name in CLIPPED:
        section = getattr(config, name)
        if section.frames > survey.clip:
            phases = [
                {"frames": min(p.frames, survey.clip), "shift": p.shift, "share": p.share}
                for p in section.phases
            ]
            changes.setdefault(name, {})["phases"] = phases
            said.append(f"{name}: clips of {survey.clip} frames: no longer ones were recorded without a gap")
    for name in CLIP_STAGES:
        section = getattr(config, name)
        if section.frames > survey.clip:
            changes.setdefault(name, {})["frames"] = survey.clip
            if name == "dmd":
                rollout = min(section.rollout, survey.clip - 1)
                changes[name] |= {"rollout": rollout, "grad_frames": min(section.grad_frames, rollout)}
    if (
        not (config.consistency.enabled or config.dmd.enabled)
        and "sigmas" not in config.model.model_fields_set
    ):
        changes["model"] = {"sigmas": UNDISTILLED}
        said.append("four denoising steps a frame: nothing is distilled")
    whole = config.model_dump(mode="json")
    for name, values in changes.items():
        whole[name] |= values
    return config_from_json(json.dumps(whole)), said


def disk_needed(survey: Survey, sizing: Sizing, config: WorldConfig) -> int:
    """Bytes of a run: frames and hints with depth, rays, latents, and checkpoints with their optimisers."""
    pixels = sizing.width * sizing.height
    cells = pixels // 64
    has_depth = survey.near_m is not None
    frame = pixels * (3 + (2 + 3 + 2 + 1 if has_depth else 0)) + cells * (
        12 + 4 * config.codec.latent_channels
    )
    width, layers = config.model.width, config.model.layers
    weights = 4 * (12 * width * width * layers + 100 * width * width // 4) + 8_000_000
    return survey.frames * frame + 40 * weights


def check_disk(plan: Plan) -> None:
    """Raise ``DiskFullError`` when the run cannot fit."""
    if plan.disk > plan.machine.disk_free:
        raise DiskFullError(
            f"the run needs {gigabytes(plan.disk)} of disk and {gigabytes(plan.machine.disk_free)} are free; "
            "give --run a folder on another disk, or free some space"
        )


def gigabytes(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"


def told(plan: Plan, world: str, *, skipped: Mapping[str, str]) -> str:
    """The plan for a person, several lines."""
    s, m = plan.survey, plan.machine
    heldout = (
        f"{s.heldout} held-out episodes"
        if s.heldout
        else "no held-out episodes: quality will not be measured"
    )
    lines = [
        f"world      {world}: {plan.sizing.width}x{plan.sizing.height} at {s.frame_rate:g} a second, "
        f"{len(s.buttons)} buttons" + (f" ({', '.join(s.buttons)})" if s.buttons else ""),
        f"data       {s.frames:,} frames in {s.episodes} episodes ({s.minutes:.1f} minutes), {heldout}",
        f"machine    {m.label}, {gigabytes(m.memory)} of memory free, {gigabytes(m.disk_free)} of disk free",
        *(f"chosen     {reason}" for reason in plan.reasons),
        "",
        f"{'stage':<12}{'steps':>8}{'batch':>7}{'minutes':>9}",
    ]
    total, open_ended = 0.0, False
    for name, minutes in plan.minutes.items():
        if name in skipped:
            lines.append(f"{name:<12}skipped: {skipped[name]}")
            continue
        section = getattr(plan.config, name, None) if name in SCALED else None
        steps = f"{section.steps:,}" if section is not None else ""
        batch = str(section.batch) if section is not None else ""
        open_ended |= minutes is None
        total += minutes or 0.0
        lines.append(
            f"{name:<12}{steps:>8}{batch:>7}{'?' if minutes is None else f'{minutes:.1f}':>9}".rstrip()
        )
    more = " or more" if open_ended else ""
    lines += ["", f"It will take about {spoken(total)}{more} and {gigabytes(plan.disk)} of disk."]
    return "\n".join(lines)


def spoken(minutes: float) -> str:
    """A length of time for people."""
    if minutes < 1.5:
        return f"{max(1, round(minutes * 60))} seconds"
    if minutes < 90:
        return f"{round(minutes)} minutes"
    return f"{minutes / 60:.1f} hours"
