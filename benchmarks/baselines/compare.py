"""Play several worlds over the same held-out windows: ``python benchmarks/baselines/compare.py --help``.

Every world sees the same recorded past and the same inputs. Written to OUT: ``comparison.json``,
``comparison.md`` (the table) and ``comparison.png`` (PSNR over time).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))

from edm_play import EdmWorld

from dreamport.episodes.dataset import Dataset
from dreamport.executors import open_executor
from dreamport.worlds import open_pack
from dreamport_tools.evaluate.metrics import Picture, psnr
from dreamport_tools.evaluate.pack_world import PackWorld
from dreamport_tools.evaluate.recording import Recording, RememberedRecording, resolve_data
from dreamport_tools.evaluate.rollouts import Drive, Window, World, control_of, plan_windows

HORIZONS = (1, 16, 64)
SMALL = (80, 48)
DRIVES = {"teacher-forced": Drive.TEACHER, "free-running": Drive.CONTROLS, "free-running, poses": Drive.POSES}


@dataclass
class Played:
    """Numbers of one world under one drive: a row a window, a column a frame."""

    full: list[list[float]] = field(default_factory=list)
    small: list[list[float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, real: Picture, made: Picture) -> None:
        """Compare one frame, as it is and at the baseline's size."""
        self.full[-1].append(psnr(real, made))
        pair = (cv2.resize(p, SMALL, interpolation=cv2.INTER_AREA).astype(np.uint8) for p in (real, made))
        self.small[-1].append(psnr(*pair))


def play(world: World, recordings: list[Recording], windows: list[Window], drive: Drive, seed: int) -> Played:
    """Roll every window out; the clock runs only while the world works."""
    played = Played()
    for number, window in enumerate(windows):
        recording = recordings[window.episode]
        session = world.begin(recording, window.start, seed=seed + number)
        played.full.append([])
        played.small.append([])
        for row in range(window.start + 1, window.start + window.frames + 1):
            control = control_of(recording, row, with_pose=drive is Drive.POSES)
            began = time.perf_counter()
            frame = session.step(control)
            used = time.perf_counter() - began
            if drive is Drive.TEACHER:
                session.teach(recording, row)
            began = time.perf_counter()
            session.finish()
            played.seconds.append(used + time.perf_counter() - began)
            played.add(recording.colour(row), frame.colour)
    return played


def copy_last(recordings: list[Recording], windows: list[Window]) -> Played:
    """The start frame, held still."""
    played = Played()
    for window in windows:
        recording = recordings[window.episode]
        played.full.append([])
        played.small.append([])
        for row in range(window.start + 1, window.start + window.frames + 1):
            played.add(recording.colour(row), recording.colour(window.start))
    return played


def summary(played: Played) -> dict[str, Any]:
    """Means over the windows at the horizons, the curve, and frames a second by the median frame."""
    full, small = np.array(played.full), np.array(played.small)
    return {
        "psnr": {str(h): float(full[:, h - 1].mean()) for h in HORIZONS},
        f"psnr_{SMALL[0]}x{SMALL[1]}": {str(h): float(small[:, h - 1].mean()) for h in HORIZONS},
        "curve": [round(float(v), 3) for v in full.mean(0)],
        "fps": 1.0 / float(np.median(played.seconds)) if played.seconds else None,
    }


def table(results: dict[str, dict[str, Any]]) -> str:
    """The comparison in Markdown."""
    lines = [
        f"| world | drive | PSNR at {'/'.join(map(str, HORIZONS))} | at {SMALL[0]}x{SMALL[1]} | fps |",
        "|---|---|---|---|---|",
    ]
    for world, drives in results.items():
        for drive, numbers in drives.items():
            cells = ["/".join(f"{v:.1f}" for v in numbers[key].values()) for key in numbers if "psnr" in key]
            fps = "" if numbers["fps"] is None else f"{numbers['fps']:.1f}"
            lines.append(f"| {world} | {drive} | {' | '.join(cells)} | {fps} |")
    return "\n".join(lines) + "\n"


def curves(results: dict[str, dict[str, Any]], out: Path) -> None:
    """PSNR over time: a panel a drive, a line a world."""
    import matplotlib  # noqa: PLC0415 - slow to import

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(1, len(DRIVES), figsize=(15, 4.2), sharey=True)
    for axis, drive in zip(axes, DRIVES, strict=True):
        for world, drives in results.items():
            numbers = drives.get(drive) or drives.get("held still")
            if numbers is not None:
                axis.plot(range(1, len(numbers["curve"]) + 1), numbers["curve"], label=world)
        axis.set_title(drive)
        axis.set_xlabel("frame")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("PSNR, dB")
    axes[0].legend(fontsize=8, loc="center left")
    figure.tight_layout()
    figure.savefig(out, dpi=110)


def main() -> None:
    """Play all that was named and write the three files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, help="data set with held-out episodes; else benchmarks/heldout")
    parser.add_argument("--pack", action="append", default=[], metavar="TITLE=PACK")
    parser.add_argument("--edm", action="append", default=[], metavar="TITLE=CHECKPOINT=STEPS")
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    data = resolve_data(given.data)
    recordings: list[Recording] = [RememberedRecording(e, 400) for e in Dataset(data).episodes("heldout")]
    windows = plan_windows(recordings, 8, 0, given.windows)
    results: dict[str, dict[str, Any]] = {
        "copy of the last frame": {"held still": summary(copy_last(recordings, windows))}
    }
    facts: dict[str, Any] = {}
    for entry in given.pack:
        title, _, place = entry.partition("=")
        pack = open_pack(place)
        executor = open_executor(pack, threads=given.threads)
        world = PackWorld(pack, executor)
        results[title] = {
            n: summary(play(world, recordings, windows, d, given.seed)) for n, d in DRIVES.items()
        }
        facts[title] = {"digest": pack.digest, "trained_on": pack.manifest.provenance.trained_on}
        executor.close()
        print(table({title: results[title]}), flush=True)
    for entry in given.edm:
        title, place, steps = entry.split("=")
        edm = EdmWorld(Path(place), int(steps))
        results[title] = {
            n: summary(play(edm, recordings, windows, d, given.seed))
            for n, d in DRIVES.items()
            if d is not Drive.POSES
        }
        facts[title] = {"steps": edm.trained_steps, "cpu_seconds": edm.trained_cpu_seconds}
        print(table({title: results[title]}), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    record = {
        "command": " ".join(["python", *sys.argv]),
        "cores": os.cpu_count(),
        "threads": given.threads,
        "windows": len(windows),
        "data": Dataset(data).info.name,
        "worlds": facts,
        "results": results,
    }
    (given.out / "comparison.json").write_text(json.dumps(record, indent=1) + "\n")
    (given.out / "comparison.md").write_text(table(results))
    curves(results, given.out / "comparison.png")


if __name__ == "__main__":
    main()
