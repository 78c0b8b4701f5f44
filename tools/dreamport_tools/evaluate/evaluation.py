"""The evaluation of a world on held-out play, from the first rollout to the report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dreamport_tools.evaluate import counterfactual, drift, motion, perceptual, report, revisit
from dreamport_tools.evaluate.counterfactual import Inputs
from dreamport_tools.evaluate.evidence import Evidence
from dreamport_tools.evaluate.extras import require_opencv
from dreamport_tools.evaluate.motion import MotionModel
from dreamport_tools.evaluate.plan import HORIZONS, Plan
from dreamport_tools.evaluate.recording import Recording, length
from dreamport_tools.evaluate.rollouts import (
    Drive,
    Trace,
    World,
    copy_last,
    plan_windows,
    psnr_at_horizons,
    roll,
    ssim_at_horizons,
)
from dreamport_tools.evaluate.strips import contact_sheet
from dreamport_tools.evaluate.walls import Walls

Results = dict[str, Any]


class Progress(Protocol):
    """Told how far each part is: its name, how much is done, out of how much."""

    def __call__(self, part: str, done: int, total: int) -> None:
        """``done`` equals ``total`` when the part is over."""
        ...


@dataclass(frozen=True)
class Subject:
    """The world under test, as far as the evaluator knows it.

    ``world`` begins generators; ``motion`` is its motion head; ``facts`` go into the results as they stand
    (name, executor, digest).
    """

    world: World
    motion: MotionModel
    frame_rate: float
    button_names: tuple[str, ...]
    max_look_deg: float
    max_depth_m: float
    facts: dict[str, Any]


def measure(
    subject: Subject,
    recordings: Sequence[Recording],
    walls: Walls | None,
    plan: Plan,
    *,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Results, Evidence]:
    """Run every part. Raises ``MissingExtraError`` without OpenCV, before anything long has run."""
    require_opencv()
    begun = time.monotonic()

    def told(part: str) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, total: progress(part, done, total)

    evidence = Evidence(plan, subject.frame_rate, recordings, {drive: [] for drive in Drive}, [], walls=walls)
    _rollouts(subject, evidence, seed, told("rollouts"))
    inputs = Inputs.of(subject.button_names, subject.max_look_deg)
    evidence.trials = counterfactual.run_trials(
        subject.world,
        recordings,
        inputs,
        trials=plan.counterfactual_trials,
        frames=plan.counterfactual_frames,
        prime=plan.prime,
        seed=seed,
        progress=told("control"),
    )
    _revisits(subject, evidence, seed, progress)
    frame_rate = subject.frame_rate
    for seconds in plan.motion_seconds:
        # Each duration has windows of its own: long ones fit in few places of a short episode.
        evidence.runs += motion.run_windows(
            subject.motion,
            recordings,
            len(subject.button_names),
            windows=plan.motion_windows,
            frames=round(seconds * frame_rate),
            progress=told(f"motion over {seconds} s"),
        )
    if plan.long_rollouts:
        evidence.long = drift.run_long(
            subject.world,
            recordings,
            drift.RealViews(recordings),
            rollouts=plan.long_rollouts,
            frames=round(plan.long_seconds * frame_rate),
            frame_rate=frame_rate,
            prime=plan.prime,
            seed=seed,
            progress=told("a minute of play"),
        )
    evidence.real_play = drift.real_play(recordings)
    results = _results(subject, evidence)
    results["run"] = {
        **subject.facts,
        "seed": seed,
        "quick": plan.long_rollouts == 0,
        "episodes": len(recordings),
        "frames": sum(length(r) for r in recordings),
        "seconds": round(time.monotonic() - begun, 1),
    }
    return results, evidence


def write(results: Results, evidence: Evidence, out: Path) -> None:
    """Write ``results.json``, ``report.html`` and ``contact_sheet.jpg`` into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    (out / "report.html").write_text(report.render(results, evidence), encoding="utf-8")
    pairs = evidence.pairs((16, 64, 256), 12)
    if pairs:
        (out / "contact_sheet.jpg").write_bytes(contact_sheet(pairs))


