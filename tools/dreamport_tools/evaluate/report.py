"""The report: one HTML file without outside references, with plots and film strips."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from dreamport_tools.evaluate.charts import Series, line_chart, plan_chart
from dreamport_tools.evaluate.evidence import Evidence
from dreamport_tools.evaluate.markup import (
    number,
    paragraph,
    percent,
    plot,
    section,
    side_by_side,
    strip,
    table,
)
from dreamport_tools.evaluate.plan import HORIZONS
from dreamport_tools.evaluate.recording import spread
from dreamport_tools.evaluate.rollouts import STRIP_FRAMES, Drive, Trace, mean_curve
from dreamport_tools.evaluate.style import STYLE
from dreamport_tools.evaluate.targets import DRIFT, targets

STRIPS = 4
KINDS = (
    ("teacher_forced", "teacher-forced"),
    ("free_running", "free-running by controls"),
    ("free_running_true_pose", "free-running by true poses"),
    ("copy_last", "copy of the last real frame"),
)
STATISTICS = ("sharpness", "gradient", "contrast", "saturation")
FRAME_AXIS = "frame after the start"
VERDICTS = {True: "met", False: "missed", None: "-"}


def render(results: dict[str, Any], evidence: Evidence) -> str:
    """The report as HTML."""
    title = html.escape(f"{results['world']}: evaluation")
    body = "".join(
        part(results, evidence)
        for part in (_summary, _fidelity, _films, _drift, _revisit, _control, _motion, _how)
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main></body></html>\n"
    )


def _summary(results: dict[str, Any], evidence: Evidence) -> str:
    run = results["run"]
    facts = (
        f"{run['episodes']} held-out episodes, {run['frames']} frames; executor {run.get('executor')} on "
        f"{run.get('device')} ({run.get('precision')}); seed {run['seed']}; {run['seconds']:.0f} s"
    )
    if run["quick"]:
        facts += "; quick run: what needs a minute of play was left out"
    rows = [(t.name, t.wanted, t.reached, VERDICTS[t.met]) for t in targets(results)]
    return paragraph(facts, "quiet") + section("Targets", table(("what", "wanted", "reached", ""), rows))


def _fidelity(results: dict[str, Any], evidence: Evidence) -> str:
    traces = (*(evidence.traces[d] for d in (Drive.TEACHER, Drive.CONTROLS, Drive.POSES)), evidence.still)
    curves = [
        (name, kept, colour) for colour, ((_, name), kept) in enumerate(zip(KINDS, traces, strict=True))
    ]
    psnr = [Series(n, _points(mean_curve([t.psnr for t in k])), c, dashed=c == 3) for n, k, c in curves]
    depth = [Series(n, _points(mean_curve([t.depth_error for t in k])), c) for n, k, c in curves[:3]]
    rows = [
        (f"{label}, {name}", *(number(results[f"{metric}_{kind}"][str(h)], digits, unit) for h in HORIZONS))
        for metric, label, digits, unit in (("psnr", "PSNR", 1, "dB"), ("ssim", "SSIM", 3, ""))
        for kind, name in KINDS
    ]
    if "perceptual_distance" in results:
        rows += [
            (
                f"EfficientNet-Lite0 distance, {name}",
                *(number(results["perceptual_distance"][kind][str(h)], 3) for h in HORIZONS),
            )
            for kind, name in KINDS
        ]
    rows.append(("windows", *(str(results["windows"][str(h)]) for h in HORIZONS)))
    return section(
        "Against the recording",
        paragraph(
            "Single frames after the start, the mean over windows. Teacher-forced: every earlier frame is "
            "the real one. Free-running: only the start is real."
        ),
        table((FRAME_AXIS, *map(str, HORIZONS)), rows),
        side_by_side(
            plot(line_chart(psnr, FRAME_AXIS, "PSNR, dB", log_x=True)),
            plot(line_chart(depth, FRAME_AXIS, "median relative depth error", log_x=True)),
        ),
    )


def _films(results: dict[str, Any], evidence: Evidence) -> str:
    strips = []
    pairs = list(zip(evidence.traces[Drive.CONTROLS], evidence.traces[Drive.POSES], strict=True))
    for trace, posed in [pairs[k] for k in spread(range(len(pairs)), STRIPS)]:
        frames = [k for k in STRIP_FRAMES if k in trace.pictures]
        recording = evidence.recordings[trace.window.episode]
        real = [recording.colour(trace.window.start + k) for k in frames]
        rows = [real, [trace.pictures[k] for k in frames], [posed.pictures[k] for k in frames]]
        strips.append(
            strip(
                rows,
                f"Episode {trace.window.episode}, from frame {trace.window.start}: frames "
                f"{', '.join(map(str, frames))} after the start. Top: real. Middle: generated from the "
                "controls alone. Bottom: generated at the true poses.",
            )
        )
    return section("Film strips", *strips)


def _drift(results: dict[str, Any], evidence: Evidence) -> str:
    drift, traces = results["drift"], evidence.traces[Drive.CONTROLS]
    band = (1 - DRIFT, 1 + DRIFT)
    ratios = [Series(s, _points(_ratio_curve(traces, s)), c) for c, s in enumerate(STATISTICS)]
    truth = evidence.real_play.get("sharpness", 0.0)
    minute = [
        Series(f"rollout {n + 1}", _points([v / truth for v in r.sharpness_by_second]), n % 6)
        for n, r in enumerate(evidence.long)
        if truth > 0
    ]
    strips = []
    for n, rollout in enumerate(evidence.long):
        seconds = [s for s in (1, 2, 5, 10, 20, 30, 45) if s in rollout.pictures] + [max(rollout.pictures)]
        row = [rollout.pictures[s] for s in seconds]
        caption = f"Rollout {n + 1}, generated pictures at seconds {', '.join(map(str, seconds))}."
        if rollout.nearest_picture is not None:
            row.append(rollout.nearest_picture)
            caption += (
                f" Last: the held-out real frame nearest to the end, {rollout.nearest_m[-1]:.2f} m away."
            )
        strips.append(strip([row], caption))
    rows = [
        (title, *(number(drift[key][f"{s}_ratio"], 2) for s in STATISTICS))
        for key, title in (("frame_16", "frame 16"), ("frame_64", "frame 64"), ("second_60", "second 60"))
    ]
    return section(
        "Drift",
        paragraph(
            "Generated over real. Frames 16 and 64 against the recording at the same moment; second 60 "
            "against the held-out frames nearest in pose. Sharpness is the variance of the Laplacian, "
            f"gradient the mean squared gradient. Freeze rate {percent(drift['freeze_rate'])}, in real play "
            f"{percent(drift['freeze_rate_real'])}."
        ),
        table(("", *STATISTICS), rows),
        side_by_side(
            plot(
                line_chart(ratios, FRAME_AXIS, "generated over real", log_x=True, y_range=(0, 2), band=band)
            ),
            plot(
                line_chart(
                    minute,
                    "second of free-running play",
                    "sharpness over real play",
                    y_range=(0, 2),
                    band=band,
                )
            ),
        ),
        *strips,
    )


def _revisit(results: dict[str, Any], evidence: Evidence) -> str:
    revisit = results["revisit"]
    rows = [
        (
            f"{seconds} s away, memory {state}",
            number(revisit[f"psnr_{seconds}s{suffix}"], 1, "dB"),
            number(revisit[f"sharpness_{seconds}s{suffix}"], 2),
        )
        for seconds in (10, 60)
        for suffix, state in (("", "on"), ("_memory_off", "off"))
    ]
    strips = []
    for seconds, returns in sorted(evidence.returns.items()):
        for loop in dict.fromkeys(r.loop for r in returns):
            pair = {r.memory: r for r in returns if r.loop == loop}
            home = evidence.recordings[loop.episode].colour(loop.home)
            strips.append(
                strip(
                    [[home, pair[True].picture, pair[False].picture]],
                    f"{seconds} s away from frame {loop.home} of episode {loop.episode}, up to "
                    f"{loop.farthest_m:.1f} m, out of its sight {loop.share_away:.0%} of the time. Real; "
                    f"with memory ({pair[True].psnr:.1f} dB); without ({pair[False].psnr:.1f} dB).",
                )
            )
    return section(
        "Coming back",
        paragraph(
            "The camera leaves along recorded poses and returns along them; the last frames are compared "
            "with the real ones. Without memory: no bank of views, and none added."
        ),
        table(("", "PSNR", "sharpness of real"), rows),
        *strips,
    )


def _control(results: dict[str, Any], evidence: Evidence) -> str:
    strips = []
    for kind, names, unit in (
        ("turn", ("left", "right"), "px a frame"),
        ("walk", ("forward", "still"), "relative growth a frame"),
    ):
        tried = [t for t in evidence.trials if t.kind == kind]
        wrong, right = ([t for t in tried if t.correct is verdict] for verdict in (False, True))
        for trial in wrong[:2] + right[:2]:
            first, second = trial.measure
            strips.append(
                strip(
                    [[trial.start_picture, *trial.last_pictures]],
                    f"Start, then after {evidence.plan.counterfactual_frames} frames of {names[0]} and of "
                    f"{names[1]}: "
                    f"{first:+.3f} and {second:+.3f} {unit}, {'right' if trial.correct else 'wrong'}.",
                )
            )
    shares = results["counterfactual"]
    return section(
        "Does it obey",
        paragraph(
            "Same start and seed, opposite inputs; the dense optical flow must differ with the right sign. "
            f"So it did in {percent(results['counterfactual_correct'])} of {shares['trials']} trials (turns "
            f"{percent(shares['turn'])}, walks {percent(shares['walk'])})."
        ),
        side_by_side(*strips),
    )


def _motion(results: dict[str, Any], evidence: Evidence) -> str:
    motion = results["motion"]
    rows = [
        (f"after {key}", number(error, 3, "m"), number(motion["yaw_error_deg"][key], 3, "degrees"))
        for key, error in motion["position_error_m"].items()
    ]
    paths = []
    shown = round(4 * evidence.frame_rate) + 1
    runs = [run for run in evidence.runs if len(run.recorded) >= shown]
    for run in runs[:: max(1, len(runs) // 8)][:8]:
        paths.append(Series("engine", [(float(s[0]), float(s[2])) for s in run.recorded[:shown]], 0))
        predicted = [(float(s[0]), float(s[2])) for s in run.predicted[:shown]]
        paths.append(Series("motion head", predicted, 1, dashed=True))
    walls: list[tuple[float, float, float, float]] = []
    if evidence.walls is not None:
        walls = [(float(a), float(b), float(c), float(d)) for a, b, c, d in evidence.walls.segments]
    return section(
        "Motion head",
        paragraph(
            "Under the true controls, without pictures. Steps through a wall: "
            f"{percent(motion['wall_rate'])}. The plan shows four seconds of some runs."
        ),
        table(("", "position error", "yaw error"), rows),
        plot(plan_chart(walls, paths)),
    )


def _how(results: dict[str, Any], evidence: Evidence) -> str:
    facts = {**results["run"], **{f"plan.{name}": value for name, value in vars(evidence.plan).items()}}
    return section("How it was measured", table(("", ""), [(k, str(v)) for k, v in facts.items()], "facts"))


def _ratio_curve(traces: Sequence[Trace], name: str) -> list[float]:
    real = mean_curve([[getattr(s, name) for s in t.real] for t in traces])
    made = mean_curve([[getattr(s, name) for s in t.generated] for t in traces])
    return [m / r if r > 0 else float("nan") for m, r in zip(made, real, strict=True)]


def _points(curve: Sequence[float]) -> list[tuple[float, float]]:
    return [(k + 1.0, v) for k, v in enumerate(curve)]
