"""The world card: what a world is, what it was made from, and how good it was measured to be."""

from __future__ import annotations

from typing import Any

from dreamport.worlds.manifest import WorldManifest
from dreamport_tools.evaluate.plan import HORIZONS
from dreamport_tools.evaluate.targets import targets


def card_markdown(results: dict[str, Any], manifest: WorldManifest) -> str:
    """``card.md`` of a world pack, with every measured number beside what was wanted."""
    run = results["run"]
    poses = "; camera poses" if manifest.controls.pose else ""
    quick = " --quick" if run["quick"] else ""
    button_names = ", ".join(b.label for b in manifest.controls.buttons) or "none"
    lines = [
        f"# {manifest.title}",
        "",
        manifest.description,
        "",
        "![Real frames, each beside the generated one](contact_sheet.jpg)",
        "",
        "Each pair: the real frame on the left, on the right the frame generated from the same controls, "
        "with nothing real after the start.",
        "",
        "| | |",
        "|---|---|",
        f"| licence | {manifest.licence} |",
        f"| data | {manifest.provenance.data} ({manifest.provenance.licence}) |",
        f"| trained on | {manifest.provenance.trained_on} |",
        f"| made by | commit {manifest.provenance.commit} |",
        f"| frame | {manifest.frame.width} x {manifest.frame.height}, {manifest.frame_rate:g} a second |",
        f"| controls | {button_names}; look {_look(manifest)}{poses} |",
        "",
        "## Measured",
        "",
        f"`dreamport evaluate {manifest.name} --seed {run['seed']}{quick}` over {run['episodes']} held-out "
        f"episodes ({run['frames']} frames), executor {run['executor']} on {run['device']} "
        f"({run['precision']}).",
        "",
        "| what | wanted | reached | |",
        "|---|---|---|---|",
    ]
    verdicts = {True: "met", False: "**missed**", None: "not measured"}
    lines += [f"| {t.name} | {t.wanted} | {t.reached} | {verdicts[t.met]} |" for t in targets(results)]
    lines += [
        "",
        "Sharpness is the variance of the Laplacian. Taken as the mean squared gradient it is "
        f"{_gradients(results['drift'])} of real play at frame 16, frame 64 and second 60.",
        "",
        "| PSNR, dB, at frame | " + " | ".join(str(h) for h in HORIZONS) + " |",
        "|---|" + "---|" * len(HORIZONS),
    ]
    for key, name in (
        ("psnr_teacher_forced", "teacher-forced"),
        ("psnr_free_running", "free-running by controls"),
        ("psnr_free_running_true_pose", "free-running by true poses"),
        ("psnr_copy_last", "copy of the last real frame"),
    ):
        lines.append(f"| {name} | " + " | ".join(_number(results[key][str(h)], 1) for h in HORIZONS) + " |")
    revisit, motion = results["revisit"], results["motion"]
    lines += [
        "",
        "| coming back after | PSNR, dB | without memory | sharpness of real | without memory |",
        "|---|---|---|---|---|",
    ]
    for s in (10, 60):
        cells = [
            _number(revisit[f"psnr_{s}s"], 1),
            _number(revisit[f"psnr_{s}s_memory_off"], 1),
            _number(revisit[f"sharpness_{s}s"], 2),
            _number(revisit[f"sharpness_{s}s_memory_off"], 2),
        ]
        lines.append(f"| {s} s | " + " | ".join(cells) + " |")
    wall = motion["wall_rate"]
    lines += [
        "",
        f"Motion head after 1, 4 and 16 s: {_row(motion['position_error_m'])} m, "
        f"{_row(motion['yaw_error_deg'])} degrees; "
        f"steps through a wall: {'not measured' if wall is None else f'{wall:.2%}'}. "
        f"Median relative depth error: {_number(results['depth_rel_error'], 4)}.",
        "",
    ]
    if manifest.provenance.notes:
        lines += [manifest.provenance.notes, ""]
    return "\n".join(lines)


def _gradients(drift: dict[str, Any]) -> str:
    moments = ("frame_16", "frame_64", "second_60")
    return ", ".join(_number(drift[moment]["gradient_ratio"], 2) for moment in moments)


def _look(manifest: WorldManifest) -> str:
    axes = [name for name in ("yaw", "pitch") if getattr(manifest.controls.look, name)]
    return " and ".join(axes) or "none"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _row(values: dict[str, float | None]) -> str:
    return ", ".join(_number(values.get(f"{s}s"), 2) for s in (1, 4, 16))