def _rollouts(
    subject: Subject, evidence: Evidence, seed: int, progress: Callable[[int, int], None] | None
) -> None:
    plan = evidence.plan
    windows = plan_windows(evidence.recordings, plan.prime, plan.long_windows, plan.short_windows)
    for number, window in enumerate(windows):
        recording = evidence.recordings[window.episode]
        evidence.still.append(copy_last(recording, window))
        for turn, drive in enumerate(Drive):
            trace = roll(
                subject.world, recording, window, drive, seed=seed + number, max_depth_m=subject.max_depth_m
            )
            evidence.traces[drive].append(trace)
            if progress is not None:
                progress(number * len(Drive) + turn + 1, len(windows) * len(Drive))


def _revisits(subject: Subject, evidence: Evidence, seed: int, progress: Progress | None) -> None:
    plan = evidence.plan
    for seconds in plan.revisit_seconds:
        frames = round(seconds * subject.frame_rate)
        loops = revisit.choose_loops(evidence.recordings, frames, plan.revisits, plan.prime)
        evidence.returns[seconds] = []
        for number, loop in enumerate(loops):
            for memory in (True, False):
                kept = evidence.returns[seconds]
                recording = evidence.recordings[loop.episode]
                kept.append(revisit.walk(subject.world, recording, loop, memory=memory, seed=seed + number))
                if progress is not None:
                    progress(f"coming back after {seconds} s", len(kept), 2 * len(loops))


def _results(subject: Subject, evidence: Evidence) -> Results:
    controls, poses, teacher = (evidence.traces[d] for d in (Drive.CONTROLS, Drive.POSES, Drive.TEACHER))
    kinds = (
        ("teacher_forced", teacher),
        ("free_running", controls),
        ("free_running_true_pose", poses),
        ("copy_last", evidence.still),
    )
    trials = evidence.trials
    results: Results = {
        "world": subject.facts.get("world", "world"),
        **{f"psnr_{name}": psnr_at_horizons(traces) for name, traces in kinds},
        **{f"ssim_{name}": ssim_at_horizons(traces) for name, traces in kinds},
        "depth_rel_error": _depth(poses),
        "depth_rel_error_teacher_forced": _depth(teacher),
        "revisit": revisit.summary(evidence.returns),
        "motion": motion.summary(
            evidence.runs, evidence.walls, subject.frame_rate, evidence.plan.motion_seconds
        ),
        "counterfactual_correct": counterfactual.share_correct(trials),
        "counterfactual": {
            "trials": len(trials),
            "turn": counterfactual.share_correct([t for t in trials if t.kind == "turn"]),
            "walk": counterfactual.share_correct([t for t in trials if t.kind == "walk"]),
        },
        "drift": drift.summary(controls, evidence.long),
        "windows": {str(h): sum(len(t.psnr) >= h for t in controls) for h in HORIZONS},
    }
    if perceptual.available():
        distance = perceptual.FeatureDistance()
        results["perceptual_distance"] = {
            name: _distances(distance, traces, evidence.recordings) for name, traces in kinds
        }
    return results


def _depth(traces: Sequence[Trace]) -> float | None:
    errors = np.array([e for t in traces for e in t.depth_error], np.float64)
    errors = errors[np.isfinite(errors)]
    return float(errors.mean()) if len(errors) else None


def _distances(
    distance: perceptual.FeatureDistance, traces: Sequence[Trace], recordings: Sequence[Recording]
) -> dict[str, float | None]:
    at: dict[str, float | None] = {}
    for horizon in HORIZONS:
        kept = [t for t in traces if horizon in t.frames]
        measured = [
            distance(recordings[t.window.episode].colour(t.window.start + horizon), t.frames[horizon])
            for t in kept
        ]
        at[str(horizon)] = float(np.mean(measured)) if measured else None
    return at
